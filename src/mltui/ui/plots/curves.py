"""Curves with bands over steps: axes with round labels, a legend, the arms told apart by stroke as well as by colour."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from mltui.ui.plots.canvas import Canvas, Line, clip, labels, ticks, width_of

LEAST = 28
"""Columns under which nothing is drawn."""
LEAST_ROWS = 6


@dataclass(frozen=True, slots=True)
class Curve:
    """A mean over runs, and the band around it.

    Attributes:
        runs: how many it is the mean of.
        style: of the line; `under` of the band's cells.
        gap: dots left out between dashes; 0 is a solid line.
    """

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    runs: int = 1
    style: str = ""
    under: str = ""
    gap: int = 0


def curve_lines(title: str, curves: Sequence[Curve], width: int, height: int, x_name: str = "step") -> list[Line]:
    """Returns: a chart of the curves with its title and legend, `width` columns wide and about `height` lines high; a sentence
    where there is nothing to draw or no room."""
    curves = [curve for curve in curves if curve.xs]
    if not curves:
        return [[(f"{title}: nothing was recorded", "muted")]]
    if width < LEAST or height < LEAST_ROWS:
        return [[(f"{title}: too narrow to draw", "muted")]]
    head, legend = _legend(f"{title} ", f"by {x_name}", curves, width)
    area = Area.around(curves, width, max(3, height - 2 - len(legend)))
    canvas = Canvas(area.columns, area.rows)
    for curve in curves:
        _band(canvas, area, curve)
    for curve in curves:
        _stroke(canvas, area, curve)
    drawn = canvas.lines()
    marks = dict(zip((area.row(tick) for tick in area.ticks), area.labels, strict=True))
    lines: list[Line] = [head, *legend]
    for row, line in enumerate(drawn):
        label = marks.get(row, "")
        lines.append([(f"{label:>{area.gutter}} ", "muted"), ("┤" if label else "│", "faint"), *line])
    return [*lines, *area.floor()]


def _legend(title: str, by: str, curves: Sequence[Curve], width: int) -> tuple[Line, list[Line]]:
    """The title with the legend behind it where there is room, else the legend on lines of its own."""
    entries: list[Line] = []
    for curve in curves:
        runs = f" ({curve.runs} run{'s' if curve.runs > 1 else ''})" if curve.runs else ""
        stroke = "⠒⠒⠒" if not curve.gap else "⠒ ⠒"
        last = f" {curve.ys[-1]:.4g}"
        entries.append([("  ", ""), (stroke, curve.style), (f" {curve.name}", ""), (last, "strong"), (runs, "muted")])
    head: Line = [(title, "strong"), (by, "muted")]
    if width_of(head) + sum(map(width_of, entries)) <= width:
        return [*head, *(piece for entry in entries for piece in entry)], []
    if sum(map(width_of, entries)) > width:
        entries = [entry[:-1] for entry in entries]
    rows: list[Line] = [[]]
    for entry in entries:
        if rows[-1] and width_of(rows[-1]) + width_of(entry) > width:
            rows.append([])
        rows[-1] += entry
    return clip(head, width), [clip(row, width) for row in rows]


@dataclass(frozen=True, slots=True)
class Area:
    """Where values are on the canvas. Attributes: whole: there is nothing between two whole numbers of x, such as half an epoch."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float
    columns: int
    rows: int
    gutter: int
    ticks: tuple[float, ...]
    labels: tuple[str, ...]
    whole: bool

    @classmethod
    def around(cls, curves: Sequence[Curve], width: int, rows: int) -> Area:
        """Room for all curves and bands, with a gutter as wide as its labels."""
        xs = [x for curve in curves for x in curve.xs]
        ys = [y for curve in curves for values in (curve.ys, curve.low, curve.high) for y in values if math.isfinite(y)] or [0.0]
        low, high = _spread(min(ys), max(ys))
        marks = ticks(low, high, max(2, min(6, rows // 2)))
        names = labels(marks)
        gutter = max([3, *map(len, names)])
        x_low, x_high = min(xs), max(xs)
        x_high = x_high if x_high > x_low else x_low + 1
        whole = all(float(x).is_integer() for x in xs)
        return cls(x_low, x_high, low, high, width - gutter - 2, rows, gutter, tuple(marks), tuple(names), whole)

    def x(self, value: float) -> int:
        return round((value - self.x_low) / (self.x_high - self.x_low) * (self.columns * 2 - 1))

    def y(self, value: float) -> int:
        return round((self.y_high - value) / (self.y_high - self.y_low) * (self.rows * 4 - 1))

    def row(self, value: float) -> int:
        return min(self.rows - 1, max(0, self.y(value) // 4))

    def floor(self) -> list[Line]:
        """The axis below, and its labels."""
        marks = ticks(self.x_low, self.x_high, max(2, self.columns // 12))
        marks = [mark for mark in marks if not self.whole or math.isclose(mark, round(mark), abs_tol=1e-9)]
        axis, text = ["─"] * self.columns, [" "] * self.columns
        end = -1
        for value, label in zip(marks, labels(marks), strict=True):
            column = min(self.columns - 1, self.x(value) // 2)
            axis[column] = "┬"
            start = max(0, min(self.columns - len(label), column - len(label) // 2))
            if start > end:
                text[start : start + len(label)] = label
                end = start + len(label)
        pad = " " * (self.gutter + 1)
        return [[(pad + "└" + "".join(axis), "faint")], [(pad + " " + "".join(text).rstrip(), "muted")]]


def _spread(low: float, high: float) -> tuple[float, float]:
    room = (high - low) * 0.04 or abs(high) * 0.05 or 1.0
    return low - room, high + room


def _band(canvas: Canvas, area: Area, curve: Curve) -> None:
    """The cells between the band's ends; where no style lies under cells, its ends show as sparse dots."""
    if len(curve.low) != len(curve.xs) or curve.runs < 2:
        return
    for (x1, l1, h1), (x2, l2, h2) in _neighbours([*zip(curve.xs, curve.low, curve.high, strict=True)]):
        first, last = area.x(x1), area.x(x2)
        for x in range(first, last + 1):
            share = (x - first) / (last - first) if last > first else 0.0
            low, high = l1 + (l2 - l1) * share, h1 + (h2 - h1) * share
            if not (math.isfinite(low) and math.isfinite(high)):
                continue
            canvas.shade(x // 2, area.y(high), area.y(low), curve.under)
            if not curve.under and x % 4 == (0 if curve.gap else 2):
                canvas.dot(x, area.y(high), curve.style)
                canvas.dot(x, area.y(low), curve.style)


def _neighbours(points: list[tuple[float, float, float]]) -> list[tuple[tuple[float, float, float], tuple[float, float, float]]]:
    return [*itertools.pairwise(points)] if len(points) > 1 else [(points[0], points[0])]


def _stroke(canvas: Canvas, area: Area, curve: Curve) -> None:
    points = [(area.x(x), area.y(y)) for x, y in zip(curve.xs, curve.ys, strict=True) if math.isfinite(y)]
    for (x1, y1), (x2, y2) in itertools.pairwise(points):
        canvas.line(x1, y1, x2, y2, curve.style, curve.gap)
    if len(points) == 1:
        canvas.put(points[0][0] // 2, points[0][1] // 4, "●", curve.style)
