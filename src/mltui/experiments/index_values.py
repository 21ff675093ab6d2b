"""What the table of experiments holds of one."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mltui.core.experiment import Experiment


def values_of(experiment: Experiment, first: int, ts: float) -> tuple[str | float | None, ...]:
    """Returns: in the order of the table's columns. `first` is the place of its first record, `ts` the time of its last."""
    proposal, comparison = experiment.proposal, experiment.comparison
    guardrails = {guard.metric.name: guard.verdict for guard in experiment.guardrails}
    approval = experiment.approval
    made = [*(run for run in experiment.runs if not run.reused), *(run for trial in experiment.trials for run in trial.runs)]
    return (
        experiment.id,
        first,
        proposal.kind,
        _text(proposal.title),
        proposal.created,
        _text(proposal.metric.name),
        proposal.metric.direction,
        _text(proposal.author),
        proposal.supersedes,
        _digest(*(part for version in proposal.data for part in (version.name, version.digest))),
        _digest(proposal.base_tree, proposal.tree),
        experiment.state,
        ts,
        comparison.verdict if comparison else None,
        *((comparison.diff, comparison.ci_low, comparison.ci_high, comparison.p_value) if comparison else (None,) * 4),
        *((comparison.n, _text(comparison.metric.unit)) if comparison else (None, None)),
        _text(json.dumps(guardrails)),
        *((comparison.baseline_mean, comparison.candidate_mean, comparison.candidate_std) if comparison else (None,) * 3),
        _text(experiment.decided_by or (approval.by if approval else "")),
        max((run.ended for run in made), default=0.0) - min((run.started for run in made), default=0.0),
        sum(run.cpu_seconds for run in made),
        (len(comparison.pairs) or comparison.n) if comparison else 0,
    )


def _digest(*parts: str) -> str:
    """Short: for telling a project's own apart."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16] if parts else ""


def _text(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
