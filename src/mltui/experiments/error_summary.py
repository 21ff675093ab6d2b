"""An analysis of errors in a few lines of text: for the agent, for a report, and for who listens to a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from mltui.experiments.error_facts import ArmErrors, ErrorAnalysis, Slice
from mltui.experiments.render import clean, p_text

SIGNIFICANT = 0.05
_SLICES, _PAIRS, _EXAMPLES = 5, 4, 3


def summary_lines(found: ErrorAnalysis) -> Iterator[str]:
    """Returns: what a reader must know first; every value of a run is cleaned."""
    yield from map(_arm, found.arms)
    classes = found.kind == "classes"
    if found.fixed is not None and found.broken is not None:
        better, worse = ("fixed", "broken") if classes else ("closer", "further off")
        pairs = f"{found.pairs} pair{'s' if found.pairs != 1 else ''} of runs"
        yield f"examples: {found.fixed} {better}, {found.broken} {worse} of {found.paired}, over {pairs}"
    if found.confused:
        told = [
            f"{clean(one.label)} for {clean(one.predicted)} {_moved(one.baseline, one.candidate, 'g')}" for one in found.confused[:_PAIRS]
        ]
        yield f"taken for another, times a run: {'; '.join(told)}"
    changed = [one for one in found.slices if one.p_adjusted is not None and one.p_adjusted < SIGNIFICANT]
    changed.sort(key=lambda one: (one.diff or 0.0) if classes else -(one.diff or 0.0))
    if changed:
        yield f"slices that changed, the worst first (exploration): {'; '.join(map(_slice, changed[:_SLICES]))}"
    elif any(one.p_value is not None for one in found.slices):
        yield f"slices: none of {sum(one.p_value is not None for one in found.slices)} shows a change"
    if found.most_broken:
        told = [f"{clean(one.key)} ({clean(one.label)[:60]}, said {clean(one.candidate)[:60]})" for one in found.most_broken[:_EXAMPLES]]
        yield f"{'broken' if classes else 'further off'}: {'; '.join(told)}"
    yield from map(clean, found.notes)


def _arm(one: ArmErrors) -> str:
    facts: list[str] = []
    if one.accuracy is not None:
        facts.append(f"accuracy {one.accuracy:.4f}")
    if one.macro is not None:
        facts.append(f"macro F1 {one.macro.f1:.4f}")
    if one.calibration is not None:
        facts.append(f"ECE {one.calibration.ece:.4f}")
    if one.residuals is not None:
        residuals = one.residuals
        facts += [f"mean |error| {residuals.mae:.5g}", f"RMSE {residuals.rmse:.5g}", f"bias {residuals.bias:.3g}"]
        facts += [] if residuals.r2 is None else [f"R² {residuals.r2:.4f}"]
    return f"{one.arm}: {', '.join(facts)} ({one.n} predictions of {one.runs} run{'s' if one.runs != 1 else ''})"


def _slice(one: Slice) -> str:
    return (
        f"{clean(one.column)}={clean(one.value)} {_moved(one.baseline, one.candidate, '.4g')} (n {one.n}, {p_text(one.p_adjusted or 0.0)})"
    )


def _moved(before: float | None, after: float | None, form: str) -> str:
    return " → ".join(f"{round(value, 4):{form}}" for value in (before, after) if value is not None)
