"""Several experiments side by side: means with intervals on one scale, differences from a reference, parameters, curves."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mltui.experiments.compare_many import OWN_BASELINE, Contrast, Together
from mltui.experiments.power import mean_interval
from mltui.experiments.render import clean, counted, value_text
from mltui.experiments.run_records import mean_of, names_of
from mltui.ui.plots.canvas import Line, clip, titled, width_of
from mltui.ui.plots.curves import Curve, curve_lines
from mltui.ui.plots.intervals import Scale, interval
from mltui.ui.plots.of_experiment import beside

if TYPE_CHECKING:
    from mltui.experiments.run_records import RunRecord

VERDICTS = {"better": "success", "worse": "error", "equivalent": "secondary", "inconclusive": "warning"}
_FIGURES = f"{'p':>8}{'Holm':>8}{'effect':>7}  "
_WIDE = 76
"""Columns from which p, corrected p and the effect size have a column each."""
_STROKES = (("primary", 0), ("accent", 3), ("secondary", 1), ("error", 5), ("success", 2), ("muted", 4))
"""Colour, and gap between dashes: told apart without colours too."""


def table_lines(shown: Together, width: int) -> list[Line]:
    """Returns: means with their intervals on one scale, then the differences with corrected p."""
    first = shown.experiments[0].proposal.metric
    direction = "higher is better" if first.direction == "maximize" else "lower is better"
    title = max(8, min(30, width // 4))
    room = max(14, width - 8 - title - 12)
    stats = [mean_interval([*values.values()]) if values else None for values in shown.values]
    ends = [end for found in stats if found for end in found]
    scale = Scale.over(ends or [0.0], room)
    about = f"{direction}; mean over seeds with its 95 % interval"
    lines: list[Line] = titled(clean(first.name), about, width)
    for at, (experiment, found) in enumerate(zip(shown.experiments, stats, strict=True)):
        head: Line = [(f"{experiment.id:<7} ", "strong"), (f"{clean(experiment.proposal.title)[: title - 1]:<{title}}", "")]
        if found is None:
            lines.append([*head, (f"no result: {experiment.state}", "muted")])
            continue
        mean, low, high = found
        verdict = shown.contrasts[at].verdict if shown.contrasts[at].comparison else "reference"
        style = VERDICTS.get(verdict, "primary")
        lines.append([*head, *interval(scale, mean, low, high, style), (f" {mean:.5g}", "strong")])
    lines += scale.axis(8 + title)
    return [*lines, [], *_difference_lines(shown, width)]


def _difference_lines(shown: Together, width: int) -> list[Line]:
    own = shown.reference == OWN_BASELINE
    name = "its own baseline" if own else shown.experiments[shown.reference].id
    tested = sum(each.p_adjusted is not None for each in shown.contrasts)
    about = "95 % interval" + (f"; p by Holm for {tested} comparison{'s' if tested != 1 else ''}" if tested else "")
    lines = titled(f"difference from {name}", about, width)
    made = [each.comparison for each in shown.contrasts if each.comparison is not None]
    wide = width >= _WIDE
    room = max(10, min(40, width - 8 - 12 - 13 - (len(_FIGURES) if wide else 9)))
    scale = Scale.over([0.0, *(end for one in made for end in (one.ci_low, one.ci_high))], room)
    if made and wide:
        lines.append([(" " * (8 + 12 + room) + _FIGURES, "faint")])
    for each in shown.contrasts:
        line, note = _contrast_line(each, scale, wide=wide), _note(each)
        if width_of(line) + 2 + len(note) <= width:
            lines.append([*line, (f"  {note}" if note else "", "muted")])
        else:
            lines += [clip(line, width), *([(f"{'':8}{part}", "muted")] for part in textwrap.wrap(note, width - 8))]
    return [*lines, *(scale.axis(8 + 12) if made else [])]


def _contrast_line(each: Contrast, scale: Scale, *, wide: bool) -> Line:
    one = each.comparison
    head: Line = [(f"{each.id:<7} ", "strong")]
    if one is None:
        return head
    style = VERDICTS[each.verdict]
    drawn = interval(scale, one.diff, one.ci_low, one.ci_high, style, rule=0.0)
    adjusted = "" if each.p_adjusted is None else _p(each.p_adjusted)
    if wide:
        effect = "–" if one.effect_size is None else f"{one.effect_size:.2f}"
        figures = f"{_p(one.p_value) if one.n > 1 else '–':>8}{adjusted or '–':>8}{effect:>7}  "
    else:
        figures = f" {f'p {adjusted}' if adjusted else '':<8}"
    return [*head, (f"{one.diff:>+11.4g} ", ""), *drawn, (figures, "muted"), (each.verdict, style)]


def _p(p: float) -> str:
    return "<0.001" if p < 0.001 else f"{p:.2g}"


def _note(each: Contrast) -> str:
    """What the verdict alone does not say."""
    if each.note or each.comparison is None or each.verdict != "inconclusive":
        return clean(each.note)
    found = each.comparison
    needed = f"; about {counted(found.needed_n, found.of)} would tell" if found.needed_n else ""
    return f"no detectable difference{needed}"


def key_lines(shown: Together, width: int) -> list[Line]:
    """Returns: the parameters in which they differ, a line each."""
    if not shown.keys:
        return [[("They differ in no declared parameter; look at their diffs.", "muted")]]
    ids = [experiment.id for experiment in shown.experiments]
    wide = max(8, max(len(key) for key, _ in shown.keys))
    wide = min(wide, max(12, width - 10 * len(ids)))
    cell = max(8, min(14, (width - wide) // len(ids)))
    lines: list[Line] = [[(f"{'parameter':<{wide}}", "faint"), *((f"{id_:>{cell}}", "faint") for id_ in ids)]]
    for key, values in shown.keys:
        line: Line = [(f"{clean(key)[-wide:]:<{wide}}", "strong")]
        for value in values:
            text = "—" if value is None else clean(value_text(value))
            changed = value != values[0]
            line.append((f"{text[: cell - 1]:>{cell}}", "success" if changed else ""))
        lines.append(clip(line, width))
    return lines


def overlay_lines(shown: Together, records: Sequence[Sequence[RunRecord]], width: int, height: int = 14) -> list[Line]:
    """Returns: the curves of all over each other, a chart a metric: the mean over the seeds of each one's candidate."""
    metric = shown.experiments[0].proposal.metric.name
    names = names_of([record for each in records for record in each], metric)[:6]
    columns = 2 if width >= 110 and len(names) > 1 else 1
    room = (width - 3 * (columns - 1)) // columns
    charts: list[list[Line]] = []
    for name in names:
        curves: list[Curve] = []
        step = "step"
        for at, (experiment, each) in enumerate(zip(shown.experiments, records, strict=True)):
            arm = experiment.proposal.arms[-1]
            mean = mean_of(record.series[name] for record in each if record.arm == arm and name in record.series)
            if mean is not None and mean.steps:
                style, gap = _STROKES[at % len(_STROKES)]
                step = mean.step_name
                curves.append(Curve(experiment.id, mean.steps, mean.values, runs=mean.runs, style=style, gap=gap))
        charts.append(curve_lines(name, curves, room, height, step))
    lines: list[Line] = []
    for at in range(0, len(charts), columns):
        lines += [*beside(charts[at : at + columns], room, 3), []]
    return lines or [[("No metric was written over steps by any of them.", "muted")]]
