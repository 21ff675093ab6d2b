"""Pictures for files: PNG and SVG. The only module that imports matplotlib, which takes a second; loaded when something is drawn.

No display is needed and no window system is touched. All text is drawn as it stands (a `$` begins no formula), in the font that comes
with matplotlib. Equal data make equal files.
"""

from __future__ import annotations

import io
import logging
import re
import textwrap
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from mltui.core.errors import UsageError
from mltui.core.experiment import Comparison, Experiment, Verdict
from mltui.experiments.compare_many import OWN_BASELINE, Together
from mltui.experiments.error_facts import ErrorAnalysis
from mltui.experiments.power import mean_interval
from mltui.experiments.render import clean, difference_text, p_text
from mltui.experiments.run_records import RunRecord, mean_of, names_of

INK, PALE = "#24292f", "#8c959f"
GOOD, BAD, SAME, UNSURE = "#2da44e", "#d1495b", "#3b82c4", "#c08a2e"
"""Told apart on white and on black."""
ARMS = {"baseline": ("#8c7ae6", (0, (4, 2))), "candidate": ("#3b82c4", "solid")}
"""Colour and dashes."""
VERDICTS: dict[Verdict, str] = {"better": GOOD, "worse": BAD, "equivalent": SAME, "inconclusive": UNSURE}
KINDS = ("png", "svg")
MOST_CURVES = 6
_NUMBERED = 15
"""Classes up to which the cells of a matrix hold their numbers."""

_mpl = cast("Any", matplotlib)  # its types are half known
_mpl.rcParams.update(
    {
        # The first comes with matplotlib; the others have what it lacks, where they are installed.
        "font.family": ["DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans"],
        "font.size": 9,
        "text.parse_math": False,
        "svg.fonttype": "path",
        "svg.hashsalt": "mltui",
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": PALE,
        "axes.titlesize": 10,
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "xtick.color": INK,
        "ytick.color": INK,
        "legend.frameon": False,
        "savefig.dpi": 150,
    }
)
logging.getLogger("matplotlib").setLevel(logging.ERROR)


def kind_of(path: Path) -> str:
    """Returns: `png` or `svg`, by the file's name. Raises: UsageError: it is another."""
    kind = path.suffix.lower().removeprefix(".")
    if kind not in KINDS:
        raise UsageError(f"{path.name}: a picture is saved as PNG or SVG", hint="Call it FILE.png or FILE.svg")
    return kind


def rendered(figure: Any, kind: str) -> bytes:
    """Returns: the file's content, `png` or `svg`."""
    target = io.BytesIO()
    with warnings.catch_warnings():
        # A character that the font lacks is drawn as a box; nobody needs a line about it.
        warnings.simplefilter("ignore")
        canvas: Any = FigureCanvasSVG(figure) if kind == "svg" else FigureCanvasAgg(figure)
        if kind == "svg":
            canvas.print_svg(target, metadata={"Date": None, "Creator": None})
        else:
            canvas.print_png(target, metadata={"Software": None})
    return target.getvalue()


def inline_svg(figure: Any, prefix: str) -> str:
    """Returns: the picture as an element of a page: its ink is the page's, its text is text, its ids begin with `prefix`."""
    figure.patch.set_visible(False)
    for axes in figure.axes:
        axes.patch.set_visible(False)
    with _mpl.rc_context({"svg.fonttype": "none"}):
        text = rendered(figure, "svg").decode()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}-", text)
    text = re.sub(r'<svg ([^>]*?)height="[^"]*" ', r"<svg \1", text, count=1, flags=re.DOTALL)
    return text.replace(INK, "currentColor").replace("'DejaVu Sans'", "'DejaVu Sans', Verdana, sans-serif")


def pictures(experiment: Experiment, records: Sequence[RunRecord], errors: ErrorAnalysis | None) -> dict[str, bytes]:
    """Returns: `comparison.png`, `curves.svg`, …: what there is to draw of an experiment, each in every kind."""
    made = figures_of(experiment, records, errors)
    return {f"{name}.{kind}": rendered(figure, kind) for name, figure in made.items() for kind in KINDS}


def figures_of(experiment: Experiment, records: Sequence[RunRecord], errors: ErrorAnalysis | None) -> dict[str, Any]:
    """Returns: by name, in the order of a report."""
    found: dict[str, Any] = {}
    if experiment.comparison is not None and experiment.comparison.pairs:
        found["comparison"] = comparison(experiment)
    if names_of(records, experiment.proposal.metric.name):
        found["curves"] = curves(records, experiment.proposal.metric.name)
    if errors is not None and any(one.matrix for one in errors.arms):
        found["confusion"] = confusion(errors)
    if errors is not None and any(one.calibration for one in errors.arms):
        found["calibration"] = calibration(errors)
    if errors is not None and any(one.diff is not None for one in errors.slices):
        found["slices"] = slices(errors)
    return found


def comparison(experiment: Experiment) -> Any:
    """Each seed's pair on the left; the difference of the primary metric, and of each guardrail, with its interval on the right."""
    one = experiment.comparison
    assert one is not None
    rows = [one, *(guard for guard in experiment.guardrails if guard.n > 1)]
    figure = _figure(7.6, 3.4 + 0.5 * max(0, len(rows) - 2), f"{experiment.id} {experiment.proposal.title}", one.summary)
    grid = figure.add_gridspec(len(rows), 2, width_ratios=(1, 1.25))
    _pairs(figure.add_subplot(grid[:, 0]), one)
    for at, row in enumerate(rows):
        _difference(figure.add_subplot(grid[at, 1]), row)
    return figure


def _pairs(axes: Any, one: Comparison) -> None:
    sign = 1 if one.metric.direction == "maximize" else -1
    for _, before, after in one.pairs:
        gain = (after - before) * sign
        axes.plot((0, 1), (before, after), color=GOOD if gain > 0 else BAD if gain < 0 else PALE, marker="o", markersize=3.5, linewidth=1)
    for x, values in ((-0.16, [pair[1] for pair in one.pairs]), (1.16, [pair[2] for pair in one.pairs])):
        mean, low, high = mean_interval(values)
        axes.errorbar(x, mean, yerr=[[mean - low], [high - mean]], color=INK, marker="D", markersize=4, capsize=3, linewidth=1.2)
    axes.set_xticks((0, 1), ("baseline", "candidate"))
    axes.set_xlim(-0.4, 1.4)
    axes.set_title(_cut(f"{one.metric.name} {one.metric.unit} by seed", 44))


def _difference(axes: Any, one: Comparison) -> None:
    worth = one.metric.min_effect
    color = VERDICTS[one.verdict]
    axes.axvline(0, color=INK, linewidth=0.8)
    for margin in (-worth, worth) if worth else ():
        axes.axvline(margin, color=PALE, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.errorbar(one.diff, 0, xerr=_reach(one), color=color, marker="o", markersize=6, capsize=4, linewidth=2)
    axes.set_yticks(())
    axes.spines["left"].set_visible(False)
    axes.set_ylim(-1, 1)
    axes.margins(x=0.15)
    p = f", {p_text(one.p_value)}" if one.n > 1 else ""
    axes.set_title(_cut(f"Δ {one.metric.name} {difference_text(one)}{p}: {one.verdict}", 72), fontsize=8)


def _reach(one: Comparison) -> list[list[float]] | None:
    return [[max(0.0, one.diff - one.ci_low)], [max(0.0, one.ci_high - one.diff)]] if one.n > 1 else None


def side_by_side(shown: Together) -> Any:
    """Means with their intervals on the left, differences from the reference on the right, a row an experiment."""
    metric = shown.experiments[0].proposal.metric
    rows = len(shown.experiments)
    own = shown.reference == OWN_BASELINE
    about = "their own baselines" if own else shown.experiments[shown.reference].id
    figure = _figure(
        9.2, 1.9 + 0.42 * rows, f"{metric.name}: compared with {about}", "Means over seeds, differences; 95 % intervals; p by Holm"
    )
    left, right = figure.subplots(1, 2, sharey=True)
    names = [_cut(f"{one.id} {one.proposal.title}", 38) for one in shown.experiments]
    right.axvline(0, color=INK, linewidth=0.8)
    for margin in (-metric.min_effect, metric.min_effect) if metric.min_effect else ():
        right.axvline(margin, color=PALE, linewidth=0.8, linestyle=(0, (4, 3)))
    for at, (values, contrast) in enumerate(zip(shown.values, shown.contrasts, strict=True)):
        one = contrast.comparison
        color = INK if one is None else VERDICTS[contrast.verdict]
        if values:
            mean, low, high = mean_interval([*values.values()])
            left.plot([*values.values()], [at + 0.18] * len(values), "|", color=PALE, markersize=6)
            left.errorbar(mean, at, xerr=[[mean - low], [high - mean]], color=color, marker="o", capsize=3)
        if one is None:
            right.text(0.02, at, _cut(contrast.note, 50), transform=right.get_yaxis_transform(), va="center", color=PALE)
            continue
        right.errorbar(one.diff, at, xerr=_reach(one), color=color, marker="o", capsize=3)
        p = "" if contrast.p_adjusted is None else f", {p_text(contrast.p_adjusted)}"
        right.annotate(f"{contrast.verdict}{p}", (one.diff, at), (0, 7), textcoords="offset points", ha="center", fontsize=7)
    left.set_yticks(range(rows), names)
    left.set_ylim(rows - 0.4, -0.6)
    left.set_title(_cut(f"{metric.name} {metric.unit}", 40))
    right.set_title("difference")
    right.margins(x=0.2)
    return figure


def curves(records: Sequence[RunRecord], metric: str, only: str = "") -> Any:
    """A chart for each metric that was written over steps: the mean of the seeds over the band from the least to the greatest."""
    names = [only] if only else names_of(records, metric)[:MOST_CURVES]
    columns = min(2, len(names))
    rows = -(-len(names) // columns)
    figure = _figure(4.4 * columns, 0.5 + 2.5 * rows, "Learning curves", "Mean of the seeds; the band goes from the least to the greatest")
    every = figure.subplots(rows, columns, squeeze=False).flat
    for axes, name in zip(every, names, strict=False):
        for arm, (color, dashes) in ARMS.items():
            mean = mean_of(record.series[name] for record in records if record.arm == arm and name in record.series)
            if mean is None or not mean.steps:
                continue
            axes.plot(mean.steps, mean.values, color=color, linestyle=dashes, label=f"{arm} ({mean.runs} runs)")
            if mean.runs > 1:
                axes.fill_between(mean.steps, mean.low, mean.high, color=color, alpha=0.18, linewidth=0)
            axes.set_xlabel(mean.step_name)
        axes.set_title(_cut(name, 50))
        axes.legend(fontsize=7)
    for axes in [*every]:
        axes.set_visible(False)
    return figure


def confusion(errors: ErrorAnalysis) -> Any:
    """The matrix of each arm, shares of the true class, and their difference."""
    arms = [one for one in errors.arms if one.matrix]
    size = len(errors.names)
    shares = [[[count / max(1, sum(row)) for count in row] for row in one.matrix or ()] for one in arms]
    panels = [(f"{one.arm}, accuracy {one.accuracy or 0:.3f}", share) for one, share in zip(arms, shares, strict=True)]
    if len(arms) == 2:
        moved = [[after - before for before, after in zip(*rows, strict=True)] for rows in zip(*shares, strict=True)]
        panels.append(("difference", moved))
    side = max(2.6, min(5.0, 0.28 * size + 1.2))
    figure = _figure(
        side * len(panels) + 0.6, side + 0.9, "Confusion", "Share of the true class (rows) by predicted class (columns), percent"
    )
    for axes, (title, values) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        _matrix(axes, title, errors.names, values, signed=title == "difference")
    return figure


def _matrix(axes: Any, title: str, names: Sequence[str], values: list[list[float]], *, signed: bool) -> None:
    most = max((abs(value) for row in values for value in row), default=0.0) or 1.0

    def paint(row: int, column: int, value: float) -> tuple[float, float, float, float]:
        good = (value > 0) == (row == column) if signed else row == column
        color = GOOD if good else BAD
        red, green, blue = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
        return red, green, blue, min(0.85, abs(value) / most) if signed else 0.85 * value**0.6

    cells = [[paint(row, column, value) for column, value in enumerate(line)] for row, line in enumerate(values)]
    axes.imshow(cells, aspect="equal", interpolation="none")
    if len(names) <= _NUMBERED:
        for row, line in enumerate(values):
            for column, value in enumerate(line):
                if round(100 * value, 1):
                    text = f"{100 * value:+.1f}" if signed else f"{100 * value:.0f}" if value >= 0.1 else f"{100 * value:.1f}"
                    axes.text(column, row, text, ha="center", va="center", fontsize=6)
    shown = [_cut(name, 12) for name in names]
    step = -(-len(names) // 40)
    axes.set_xticks(range(0, len(names), step), shown[::step], rotation=90 if max(map(len, shown)) > 3 else 0, fontsize=7)
    axes.set_yticks(range(0, len(names), step), shown[::step], fontsize=7)
    axes.set_title(title)


def calibration(errors: ErrorAnalysis) -> Any:
    """The reliability curve of each arm against the diagonal, over how many predictions there are of each confidence."""
    figure = _figure(4.6, 4.6, "Calibration", "Accuracy of predictions by the confidence they were given, 95 % intervals")
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    axes.plot((0, 1), (0, 1), color=PALE, linewidth=0.8, linestyle=(0, (4, 3)))
    for at, one in enumerate(errors.arms):
        if one.calibration is None:
            continue
        color, dashes = ARMS[one.arm]
        bins = one.calibration.bins
        xs, ys = [each.confidence for each in bins], [each.accuracy for each in bins]
        reach = [[max(0.0, each.accuracy - each.low) for each in bins], [max(0.0, each.high - each.accuracy) for each in bins]]
        label = f"{one.arm}, ECE {one.calibration.ece:.3f}"
        axes.errorbar(xs, ys, yerr=reach, color=color, linestyle=dashes, marker="o", markersize=4, capsize=2, label=label)
        total = max(1, one.calibration.n)
        below.bar([x - 0.012 + 0.024 * at for x in xs], [each.n / total for each in bins], width=0.022, color=color)
    axes.legend(fontsize=8, loc="lower right")
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    axes.set_ylabel("accuracy")
    below.set_xlabel("confidence")
    below.set_ylabel("share")
    return figure


def slices(errors: ErrorAnalysis) -> Any:
    """The difference in each slice with its interval."""
    shown = [one for one in errors.slices if one.diff is not None and one.diff_low is not None and one.diff_high is not None][:40]
    what = "accuracy" if errors.kind == "classes" else "mean |error|"
    figure = _figure(7.2, 1.2 + 0.24 * len(shown), "Slices", f"Difference in {what} with its 95 % interval; p by Benjamini-Hochberg")
    axes = figure.subplots()
    axes.axvline(0, color=INK, linewidth=0.8)
    for at, one in enumerate(shown):
        diff, low, high = one.diff or 0.0, one.diff_low or 0.0, one.diff_high or 0.0
        good = (diff > 0) == (errors.kind == "classes")
        sure = one.p_adjusted is not None and one.p_adjusted < 0.05
        color = (GOOD if good else BAD) if sure else UNSURE
        axes.errorbar(diff, at, xerr=[[max(0.0, diff - low)], [max(0.0, high - diff)]], color=color, marker="o", markersize=4, capsize=2)
    axes.set_yticks(range(len(shown)), [_cut(f"{one.column} = {one.value} ({one.n})", 44) for one in shown], fontsize=7)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    return figure


def _figure(width: float, height: float, title: str, about: str) -> Any:
    figure: Any = Figure(figsize=(width, height), layout="constrained")
    room = int(width * 15)
    lines = textwrap.wrap(clean(about), room, max_lines=3, placeholder=" …")
    figure.suptitle("\n".join([_cut(title, room), *lines]), x=0.01, ha="left", fontsize=8.5)
    return figure


def _cut(text: str, most: int) -> str:
    text = clean(text)
    return text if len(text) <= most else text[: most - 1] + "…"
