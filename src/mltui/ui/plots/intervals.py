"""Numbers as dots, intervals and slopes on one horizontal scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mltui.ui.plots.canvas import Line, Piece, join, labels, ticks


@dataclass(frozen=True, slots=True)
class Scale:
    """Values to columns `0 … width - 1`. What lies beyond its ends sits on them."""

    low: float
    high: float
    width: int

    @classmethod
    def over(cls, values: Sequence[float], width: int, room: float = 0.04) -> Scale:
        """Room for all values that are finite, and a little around them."""
        finite = [value for value in values if math.isfinite(value)] or [0.0]
        low, high = min(finite), max(finite)
        pad = (high - low) * room or abs(high) * 0.01 or 1.0
        return cls(low - pad, high + pad, max(1, width))

    def column(self, value: float) -> int:
        if not math.isfinite(value):
            return 0
        return max(0, min(self.width - 1, round((value - self.low) / (self.high - self.low) * (self.width - 1))))

    def beyond(self, value: float) -> int:
        """-1 below the scale, 1 above, 0 on it."""
        return (value > self.high) - (value < self.low)

    def axis(self, indent: int) -> list[Line]:
        """The scale itself with round numbers, behind so many blanks."""
        marks = ticks(self.low, self.high, max(3, self.width // 12))
        bar, text, end = ["─"] * self.width, [" "] * self.width, -1
        for value, label in zip(marks, labels(marks), strict=True):
            column = self.column(value)
            bar[column] = "┬"
            start = max(0, min(self.width - len(label), column - len(label) // 2))
            if start > end:
                text[start : start + len(label)] = label
                end = start + len(label)
        pad = " " * indent
        return [[(pad + "".join(bar), "faint")], [(pad + "".join(text).rstrip(), "muted")]]


def interval(scale: Scale, value: float, low: float, high: float, style: str, *, rule: float | None = None, point: str = "●") -> Line:
    """Returns: `├───●───┤` where it lies on the scale, as wide as that; arrows where it goes on beyond. `rule`: a value marked by
    a vertical line, such as the baseline or zero."""
    cells: list[Piece] = [(" ", "")] * scale.width
    first, last = scale.column(low), scale.column(high)
    for column in range(first, last + 1):
        cells[column] = ("─", style)
    if rule is not None and not scale.beyond(rule):
        at = scale.column(rule)
        cells[at] = ("┼" if first <= at <= last else "│", "faint" if not first <= at <= last else style)
    if last > first:
        cells[first] = ("◂" if scale.beyond(low) < 0 else "├", style)
        cells[last] = ("▸" if scale.beyond(high) > 0 else "┤", style)
    cells[scale.column(value)] = (("◂", point, "▸")[scale.beyond(value) + 1], style)
    return join(cells)


def dots(scale: Scale, values: Sequence[float], mark: str, style: str) -> Line:
    """Returns: a mark for each value; where several fall on one column, how many."""
    cells: list[Piece] = [(" ", "")] * scale.width
    counts: dict[int, int] = {}
    for value in values:
        if math.isfinite(value):
            counts[scale.column(value)] = counts.get(scale.column(value), 0) + 1
    for column, count in counts.items():
        cells[column] = (mark if count == 1 else str(min(count, 9)), style)
    return join(cells)


def pair(scale: Scale, before: float, after: float, style: str) -> Line:
    """Returns: `○────▶`, from the baseline's value to the candidate's."""
    cells: list[Piece] = [(" ", "")] * scale.width
    first, last = scale.column(before), scale.column(after)
    for column in range(min(first, last), max(first, last) + 1):
        cells[column] = ("─", style)
    cells[first] = ("○", "muted")
    cells[last] = ("●" if first == last else "▶" if last > first else "◀", style)
    return join(cells)
