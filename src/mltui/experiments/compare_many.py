"""Several experiments against one of them, or each against its own baseline, with p-values corrected for how many there are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mltui.core.data import JsonValue
from mltui.core.errors import ExperimentError, UsageError
from mltui.core.experiment import Comparison, Experiment, Proposal, Run, Verdict
from mltui.experiments.comparison import ALPHA, compare
from mltui.experiments.statistics_families import holm

OWN_BASELINE = -1
"""In place of a reference: each is compared with its own baseline."""
MOST = 12


@dataclass(frozen=True, slots=True)
class Contrast:
    """One experiment against the reference.

    Attributes:
        comparison: None where they cannot be compared; `note` says why.
        p_adjusted: by Holm, over the contrasts that are shown together.
        verdict: by the adjusted p: what was significant before the correction alone is inconclusive.
    """

    id: str
    comparison: Comparison | None = None
    p_adjusted: float | None = None
    verdict: Verdict = "inconclusive"
    note: str = ""


@dataclass(frozen=True, slots=True)
class Together:
    """Experiments side by side, the oldest first.

    Attributes:
        values: of each experiment's candidate, by seed, of the primary metric of the first.
        reference: index of what the others are compared with, or `OWN_BASELINE`.
        keys: parameter keys in which they differ, each with the values, None where an experiment leaves its base's.
    """

    experiments: tuple[Experiment, ...]
    values: tuple[dict[int, float], ...]
    contrasts: tuple[Contrast, ...]
    reference: int
    keys: tuple[tuple[str, tuple[JsonValue, ...]], ...]


def together(experiments: Sequence[Experiment], reference: int = 0) -> Together:
    """Raises: UsageError: fewer than two, or too many."""
    if not 2 <= len(experiments) <= MOST:
        raise UsageError(f"{len(experiments)} experiments cannot be compared", hint=f"Name 2 to {MOST} of them")
    metric = experiments[0].proposal.metric.name
    found = [_contrast(at, experiments, reference) for at in range(len(experiments))]
    return Together(
        tuple(experiments), tuple(_values(each, metric) for each in experiments), _corrected(found), reference, tuple(_keys(experiments))
    )


def _contrast(at: int, experiments: Sequence[Experiment], reference: int) -> Contrast:
    one = experiments[at]
    if at == reference:
        return Contrast(one.id, note="the reference")
    if reference == OWN_BASELINE:
        if one.comparison is None:
            return Contrast(one.id, note=_sweep(one) or f"{one.state}: no result")
        return Contrast(one.id, one.comparison)
    other = experiments[reference]
    note = _sweep(one) or _sweep(other) or _unfinished(one, other) or _incomparable(one.proposal, other.proposal)
    if not note and not any(run.status == "finished" for run in _last_runs(other)):
        note = f"no run of {other.id}, the reference, finished"
    if note:
        return Contrast(one.id, note=note)
    before = [run.model_copy(update={"arm": "baseline"}) for run in _last_runs(other)]
    plan = one.proposal.model_copy(update={"base_tree": other.proposal.tree, "guardrails": (), "metric": experiments[0].proposal.metric})
    try:
        comparison, _ = compare(plan, [*before, *_last_runs(one)])
    except ExperimentError as error:
        return Contrast(one.id, note=str(error.args[0]))
    return Contrast(one.id, comparison)


def _sweep(experiment: Experiment) -> str:
    """Why a sweep has no numbers of its own to compare; empty where it is none."""
    if experiment.proposal.sweep is None:
        return ""
    instead = f"compare {experiment.confirmation}, which confirms its best" if experiment.confirmation else "the best of many is no result"
    return f"{experiment.id} is a sweep: {instead}"


def _unfinished(*experiments: Experiment) -> str:
    """Why there is no verdict yet: looked at until it pleases, a part of the runs says too often that there is something."""
    for each in experiments:
        if each.state in ("running", "failed", "stopped"):
            return f"not compared: {each.id} is {each.state}, and a part of its runs decides nothing"
    return ""


def _last_runs(experiment: Experiment) -> list[Run]:
    """What the experiment is about: the candidate's runs, or of a baseline its own."""
    arm = experiment.proposal.arms[-1]
    return [run.model_copy(update={"arm": "candidate"}) for run in experiment.runs if run.arm == arm]


def _values(experiment: Experiment, metric: str) -> dict[int, float]:
    values = {run.seed: run.metrics.get(metric, math.nan) for run in _last_runs(experiment) if run.status == "finished"}
    return {seed: value for seed, value in values.items() if math.isfinite(value)}


def _incomparable(one: Proposal, other: Proposal) -> str:
    """Why their numbers mean different things; empty: they do not."""
    if one.data != other.data:
        return "not comparable: other data"
    if one.evaluate != other.evaluate:
        return "not comparable: another evaluator"
    if "eval" in (one.kind, other.kind):
        return "not comparable: the evaluation itself was changed"
    return ""


def _corrected(contrasts: Sequence[Contrast]) -> tuple[Contrast, ...]:
    tested = [each for each in contrasts if each.comparison is not None and each.comparison.n > 1]
    adjusted = dict(zip((each.id for each in tested), holm([each.comparison.p_value for each in tested if each.comparison]), strict=True))
    made: list[Contrast] = []
    for each in contrasts:
        comparison, p = each.comparison, adjusted.get(each.id)
        if comparison is None:
            made.append(each)
            continue
        lost = comparison.verdict in ("better", "worse") and p is not None and p >= ALPHA
        note = f"{comparison.verdict} alone, not among {len(tested)}" if lost else ""
        made.append(Contrast(each.id, comparison, p, "inconclusive" if lost else comparison.verdict, note))
    return tuple(made)


def _keys(experiments: Sequence[Experiment]) -> list[tuple[str, tuple[JsonValue, ...]]]:
    """Keys that any of them changes, with the value of each; an experiment of the same base that leaves one has what it was before."""
    keys = list(dict.fromkeys(change.key for each in experiments for change in each.proposal.parameters))
    rows: list[tuple[str, tuple[JsonValue, ...]]] = []
    for key in keys:
        after = [{change.key: change.after for change in each.proposal.parameters} for each in experiments]
        before = {
            each.proposal.base_tree: change.before for each in experiments for change in each.proposal.parameters if change.key == key
        }
        rows.append(
            (
                key,
                tuple(
                    found[key] if key in found else before.get(each.proposal.base_tree)
                    for each, found in zip(experiments, after, strict=True)
                ),
            )
        )
    return [(key, values) for key, values in rows if any(value != values[0] for value in values)]
