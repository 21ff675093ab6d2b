"""A diff of any length: old beside new where there is room, else one below the other. Only visible lines are made."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Literal, NamedTuple

from rich.cells import cell_len, get_character_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.message import Message
from textual.strip import Strip

from mltui.ui.tui.diff_lines import DiffLines, Row
from mltui.ui.tui.strip_view import StripView

if TYPE_CHECKING:
    from textual.geometry import Size
    from textual.selection import Selection

    from mltui.ui.tui.diff_lines import DiffLine, Span

BESIDE = 112
"""Columns from which the two versions stand side by side of themselves."""
STEP = 16
"""Columns that one key scrolls sideways."""
_CACHED = 400
"""Rows whose lines are kept."""

Layout = Literal["auto", "beside", "below"]


class _Key(NamedTuple):
    width: int
    beside: bool
    wrapped: bool


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


class DiffView(StripView):
    """The lines of a diff; `layout` and `wrapped` may be changed at any time through `show`."""

    class Arranged(Message):
        """The view got another width, or shows its lines another way."""

    def __init__(self, lines: DiffLines, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._diff = lines
        self._layout: Layout = "auto"
        self._wrapped = True
        self._column = 0
        self._key: _Key | None = None
        self._rows: list[Row] = []
        self._tops: list[int] = [0]
        self._made: dict[int, list[Strip]] = {}
        self._made_for: object = None

    # ── what is shown ────────────────────────────────────────────────────────────

    @property
    def beside(self) -> bool:
        """Whether old and new stand side by side."""
        width = self.content_size.width
        return self._layout == "beside" or (self._layout == "auto" and width >= BESIDE)

    @property
    def wrapped(self) -> bool:
        return self._wrapped

    def show(self, *, layout: Layout | None = None, wrapped: bool | None = None) -> None:
        """Shows the same lines another way."""
        self._layout = self._layout if layout is None else layout
        self._wrapped = self._wrapped if wrapped is None else wrapped
        self._column = 0
        self._forget()
        self.refresh(layout=True)
        self.post_message(self.Arranged())

    def on_resize(self) -> None:
        self.post_message(self.Arranged())

    def put(self, lines: DiffLines) -> None:
        """Shows another diff."""
        self._diff = lines
        self._column = 0
        self._forget()
        self.refresh(layout=True)

    def scroll_sideways(self, columns: int) -> None:
        """Moves what is cut into sight; a wrapped diff has nothing to move."""
        if self._wrapped:
            return
        longest = max((len(line.text) for line in self._diff if line.kind in "+- "), default=0)
        self._column = max(0, min(self._column + columns, longest - 1))
        self._forget()
        self.refresh()

    def blocks(self) -> list[int]:
        """Returns: the line on screen of each file and block of changes, from the top of this widget."""
        self._lay_out(self.content_size.width)
        starts = set(self._diff.starts())
        return [
            self._tops[at] + (self._gap(at) if row.left is not None and self._diff[row.left].kind == "f" else 0)
            for at, row in enumerate(self._rows)
            if row.left in starts or row.right in starts
        ]

    # ── layout ───────────────────────────────────────────────────────────────────

    def _forget(self) -> None:
        self._key = None
        self._made.clear()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        if not width:
            return 0
        self._lay_out(width)
        return self._tops[-1]

    def _lay_out(self, width: int) -> None:
        """Finds how many lines each row takes; nothing is drawn."""
        key = _Key(width, self._layout == "beside" or (self._layout == "auto" and width >= BESIDE), self._wrapped)
        if key == self._key:
            return
        self._key = key
        self._made.clear()
        self._rows = self._diff.rows if key.beside else [Row(index, index) for index in range(len(self._diff))]
        self._tops = [0, *accumulate(self._height(at) for at in range(len(self._rows)))]

    def _gap(self, at: int) -> int:
        """An empty line above every file but the first."""
        index = self._rows[at].left
        return int(at > 0 and index is not None and self._diff[index].kind == "f")

    def _height(self, at: int) -> int:
        left, right = self._rows[at]
        line = self._diff[left] if left is not None else None
        if line is not None and line.kind in "fh":
            return self._gap(at) + len(fold(line.text, self._key.width if self._key else 1))
        if not self._wrapped:
            return 1
        rooms = self._rooms()
        sides = ((left, rooms[0]), (right, rooms[1]))
        return max(len(fold(self._diff[index].text, room)) for index, room in sides if index is not None)

    def _sides(self) -> tuple[int, int]:
        """The columns of the two halves; both are the whole where there is one column only."""
        width = self._key.width if self._key else 1
        return ((width - 2) // 2, width - 2 - (width - 2) // 2) if self._key and self._key.beside else (width, width)

    def _rooms(self) -> tuple[int, int]:
        left, right = self._sides()
        return max(1, left - self._diff.gutter - 4), max(1, right - self._diff.gutter - 4)

    # ── drawing ──────────────────────────────────────────────────────────────────

    def lines_of(self, width: int) -> list[Strip]:
        """All lines, for what needs them all (a copied selection)."""
        self._lay_out(width)
        return [strip for at in range(len(self._rows)) for strip in self._draw(at)]

    def line_at(self, y: int, width: int) -> Strip | None:
        """Returns: line `y` at this width, or None below the last."""
        self._lay_out(width)
        if not 0 <= y < self._tops[-1]:
            return None
        at = bisect_right(self._tops, y) - 1
        paint = self.paint
        if self._made_for is not paint or len(self._made) > _CACHED:
            self._made.clear()
            self._made_for = paint
        if at not in self._made:
            self._made[at] = self._draw(at)
        return self._made[at][y - self._tops[at]]

    def _draw(self, at: int) -> list[Strip]:
        left, right = self._rows[at]
        styles = self.paint.styles
        index = left if left is not None else right
        assert index is not None
        line = self._diff[index]
        width = self._key.width if self._key else 1
        if line.kind in "fh":
            style = styles["diff.file" if line.kind == "f" else "diff.hunk"]
            made = [Strip([Segment(line.text[start:end], style)]) for start, end in fold(line.text, width)]
            return [Strip([])] * self._gap(at) + made
        height = self._tops[at + 1] - self._tops[at]
        sides, rooms = self._sides(), self._rooms()
        if not self._key or not self._key.beside:
            return [Strip(segments) for segments in self._side(line, index, rooms[0], height, old=line.kind == "-")]
        halves = [
            self._side(self._diff[side], side, room, height, old=old) if side is not None else self._nothing(columns, height)
            for side, room, columns, old in ((left, rooms[0], sides[0], True), (right, rooms[1], sides[1], False))
        ]
        rule = Segment("│ ", styles["diff.rule"])
        return [Strip([*first, rule, *second]) for first, second in zip(*halves, strict=True)]

    def _nothing(self, columns: int, height: int) -> list[list[Segment]]:
        return [[Segment(" " * columns, self.paint.styles["diff.nothing"])]] * height

    def _side(self, line: DiffLine, index: int, room: int, height: int, *, old: bool) -> list[list[Segment]]:
        """The lines of one version of a row: number, sign, text, filled up to `room`."""
        styles = self.paint.styles
        name = {"+": "diff.add", "-": "diff.del"}.get(line.kind, "")
        base = styles[name] if name else Style()
        strong = styles[f"{name}.word"] if name else base
        number = line.old if old else line.new
        numbers = styles["faint"] if not base.bgcolor else base + styles["faint"]
        gutter = self._diff.gutter
        spans = self._diff.emphasis(index) if name else []
        made: list[list[Segment]] = []
        pieces = fold(line.text, room) if self._wrapped else [self._window(line.text, room)]
        for row, (start, end) in enumerate(pieces):
            text = line.text[start:end]
            cut_left, cut_right = not self._wrapped and start > 0, not self._wrapped and end < len(line.text)
            lead = [
                Segment(f"{number if row == 0 and number is not None else '':>{gutter}} ", numbers),
                Segment(f"{line.kind if row == 0 else ' '}{'…' if cut_left else ' '}", base),
            ]
            filled = " " * max(0, room - cell_len(text)) + ("…" if cut_right else " ")
            made.append([*lead, *_marked(line.text, start, end, spans, base, strong), Segment(filled, base)])
        blank = [Segment(" " * (gutter + 1), numbers), Segment(" " * (room + 3), base)]
        return made + [blank] * (height - len(made))

    def _window(self, text: str, room: int) -> Span:
        """The part of a text that is in sight when long lines are cut."""
        skipped = fold(text, self._column)[0][1] if self._column else 0
        start, end = fold(text[skipped:], room)[0]
        return skipped + start, skipped + end

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width
        strip = self.line_at(y, width) if width else None
        style = self.visual_style.rich_style
        return self.selected(strip.adjust_cell_length(width).apply_style(style), y) if strip else Strip.blank(width, style)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        self._lines = self.lines_of(self.content_size.width)
        return super().get_selection(selection)


def _marked(text: str, start: int, end: int, spans: list[Span], base: Style, strong: Style) -> list[Segment]:
    """The piece `start` to `end` of a text, what lies in `spans` marked."""
    segments: list[Segment] = []
    at = start
    for first, last in spans:
        first, last = max(first, at), min(last, end)
        if first < last:
            segments += [Segment(text[at:first], base), Segment(text[first:last], strong)]
            at = last
    return [segment for segment in [*segments, Segment(text[at:end], base)] if segment.text]
