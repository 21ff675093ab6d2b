"""Where the person types: several lines, history, completion of commands, and what is queued for later."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets._static import Static  # the public name is a lazy import of the same
from textual.widgets._text_area import TextArea

from mltui.ui.commands.table import complete
from mltui.ui.tui.strip_view import RichView
from mltui.ui.tui.text import clip, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual import events
    from textual.app import ComposeResult

    from mltui.ui.commands.base import Command

MOST_COMPLETIONS = 8


class PromptArea(TextArea):
    """The editor itself. Enter sends; Shift+Enter, Alt+Enter and Ctrl+J make a new line."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("shift+enter,ctrl+j", "newline", "New line", show=False),
        Binding("ctrl+s,alt+enter", "send_now", "Say it to the turn that runs", show=False),
        Binding("up", "up_or_history", "Up", show=False),
        Binding("down", "down_or_history", "Down", show=False),
    ]
    DEFAULT_CSS = """
    PromptArea { height: auto; max-height: 10; border: none; padding: 0; background: $background;
        &:focus { border: none; } scrollbar-size-vertical: 1; }
    """

    class Sent(Message):
        """Attributes: now: it is for the turn that runs."""

        def __init__(self, text: str, *, now: bool = False) -> None:
            super().__init__()
            self.text = text
            self.now = now

    class Leave(Message):
        """Tab with nothing to complete."""

    class Navigate(Message):
        """A key that belongs to the completion list while it is open."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self) -> None:
        super().__init__(compact=True, highlight_cursor_line=False, placeholder="Ask, or / for commands")
        self.cursor_blink = False
        self.sent: list[str] = []
        self._place: int | None = None
        self._unsent = ""
        self.completing = False

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "tab" or (self.completing and event.key in ("enter", "escape")):
            event.stop()
            event.prevent_default()
            self.post_message(self.Navigate(event.key) if self.completing else self.Leave())
        elif event.key == "enter":
            event.stop()
            event.prevent_default()
            self.send()
        else:
            await super()._on_key(event)

    def action_send_now(self) -> None:
        self.send(now=True)

    def send(self, *, now: bool = False) -> None:
        """Hands the text over and starts a new one; does nothing when there is only white space."""
        text = self.text.strip("\n")
        if not text.strip():
            return
        if not self.sent or self.sent[-1] != text:
            self.sent.append(text)
        self._place = None
        self.text = ""
        self.post_message(self.Sent(text, now=now))

    def action_newline(self) -> None:
        self.insert("\n")

    def put(self, text: str) -> None:
        self.text = text
        self.move_cursor(self.document.end)

    def action_up_or_history(self) -> None:
        if self.completing:
            self.post_message(self.Navigate("up"))
        elif self.cursor_at_first_line and self.sent and self._place != 0:
            if self._place is None:
                self._unsent, self._place = self.text, len(self.sent)
            self._place -= 1
            self.put(self.sent[self._place])
        else:
            self.action_cursor_up()

    def action_down_or_history(self) -> None:
        if self.completing:
            self.post_message(self.Navigate("down"))
        elif self.cursor_at_last_line and self._place is not None:
            self._place += 1
            at_end = self._place >= len(self.sent)
            self.put(self._unsent if at_end else self.sent[self._place])
            if at_end:
                self._place = None
        else:
            self.action_cursor_down()


class Composer(Vertical):
    """The editor with its mark, the completion list above it, and the queue above that."""

    DEFAULT_CSS = """
    Composer { height: auto; border-top: solid $panel; background: $background;
        & > #queue { padding: 0 1; display: none; }
        & > #completions { padding: 0 1; display: none; background: $surface; }
        & > Horizontal { height: auto; padding: 0 1; }
        & #mark { width: 2; height: 1; color: $accent; text-style: bold; }
        &.-busy #mark { color: $foreground-muted; }
    }
    """

    def __init__(self, more: Callable[[], Sequence[Command]] = tuple) -> None:
        """Args: more: the commands beside mltui's own, as they are now."""
        super().__init__()
        self._more = more
        self.area = PromptArea()
        self._queue = RichView(id="queue")
        self._list = RichView(id="completions")
        self._choices: list[tuple[str, str]] = []
        self._chosen = 0
        self._dismissed = ""

    def compose(self) -> ComposeResult:
        yield self._queue
        yield self._list
        with Horizontal():
            yield Static("❯", id="mark", markup=False)
            yield self.area

    def show_queue(self, texts: list[str]) -> None:
        self._queue.display = bool(texts)
        lines = [Text.assemble(("⧖ ", "accent"), (clip(one_line(text), 200), "muted"), no_wrap=True, overflow="ellipsis") for text in texts]
        if lines:
            lines[-1].append("  sent next · Esc takes it back", style="faint")
        self._queue.update(*lines)

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        text = self.area.text
        self._choices = [] if text == self._dismissed else complete(text, "tui", self._more())
        if self._choices == [(text, self._choices[0][1])] if self._choices else False:
            self._choices = []
        self._chosen = 0
        self._draw_choices()

    def _draw_choices(self) -> None:
        self.area.completing = bool(self._choices)
        self._list.display = bool(self._choices)
        first = max(0, min(self._chosen - MOST_COMPLETIONS // 2, len(self._choices) - MOST_COMPLETIONS))
        lines: list[Text] = []
        for index, (text, help_) in enumerate(self._choices[first : first + MOST_COMPLETIONS], first):
            chosen = index == self._chosen
            line = Text.assemble(("▸ " if chosen else "  ", "accent"), (f"{text:<14}", "strong" if chosen else ""), (help_, "muted"))
            line.no_wrap, line.overflow = True, "ellipsis"
            lines.append(line)
        self._list.update(*lines)

    def on_prompt_area_navigate(self, event: PromptArea.Navigate) -> None:
        event.stop()
        match event.key:
            case "up" | "down":
                self._chosen = (self._chosen + (1 if event.key == "down" else -1)) % len(self._choices)
                self._draw_choices()
            case "escape":
                self._dismissed, self._choices = self.area.text, []
                self._draw_choices()
            case _ if self._choices:
                text = self._choices[self._chosen][0]
                whole = self.area.text == text.rstrip()
                self.area.put(text)
                if event.key == "enter" and (whole or not text.endswith(" ")):
                    self._choices = []
                    self._draw_choices()
                    # From here the message would stop at this widget: it must come from the editor itself.
                    self.area.call_later(self.area.send)
            case "enter":  # typed faster than the list could go: there is nothing left to choose
                self.area.call_later(self.area.send)
            case _:
                pass
