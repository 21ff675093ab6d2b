"""The log's rows: any number, of which only the visible ones are drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from mltui.ui.tui.theme import paint_of

if TYPE_CHECKING:
    from textual import events
    from textual.app import App

    from mltui.ui.plots.canvas import Line


class LogList(ScrollView, can_focus=True):
    """Rows of a line each.

    Args:
        draw: makes row number `at` for a width.

    Attributes:
        highlighted: the number of the chosen row, or None where there is none.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "step(-1)", "Row above", show=False, id="log.up"),
        Binding("down", "step(1)", "Row below", show=False, id="log.down"),
        Binding("left", "page(-1)", "Page of rows up", show=False, id="log.page-up"),
        Binding("right", "page(1)", "Page of rows down", show=False, id="log.page-down"),
        Binding("home", "ends(0)", "First row", show=False, id="log.first"),
        Binding("end", "ends(1)", "Last row", show=False, id="log.last"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"log-list--row", "log-list--chosen"}
    DEFAULT_CSS = """
    LogList {
        height: auto; max-height: 100%; overflow-x: hidden; scrollbar-size-vertical: 1; background: $background;
        & > .log-list--chosen { background: $panel; color: $foreground; }
    }
    """
    highlighted: reactive[int | None] = reactive(None, init=False)

    class Chosen(Message):
        """Another row is chosen, or the chosen one was put anew."""

    class Opened(Message):
        """The chosen row was clicked again."""

    def __init__(self, draw: Callable[[int, int], Line]) -> None:
        super().__init__()
        self._draw = draw
        self._ids: Sequence[str] = ()

    def put(self, ids: Sequence[str]) -> None:
        """Shows these rows; the one that was chosen stays chosen, wherever it is now."""
        chosen, at = self.chosen, self.highlighted or 0
        above = at - self.scroll_offset.y
        grown = len(ids) != len(self._ids)
        self._ids = ids
        self.virtual_size = Size(self.scrollable_content_region.width, len(ids))
        if not ids:
            self.highlighted = None
        else:
            self.set_reactive(LogList.highlighted, ids.index(chosen) if chosen in ids else min(at, len(ids) - 1))
            if chosen is not None:
                self.scroll_to(y=(self.highlighted or 0) - above, animate=False)
            self._show_chosen()
        self.refresh(layout=grown)
        self.post_message(self.Chosen())

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return max(1, len(self._ids))

    @property
    def chosen(self) -> str | None:
        """The id of the chosen row."""
        at = self.highlighted
        return self._ids[at] if at is not None and at < len(self._ids) else None

    def redraw(self, id_: str) -> None:
        """Draws one row again."""
        if id_ in self._ids:
            self.refresh_lines(self._ids.index(id_), 1)

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        at = self.scroll_offset.y + y
        style = self.get_visual_style(*(("log-list--row", "log-list--chosen") if at == self.highlighted else ("log-list--row",))).rich_style
        if at >= len(self._ids) or width < 1:
            return Strip.blank(width, style)
        styles = paint_of(cast("App[Any]", self.app)).styles  # pyright: ignore[reportUnknownMemberType]  (Textual leaves its parameter open)
        pieces = [
            Segment(text, style + Style.combine(styles[name] for name in names.split()) if names else style)
            for text, names in self._draw(at, width)
        ]
        return Strip(pieces).adjust_cell_length(width, style)

    def validate_highlighted(self, at: int | None) -> int | None:
        return None if at is None or not self._ids else max(0, min(at, len(self._ids) - 1))

    def watch_highlighted(self, before: int | None, at: int | None) -> None:
        for each in (before, at):
            if each is not None:
                self.refresh_lines(each, 1)
        self._show_chosen()
        self.post_message(self.Chosen())

    def _show_chosen(self) -> None:
        if (at := self.highlighted) is None:
            return
        top, room = self.scroll_offset.y, max(1, self.scrollable_content_region.height)
        if at < top:
            self.scroll_to(y=at, animate=False)
        elif (at + 1) > top + room:
            self.scroll_to(y=(at + 1) - room, animate=False)

    def on_resize(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, len(self._ids))
        self._show_chosen()
        self.refresh()

    def action_step(self, rows: int) -> None:
        self.highlighted = (self.highlighted or 0) + rows

    def action_page(self, direction: int) -> None:
        self.action_step(direction * max(1, self.scrollable_content_region.height - 1))

    def action_ends(self, end: int) -> None:
        self.highlighted = len(self._ids) - 1 if end else 0

    def on_click(self, event: events.Click) -> None:
        event.stop()
        at = self.scroll_offset.y + event.y
        if at == self.highlighted:
            self.post_message(self.Opened())
        elif at < len(self._ids):
            self.highlighted = at
