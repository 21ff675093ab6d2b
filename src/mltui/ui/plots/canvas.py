"""Lines and points drawn with braille: a cell holds two by four dots."""

from __future__ import annotations

import itertools
import math
import textwrap
from collections.abc import Iterable, Sequence

Piece = tuple[str, str]
"""Text, and the name of its style (empty: none)."""
Line = list[Piece]

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


class Canvas:
    """`width` by `height` cells. Places are in dots from the upper left corner; what lies outside is left out."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._bits = [[0] * width for _ in range(height)]
        self._styles = [[""] * width for _ in range(height)]
        self._under: list[list[str]] = [[""] * width for _ in range(height)]
        self._chars: dict[tuple[int, int], Piece] = {}

    def dot(self, x: int, y: int, style: str) -> None:
        column, row = x // 2, y // 4
        if 0 <= column < self.width and 0 <= row < self.height:
            self._bits[row][column] |= _DOTS[y % 4][x % 2]
            self._styles[row][column] = style

    def line(self, x1: int, y1: int, x2: int, y2: int, style: str, gap: int = 0) -> None:
        """A straight line; with a `gap`, so many dots are left out after every three (a dashed line)."""
        steps = max(abs(x2 - x1), abs(y2 - y1), 1)
        for at in range(steps + 1):
            x = x1 + round((x2 - x1) * at / steps)
            if not gap or x % (3 + gap) < 3:
                self.dot(x, y1 + round((y2 - y1) * at / steps), style)

    def put(self, column: int, row: int, char: str, style: str) -> None:
        """A character in place of a cell's dots."""
        if 0 <= column < self.width and 0 <= row < self.height:
            self._chars[column, row] = (char, style)

    def shade(self, column: int, top: int, bottom: int, style: str) -> None:
        """Puts a style under the cells of a column whose middle is between two dot rows."""
        if 0 <= column < self.width:
            for row in range(max(0, (top + 2) // 4), min(self.height - 1, (bottom - 1) // 4) + 1):
                self._under[row][column] = style

    def lines(self) -> list[Line]:
        """Returns: a line for each row of cells; pieces of one style are joined."""
        return [join(self._cell(column, row) for column in range(self.width)) for row in range(self.height)]

    def _cell(self, column: int, row: int) -> Piece:
        if (column, row) in self._chars:
            return self._chars[column, row]
        bits, under = self._bits[row][column], self._under[row][column]
        style = " ".join(filter(None, (self._styles[row][column] if bits else "", under)))
        return (chr(0x2800 + bits) if bits else " ", style)


def join(pieces: Iterable[Piece]) -> Line:
    """Returns: the same pieces, neighbours of one style as one."""
    joined: Line = []
    for text, style in pieces:
        if joined and joined[-1][1] == style:
            joined[-1] = (joined[-1][0] + text, style)
        else:
            joined.append((text, style))
    return joined


def width_of(line: Line) -> int:
    """Returns: the characters of a line; plots hold none that are wider than a column."""
    return sum(len(text) for text, _ in line)


def clip(pieces: Iterable[Piece], width: int) -> Line:
    """Returns: the pieces, cut where `width` characters end."""
    kept: Line = []
    for text, style in pieces:
        if width <= 0:
            break
        kept.append((text[:width], style))
        width -= len(text)
    return join(kept)


def titled(title: str, about: str, width: int) -> list[Line]:
    """Returns: a heading; what does not fit behind it stands below."""
    if len(title) + 2 + len(about) <= width:
        return [[(title, "strong"), (f"  {about}", "muted")]]
    return [[(title[:width], "strong")], *([(f"  {line}", "muted")] for line in textwrap.wrap(about, max(10, width - 2)))]


def text_of(lines: Iterable[Line]) -> list[str]:
    """Returns: the lines without their styles and without blanks at their ends."""
    return ["".join(text for text, _ in line).rstrip() for line in lines]


def ticks(low: float, high: float, most: int) -> list[float]:
    """Returns: round numbers between the ends, at most `most` of them (at least two fit)."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low or most < 1:
        return []
    rough = (high - low) / max(1, most)
    step = 10.0 ** math.floor(math.log10(rough))
    step *= next(factor for factor in (1, 2, 5, 10) if step * factor >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)] if last - first <= 2 * most + 2 else []


def labels(values: Sequence[float]) -> list[str]:
    """Returns: the numbers with as many digits as tell them apart: `0.92`, `0.94`; thousands as `12k`."""
    if not values:
        return []
    step = min((b - a for a, b in itertools.pairwise(values) if b > a), default=abs(values[0]) or 1.0)
    largest = max(map(abs, values))
    if largest >= 1e6 or (largest and largest < 1e-4):
        return [f"{value:.2g}" for value in values]
    if largest >= 10_000 and step >= 100:
        return [f"{value / 1000:g}k" for value in values]
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return [f"{0.0 if abs(value) < step * 1e-9 else value:.{digits}f}" for value in values]
