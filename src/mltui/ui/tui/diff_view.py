"""A diff of any length: old beside new where there is room, else one below the other. Only visible lines are made."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from textual.message import Message
from textual.strip import Strip

from mltui.ui.tui.diff_layout import BESIDE, DiffLayout, Layout, fold, stands_beside
from mltui.ui.tui.diff_lines import DiffLines
from mltui.ui.tui.strip_view import StripView

if TYPE_CHECKING:
    from textual.geometry import Size
    from textual.selection import Selection

__all__ = ["BESIDE", "STEP", "DiffView", "fold"]

STEP = 16
"""Columns that one key scrolls sideways."""
_CACHED = 400
"""Rows whose lines are kept."""


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
        self._laid: DiffLayout | None = None
        self._made: dict[int, list[Strip]] = {}
        self._made_for: object = None

    # ── what is shown ────────────────────────────────────────────────────────────

    @property
    def beside(self) -> bool:
        """Whether old and new stand side by side."""
        return stands_beside(self._layout, self.content_size.width)

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
        laid = self._lay_out(self.content_size.width)
        starts = set(self._diff.starts())
        return [laid.tops[at] + laid.gap(at) for at, row in enumerate(laid.rows) if row.left in starts or row.right in starts]

    # ── layout ───────────────────────────────────────────────────────────────────

    def _forget(self) -> None:
        self._laid = None
        self._made.clear()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return self._lay_out(width).tops[-1] if width else 0

    def _lay_out(self, width: int) -> DiffLayout:
        """Finds how many lines each row takes; nothing is drawn."""
        laid, beside = self._laid, stands_beside(self._layout, width)
        if laid is None or (laid.width, laid.beside, laid.wrapped) != (max(1, width), beside, self._wrapped):
            self._made.clear()
            laid = self._laid = DiffLayout(self._diff, width, beside=beside, wrapped=self._wrapped, column=self._column)
        return laid

    # ── drawing ──────────────────────────────────────────────────────────────────

    def lines_of(self, width: int) -> list[Strip]:
        """All lines, for what needs them all (a copied selection)."""
        laid = self._lay_out(width)
        return [strip for at in range(len(laid.rows)) for strip in laid.draw(at, self.paint)]

    def line_at(self, y: int, width: int) -> Strip | None:
        """Returns: line `y` at this width, or None below the last."""
        laid = self._lay_out(width)
        if not 0 <= y < laid.tops[-1]:
            return None
        at = bisect_right(laid.tops, y) - 1
        paint = self.paint
        if self._made_for is not paint or len(self._made) > _CACHED:
            self._made.clear()
            self._made_for = paint
        if at not in self._made:
            self._made[at] = laid.draw(at, paint)
        return self._made[at][y - laid.tops[at]]

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width
        strip = self.line_at(y, width) if width else None
        style = self.visual_style.rich_style
        return self.selected(strip.adjust_cell_length(width).apply_style(style), y) if strip else Strip.blank(width, style)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        self._lines = self.lines_of(self.content_size.width)
        return super().get_selection(selection)
