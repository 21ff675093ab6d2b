"""Sweeps of one project: proposed, run as other experiments are, and their winners confirmed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mltui.core.errors import ProposalError
from mltui.core.experiment import Experiment, Origin, Proposal
from mltui.core.sweep import BY_SWEEP, SweepRequest
from mltui.experiments.records import SweepConfirmed
from mltui.experiments.storage import file_lock
from mltui.experiments.sweeps.covering import finished
from mltui.experiments.sweeps.trees import plan_of

if TYPE_CHECKING:
    from mltui.experiments.intake import Intake
    from mltui.experiments.service import Experiments


class Sweeps:
    """Everything else of a sweep (deciding, starting, stopping, following) is that of every experiment."""

    def __init__(self, experiments: Experiments, intake: Intake) -> None:
        self._experiments = experiments
        self._intake = intake

    def propose(self, request: SweepRequest, *, session_id: str | None, author: str, origin: Origin | None = None) -> Proposal:
        """Puts a sweep into the journal as a proposal.

        Raises:
            ProposalError: it makes no plan that could run; names the key and what is wrong with it.
            ExperimentError: a package that it needs is missing.
        """
        return self._intake.propose_sweep(request, session_id=session_id, author=author, origin=origin)

    def get(self, sweep_id: str) -> Experiment:
        """Raises: ProposalError: there is no such experiment, or it is no sweep."""
        experiment = self._experiments.get(sweep_id)
        plan_of(experiment.proposal)
        return experiment

    def confirm(self, sweep_id: str) -> Experiment:
        """Compares the best trial with the baseline on fresh seeds, under the sweep's own approval. Done again it changes nothing.

        Returns: the confirming experiment, started.

        Raises:
            ProposalError: the trials are not over, or the best one changes nothing.
            ApprovalVoidError: the sweep's approval does not cover it (any more).
        """
        with file_lock(self._experiments.state / "confirmations.lock", timeout=60.0):
            return self._confirm(self.get(sweep_id))

    def _confirm(self, sweep: Experiment) -> Experiment:
        end = finished(self._experiments.ledger, sweep.id)
        if end is None:
            raise ProposalError(
                f"the trials of {sweep.id} are not over: it is {sweep.state}", hint=f"Let it run: mltui sweep run {sweep.id}"
            )
        best = next(trial for trial in sweep.trials if trial.number == end.best)
        minutes = sweep.proposal.budget.minutes - end.minutes
        if minutes <= 0:
            raise ProposalError(
                f"nothing is left of the {sweep.proposal.budget.minutes:g} minutes of {sweep.id} to confirm its best trial",
                hint="Propose its values as an experiment of their own.",
            )
        plan = self._intake.confirmation(sweep, best, minutes, sweep.approval.origin if sweep.approval else None)
        if sweep.confirmation is None:
            self._experiments.ledger.record(SweepConfirmed(proposal_id=sweep.id, confirmation=plan.id), "mltui")
        by = f"{BY_SWEEP}{sweep.id}"
        if self._experiments.get(plan.id).state in ("proposed", "held"):
            approver = sweep.approval.by if sweep.approval else ""
            self._experiments.decide(plan.id, answer="approve", by=by, reason=f"{sweep.id} was approved by {approver}", here=False)
        if self._experiments.get(plan.id).state == "approved":
            self._experiments.start(plan.id)
        return self._experiments.get(plan.id)
