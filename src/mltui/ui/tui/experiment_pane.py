"""May this experiment run? And, when it is over: does its change stay?"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding

from mltui.core.approval import Decision, ExperimentRequest, KeepRequest
from mltui.core.experiment import ProposalEdits
from mltui.ui.tui.choices import Choice
from mltui.ui.tui.diff_editor import DiffEditor
from mltui.ui.tui.edit_form import EditForm, FieldError
from mltui.ui.tui.proposal_view import change_section, proposal_sections, title_line
from mltui.ui.tui.result_pane import ResultPane
from mltui.ui.tui.split_pane import SplitPane
from mltui.ui.tui.text import one_line

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual import events
    from textual.app import ComposeResult

    from mltui.core.experiment import Answer, Proposal

HELD_KINDS = frozenset({"eval", "data"})
"""Kinds that change what other results mean: the mark stands on hold, and approving takes two presses."""
_INCOMPARABLE = {
    "eval": "This changes what is measured: every earlier result stops being comparable.",
    "data": "This changes the data: earlier results are not comparable with it.",
}
_ANSWERS: dict[str, Answer] = {"y": "approve", "e": "approve", "n": "reject", "a": "ask", "m": "maintenance", "h": "hold"}


def choices_for(proposal: Proposal) -> tuple[Choice, ...]:
    """Returns: what may be answered. What changes how results are measured is no maintenance, and a plan without a change neither."""
    warning = _INCOMPARABLE.get(proposal.kind, "")
    maintenance = Choice(
        "m",
        "maintenance",
        "warning",
        asks_reason=True,
        prompt="Why is it no experiment? Enter lets the change into the tree",
        required="A change without a run needs a reason. Esc goes back.",
        twice="Maintenance: the change goes into the tree without a run, and no result will speak for it.",
    )
    return (
        Choice("y", "approve", "success", twice=warning),
        *([Choice("e", "edit", "success", twice=warning, form=True)] if proposal.sweep is None else []),
        Choice("n", "reject", "error", asks_reason=True, required="Say why, the agent is told. Esc goes back."),
        Choice(
            "a",
            "ask",
            "secondary",
            asks_reason=True,
            prompt="Your question to the agent; Enter sends, Esc goes back",
            required="Type the question. Esc goes back.",
        ),
        *([maintenance] if proposal.kind not in HELD_KINDS and len(proposal.arms) > 1 else []),
        Choice("h", "hold", "accent"),
    )


class ExperimentPane(SplitPane):
    """y approve, e approve with edits, E edit the diff, n reject, a ask, m maintenance, h hold, d to the diff, Esc hold."""

    DEFAULT_CSS = """
    ExperimentPane.-editing > Horizontal { display: none; }
    """
    PANE_KEYS: ClassVar[tuple[Binding, ...]] = (
        Binding("E", "edit_diff", "Edit the diff of a proposal", id="pane.edit-diff"),
        Binding("u", "reset_diff", "Take what was edited of the diff back", id="pane.reset-diff"),
    )
    escape_key = "h"
    tail = "Esc hold"

    def __init__(self, request: ExperimentRequest, by: str) -> None:
        self._request = request
        self._by = by
        proposal = request.proposal
        self.choices = choices_for(proposal)
        marked = len(self.choices) - 1 if proposal.kind in HELD_KINDS else None
        super().__init__(title_line(proposal), "May this experiment run?", marked=marked)
        self._form = EditForm(proposal, request.edits)
        self._editor = DiffEditor(proposal.patch, request.edits.patch if request.edits else None)
        self._editing: Choice | None = None

    def on_mount(self) -> None:
        if self._request.refused:
            self.bar.show(note=" ".join(filter(None, (one_line(self._request.refused), self._edited_note()))))

    def case(self) -> list[RenderableType]:
        return list(proposal_sections(self._request.proposal, self._request.exchanges))

    def patch(self) -> str:
        return self._editor.edited or self._request.proposal.patch

    def inputs(self) -> ComposeResult:
        yield self._form
        yield self._editor

    def open_form(self, choice: Choice) -> None:
        self._editing = choice
        self._form.open()
        self.bar.show(typing="Enter approves · Esc goes back")

    def tail_line(self) -> str:
        edit = f"{self.key_for('pane.edit-diff')} edit it · " if len(self._request.proposal.arms) > 1 else ""
        return f"{self.key_for('pane.diff')} diff · {edit}{self.tail}"

    def handle(self, event: events.Key) -> bool:
        if self.is_key(event, "pane.edit-diff") and len(self._request.proposal.arms) > 1:
            self.action_edit_diff()
            return True
        if self.is_key(event, "pane.reset-diff") and self._editor.edited is not None:
            self.action_reset_diff()
            return True
        return super().handle(event)

    def action_edit_diff(self) -> None:
        self.add_class("-editing")
        self._editor.open()
        self.bar.show(note="Change lines with + or -, add or take away such lines. Esc goes back to decide on it.", typing="Esc goes back")

    def action_reset_diff(self) -> None:
        self._editor.reset()
        self._close_editor()

    def clicked(self, choice: Choice) -> None:
        if self._editing is None and not self.has_class("-editing"):
            super().clicked(choice)

    def _close_editor(self) -> None:
        self._editor.display = False
        self.remove_class("-editing")
        self.set_focus(None)
        self.show_patch(self.patch())
        self.bar.show(note=self._edited_note(), typing="")

    def _edited_note(self) -> str:
        on, back = self.key_for("pane.edit-diff"), self.key_for("pane.reset-diff")
        edited = self._editor.edited is not None
        return f"The diff is edited: y approves it so. {on} edits on, {back} takes it back." if edited else ""

    def typing(self, event: events.Key) -> bool:
        if self.has_class("-editing"):
            if event.key == "escape":
                event.stop()
                self._close_editor()
            return True
        if self._editing is None:
            return False
        if event.key == "escape":
            event.stop()
            self._editing = None
            self._form.close()
            self.set_focus(None)
            self.bar.show(note="", typing="")
        return True

    def submitted(self, text: str) -> None:
        if self._editing is None:
            super().submitted(text)
            return
        try:
            edits = self._form.edits().model_copy(update={"patch": self._editor.edited})
        except FieldError as error:
            self.bar.show(note=str(error))
            return
        if edits.empty:
            self.bar.show(note="Nothing is changed yet. Esc goes back; y there approves it as proposed.")
            return
        self.dismiss(Decision(answer="approve", by=self._by, edits=edits))

    def result_of(self, choice: Choice, reason: str) -> Decision:
        answer, edited = _ANSWERS[choice.key], self._editor.edited
        edits = ProposalEdits(patch=edited) if answer == "approve" and edited is not None else None
        return Decision(answer=answer, by=self._by, reason=reason, edits=edits)


class KeepPane(ResultPane):
    """k keep, x discard, l later, d to the diff, Esc later."""

    choices = (Choice("k", "keep", "success"), Choice("x", "discard", "error"), Choice("l", "later", "accent"))
    escape_key = "l"
    tail = "Esc later"

    def __init__(self, request: KeepRequest, by: str) -> None:
        self._by = by
        super().__init__(request.experiment, title_line(request.experiment.proposal), "Keep this change?")

    def case(self) -> list[RenderableType]:
        change = change_section(self.experiment.proposal)
        return [*self.results(), *([change] if change else [])]

    def result_of(self, choice: Choice, reason: str) -> Decision:
        answers: dict[str, Answer] = {"k": "approve", "x": "reject", "l": "hold"}
        return Decision(answer=answers[choice.key], by=self._by, reason=reason)
