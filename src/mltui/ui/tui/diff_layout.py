"""How a diff is drawn at a width: old beside new, or one below the other; lines wrapped or cut; code in its colours."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Literal

from rich.cells import cell_len, get_character_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from mltui.ui.tui.diff_lines import Row

if TYPE_CHECKING:
    from mltui.ui.tui.diff_lines import DiffLine, DiffLines, Span
    from mltui.ui.tui.highlight import Highlight
    from mltui.ui.tui.theme import Paint

BESIDE = 112
"""Columns from which the two versions stand side by side of themselves."""

Layout = Literal["auto", "beside", "below"]


def stands_beside(layout: Layout, width: int) -> bool:
    return layout == "beside" or (layout == "auto" and width >= BESIDE)


def fold(text: str, room: int) -> list[Span]:
    """Returns: the pieces of a text, as spans, that each fit into `room` cells; at least one."""
    if text.isascii():
        return [(at, min(at + room, len(text))) for at in range(0, len(text), room)] or [(0, 0)]
    pieces: list[Span] = []
    start = used = 0
    for index, character in enumerate(text):
        cells = get_character_cell_size(character)
        if used + cells > room and index > start:
            pieces.append((start, index))
            start, used = index, 0
        used += cells
    return [*pieces, (start, len(text))]


class DiffLayout:
    """The rows of a diff at one width. Their heights are known at once, what they look like when they are drawn.

    Args:
        column: the first column in sight where long lines are cut.
    """

    def __init__(self, diff: DiffLines, width: int, *, beside: bool, wrapped: bool = True, column: int = 0) -> None:
        self._diff = diff
        self.width = max(1, width)
        self.beside = beside
        self.wrapped = wrapped
        self._column = column
        self.rows = diff.rows if beside else [Row(index, index) for index in range(len(diff))]
        self._sides = ((self.width - 2) // 2, self.width - 2 - (self.width - 2) // 2) if beside else (self.width, self.width)
        self._rooms = tuple(max(1, side - diff.gutter - 4) for side in self._sides)
        self.tops = [0, *accumulate(self._height(at) for at in range(len(self.rows)))]

    def gap(self, at: int) -> int:
        """An empty line above every file but the first."""
        index = self.rows[at].left
        return int(at > 0 and index is not None and self._diff[index].kind == "f")

    def _height(self, at: int) -> int:
        left, right = self.rows[at]
        line = self._diff[left] if left is not None else None
        if line is not None and line.kind in "fh":
            return self.gap(at) + len(fold(line.text, self.width))
        if not self.wrapped:
            return 1
        sides = ((left, self._rooms[0]), (right, self._rooms[1]))
        return max(len(fold(self._diff[index].text, room)) for index, room in sides if index is not None)

    def draw(self, at: int, paint: Paint) -> list[Strip]:
        """The lines of a row."""
        left, right = self.rows[at]
        styles = paint.styles
        index = left if left is not None else right
        assert index is not None
        line = self._diff[index]
        if line.kind in "fh":
            style = styles["diff.file" if line.kind == "f" else "diff.hunk"]
            made = [Strip([Segment(line.text[start:end], style)]) for start, end in fold(line.text, self.width)]
            return [Strip([])] * self.gap(at) + made
        height = self.tops[at + 1] - self.tops[at]
        if not self.beside:
            return [Strip(segments) for segments in self._side(paint, index, self._rooms[0], height, old=line.kind == "-")]
        halves = [
            self._side(paint, side, room, height, old=old)
            if side is not None
            else [[Segment(" " * columns, styles["diff.nothing"])]] * height
            for side, room, columns, old in ((left, self._rooms[0], self._sides[0], True), (right, self._rooms[1], self._sides[1], False))
        ]
        rule = Segment("│ ", styles["diff.rule"])
        return [Strip([*first, rule, *second]) for first, second in zip(*halves, strict=True)]

    def _side(self, paint: Paint, index: int, room: int, height: int, *, old: bool) -> list[list[Segment]]:
        """The lines of one version of a row: number, sign, text, filled up to `room`."""
        line = self._diff[index]
        styles = paint.styles
        name = {"+": "diff.add", "-": "diff.del"}.get(line.kind, "")
        base = styles[name] if name else Style()
        strong = styles[f"{name}.word"] if name else base
        numbers = styles["faint"] if not base.bgcolor else base + styles["faint"]
        number = line.old if old else line.new
        marks = [(start, end, strong) for start, end in self._diff.emphasis(index)] if name else []
        coloured = _over(_highlight(paint).line(self._diff, index), marks)
        gutter = self._diff.gutter
        made: list[list[Segment]] = []
        pieces = fold(line.text, room) if self.wrapped else [self._window(line.text, room)]
        for row, (start, end) in enumerate(pieces):
            text = line.text[start:end]
            cut_left, cut_right = not self.wrapped and start > 0, not self.wrapped and end < len(line.text)
            lead = [
                Segment(f"{number if row == 0 and number is not None else '':>{gutter}} ", numbers),
                Segment(f"{line.kind if row == 0 else ' '}{'…' if cut_left else ' '}", base),
            ]
            filled = " " * max(0, room - cell_len(text)) + ("…" if cut_right else " ")
            made.append([*lead, *_painted(line, start, end, coloured, base), Segment(filled, base)])
        blank = [Segment(" " * (gutter + 1), numbers), Segment(" " * (room + 3), base)]
        return made + [blank] * (height - len(made))

    def _window(self, text: str, room: int) -> Span:
        """The part of a text that is in sight when long lines are cut."""
        skipped = fold(text, self._column)[0][1] if self._column else 0
        start, end = fold(text[skipped:], room)[0]
        return skipped + start, skipped + end


Coloured = tuple[int, int, Style]


def _over(below: list[Coloured], above: list[Coloured]) -> list[Coloured]:
    """Returns: the spans of both in order; where they meet, those of `above`."""
    if not above:
        return below
    kept: list[Coloured] = []
    for start, end, style in below:
        at = start
        for first, last, _ in above:
            if first < end and last > at:
                if at < first:
                    kept.append((at, first, style))
                at = max(at, last)
        if at < end:
            kept.append((at, end, style))
    return sorted([*kept, *above], key=lambda span: span[0])


def _painted(line: DiffLine, start: int, end: int, spans: list[Coloured], base: Style) -> list[Segment]:
    """The piece `start` to `end` of a line."""
    segments: list[Segment] = []
    at = start
    for first, last, style in spans:
        first, last = max(first, at), min(last, end)
        if first < last:
            segments += [Segment(line.text[at:first], base), Segment(line.text[first:last], base + style)]
            at = last
    return [segment for segment in [*segments, Segment(line.text[at:end], base)] if segment.text]


_highlights: dict[int, tuple[Paint, Highlight]] = {}


def _highlight(paint: Paint) -> Highlight:
    known = _highlights.get(id(paint))
    if known is None:
        from mltui.ui.tui.highlight import Highlight

        known = _highlights[id(paint)] = (paint, Highlight(paint))
    return known[1]
