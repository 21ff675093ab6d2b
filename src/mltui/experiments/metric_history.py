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

    A person's confirmation counts until results of a later proposal are there.
    """
    since = number(confirmed[-1].since) if confirmed else -1
    seen = [experiment for experiment in experiments if experiment.comparison is not None]
    last = max(seen, key=lambda experiment: number(experiment.id), default=None)
    if last is None:
        return "", ""
    if confirmed and number(last.id) <= since:
        return confirmed[-1].after, last.id
    return key(last.proposal.metric), last.id


def check_metric(metric: Metric, experiments: Iterable[Experiment], confirmed: Sequence[MetricConfirmed]) -> None:
    """Raises: ProposalError: results were seen by another metric, and no person confirmed this one."""
    before, where = governing(experiments, confirmed)
    if before and before != key(metric):
        raise ProposalError(
            f"the primary metric was changed after results were seen: {where} was judged by {before}, now it is {key(metric)}",
            hint="Set [experiments] primary back, or let a person confirm it: mltui experiments metric confirm --reason '…'",
        )


def number(proposal_id: str) -> int:
    """The number in an id such as `P-0007`; -1 where there is none."""
    digits = proposal_id.partition("-")[2]
    return int(digits) if digits.isdecimal() else -1
