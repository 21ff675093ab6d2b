"""Questions of the agent: by digit, by arrow, or in own words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.containers import Vertical, VerticalScroll

from mltui.core.approval import Decision, Question, QuestionRequest
from mltui.ui.tui.choices import Choice
from mltui.ui.tui.decision_pane import DecisionPane
from mltui.ui.tui.strip_view import RichView
from mltui.ui.tui.text import clean, one_line

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult

SEND = Choice("enter", "answer", "success")
OWN = Choice("t", "own words", asks_reason=True, prompt="Your answer. Enter sends, Esc goes back")
SKIP = Choice("escape", "do not answer", "muted")


class QuestionPane(DecisionPane[Decision]):
    """One question after the other; the answers go back together."""

    DEFAULT_CSS = """
    QuestionPane { align: center bottom; background: transparent;
        & > Vertical { height: auto; max-height: 85%; background: $surface; border-top: solid $secondary; }
        & VerticalScroll { height: auto; max-height: 1fr; padding: 1 2; scrollbar-size-vertical: 1; }
    }
    """
    choices = (SEND, OWN, SKIP)
    stop_ends_turn = True
    escape_key = "escape"

    def __init__(self, request: QuestionRequest, by: str) -> None:
        super().__init__()
        self._questions = request.questions
        self._by = by
        self._index = 0
        self._at = 0
        self._ticked: set[int] = set()
        self._answers: dict[str, str] = {}
        self._view = RichView()

    @property
    def _question(self) -> Question:
        return self._questions[self._index]

    def compose(self) -> ComposeResult:
        with Vertical():
            yield VerticalScroll(self._view, can_focus=False)
            yield self.reason
            yield self.bar

    def on_mount(self) -> None:
        super().on_mount()
        self._draw()

    def _draw(self) -> None:
        question = self._question
        head = Text.assemble((one_line(question.header) or "Question", "secondary.bold"))
        if len(self._questions) > 1:
            head.append(f"  {self._index + 1} of {len(self._questions)}", style="faint")
        lines = [head, Text(clean(question.question), overflow="fold"), Text()]
        for index, option in enumerate(question.options):
            here = index == self._at
            tick = ("[x] " if index in self._ticked else "[ ] ") if question.multi_select else ""
            line = Text.assemble(
                ("▸ " if here else "  ", "accent"),
                (f"{index + 1} ", "secondary"),
                (tick, "accent"),
                (one_line(option.label), "strong" if here else ""),
            )
            line.overflow = "fold"
            lines.append(line)
            if option.description:
                lines.append(Text(f"    {one_line(option.description)}", style="muted", overflow="fold"))
        if not question.options:
            lines.append(Text("Press t to write an answer", style="muted"))
        elif question.multi_select:
            lines.append(Text("Space ticks, Enter answers", style="faint"))
        self._view.update(*lines)

    def handle(self, event: events.Key) -> bool:
        count = len(self._question.options)
        if event.key in ("up", "down") and count:
            self._at = (self._at + (1 if event.key == "down" else -1)) % count
        elif event.character and event.character.isdecimal() and 1 <= int(event.character) <= count:
            self._at = int(event.character) - 1
            if not self._question.multi_select:
                self._answer(self._question.options[self._at].label)
                return True
            self._ticked ^= {self._at}
        elif event.key == "space" and self._question.multi_select and count:
            self._ticked ^= {self._at}
        elif event.key == "enter":
            self._answer_marked()
            return True
        else:
            return event.key in ("left", "right")
        self._draw()
        return True

    def clicked(self, choice: Choice) -> None:
        if choice is SEND:
            self._answer_marked()
        else:
            super().clicked(choice)

    def _answer_marked(self) -> None:
        if self._question.options:
            picked = sorted(self._ticked) if self._question.multi_select and self._ticked else [self._at]
            self._answer(", ".join(self._question.options[index].label for index in picked))

    def _answer(self, text: str) -> None:
        self._answers[self._question.question] = text
        if self._index + 1 < len(self._questions):
            self._index, self._at, self._ticked = self._index + 1, 0, set()
            self.reason.value = ""
            self._close_reason()
            self._draw()
        else:
            self.dismiss(Decision(answer="approve", by=self._by, answers=self._answers))

    def submitted(self, text: str) -> None:
        if text:
            self._answer(text)

    def result_of(self, choice: Choice, reason: str) -> Decision:
        return Decision(answer="reject", by=self._by, reason="no answer was given")

    def stop(self) -> None:
        self.dismiss(Decision(answer="stop", by=self._by))
