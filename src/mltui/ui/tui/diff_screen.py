"""A diff on a page of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen

from mltui.ui.tui.diff import counts
from mltui.ui.tui.diff_lines import DiffLines
from mltui.ui.tui.diff_view import STEP, DiffView
from mltui.ui.tui.keys.line import bar, live
from mltui.ui.tui.strip_view import RichView
from mltui.ui.tui.text import one_line

if TYPE_CHECKING:
    from textual.app import ComposeResult

_KEYS = (
    ("diff.previous diff.next", "changes"),
    ("diff.layout", "beside or below"),
    ("diff.wrap", "wrap or cut"),
    ("diff.left diff.right", "sideways"),
    ("diff.close", "close"),
)


class DiffScreen(ModalScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "Close", show=False, priority=True, id="diff.close"),
        Binding("up,k", "scroll(-1)", "Line up", show=False, id="diff.up"),
        Binding("down,j", "scroll(1)", "Line down", show=False, id="diff.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, priority=True, id="diff.page-up"),
        Binding("pagedown,space", "page(1)", "Page down", show=False, priority=True, id="diff.page-down"),
        Binding("home,g", "edge(-1)", "Top", show=False, id="diff.top"),
        Binding("end,G", "edge(1)", "End", show=False, id="diff.end"),
        Binding("left_square_bracket", "jump(-1)", "Change before", show=False, id="diff.previous"),
        Binding("right_square_bracket", "jump(1)", "Next change", show=False, id="diff.next"),
        Binding("s", "layout", "Old and new beside or below each other", show=False, id="diff.layout"),
        Binding("w", "wrap", "Wrap or cut long lines", show=False, id="diff.wrap"),
        Binding("less_than_sign", "sideways(-1)", "Scroll left", show=False, id="diff.left"),
        Binding("greater_than_sign", "sideways(1)", "Scroll right", show=False, id="diff.right"),
    ]
    AUTO_FOCUS = ""
    DEFAULT_CSS = """
    DiffScreen { background: $background;
        & > .head { height: auto; padding: 0 1; background: $panel; }
        & > VerticalScroll { height: 1fr; padding: 1 1 0 2; scrollbar-size-vertical: 1; }
    }
    """

    def __init__(self, title: str, patch: str) -> None:
        super().__init__()
        self._title = one_line(title)
        self._lines = DiffLines(patch)
        self._view = DiffView(self._lines)
        self._scroll = VerticalScroll(self._view, can_focus=False)

    def compose(self) -> ComposeResult:
        head = Text.assemble((f" {self._title}  ", "primary.bold"), counts(self._lines))
        yield RichView(head, bar(_KEYS, live(self)), classes="head")
        yield self._scroll

    def action_close(self) -> None:
        self.dismiss(None)

    def action_scroll(self, lines: int) -> None:
        self._scroll.scroll_relative(y=lines, animate=False)

    def action_page(self, pages: int) -> None:
        self._scroll.scroll_relative(y=pages * max(1, self._scroll.size.height - 2), animate=False)

    def action_edge(self, direction: int) -> None:
        self._scroll.scroll_to(y=0 if direction < 0 else self._scroll.max_scroll_y, animate=False)

    def action_jump(self, direction: int) -> None:
        """To the next file or block of changes, or to the one before."""
        here, top = self._scroll.scroll_offset.y, self._view.virtual_region.y
        places = [max(0, top + line - 1) for line in self._view.blocks()]
        ahead = [place for place in places if (place > here if direction > 0 else place < here)]
        if ahead:
            self._scroll.scroll_to(y=min(ahead) if direction > 0 else max(ahead), animate=False)

    def action_layout(self) -> None:
        self._view.show(layout="below" if self._view.beside else "beside")

    def action_wrap(self) -> None:
        self._view.show(wrapped=not self._view.wrapped)

    def action_sideways(self, direction: int) -> None:
        self._view.scroll_sideways(STEP * direction)
