"""What a sweep looks like: its trials in a table, the best so far, what matters, and parallel coordinates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mltui.core.data import JsonValue
from mltui.core.experiment import Experiment, Trial
from mltui.core.sweep import Dimension, SweepPlan
from mltui.experiments.render import clean, in_short, significant
from mltui.experiments.sweeps.summary import best_so_far, counts, ends, position, ranked, top
from mltui.ui.plots.canvas import Canvas, Line, clip
from mltui.ui.plots.curves import Curve, curve_lines

_AXIS = 12
"""Columns from one axis of the parallel coordinates to the next, at least."""
_HEIGHT = 10
_BAR = 30
_STATES = {"complete": "", "pruned": "muted", "failed": "error"}


def sweep_lines(experiment: Experiment, importances: Mapping[str, float], width: int, most: int = 20) -> list[Line]:
    """Returns: everything about a sweep's trials. Args: most: trials in the table; 0: all."""
    proposal, plan = experiment.proposal, experiment.proposal.sweep
    assert plan is not None
    lines: list[Line] = [[(f"{experiment.id} {clean(proposal.title)}", "strong")]]
    lines.append([(clean(f"{experiment.state}: {plan.method}; {counts(experiment.trials)}"), "muted")])
    if experiment.message:
        lines += wrapped(clean(experiment.message), width)
    if not experiment.trials:
        return [*lines, [], *space_lines(plan, width)]
    return [
        *lines,
        [],
        *trial_lines(experiment, width, most),
        [],
        *best_lines(experiment, width),
        [],
        *importance_lines(importances, width),
        [],
        *parallel_lines(experiment, importances, width),
    ]


def space_lines(plan: SweepPlan, width: int) -> list[Line]:
    """Returns: each parameter, its values and where it stands."""
    names = max(len(one.name) for one in plan.space)
    rows = [f"{one.name:<{names}}  {one.words}  ({one.key})" for one in plan.space]
    return [clip([(clean(row), "")], width) for row in rows]


def trial_lines(experiment: Experiment, width: int, most: int) -> list[Line]:
    """Returns: a table of trials, the best first, then pruned and failed ones as they came."""
    metric, plan = experiment.proposal.metric, experiment.proposal.sweep
    assert plan is not None
    good = ranked(experiment.trials, metric)
    order = [*good, *(trial for trial in experiment.trials if trial not in good)]
    shown = order[:most] if most else order
    heads = ["trial", clip_text(metric.name, 14), *(clip_text(one.name, 14) for one in plan.space), ""]
    rows = [_row(trial, plan) for trial in shown]
    widths = [max(len(row[at]) for row in [heads, *rows]) for at in range(len(heads))]
    lines: list[Line] = [clip([(_joined(heads, widths), "faint")], width)]
    for trial, row in zip(shown, rows, strict=True):
        style = "success" if good and trial.number == good[0].number else _STATES[trial.state]
        lines.append(clip([(_joined(row, widths), style)], width))
    left = len(order) - len(shown)
    return [*lines, [(f"… {left} more trials", "faint")]] if left else lines


def best_lines(experiment: Experiment, width: int, height: int = _HEIGHT) -> list[Line]:
    """Returns: the best value over the trials, a chart."""
    metric = experiment.proposal.metric
    points = best_so_far(experiment.trials, metric)
    curve = Curve("best so far", [count for count, _ in points], [value for _, value in points], style="primary")
    return curve_lines(clean(metric.name), [curve], min(width, 100), height, "trials made")


def importance_lines(importances: Mapping[str, float], width: int) -> list[Line]:
    """Returns: a bar for the share of each parameter in how the values vary."""
    if not importances:
        return [[("importance: too few complete trials to say", "muted")]]
    names = max(len(clip_text(name, 20)) for name in importances)
    lines: list[Line] = [[("importance (share of the variance that each explains)", "muted")]]
    room = max(4, min(_BAR, width - names - 8))
    for name, share in importances.items():
        lines.append([(f"{clip_text(name, 20):<{names}} ", ""), ("█" * round(share * room), "primary"), (f" {share:.0%}", "muted")])
    return lines


def parallel_lines(experiment: Experiment, importances: Mapping[str, float], width: int, height: int = _HEIGHT) -> list[Line]:
    """Returns: an axis for each parameter, the weightiest first, and one for the value; the best trials as lines, all others as points
    on the axes."""
    plan, metric = experiment.proposal.sweep, experiment.proposal.metric
    assert plan is not None
    complete = ranked(experiment.trials, metric)
    if len(complete) < 2:
        return [[("parallel coordinates: too few complete trials to draw", "muted")]]
    width = min(width, 120)
    axes = sorted(plan.space, key=lambda one: -importances.get(one.name, 0.0))[: max(1, (width - 2) // _AXIS - 1)]
    values = [trial.value or 0.0 for trial in complete]
    low, high = min(values), max(values)
    columns = [round(at * (width - _AXIS) / len(axes)) for at in range(len(axes) + 1)]
    canvas = Canvas(columns[-1] + 1, height)
    chosen = {trial.number for trial in top(experiment.trials, metric)}
    dots = height * 4 - 1
    for column in columns:
        canvas.line(2 * column, 0, 2 * column, dots, "faint")
    for trial in reversed(complete):
        places = [_dot(position(one, trial.params[one.name]), dots) for one in axes]
        places.append(_dot(((trial.value or 0.0) - low) / (high - low) if high > low else 0.5, dots))
        _draw(canvas, columns, places, "primary" if trial.number in chosen else "")
    left_out = len(plan.space) - len(axes)
    more = f"; {left_out} parameters that matter least are left out" if left_out else ""
    head: Line = [(f"parallel coordinates: the best {len(chosen)} as lines, the others as points{more}", "muted")]
    above = _labels(columns, axes, 1, significant(high, 4))
    return [head, *above, *canvas.lines(), *_labels(columns, axes, 0, significant(low, 4), clean(metric.name))]


def _draw(canvas: Canvas, columns: Sequence[int], places: Sequence[int], style: str) -> None:
    """A trial as a line, or without a style as points beside the axes."""
    if not style:
        for column, y in zip(columns, places, strict=True):
            canvas.dot(2 * column + 1, y, "muted")
        return
    for at in range(len(columns) - 1):
        canvas.line(2 * columns[at], places[at], 2 * columns[at + 1], places[at + 1], style)


def _dot(share: float, dots: int) -> int:
    return round((1.0 - min(1.0, max(0.0, share))) * dots)


def _labels(columns: Sequence[int], axes: Sequence[Dimension], end: int, value: str, metric: str = "") -> list[Line]:
    """The ends of the axes; below them (with the metric's name) what they are of as well."""
    texts = [clip_text(ends(one)[end], _AXIS - 1) for one in axes]
    lines: list[Line] = [[(_placed(columns, [*texts, value]), "faint")]]
    if metric:
        lines.append([(_placed(columns, [*(clip_text(one.name, _AXIS - 1) for one in axes), clip_text(metric, _AXIS - 1)]), "muted")])
    return lines


def _placed(columns: Sequence[int], texts: Sequence[str]) -> str:
    line = ""
    for column, text in zip(columns, texts, strict=True):
        line = f"{line:<{column}}{text}"
    return line


def _row(trial: Trial, plan: SweepPlan) -> list[str]:
    value = trial.state if trial.value is None else significant(trial.value, 5)
    return [str(trial.number), value, *(_value(trial.params.get(one.name)) for one in plan.space), clean(in_short(trial.message))]


def _value(value: JsonValue) -> str:
    return f"{value:.4g}" if isinstance(value, float) else clean(str(value))


def _joined(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [f"{text:>{wide}}" for text, wide in zip(row[:-1], widths, strict=False)]
    return "  ".join([*cells, row[-1]]).rstrip()


def clip_text(text: str, width: int) -> str:
    """Returns: the text on one line of at most so many characters."""
    text = clean(text)
    return text if len(text) <= width else f"{text[: width - 1]}…"


def wrapped(text: str, width: int) -> list[Line]:
    """Returns: the text in lines."""
    import textwrap

    return [[(line, "")] for line in textwrap.wrap(text, max(20, width), break_on_hyphens=False)]
