"""What does this result mean? An interpretation in a person's own words, and a recommendation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from mltui.core.approval import Decision
from mltui.ui.tui.choices import Choice
from mltui.ui.tui.proposal_view import Section, title_line
from mltui.ui.tui.result_pane import ResultPane
from mltui.ui.tui.text import clean

if TYPE_CHECKING:
    from rich.console import RenderableType

    from mltui.core.experiment import Experiment

_PROMPT = "What do the numbers show, and what not? Enter records it, Esc goes back"
_REQUIRED = "An interpretation needs words. Esc goes back."
RECOMMENDATIONS = {"a": "accept", "x": "discard", "u": "inconclusive"}


class ConcludePane(ResultPane):
    """a recommend to keep, x to discard, u inconclusive, each with words; l later, Esc later."""

    choices = (
        Choice("a", "it should be kept", "success", asks_reason=True, prompt=_PROMPT, required=_REQUIRED),
        Choice("x", "it should be discarded", "error", asks_reason=True, prompt=_PROMPT, required=_REQUIRED),
        Choice("u", "inconclusive", "warning", asks_reason=True, prompt=_PROMPT, required=_REQUIRED),
        Choice("l", "later", "accent"),
    )
    escape_key = "l"
    tail = "Esc later"

    def __init__(self, experiment: Experiment, by: str) -> None:
        self._by = by
        super().__init__(experiment, title_line(experiment.proposal), "What does this result mean?")

    def case(self) -> list[RenderableType]:
        hypothesis = Text(clean(self.experiment.proposal.hypothesis).strip(), overflow="fold")
        return [*self.results(), Section("Hypothesis", (hypothesis,))]

    def result_of(self, choice: Choice, reason: str) -> Decision:
        if choice.key not in RECOMMENDATIONS:
            return Decision(answer="hold", by=self._by)
        return Decision(answer="approve", by=self._by, reason=reason, answers={"recommendation": RECOMMENDATIONS[choice.key]})
