"""What the list above the composer offers: commands, files, earlier prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from mltui.ui.tui.strip_view import RichView
from mltui.ui.tui.text import clip, one_line

MOST_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Choice:
    """Attributes: label: what is shown; text: what is put in; help: what stands behind it."""

    label: str
    text: str
    help: str = ""


class ChoiceList(RichView):
    """A list with one chosen row; hidden while it is empty."""

    def __init__(self) -> None:
        super().__init__(id="completions")
        self.choices: Sequence[Choice] = ()
        self.kind = ""
        self._chosen = 0
        self._empty = ""

    @property
    def chosen(self) -> Choice | None:
        return self.choices[self._chosen] if self.choices else None

    def offer(self, kind: str, choices: Sequence[Choice], empty: str = "") -> None:
        """Shows these. `empty`: what is said where there are none; without it the list is hidden then."""
        if not choices and not empty and not self.display:
            self.choices, self.kind = (), ""
            return
        self.kind, self.choices, self._chosen, self._empty = kind if choices or empty else "", choices, 0, empty
        self.draw()

    def move(self, step: int) -> None:
        if self.choices:
            self._chosen = (self._chosen + step) % len(self.choices)
            self.draw()

    def draw(self) -> None:
        self.display = bool(self.choices or self._empty)
        first = max(0, min(self._chosen - MOST_SHOWN // 2, len(self.choices) - MOST_SHOWN))
        lines: list[Text] = []
        width = 14 if self.kind == "command" else 0
        for index, choice in enumerate(self.choices[first : first + MOST_SHOWN], first):
            chosen = index == self._chosen
            label = clip(one_line(choice.label), 300)
            line = Text.assemble(
                ("▸ " if chosen else "  ", "accent"), (f"{label:<{width}}", "strong" if chosen else ""), (choice.help, "muted")
            )
            line.no_wrap, line.overflow = True, "ellipsis"
            lines.append(line)
        if not lines and self._empty:
            lines.append(Text(f"  {self._empty}", style="muted", no_wrap=True, overflow="ellipsis"))
        self.update(*lines)
