"""Does this experiment's model or prompt become the one in use?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from mltui.core.approval import Decision, PromotionRequest
from mltui.ui.tui.choices import Choice
from mltui.ui.tui.proposal_view import Section, result_sections, rows, title_line
from mltui.ui.tui.split_pane import SplitPane
from mltui.ui.tui.text import one_line

if TYPE_CHECKING:
    from rich.console import RenderableType


class PromotionPane(SplitPane):
    """y promote (twice), n reject with a reason, l later, Esc later."""

    choices = (
        Choice("y", "promote", "success", twice="What is in use changes with this."),
        Choice("n", "reject", "error", asks_reason=True),
        Choice("l", "later", "accent"),
    )
    escape_key = "l"
    diff_key = "d"
    tail = "Esc later"

    def __init__(self, request: PromotionRequest, by: str) -> None:
        self._request = request
        self._by = by
        name = one_line(request.target.partition(":")[2])
        super().__init__(title_line(request.experiment.proposal), f"Make it {request.alias} of {name}?", marked=2)

    def case(self) -> list[RenderableType]:
        before = one_line(self._request.previous) or "nothing: this is the first promotion"
        found = [(clause.name, Text(one_line(clause.found), overflow="fold")) for clause in self._request.clauses]
        sections = [
            Section("In its place now", (Text(before, overflow="fold"),)),
            Section("What was required, and found", (rows([*found]),)),
        ]
        return [*sections, *result_sections(self._request.experiment)]

    def patch(self) -> str:
        return self._request.patch or self._request.experiment.proposal.patch

    def result_of(self, choice: Choice, reason: str) -> Decision:
        answers = {"y": "approve", "n": "reject", "l": "hold"}
        return Decision.model_validate({"answer": answers[choice.key], "by": self._by, "reason": reason})
