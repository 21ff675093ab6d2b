"""Frames with as few bytes as they need: what is on screen already is not written again, and what moved is moved.

The terminal is asked to move lines by a scroll region with deleted or inserted lines, which every terminal with an
alternate screen knows. What the writer believes to be on screen is void after `forget`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from mltui.ui.terminal.cells import UNKNOWN, Cell, Look, Palette, cells_of, change
from mltui.ui.terminal.placeholders import MARK, Place, place_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.segment import Segment

Row = list[Cell]

_GAP = 6
"""Equal cells that are written again between two that differ: moving the cursor would cost more."""
_ERASED = 12
"""Blanks in a row from which erasing them costs less than writing them."""
_MOVED = 3
"""Rows that have to have moved before moving them pays."""
_EDGE = 2
"""Columns at the right that do not count for what moved: the scrollbar is there."""
SYNC_FROM = 400
"""Bytes from which a frame is drawn at once where the terminal can: less is written before anyone sees it half done."""


class FrameWriter:
    """Turns what should be on screen into what has to be written.

    Args: erases: the terminal erases in the background that is set, and not in its own.
    """

    def __init__(self, palette: Palette, *, erases: bool = False) -> None:
        self._erases = erases
        self._palette = palette
        self._width = self._height = 0
        self._shown: list[Row] = []
        self._wanted: dict[int, Row] = {}
        self._look: Look | None = None
        self._cursor: tuple[int, int] | None = None
        self.draws_over = False
        """Whether pictures are drawn over blanks, and do not belong to the text."""
        self.bare: set[str] = set()
        """The colours of pictures whose cells were written since they were drawn."""

    def place(self, color: str, columns: int) -> Place | None:
        """Returns: where a picture is seen on the screen as it is now."""
        return place_of(self._shown, color, columns)

    def use_palette(self, palette: Palette) -> None:
        """Writes with other colours from now on; all that is wanted has to be said again."""
        if palette != self._palette:
            self._palette = palette
            self.forget()

    def forget(self) -> None:
        """Believes nothing of what is on screen: the next frame writes every row that it is given."""
        self._shown = [[UNKNOWN] * self._width for _ in range(self._height)]
        self._wanted.clear()
        self._look = self._cursor = None

    def resize(self, width: int, height: int) -> None:
        if (width, height) != (self._width, self._height):
            self._width, self._height = width, height
            self.forget()

    @property
    def owes(self) -> bool:
        """Whether something was wanted since the last frame."""
        return bool(self._wanted)

    def want(self, y: int, pieces: Mapping[int, Iterable[Segment]]) -> None:
        """Says what row `y` should show from each column on; the rest of it stays as it is."""
        if not 0 <= y < self._height:
            return
        row = list(self._wanted.get(y) or self._shown[y])
        for x, segments in pieces.items():
            _put(row, x, cells_of(segments, self._palette))
        self._wanted[y] = row

    def frame(self, cursor: tuple[int, int] | None = None, *, sync: bool = False) -> str:
        """Returns: what brings the screen to what is wanted; empty if it is so already.

        Args:
            cursor: column and row where the terminal's cursor is left.
            sync: the terminal draws what stands between two marks at once.
        """
        wanted = {y: row for y, row in self._wanted.items() if row != self._shown[y]}
        self._wanted.clear()
        out: list[str] = []
        if len(wanted) > _MOVED:
            out.append(self._move(wanted))
        for y in sorted(wanted):
            self._row(out, y, wanted[y])
        if cursor is not None and cursor != self._cursor:
            out.append(f"\x1b[{cursor[1] + 1};{cursor[0] + 1}H")
        text = "".join(out)
        if text:
            self._cursor = cursor
        return f"\x1b[?2026h{text}\x1b[?2026l" if sync and len(text) >= SYNC_FROM else text

    def _row(self, out: list[str], y: int, row: Row) -> None:
        for start, end in _differences(self._shown[y], row):
            out.append(f"\x1b[{y + 1};{start + 1}H")
            self._cursor = None
            self._span(out, row, start, end)
        self._shown[y] = row

    def _span(self, out: list[str], row: Row, start: int, end: int) -> None:
        x = start
        while x < end:
            text, look = row[x]
            if look != self._look:
                codes, self._look = change(self._look, look)
                out.append(codes)
            if text[:1] == MARK:
                self.bare.add(look[1])
                out.append(" " if self.draws_over else text)
                x += 1
                continue
            blanks = _blanks(row, x, end) if text == " " and self._erases else 0
            if blanks >= _ERASED:
                x += blanks
                out.append(f"\x1b[{blanks}X" + (f"\x1b[{blanks}C" if x < end else ""))
            else:
                out.append(text)
                x += 1

    def _move(self, wanted: dict[int, Row]) -> str:
        """Moves rows that are on screen elsewhere. Returns: what does it; `_shown` is then what that leaves."""
        found = _moved(self._shown, wanted)
        if found is None:
            return ""
        top, bottom, lines = found
        region = self._shown[top:bottom]
        if self.draws_over and any(cell[0][:1] == MARK for row in region for cell in row):
            return ""  # some terminals move what was drawn with the text, some do not
        for y, row in enumerate(region, top):
            wanted.setdefault(y, row)  # what was right where it was has to be written again if it is moved
        blank: list[Row] = [[UNKNOWN] * self._width for _ in range(abs(lines))]
        self._shown[top:bottom] = region[lines:] + blank if lines > 0 else blank + region[:lines]
        self._cursor = None
        how = f"{lines}M" if lines > 0 else f"{-lines}L"
        return f"\x1b[{top + 1};{bottom}r\x1b[{top + 1};1H\x1b[{how}\x1b[r"


def _blanks(row: Row, x: int, end: int) -> int:
    """Returns: how many cells from `x` on are the same blank."""
    at, cell = x, row[x]
    if cell[1][0]:  # a line under or through it is not erased
        return 0
    while at < end and row[at] == cell:
        at += 1
    return at - x


def _put(row: Row, x: int, cells: Row) -> None:
    """Puts cells into a row; wide characters of which a half is covered or finds no room become blanks."""
    if not 0 <= x < len(row) or not cells:
        return
    room = len(row) - x
    if len(cells) > room:
        at = room
        while at > 0 and not cells[at][0]:
            at -= 1
        blank = (" ", cells[at][1])
        cells = cells[:room] if at == room else [*cells[:at], *[blank] * (room - at)]
    end = x + len(cells)
    if not row[x][0] and x > 0:
        row[x - 1] = (" ", row[x - 1][1])
    if end < len(row) and not row[end][0]:
        row[end] = (" ", row[end][1])
    row[x:end] = cells


def _differences(old: Row, new: Row) -> list[tuple[int, int]]:
    """Returns: the spans of columns in which two rows differ, the ones that are near each other as one.

    A row with characters that terminals disagree about (wide, joined, not in the basic plane) is one span from the first
    of them on: where one of them is wider than believed, all that stands behind it has moved.
    """
    spans: list[tuple[int, int]] = []
    for x, (was, is_) in enumerate(zip(old, new, strict=True)):
        if was == is_:
            continue
        if spans and x - spans[-1][1] <= _GAP:
            spans[-1] = (spans[-1][0], x + 1)
        else:
            spans.append((x, x + 1))
    if not spans:
        return []
    doubtful = next((x for x, cell in enumerate(new) if not _sure(cell[0])), None)
    if doubtful is None:
        doubtful = next((x for x, cell in enumerate(old) if cell is not UNKNOWN and not _sure(cell[0])), None)
    if doubtful is not None and spans[-1][1] > doubtful:
        start = min(doubtful, next(start for start, end in spans if end > doubtful))
        spans = [*(span for span in spans if span[1] <= start), (start, len(new))]
    return [(_whole(new, start, -1), _whole(new, end, 1)) for start, end in spans]


def _whole(row: Row, x: int, step: int) -> int:
    """Returns: the border of a span, moved so that it cuts no wide character."""
    while 0 < x < len(row) and not row[x][0]:
        x += step
    return x


def _sure(text: str) -> bool:
    return (len(text) == 1 and text < "\u2e80") or text[:1] == MARK


def _key(row: Row) -> tuple[str, int]:
    inner = row[:-_EDGE]
    return "".join(cell[0] for cell in inner), hash(tuple(cell[1] for cell in inner))


def _moved(shown: list[Row], wanted: Mapping[int, Row]) -> tuple[int, int, int] | None:
    """Finds rows that are wanted some lines above or below where they are.

    Returns: the first row and the row behind the last one of the part that moves, and by how many lines it moves up; None if
    writing the rows costs less.
    """
    keys = {y: _key(row) for y, row in enumerate(shown)}
    new = {y: _key(wanted[y]) if y in wanted else keys[y] for y in keys}
    places: dict[tuple[str, int], list[int]] = {}
    for y, key in keys.items():
        if key[0].strip("\0 "):
            places.setdefault(key, []).append(y)
    votes = Counter(old - y for y in wanted for old in places.get(new[y], ()) if old != y)
    for lines, count in votes.most_common(2):
        if count < _MOVED:
            break
        start, end = _longest(shown, keys, new, lines)
        # A row that was written further is moved with the others, and only what is new of it is written.
        while end < len(shown) and end + lines < len(shown) and _alike(wanted.get(end), shown[end + lines]):
            end += 1
        saved = sum(keys[y] != new[y] for y in range(start, end)) - abs(lines)
        # Rows that are right where they are and would be moved have to be written again.
        lost = sum(keys[y] == new[y] for y in (range(end, end + lines) if lines > 0 else range(start + lines, start)))
        if end - start >= _MOVED and saved - lost >= 1:
            return (start, end + lines, lines) if lines > 0 else (start + lines, end, lines)
    return None


def _alike(new: Row | None, old: Row) -> bool:
    if new is None:
        return False
    inked = [x for x, cell in enumerate(old[:-_EDGE]) if cell[0] not in " \0"]
    return bool(inked) and 2 * sum(new[x] == old[x] for x in inked) > len(inked)


def _longest(shown: list[Row], keys: Mapping[int, object], new: Mapping[int, object], lines: int) -> tuple[int, int]:
    """Returns: the longest run of rows `y` that are to show what row `y + lines` shows."""
    best = (0, 0)
    start: int | None = None
    for y in range(len(shown) + 1):
        fits = y < len(shown) and 0 <= y + lines < len(shown) and new[y] == keys[y + lines]
        if fits and start is None:
            start = y
        elif not fits and start is not None:
            best = max(best, (start, y), key=lambda span: span[1] - span[0])
            start = None
    return best
