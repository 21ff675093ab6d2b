"""The log's rows: any number, of which only the visible ones are drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Size, Spacing
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Padding, Visual

if TYPE_CHECKING:
    from textual import events
    from textual.content import Content

HEIGHT = 2
"""Lines of a row."""


class LogList(ScrollView, can_focus=True):
    """Rows of two lines each.

    Args:
        draw: makes row number `at` for a width.

    Attributes:
        highlighted: the number of the chosen row, or None where there is none.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "step(-1)", show=False),
        Binding("down", "step(1)", show=False),
        Binding("left", "page(-1)", show=False),
        Binding("right", "page(1)", show=False),
        Binding("home", "ends(0)", show=False),
        Binding("end", "ends(1)", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"log-list--row", "log-list--chosen"}
    DEFAULT_CSS = """
    LogList {
        height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; background: $background;
        & > .log-list--chosen { background: $panel; color: $foreground; }
    }
    """
    highlighted: reactive[int | None] = reactive(None, init=False)

    class Chosen(Message):
        """Another row is chosen, or the chosen one was put anew."""

    class Opened(Message):
        """The chosen row was clicked again."""

    def __init__(self, draw: Callable[[int, int], Content]) -> None:
        super().__init__()
        self._draw = draw
        self._ids: Sequence[str] = ()

    def put(self, ids: Sequence[str]) -> None:
        """Shows these rows; the one that was chosen stays chosen, wherever it is now."""
        chosen, at = self.chosen, self.highlighted or 0
        above = at * HEIGHT - self.scroll_offset.y
        self._ids = ids
        self.virtual_size = Size(self.scrollable_content_region.width, len(ids) * HEIGHT)
        if not ids:
            self.highlighted = None
        else:
            self.set_reactive(LogList.highlighted, ids.index(chosen) if chosen in ids else min(at, len(ids) - 1))
            if chosen is not None:
                self.scroll_to(y=(self.highlighted or 0) * HEIGHT - above, animate=False)
            self._show_chosen()
        self.refresh()
        self.post_message(self.Chosen())

    @property
    def chosen(self) -> str | None:
        """The id of the chosen row."""
        at = self.highlighted
        return self._ids[at] if at is not None and at < len(self._ids) else None

    def redraw(self, id_: str) -> None:
        """Draws one row again."""
        if id_ in self._ids:
            self.refresh_lines(self._ids.index(id_) * HEIGHT, HEIGHT)

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        at, line = divmod(self.scroll_offset.y + y, HEIGHT)
        classes = ("log-list--row", "log-list--chosen") if at == self.highlighted else ("log-list--row",)
        style = self.get_visual_style(*classes)
        if at >= len(self._ids) or width < 1:
            return Strip.blank(width, style.rich_style)
        drawn = Visual.to_strips(self, Padding(self._draw(at, max(20, width - 3)), Spacing(0, 1, 0, 1)), width, None, style)
        strip = drawn[line] if line < len(drawn) else Strip.blank(width, style.rich_style)
        return strip.extend_cell_length(width, style.rich_style)

    def validate_highlighted(self, at: int | None) -> int | None:
        return None if at is None or not self._ids else max(0, min(at, len(self._ids) - 1))

    def watch_highlighted(self, before: int | None, at: int | None) -> None:
        for each in (before, at):
            if each is not None:
                self.refresh_lines(each * HEIGHT, HEIGHT)
        self._show_chosen()
        self.post_message(self.Chosen())

    def _show_chosen(self) -> None:
        if (at := self.highlighted) is None:
            return
        top, room = self.scroll_offset.y, max(HEIGHT, self.scrollable_content_region.height)
        if at * HEIGHT < top:
            self.scroll_to(y=at * HEIGHT, animate=False)
        elif (at + 1) * HEIGHT > top + room:
            self.scroll_to(y=(at + 1) * HEIGHT - room, animate=False)

    def on_resize(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, len(self._ids) * HEIGHT)
        self._show_chosen()
        self.refresh()

    def action_step(self, rows: int) -> None:
        self.highlighted = (self.highlighted or 0) + rows

    def action_page(self, direction: int) -> None:
        self.action_step(direction * max(1, self.scrollable_content_region.height // HEIGHT - 1))

    def action_ends(self, end: int) -> None:
        self.highlighted = len(self._ids) - 1 if end else 0

    def on_click(self, event: events.Click) -> None:
        event.stop()
        at = (self.scroll_offset.y + event.y) // HEIGHT
        if at == self.highlighted:
            self.post_message(self.Opened())
        elif at < len(self._ids):
            self.highlighted = at
