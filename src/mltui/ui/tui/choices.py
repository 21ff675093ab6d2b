"""What a pane offers: choices by a key, drawn on a bar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text
from textual.message import Message
from textual.strip import Strip

from mltui.ui.tui.strip_view import StripView

if TYPE_CHECKING:
    from textual import events


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer.

    Attributes:
        asks_reason: a line of text is asked first; `prompt` says for what.
        required: what is said when that line is left empty; empty where it may be.
        twice: the key must be pressed twice, and why.
        form: a form is opened instead.
    """

    key: str
    label: str
    style: str = ""
    asks_reason: bool = False
    prompt: str = "Why? Enter sends, Esc goes back"
    required: str = ""
    twice: str = ""
    form: bool = False


class ChoiceBar(StripView):
    """The choices on a line (or more, where it is narrow); dim until the pane takes keys, and while something is typed."""

    DEFAULT_CSS = "ChoiceBar { height: auto; padding: 0 1; background: $panel; }"

    class Clicked(Message):
        """Attributes: index: of the choice."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self, choices: tuple[Choice, ...], chosen: int | None, tail: str) -> None:
        super().__init__()
        self.choices = choices
        self.chosen = chosen
        self.armed = False
        self.note = ""
        self.tail = tail
        self.typing = ""
        """What Enter and Esc do while a text has the keys; empty: the choices have them."""
        self._spans: list[tuple[int, int, int]] = []
        """(row, first column, column behind the last) of each choice, as drawn."""

    def on_click(self, event: events.Click) -> None:
        event.stop()
        x, y = event.x - self.gutter.left, event.y - self.gutter.top
        for index, (row, start, end) in enumerate(self._spans):
            if row == y and start <= x < end:
                self.post_message(self.Clicked(index))

    def show(
        self,
        *,
        chosen: int | None = None,
        armed: bool | None = None,
        note: str | None = None,
        tail: str | None = None,
        typing: str | None = None,
    ) -> None:
        self.chosen = self.chosen if chosen is None else chosen
        self.armed = self.armed if armed is None else armed
        self.note = self.note if note is None else note
        self.tail = self.tail if tail is None else tail
        self.typing = self.typing if typing is None else typing
        self.changed()

    def build(self, width: int) -> list[Strip]:
        lines, spans, live = [Text()], list[tuple[int, int, int]](), self.armed and not self.typing
        for index, choice in enumerate(self.choices):
            part = Text.assemble(" ", (choice.key, "strong" if live else "faint"), (f" {choice.label} ", choice.style if live else "faint"))
            if index == self.chosen:
                part = Text(f" {choice.key} {choice.label} ", style=choice.style or "strong")
                part.stylize("reverse")
            if lines[-1].cell_len and lines[-1].cell_len + part.cell_len + 1 > width:
                lines.append(Text())
            elif lines[-1].cell_len:
                lines[-1].append(" ")
            spans.append((len(lines) - 1, lines[-1].cell_len, lines[-1].cell_len + part.cell_len))
            lines[-1].append_text(part)
        tail = Text((self.typing or self.tail) if self.armed else "one moment …", style="faint")
        if lines[-1].cell_len + tail.cell_len + 2 <= width:
            lines[-1].append(" " * (width - lines[-1].cell_len - tail.cell_len - 1))
            lines[-1].append_text(tail)
        elif self.armed and tail.cell_len < width:
            lines.append(Text(" ").append_text(tail))
        note = self.paint.strips(Text(f" {self.note}", style="warning.bold", overflow="fold"), width) if self.note else []
        self._spans = [(row + len(note), start, end) for row, start, end in spans]
        return [*note, *(strip for line in lines for strip in self.paint.strips(line, width))]
