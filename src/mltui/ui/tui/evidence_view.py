"""What is known before anything runs: the baseline with its spread, what the seeds can show, what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from mltui.ui.plots.intervals import Scale, interval
from mltui.ui.tui.text import clip, one_line

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from mltui.core.experiment import Estimate, Metric, Proposal

LABEL = 9
"""Columns of the longest label beside a value."""
_LABELS = LABEL + 2
_BAR = 56
"""Columns of the widest picture."""


@dataclass(frozen=True)
class EvidencePicture:
    """Three rows on one scale, in the metric's unit: mean ± std of the baseline, the difference worth having from there on, and
    the one that the seeds find.

    What does not reach past the spread of the baseline, or is shorter than what the seeds find, is seen at once.
    """

    proposal: Proposal

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        baseline, power = self.proposal.review.baseline, self.proposal.review.power
        if baseline is None:
            return
        metric = self.proposal.metric
        sign = 1.0 if metric.direction == "maximize" else -1.0
        reaches = [("worth", metric.min_effect, "secondary"), ("found", power.detectable if power else 0.0, "accent")]
        mean, std = baseline.mean, baseline.std
        ends = [mean - std, mean + std, *(mean + sign * length for _, length, _ in reaches)]
        if max(ends) <= min(ends):
            return
        scale = Scale.over(ends, max(10, min(_BAR, options.max_width - _LABELS) - 1), 0.03)
        spread = interval(scale, mean, mean - std, mean + std, "primary")
        yield _row("spread", "".join(text for text, _ in spread), "primary")
        start = scale.column(mean)
        for label, length, style in reaches:
            if length > 0:
                yield _row(label, _arrow(start, scale.column(mean + sign * length), scale.width), style)
        for line in scale.axis(_LABELS):
            yield Text("".join(text for text, _ in line), style="faint", no_wrap=True, overflow="crop")


def _arrow(start: int, end: int, width: int) -> str:
    bar = [" "] * width
    low, high = min(start, end), max(start, end)
    bar[low : high + 1] = "─" * (high - low + 1)
    bar[start] = "│" if start == end else "└" if end > start else "┘"
    if start != end:
        bar[end] = "▶" if end > start else "◀"
    return "".join(bar)


def _row(label: str, bar: str, style: str) -> Text:
    return Text.assemble((f"{label:<{_LABELS}}", "faint"), (bar.rstrip(), style), no_wrap=True, overflow="crop")


def plus_minus(mean: float, std: float) -> str:
    """Returns: `0.9415 ± 0.0038`, both with the digits that the spread gives sense to (two of its own)."""
    if not std > 0:
        return f"{mean:.6g} ± {std:g}"
    spread = f"{std:.2g}"
    if "e" in spread or std >= 1000:
        return f"{mean:.4g} ± {spread}"
    digits = len(spread.partition(".")[2])
    return f"{mean:.{digits}f} ± {spread}"


def baseline_text(proposal: Proposal) -> Text:
    """Returns: `0.9415 ± 0.0038 over 6 seeds, from B-0001`, or that none is measured."""
    baseline = proposal.review.baseline
    commit = (f", commit {proposal.base_commit[:10]}", "faint")
    if baseline is None:
        return Text.assemble(("not measured yet: this runs it too", "warning"), commit)
    unit = f" {one_line(proposal.metric.unit)}" if proposal.metric.unit else ""
    seeds = f" over {baseline.n} seeds" if baseline.n != 1 else " from a single seed, its spread is not known"
    value = plus_minus(baseline.mean, baseline.std) if baseline.n > 1 else f"{baseline.mean:.6g}"
    return Text.assemble((f"{value}{unit}", "strong"), f"{seeds}, from {one_line(baseline.source)}", commit)


def power_text(proposal: Proposal) -> Text:
    """Returns: what difference the seeds find, against the one worth having, and what would be enough."""
    power, worth = proposal.review.power, proposal.metric.min_effect
    if power is None:
        return Text("not known: the baseline's spread is not measured", style="muted")
    basis = (f" ({one_line(power.basis)})", "faint") if power.basis else ""
    found = f"{power.n} pairs find a difference of {power.detectable:.2g}"
    if not worth:
        return Text.assemble(found, basis)
    if power.detectable <= worth:
        return Text.assemble((f"{found}: enough for {worth:g}", "success"), basis)
    enough = f", {power.needed_n} pairs would" if power.needed_n else ""
    return Text.assemble((f"{found}: too few for {worth:g}{enough}", "warning"), basis)


def minutes_text(minutes: float, about: str = "") -> str:
    """Returns: `under a minute`, or behind `about`: `4 minutes`, `2.5 hours`."""
    if minutes < 1:
        return "under a minute"
    if minutes < 90:
        return f"{about}{minutes:.0f} minute{'s' if round(minutes) != 1 else ''}"
    return f"{about}{minutes / 60:.1f} hours"


def estimate_text(proposal: Proposal) -> Text:
    """Returns: `about 4 minutes for 12 runs, 6 more are there already`, or that nothing is known."""
    estimate = proposal.review.estimate
    runs = estimate.runs if estimate and estimate.runs else proposal.planned_runs
    reused = estimate.reused if estimate else 0
    text = Text()
    if estimate is None or estimate.minutes is None:
        text.append("time not known, nothing like it ran here", style="muted")
        text.append(f", {runs} runs")
    else:
        text.append(minutes_text(estimate.minutes, "about "), style="strong")
        text.append(f" for {runs} runs")
    if reused:
        text.append(f", {reused} of them made already")
    if estimate is not None and estimate.basis:
        text.append(f" ({one_line(estimate.basis)})", style="faint")
    return text


def limit_text(proposal: Proposal) -> Text:
    """Returns: `12 minutes, 12 runs`, marked where the estimate is beyond it."""
    budget, estimate = proposal.budget, proposal.review.estimate
    text = Text(f"at most {budget.minutes:g} minutes, {budget.runs} runs")
    if estimate is not None and estimate.minutes is not None and estimate.minutes > budget.minutes:
        text.append("  less than it will take", style="warning")
    return text


# ── the same in a few columns, for lists ──────────────────────────────────────────


def short_minutes(estimate: Estimate | None, limit: float) -> str:
    """Returns: `4m`, `2.5h`; with `≤` it is the limit, since nothing is known."""
    known = estimate.minutes if estimate is not None else None
    minutes = limit if known is None else known
    value = "<1m" if minutes < 1 else f"{minutes:.0f}m" if minutes < 90 else f"{minutes / 60:.1f}h"
    return value if known is not None else f"≤{value}"


def short_power(proposal: Proposal) -> tuple[str, str]:
    """Returns: `0.0062 of 0.005` (what is found, of what is worth having) and its style."""
    power, worth = proposal.review.power, proposal.metric.min_effect
    if power is None:
        return "not known", "muted"
    if not worth:
        return f"{power.detectable:.2g}", "muted"
    return f"{power.detectable:.2g} of {worth:g}", "success" if power.detectable <= worth else "warning"


def short_baseline(proposal: Proposal) -> str:
    baseline = proposal.review.baseline
    if baseline is None:
        return "not measured"
    return plus_minus(baseline.mean, baseline.std) if baseline.n > 1 else f"{baseline.mean:.5g} once"


def metric_text(metric: Metric, guards: int) -> Text:
    """Returns: `accuracy, the higher the better, worth having from 0.005`."""
    text = Text.assemble((clip(one_line(metric.name), 60), "strong"))
    text.append(f" {'↑ higher' if metric.direction == 'maximize' else '↓ lower'} is better")
    if metric.min_effect:
        text.append(f", worth having from {metric.min_effect:g} {one_line(metric.unit)}".rstrip())
    elif not guards:
        text.append(", any difference counts", style="muted")
    return text
