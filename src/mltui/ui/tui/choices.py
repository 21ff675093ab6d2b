"""What a pane offers: choices by a key, drawn on a bar."""

from __future__ import annotations

from dataclasses import dataclass

from rich.text import Text
from textual.strip import Strip

from mltui.ui.tui.strip_view import StripView


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
    """The choices on a line (or more, where it is narrow); dim until the pane takes keys."""

    DEFAULT_CSS = "ChoiceBar { height: auto; padding: 0 1; background: $panel; }"

    def __init__(self, choices: tuple[Choice, ...], chosen: int | None, tail: str) -> None:
        super().__init__()
        self.choices = choices
        self.chosen = chosen
        self.armed = False
        self.note = ""
        self.tail = tail

    def show(self, *, chosen: int | None = None, armed: bool | None = None, note: str | None = None, tail: str | None = None) -> None:
        self.chosen = self.chosen if chosen is None else chosen
        self.armed = self.armed if armed is None else armed
        self.note = self.note if note is None else note
        self.tail = self.tail if tail is None else tail
        self.changed()

    def build(self, width: int) -> list[Strip]:
        lines = [Text()]
        for index, choice in enumerate(self.choices):
            part = Text.assemble(
                " ", (choice.key, "strong" if self.armed else "faint"), (f" {choice.label} ", choice.style if self.armed else "faint")
            )
            if index == self.chosen:
                part = Text(f" {choice.key} {choice.label} ", style=choice.style or "strong")
                part.stylize("reverse")
            if lines[-1].cell_len and lines[-1].cell_len + part.cell_len + 1 > width:
                lines.append(Text())
            elif lines[-1].cell_len:
                lines[-1].append(" ")
            lines[-1].append_text(part)
        tail = Text(self.tail if self.armed else "one moment …", style="faint")
        if lines[-1].cell_len + tail.cell_len + 2 <= width:
            lines[-1].append(" " * (width - lines[-1].cell_len - tail.cell_len - 1))
            lines[-1].append_text(tail)
        elif self.armed and tail.cell_len < width:
            lines.append(Text(" ").append_text(tail))
        if self.note:
            lines.insert(0, Text(f" {self.note}", style="warning.bold", overflow="fold"))
        return [strip for line in lines for strip in self.paint.strips(line, width)]
