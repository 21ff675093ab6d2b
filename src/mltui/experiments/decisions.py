"""What a person says to a proposal and to its result, and what follows from it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mltui.core.data import JsonObject
from mltui.core.errors import ApprovalVoidError, ProposalError
from mltui.core.experiment import Answer, Approval, Experiment, Origin, Proposal
from mltui.core.sweep import BY_SWEEP
from mltui.experiments.drafts import Draft
from mltui.experiments.fold import advance
from mltui.experiments.grants import Preapprovals
from mltui.experiments.intake import OPEN
from mltui.experiments.ledger import Ledger
from mltui.experiments.metric_history import governing, key
from mltui.experiments.records import (
    ExperimentAccepted,
    ExperimentDiscarded,
    MetricConfirmed,
    ProposalAnswered,
    ProposalDecided,
    ProposalReopened,
)
from mltui.experiments.storage import file_lock

if TYPE_CHECKING:
    from mltui.core.experiment import Metric
    from mltui.experiments.workbench import Workbench

CAREFUL = ("eval", "data")
"""Kinds whose change makes every earlier result invalid."""
NOT_A_PERSON = ("policy:", "grant:", BY_SWEEP, "headless", "model:", "mltui")


class Decisions:
    """Records decisions, each once: the journal's lock lets one of two win, and the other is told."""

    def __init__(self, state: Path, ledger: Ledger, bench: Callable[[], Workbench], draft: Callable[[str], Draft]) -> None:
        self._state = state
        self._ledger = ledger
        self._bench = bench
        self._draft = draft

    def decide(
        self,
        proposal_id: str,
        answer: Answer,
        *,
        by: str,
        reason: str,
        origin: Origin | None,
        confirmed: bool,
        here: bool,
        rule: JsonObject | None = None,
    ) -> Experiment:
        """See `service.Experiments.decide`."""
        experiment = self._ledger.get(proposal_id)
        if answer == "maintenance" and experiment.state == "maintenance":
            return self.accept(proposal_id, by=by, origin=origin)
        _check(experiment, answer, by, reason, confirmed)
        if answer == "approve" and experiment.state in OPEN:
            self._bench().check_present(experiment.proposal, here)
        if by.startswith(BY_SWEEP):
            self._bench().check_covered(experiment.proposal, by, self._ledger)
        with file_lock(self._state / "decisions.lock"):
            self._record(experiment, answer, by, reason, origin, rule or {})
        return self.accept(proposal_id, by=by, origin=origin) if answer == "maintenance" else self._ledger.get(proposal_id)

    def _record(self, seen: Experiment, answer: Answer, by: str, reason: str, origin: Origin | None, rule: JsonObject) -> None:
        proposal = seen.proposal
        approval = Approval(
            proposal_id=proposal.id, proposal_hash=proposal.hash, answer=answer, by=by, at=time.time(), reason=reason.strip(), origin=origin
        )

        def covered() -> None:
            if answer == "approve":
                Preapprovals(self._ledger).confirm(proposal, by, approval.reason, rule)

        try:
            self._ledger.record(ProposalDecided(approval=approval), by, prepare=covered)
        except ProposalError as error:
            now = self._ledger.get(proposal.id)
            if seen.state not in OPEN or now.state in OPEN:
                raise
            who = now.approval.by if now.approval else now.decided_by or "someone"
            raise ProposalError(
                f"{proposal.id} was decided meanwhile by {who}: it is {now.state}", hint=f"See: mltui experiments show {proposal.id}"
            ) from error

    def answer(self, proposal_id: str, answer: str, *, by: str) -> Experiment:
        """The agent's answer to a person's question; the proposal is open for a decision again."""
        if not answer.strip():
            raise ProposalError("an answer needs words", hint="Answer the person's question.")
        self._ledger.get(proposal_id)
        self._ledger.record(ProposalAnswered(proposal_id=proposal_id, answer=answer.strip()), by)
        return self._ledger.get(proposal_id)

    def reopen(self, proposal_id: str, reason: str, by: str) -> Experiment:
        self._ledger.get(proposal_id)
        self._ledger.record(ProposalReopened(proposal_id=proposal_id, reason=reason, by=by), by)
        return self._ledger.get(proposal_id)

    def check_start(self, experiment: Experiment) -> None:
        """Whether what was approved is what would run; if not, it is to be decided again.

        Raises: ApprovalVoidError: names what changed.
        """
        approval = experiment.approval
        try:
            self._bench().check(experiment)
            if approval is not None and approval.by.startswith(BY_SWEEP):
                self._bench().check_covered(experiment.proposal, approval.by, self._ledger)
        except ApprovalVoidError as error:
            if experiment.state == "approved":
                self.reopen(experiment.id, str(error.args[0]), "mltui")
            raise

    def accept(self, proposal_id: str, *, by: str, origin: Origin | None) -> Experiment:
        """See `service.Experiments.accept`. Done twice it does nothing new: after a crash it is finished by doing it again."""
        self._ledger.get(proposal_id)
        with file_lock(self._state / "proposals.lock"):
            experiment = self._ledger.get(proposal_id)
            advance(experiment, ExperimentAccepted(proposal_id=proposal_id, by=by))
            paths = self._bench().apply(experiment)
            self._ledger.record(ExperimentAccepted(proposal_id=proposal_id, by=by, paths=paths, origin=origin), by)
        self._settled(experiment.proposal)
        return self._ledger.get(proposal_id)

    def discard(self, proposal_id: str, *, by: str, origin: Origin | None) -> Experiment:
        experiment = self._ledger.get(proposal_id)
        with file_lock(self._state / "proposals.lock"):
            self._ledger.record(ExperimentDiscarded(proposal_id=proposal_id, by=by, origin=origin), by)
        self._settled(experiment.proposal)
        return self._ledger.get(proposal_id)

    def _settled(self, proposal: Proposal) -> None:
        """Takes from the draft what the proposal was made of; what was staged since stays."""
        if proposal.session_id:
            draft = self._draft(proposal.session_id)
            present = draft.digests()
            draft.drop(path for path, digest in self._ledger.created(proposal.id).staged.items() if present.get(path) == digest)

    def confirm_metric(self, metric: Metric, *, by: str, reason: str, origin: Origin | None) -> MetricConfirmed:
        """See `service.Experiments.confirm_metric`."""
        if not reason.strip():
            raise ProposalError("another metric after results were seen needs a reason", hint="Say why: --reason '…'")
        experiments = self._ledger.refresh()
        records = self._ledger.of_type(MetricConfirmed.type)
        before, _ = governing(experiments.values(), [MetricConfirmed.model_validate(record.payload) for record in records])
        if not before or before == key(metric):
            raise ProposalError("there is nothing to confirm: no result was seen by another metric", hint="Propose as usual.")
        entry = MetricConfirmed(before=before, after=key(metric), reason=reason.strip(), by=by, origin=origin)
        self._ledger.record(entry, by)
        return entry


def _check(experiment: Experiment, answer: Answer, by: str, reason: str, confirmed: bool) -> None:
    """Raises: ProposalError: the answer lacks what it needs."""
    proposal = experiment.proposal
    if answer == "ask" and not reason.strip():
        raise ProposalError("a question needs words", hint="Say what you want to know.")
    if answer != "maintenance":
        return
    if not reason.strip():
        raise ProposalError("maintenance needs a reason", hint="Say why the change needs no experiment.")
    if by.startswith(NOT_A_PERSON):
        raise ProposalError("only a person lets a change through without an experiment", hint="Leave it to one.")
    if len(proposal.arms) < 2:
        raise ProposalError(f"{proposal.id} changes nothing", hint="Approve it, or reject it.")
    if proposal.kind in CAREFUL and not confirmed:
        raise ProposalError(
            f"{proposal.id} changes the {'evaluation' if proposal.kind == 'eval' else 'data'}: earlier results would be invalid, unseen",
            hint=f"Confirm that you mean it: mltui experiments maintenance {proposal.id} --confirm --reason '…'",
        )
