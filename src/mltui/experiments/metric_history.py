"""By which metric results were seen, so that it is not changed afterwards unnoticed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mltui.core.errors import ProposalError
from mltui.core.experiment import Experiment, Metric
from mltui.experiments.records import MetricConfirmed


def key(metric: Metric) -> str:
    """What of a metric decides a comparison: name, direction and the least effect."""
    return f"{metric.name}, {metric.direction}, min_effect {metric.min_effect:g}"


def governing(experiments: Iterable[Experiment], confirmed: Sequence[MetricConfirmed]) -> tuple[str, str]:
    """The metric that judges, and the experiment whose result was seen by it; both empty before the first result.

    Once a person confirmed another, that one binds: whatever is proposed after it has it, or was confirmed in turn.
    """
    seen = [experiment for experiment in experiments if experiment.comparison is not None]
    if not seen:
        return "", ""
    return confirmed[-1].after if confirmed else key(seen[-1].proposal.metric), seen[-1].id


def check_metric(metric: Metric, experiments: Iterable[Experiment], confirmed: Sequence[MetricConfirmed]) -> None:
    """Raises: ProposalError: results were seen by another metric, and no person confirmed this one."""
    before, where = governing(experiments, confirmed)
    if before and before != key(metric):
        raise ProposalError(
            f"the primary metric was changed after results were seen: {where} was judged by {before}, now it is {key(metric)}",
            hint="Set [experiments] primary back, or let a person confirm it: mltui experiments metric confirm --reason '…'",
        )
