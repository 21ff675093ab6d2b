"""The line in which the person types what is looked for in the conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets._input import Input

from mltui.ui.tui.finding import Finder
from mltui.ui.tui.still_input import StillInput
from mltui.ui.tui.strip_view import RichView

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from mltui.ui.tui.transcript import TranscriptView


class FindBar(Horizontal):
    """Finds while the person types. It goes when they leave it, and puts the conversation back unless they stay where they are."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,down", "step(1)", "Next place", show=False, priority=True, id="find.next"),
        Binding("shift+enter,up", "step(-1)", "Place before", show=False, priority=True, id="find.previous"),
        Binding("tab", "stay", "Stay there, and go on with n and N", show=False, priority=True, id="find.stay"),
        Binding("escape", "back", "Back to where you were", show=False, priority=True, id="find.back"),
    ]
    DEFAULT_CSS = """
    FindBar { height: 1; padding: 0 1; background: $surface;
        & > #find-label { width: 5; }
        & > Input { width: 1fr; height: 1; border: none; padding: 0; background: $surface; &:focus { border: none; } }
        & > #find-count { width: 14; }
    }
    """

    class Left(Message):
        """Attributes: stays: the person goes on from the place that was found."""

        def __init__(self, *, stays: bool) -> None:
            super().__init__()
            self.stays = stays

    def __init__(self, view: TranscriptView, text: str = "") -> None:
        super().__init__(id="find")
        self.finder = Finder(view)
        self.input = StillInput(text, id="find-input", compact=True, placeholder="in the whole conversation")
        self._count = RichView(id="find-count")

    def compose(self) -> ComposeResult:
        yield RichView(Text("Find ", style="primary"), id="find-label")
        yield self.input
        yield self._count

    def on_mount(self) -> None:
        self.input.take_focus()
        if self.input.value:
            self._look()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if event.value != self.finder.text:
            self._look()

    def _look(self) -> None:
        self.finder.look_for(self.input.value)
        self.tell()

    def tell(self) -> None:
        """Shows how many places there are, and which of them is looked at."""
        text = self.finder.count
        self._count.update(Text(text, style="warning" if text == "not found" else "muted", no_wrap=True, justify="right"))

    def action_step(self, direction: int) -> None:
        self.finder.step(direction)
        self.tell()

    def action_stay(self) -> None:
        if self.finder.item() is not None:
            self.post_message(self.Left(stays=True))

    def action_back(self) -> None:
        self.post_message(self.Left(stays=False))
