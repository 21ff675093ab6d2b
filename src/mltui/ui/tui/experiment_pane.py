"""May this experiment run? And, when it is over: does its change stay?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.containers import Horizontal, VerticalScroll

from mltui.core.approval import Decision, ExperimentRequest, KeepRequest
from mltui.ui.tui.decision_pane import Choice, DecisionPane
from mltui.ui.tui.diff import DiffText
from mltui.ui.tui.proposal_view import change_section, proposal_sections, result_sections, title_line
from mltui.ui.tui.strip_view import RichView

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual import events
    from textual.app import ComposeResult

    from mltui.core.experiment import Proposal

HELD_KINDS = frozenset({"eval", "data"})
"""Kinds that change what other results mean: the mark stands on hold, and approving takes two presses."""


class SplitPane(DecisionPane[Decision]):
    """A full-height pane: a headline, the case on the left, the diff on the right (below where it is narrow)."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012  (the base declares its type)
    DEFAULT_CSS = """
    SplitPane { background: $background;
        & > .headline { height: auto; padding: 0 2; background: $panel; }
        & > Horizontal { height: 1fr; }
        & VerticalScroll { width: 1fr; height: 1fr; padding: 1 2 0 2; scrollbar-size-vertical: 1; }
        & VerticalScroll.-front { background: $background; }
        & #side { border-left: solid $panel; width: 1.1fr; padding: 1 1 0 1; display: none; }
        & #side.-front { border-left: solid $primary; }
        & #below { padding: 0; margin: 0 0 1 0; }
        &.-wide #side { display: block; }
        &.-wide #below { display: none; }
        &.-narrow VerticalScroll { padding: 1 1 0 1; }
        &.-narrow > .headline { padding: 0 1; }
    }
    """

    diff_key = "d"

    def __init__(self, headline: Text, question: str, marked: int | None) -> None:
        super().__init__(marked)
        self._headline = headline
        self._question = question
        self._main = VerticalScroll(id="main", can_focus=False, classes="-front")
        self._side = VerticalScroll(id="side", can_focus=False)
        self._below = RichView(id="below")

    def case(self) -> list[RenderableType]:
        """What speaks for a decision, from the top."""
        raise NotImplementedError

    def diff(self) -> DiffText:
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        diff = self.diff()
        head = Text.assemble("Changed code  ", diff.counts) if diff else Text("No code is changed", style="muted")
        yield RichView(Text(self._question, style="accent.bold"), self._headline, classes="headline")
        with Horizontal():
            with self._main:
                yield RichView(*self.case())
                self._below.update(head, diff)
                yield self._below
            with self._side:
                yield RichView(head, Text(), diff)
        yield self.reason
        yield self.bar

    def body(self) -> VerticalScroll | None:
        return self._side if self._side.has_class("-front") else self._main

    def handle(self, event: events.Key) -> bool:
        if event.key != self.diff_key:
            return False
        if self.has_class("-wide"):
            to_side = not self._side.has_class("-front")
            self._side.set_class(to_side, "-front")
            self._main.set_class(not to_side, "-front")
        else:
            self._main.scroll_to_widget(self._below, top=True, animate=False)
        return True


class ExperimentPane(SplitPane):
    """y approve, n reject with a reason, h hold, d to the diff, Esc hold."""

    escape_key = "h"
    tail = "d diff · Esc hold"

    def __init__(self, request: ExperimentRequest, by: str) -> None:
        proposal = request.proposal
        self._proposal: Proposal = proposal
        self._by = by
        careful = proposal.kind in HELD_KINDS
        warning = "This changes what is measured: every earlier result stops being comparable." if proposal.kind == "eval" else ""
        if proposal.kind == "data":
            warning = "This changes the data: earlier results are not comparable with it."
        self.choices = (
            Choice("y", "approve", "success", twice=warning),
            Choice("n", "reject", "error", asks_reason=True),
            Choice("h", "hold", "accent"),
        )
        super().__init__(title_line(proposal), "May this experiment run?", marked=2 if careful else None)

    def case(self) -> list[RenderableType]:
        return list(proposal_sections(self._proposal))

    def diff(self) -> DiffText:
        return DiffText(self._proposal.patch)

    def result_of(self, choice: Choice, reason: str) -> Decision:
        answers = {"y": "approve", "n": "reject", "h": "hold"}
        return Decision.model_validate({"answer": answers[choice.key], "by": self._by, "reason": reason})


class KeepPane(SplitPane):
    """k keep, d discard, l later, Esc later."""

    choices = (Choice("k", "keep", "success"), Choice("d", "discard", "error"), Choice("l", "later", "accent"))
    escape_key = "l"
    diff_key = "v"
    tail = "v diff · Esc later"

    def __init__(self, request: KeepRequest, by: str) -> None:
        self._experiment = request.experiment
        self._by = by
        super().__init__(title_line(request.experiment.proposal), "Keep this change?", marked=None)

    def case(self) -> list[RenderableType]:
        sections = result_sections(self._experiment)
        change = change_section(self._experiment.proposal)
        return [*sections, *([change] if change else [])]

    def diff(self) -> DiffText:
        return DiffText(self._experiment.proposal.patch)

    def result_of(self, choice: Choice, reason: str) -> Decision:
        answers = {"k": "approve", "d": "reject", "l": "hold"}
        return Decision.model_validate({"answer": answers[choice.key], "by": self._by, "reason": reason})
