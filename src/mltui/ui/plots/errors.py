"""Where predictions are wrong: matrices and their difference, scores of the classes, calibration, slices, single examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from mltui.experiments.render import clean, p_text
from mltui.ui.plots.canvas import Line, Piece, clip, titled
from mltui.ui.plots.intervals import Scale, interval

if TYPE_CHECKING:
    from mltui.core.experiment import Arm
    from mltui.experiments.error_facts import ArmErrors, Calibration, ErrorAnalysis, ErrorExample, Residuals, Slice

SIGNIFICANT = 0.05
_LABEL = 14
_STRONG = 0.1
"""Share of a class from which a count stands out."""


def error_lines(found: ErrorAnalysis, width: int, examples: int = 10) -> list[Line]:
    """Returns: all of it, at most so many examples of a kind."""
    lines: list[Line] = [*_head(found)]
    for part in (_matrices(found, width), _classes(found, width), _residuals(found), _calibration(found, width), _slices(found, width)):
        lines += [[], *part] if part else []
    for title, shown in (
        ("Broken: right before, wrong now", found.most_broken),
        ("Fixed: wrong before, right now", found.most_fixed),
        ("Most confident errors" if any(one.confidence is not None for one in found.worst) else "Errors of most runs", found.worst),
    ):
        if found.kind == "numbers":
            title = {"Broken": "Further off than before", "Fixed": "Closer than before"}.get(title.split(":")[0], "Furthest off")
        if shown:
            lines += [[], [(title, "strong")], *_examples(found, shown[:examples])]
    confused = _confused(found, examples)
    lines += [[], *confused] if confused else []
    lines += [[(f"Not compared by {clean(name)}", "muted")] for name in found.left_out]
    lines += [[(clean(note), "warning")] for note in found.notes]
    return [clip(line, width) for line in lines]


def _head(found: ErrorAnalysis) -> Iterator[Line]:
    for one in found.arms:
        runs = f"{one.runs} run{'s' if one.runs != 1 else ''}, {one.n} predictions"
        if one.accuracy is not None:
            calibrated = "" if one.calibration is None else f", ECE {one.calibration.ece:.3f}"
            f1 = "" if one.macro is None else f", macro F1 {one.macro.f1:.3f}"
            yield [(f"{one.arm:<10}", "strong"), (f"accuracy {one.accuracy:.4f}{f1}{calibrated}", ""), (f"  {runs}", "muted")]
        elif one.residuals is not None:
            r2 = "" if one.residuals.r2 is None else f", R² {one.residuals.r2:.4f}"
            yield [(f"{one.arm:<10}", "strong"), (f"mean |error| {one.residuals.mae:.5g}{r2}", ""), (f"  {runs}", "muted")]
    if found.broken is not None and found.fixed is not None:
        better, worse = ("fixed", "broken") if found.kind == "classes" else ("closer", "further off")
        pairs = f"{found.pairs} pair{'s' if found.pairs != 1 else ''} of runs"
        yield [
            (f"{found.fixed} {better}", "success"),
            (", ", ""),
            (f"{found.broken} {worse}", "error"),
            (f" of {found.paired} examples, over {pairs}", "muted"),
        ]


# ── classes ──────────────────────────────────────────────────────────────────────


def _matrices(found: ErrorAnalysis, width: int) -> list[Line]:
    lines: list[Line] = []
    for one in found.arms:
        if one.matrix is not None and found.names:
            lines += [[], *matrix_lines(f"Predictions of the {one.arm}", found.names, one.matrix, width)]
    before, after = found.of("baseline"), found.of("candidate")
    if lines and before is not None and after is not None and before.matrix and after.matrix:
        lines += [[], *_difference(found.names, before, after, width)]
    return lines[1:]


def matrix_lines(title: str, names: Sequence[str], matrix: Sequence[Sequence[int]], width: int) -> list[Line]:
    """Returns: the counts, rows the true classes; what is wrong often stands out."""

    def cell(row: int, column: int) -> Piece:
        count, total = matrix[row][column], sum(matrix[row])
        style = ("success" if row == column else "error") if count else "faint"
        return (f"{count or '·'}", f"{style}.bold" if count and total and count / total >= _STRONG else style)

    return _table(title, "rows: true class, columns: predicted", names, cell, width)


def _difference(names: Sequence[str], before: ArmErrors, after: ArmErrors, width: int) -> list[Line]:
    """The candidate's shares of each true class less the baseline's, in percent."""
    assert before.matrix is not None and after.matrix is not None
    first, second = before.matrix, after.matrix

    def cell(row: int, column: int) -> Piece:
        shares = [matrix[row][column] / total if (total := sum(matrix[row])) else 0.0 for matrix in (first, second)]
        moved = round(100 * (shares[1] - shares[0]), 1)
        good = (moved > 0) == (row == column)
        return ("·", "faint") if not moved else (f"{moved:+.1f}" if abs(moved) < 10 else f"{moved:+.0f}", "success" if good else "error")

    return _table("Difference", "candidate less baseline, percent of the true class", names, cell, width)


def _table(title: str, about: str, names: Sequence[str], cell: Callable[[int, int], Piece], width: int) -> list[Line]:
    cells = [[cell(row, column) for column in range(len(names))] for row in range(len(names))]
    label = min(_LABEL, max(5, *map(len, names)))
    room = 1 + max(max(len(text) for row in cells for text, _ in row), min(6, max(map(len, names))))
    lines = titled(title, about, width)
    if label + 1 + room * len(names) > width:
        return [*lines, [(f"{len(names)} classes do not fit into {width} columns", "muted")]]
    lines.append([(f"{'':<{label}} " + "".join(f"{name[: room - 1]:>{room}}" for name in names), "muted")])
    for name, row in zip(names, cells, strict=True):
        lines.append([(f"{name[:label]:<{label}} ", "muted"), *((f"{text:>{room}}", style) for text, style in row)])
    return lines


def _classes(found: ErrorAnalysis, width: int) -> list[Line]:
    """Precision, recall and F1 of each class; of two arms, from one to the other."""
    arms = [one for one in found.arms if one.classes]
    if not arms:
        return []
    both = len(arms) == 2
    wide = 17 if both else 10
    shown = ("precision", "recall", "f1") if width >= 18 + 9 + 3 * wide else ("f1",)
    label = max(5, min(width - 9 - wide * len(shown), 28, max(18, *(len(one.name) for one in arms[0].classes))))
    about = "baseline → candidate" if both else arms[0].arm
    lines = titled("Classes", about, width)
    lines.append([(f"{'':<{label}}" + "".join(f"{name.replace('f1', 'F1'):>{wide}}" for name in shown) + f"{'n':>9}", "muted")])
    rows = zip(*(one.classes for one in arms), strict=True)
    summary = [tuple(getattr(one, name) for one in arms) for name in ("macro", "weighted")]
    for scores in [*rows, *summary]:
        line: Line = [(f"{scores[0].name[: label - 1]:<{label}}", "muted")]
        for name in shown:
            values = [getattr(score, name) for score in scores]
            text = " → ".join(f"{value:.3f}" for value in values)
            moved = round(values[-1] - values[0], 3)
            line.append((f"{text:>{wide}}", "success" if moved > 0 else "error" if moved < 0 else ""))
        lines.append([*line, (f"{scores[-1].support:>9}", "muted")])
    return lines


def _calibration(found: ErrorAnalysis, width: int) -> list[Line]:
    lines: list[Line] = []
    for one in found.arms:
        if one.calibration is not None:
            lines += [[], *_reliability(one.arm, one.calibration, width)]
    return lines[1:]


def _reliability(arm: Arm, calibration: Calibration, width: int) -> list[Line]:
    brier = "" if calibration.brier is None else f", Brier {calibration.brier:.4f}"
    about = f"ECE {calibration.ece:.4f}{brier}; ● accuracy with its 95 % interval, │ the confidence it was given"
    scale = Scale(0.0, 1.0, max(16, min(width - 8 - 26, 60)))
    lines = titled(f"Calibration of the {arm}", about, width)
    for one in calibration.bins:
        sure = one.low <= one.confidence <= one.high
        style = "success" if sure else "warning"
        drawn = interval(scale, one.accuracy, one.low, one.high, style, rule=one.confidence)
        lines.append([(f"  {one.confidence:.2f}  ", "muted"), *drawn, (f" {one.accuracy:.3f}", ""), (f"{one.n:>9}", "muted")])
    return [*lines, *scale.axis(8)]


# ── numbers ──────────────────────────────────────────────────────────────────────


def _residuals(found: ErrorAnalysis) -> list[Line]:
    arms = [(one.arm, one.residuals) for one in found.arms if one.residuals is not None]
    if not arms:
        return []
    lines: list[Line] = [[("Residuals", "strong"), ("  prediction minus label", "muted")]]
    lines.append([(f"{'':<18}" + "".join(f"{arm:>14}" for arm, _ in arms), "muted")])
    facts: list[tuple[str, Callable[[Residuals], float | None]]] = [
        ("bias (mean)", lambda one: one.bias),
        ("mean |error|", lambda one: one.mae),
        ("RMSE", lambda one: one.rmse),
        ("R²", lambda one: one.r2),
        *((f"{share} %", lambda one, at=at: one.quantiles[at]) for at, share in enumerate((5, 25, 50, 75, 95))),
    ]
    for name, of in facts:
        values = ["–" if (value := of(one)) is None else f"{value:.5g}" for _, one in arms]
        lines.append([(f"{name:<18}", "muted"), ("".join(f"{value:>14}" for value in values), "")])
    return lines


# ── slices and examples ──────────────────────────────────────────────────────────


def _slices(found: ErrorAnalysis, width: int) -> list[Line]:
    if not found.slices:
        return []
    what = "accuracy" if found.kind == "classes" else "mean |error|"
    ends = [end for one in found.slices for end in (one.diff_low, one.diff_high) if end is not None]
    name = max(12, min(30, width // 4))
    room = width - name - 8 - 17 - 10 - 10
    scale = Scale.over([0.0, *ends], min(room, 40)) if ends and room >= 16 else None
    about = f"{what}, baseline → candidate; difference with its 95 % interval; p for {_tested(found)} slices (Benjamini-Hochberg)"
    lines = titled("Slices", about if ends else f"{what} with its 95 % interval", width)
    column = ""
    for one in found.slices:
        if one.column != column:
            column = one.column
            lines.append([(column, "primary")])
        lines.append(_slice(one, found.kind == "classes", name, scale))
    return [*lines, *(scale.axis(name + 8 + 17 + 9) if scale else [])]


def _tested(found: ErrorAnalysis) -> int:
    return sum(one.p_value is not None for one in found.slices)


def _slice(one: Slice, more: bool, name: int, scale: Scale | None) -> Line:
    values = " → ".join(f"{value:.3f}" if more else f"{value:.4g}" for value in (one.baseline, one.candidate) if value is not None)
    line: Line = [(f"  {one.value[: name - 3]:<{name - 2}}", ""), (f"{one.n:>7} ", "muted"), (f"{values:>16} ", "")]
    if one.diff is None or one.diff_low is None or one.diff_high is None:
        interval_text = "" if one.low is None or one.high is None else f" [{one.low:.3g}, {one.high:.3g}]"
        return [*line, (interval_text, "muted")]
    good = (one.diff > 0) == more
    sure = one.p_adjusted is not None and one.p_adjusted < SIGNIFICANT
    style = ("success" if good else "error") if sure else "warning"
    line.append((f"{one.diff:>+8.4f} " if more else f"{one.diff:>+8.3g} ", style))
    if scale is not None:
        line += interval(scale, one.diff, one.diff_low, one.diff_high, style, rule=0.0)
    return [*line, (f" {p_text(one.p_adjusted)}" if one.p_adjusted is not None else "", "muted")]


def _examples(found: ErrorAnalysis, examples: Sequence[ErrorExample]) -> Iterator[Line]:
    for one in examples:
        said = [clean(text)[:40] for text in (one.baseline, one.candidate) if text]
        scores = [score for score in (one.baseline_score, one.candidate_score) if score is not None]
        often = [f"{score:.0%}" if found.kind == "classes" else f"{score:.4g}" for score in scores]
        told = "right in" if found.kind == "classes" else "off by"
        sure = "" if one.confidence is None else f", sure {one.confidence:.2f}"
        yield [(f"  {clean(one.key)[:20]:<14} ", "strong"), (f"{clean(one.label)[:40]}", ""), (": said ", "muted"), (" → ".join(said), "")]
        yield [(f"      {told} {' → '.join(often)}{sure}", "muted")]
        if one.shown:
            yield [("      " + "  ".join(f"{clean(name)}={clean(text)}" for name, text in one.shown.items()), "faint")]


def _confused(found: ErrorAnalysis, most: int) -> list[Line]:
    if not found.confused:
        return []
    lines: list[Line] = [[("Taken for another", "strong"), ("  times a run", "muted")]]
    for one in found.confused[:most]:
        values = [value for value in (one.baseline, one.candidate) if value is not None]
        moved = values[-1] - values[0]
        style = "success" if moved < 0 else "error" if moved > 0 else ""
        often = " → ".join(f"{value:.4g}" for value in values)
        lines.append([(f"  {clean(one.label)[:30]} for {clean(one.predicted)[:30]}".ljust(32), ""), (f" {often}", style)])
    return lines
