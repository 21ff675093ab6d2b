"""What does this result mean? An interpretation in a person's own words, and a recommendation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from mltui.core.approval import Decision
from mltui.ui.tui.choices import Choice
from mltui.ui.tui.proposal_view import Section, result_sections, title_line
from mltui.ui.tui.split_pane import SplitPane
from mltui.ui.tui.text import clean

if TYPE_CHECKING:
    from rich.console import RenderableType

    from mltui.core.experiment import Experiment

_PROMPT = "What do the numbers show, and what not? Enter records it, Esc goes back"
_REQUIRED = "An interpretation needs words. Esc goes back."
RECOMMENDATIONS = {"a": "accept", "x": "discard", "u": "inconclusive"}


class ConcludePane(SplitPane):
    """a recommend to keep, x to discard, u inconclusive, each with words; l later, Esc later."""

    choices = (
        Choice("a", "it should be kept", "success", asks_reason=True, prompt=_PROMPT, required=_REQUIRED),
        Choice("x", "it should be discarded", "error", asks_reason=True, prompt=_PROMPT, required=_REQUIRED),
        Choice("u", "inconclusive", "warning", asks_reason=True, prompt=_PROMPT, required=_REQUIRED),
        Choice("l", "later", "accent"),
    )
    escape_key = "l"
    tail = "d diff · Esc later"

    def __init__(self, experiment: Experiment, by: str) -> None:
        self._experiment = experiment
        self._by = by
        headline: Text = title_line(experiment.proposal)
        super().__init__(headline, "What does this result mean?", marked=None)

    def case(self) -> list[RenderableType]:
        proposal = self._experiment.proposal
        return [*result_sections(self._experiment), Section("Hypothesis", (Text(clean(proposal.hypothesis).strip(), overflow="fold"),))]

    def patch(self) -> str:
        return self._experiment.proposal.patch

    def result_of(self, choice: Choice, reason: str) -> Decision:
        if choice.key not in RECOMMENDATIONS:
            return Decision(answer="hold", by=self._by)
        return Decision(answer="approve", by=self._by, reason=reason, answers={"recommendation": RECOMMENDATIONS[choice.key]})
