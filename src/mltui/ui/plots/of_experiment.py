"""What an experiment looks like: curves of both arms, seeds paired on one scale, the machine's load."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from mltui.experiments.power import mean_interval
from mltui.experiments.render import clean
from mltui.experiments.run_records import SYSTEM, mean_of, names_of
from mltui.ui.plots.canvas import Line, clip, width_of
from mltui.ui.plots.curves import Curve, curve_lines
from mltui.ui.plots.intervals import Scale, dots, interval, pair

if TYPE_CHECKING:
    from mltui.core.experiment import Comparison
    from mltui.experiments.run_records import RunRecord

STYLES = {"baseline": ("secondary", "band.baseline"), "candidate": ("primary", "band.candidate")}
"""Of the line, and of the cells under its band."""
_TWO = 96
"""Columns from which two charts stand side by side."""
_CHART = (8, 22)
"""Lines of a chart, at least and at most."""


def curve_grid(records: Sequence[RunRecord], metric: str, width: int, height: int, *, plain: bool = False, only: str = "") -> list[Line]:
    """Returns: a chart for each metric that was written over steps (`only` one), both arms in it: the mean of the seeds over the
    band from the least to the greatest. Two stand side by side where there is room."""
    names = [only] if only else names_of(records, metric)
    if not names:
        return []
    columns = 2 if width >= _TWO and len(names) > 1 else 1
    rows = -(-len(names) // columns)
    tall = max(_CHART[0], min(_CHART[1], (height - 1) // min(rows, 2)))
    room = (width - 3 * (columns - 1)) // columns
    charts = [_chart(records, name, room, tall, plain=plain) for name in names]
    lines: list[Line] = []
    for at in range(0, len(charts), columns):
        lines += [*beside(charts[at : at + columns], room, 3), []]
    return lines


def _chart(records: Sequence[RunRecord], name: str, width: int, height: int, *, plain: bool) -> list[Line]:
    curves: list[Curve] = []
    step = "step"
    for arm in ("baseline", "candidate"):
        mean = mean_of(record.series[name] for record in records if record.arm == arm and name in record.series)
        if mean is not None and mean.steps:
            style, under = STYLES[arm]
            step = mean.step_name
            gap = 3 if arm == "baseline" else 0
            curves.append(
                Curve(arm, mean.steps, mean.values, mean.low, mean.high, mean.runs, style, "" if plain else under, gap),
            )
    return curve_lines(name, curves, width, height, step)


def beside(blocks: Sequence[Sequence[Line]], width: int, gap: int) -> list[Line]:
    """Returns: blocks of lines next to one another, each `width` columns wide."""
    lines: list[Line] = []
    for row in range(max(map(len, blocks), default=0)):
        line: Line = []
        for at, block in enumerate(blocks):
            part = block[row] if row < len(block) else []
            line += part
            if at < len(blocks) - 1:
                line.append((" " * (width + gap - width_of(part)), ""))
        lines.append(line)
    return lines


def seed_lines(comparison: Comparison, width: int) -> list[Line]:
    """Returns: each arm as mean with its 95 % interval and its seeds as dots, then each seed's pair, all on one scale; then the
    difference with its interval, zero and the least effect worth having on a scale of its own."""
    if not comparison.pairs:
        return [[("No seed was measured in both arms.", "muted")]]
    label = max(10, max(len(str(seed)) for seed, _, _ in comparison.pairs) + 5)
    room = max(16, min(width - label - 18, 90))
    before, after = [one for _, one, _ in comparison.pairs], [one for _, _, one in comparison.pairs]
    better = {1: "success", 0: "muted", -1: "error"}
    sign = 1 if comparison.metric.direction == "maximize" else -1
    arms = [("baseline", before, "secondary", "○"), ("candidate", after, "primary", "●")]
    ends = {name: mean_interval(values) for name, values, _, _ in arms}
    scale = Scale.over([*before, *after, *(end for _, low, high in ends.values() for end in (low, high))], room)
    lines: list[Line] = [
        clip([(clean(f"{comparison.metric.name} {comparison.metric.unit}"), "strong"), ("  mean, 95 % interval, seeds", "muted")], width)
    ]
    for name, values, style, mark in arms:
        mean, low, high = ends[name]
        lines.append([(f"{name:<{label}}", ""), *interval(scale, mean, low, high, style), (f" {mean:.5g}", "strong")])
        lines.append([(" " * label, ""), *dots(scale, values, mark, style)])
    lines += scale.axis(label)
    lines += [[], [("seed by seed", "strong"), ("  baseline ○ to candidate", "muted")]]
    for seed, old, new in comparison.pairs:
        gain = (new - old) * sign
        drawn = pair(scale, old, new, better[(gain > 0) - (gain < 0)])
        word = "better" if gain > 0 else "worse" if gain < 0 else "equal"
        lines.append(
            [
                (f"seed {seed:<{label - 5}}", "muted"),
                *drawn,
                (f" {f'{new - old:+.3g}':<9}", ""),
                (f" {word}" if width >= 70 else "", "muted"),
            ]
        )
    return [*lines, [], *difference_lines(comparison, width)]


def difference_lines(comparison: Comparison, width: int) -> list[Line]:
    """Returns: the difference with its interval against zero and against the least effect worth having."""
    if comparison.n < 2:
        return []
    label, worth = 10, comparison.metric.min_effect
    room = max(16, min(width - label - 11, 90))
    marks = [worth, -worth] if worth else []
    scale = Scale.over([0.0, comparison.ci_low, comparison.ci_high, *marks], room, 0.08)
    style = {"better": "success", "worse": "error", "equivalent": "secondary"}.get(comparison.verdict, "warning")
    drawn = interval(scale, comparison.diff, comparison.ci_low, comparison.ci_high, style, rule=0.0)
    share = f"{comparison.confidence * 100:g} % interval, │ is zero"
    head: Line = [("difference", "strong"), (f"  candidate minus baseline, {share}" if width >= 64 else f"  {share}", "muted")]
    lines: list[Line] = [clip(head, width), [(" " * label, ""), *drawn, (f" {comparison.diff:+.3g}", "strong")]]
    if worth:
        cells = [" "] * room
        for mark in marks:
            cells[scale.column(mark)] = "┆"
        lines.append([("worth     ", "muted"), ("".join(cells), "accent"), (f" ±{worth:g}", "muted")])
    return [*lines, *scale.axis(label)]


def system_lines(records: Iterable[RunRecord], width: int) -> list[Line]:
    """Returns: for each of the machine's metrics its mean and its greatest value over all runs, by arm."""
    found: dict[str, dict[str, list[float]]] = {}
    for record in records:
        for name, series in record.series.items():
            if name.startswith(SYSTEM):
                found.setdefault(name.removeprefix(SYSTEM), {}).setdefault(record.arm, []).extend(series.values)
    lines: list[Line] = []
    for name, arms in sorted(found.items()):
        parts = [f"{arm} {statistics.fmean(values):.4g} (at most {max(values):.4g})" for arm, values in sorted(arms.items()) if values]
        lines.append(clip([(f"{name.replace('_', ' '):<30} ", "muted"), (", ".join(parts), "")], width))
    return lines
