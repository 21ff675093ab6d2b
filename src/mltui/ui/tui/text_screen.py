"""A text to be changed before it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets._text_area import TextArea

from mltui.ui.tui.key_order import run_binding
from mltui.ui.tui.keys.line import key_of
from mltui.ui.tui.text import clean, one_line

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult


class _Area(TextArea):
    async def _on_key(self, event: events.Key) -> None:
        if event.is_printable or not await run_binding(self, event):
            await super()._on_key(event)


class TextScreen(ModalScreen[str | None]):
    """Returns the text as the person left it, or None if they left without it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave without it", show=False, priority=True, id="text.leave"),
        Binding("ctrl+s,f10", "keep", "Take it", show=False, priority=True, id="text.keep"),
    ]
    DEFAULT_CSS = """
    TextScreen { align: center middle; background: $background 60%;
        & > Vertical { width: 90; max-width: 100%; height: 16; max-height: 100%; background: $surface; border: round $primary;
            padding: 0 1; }
        & TextArea { height: 1fr; border: none; padding: 0; background: $surface; &:focus { border: none; } }
    }
    """

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title = one_line(title)
        self._area = _Area(clean(text), compact=True, highlight_cursor_line=False, tab_behavior="focus")

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = self._title
            box.border_subtitle = f"{key_of(self, 'text.keep')} takes it, {key_of(self, 'text.leave')} leaves"
            yield self._area

    def on_mount(self) -> None:
        self._area.focus()
        self._area.move_cursor(self._area.document.end)

    def action_keep(self) -> None:
        self.dismiss(self._area.text)

    def action_leave(self) -> None:
        self.dismiss(None)
