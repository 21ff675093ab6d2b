"""What a sweep's approval covers beside its trials: one comparison of the best of them with the baseline, and nothing more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mltui.core.errors import ApprovalVoidError
from mltui.core.experiment import Experiment, Proposal
from mltui.core.sweep import BY_SWEEP
from mltui.experiments.ledger import Ledger
from mltui.experiments.records import SweepFinished
from mltui.experiments.sweeps.summary import made
from mltui.experiments.sweeps.trees import TrialTrees, plan_of

if TYPE_CHECKING:
    from mltui.experiments.git_tree import GitTree

_SAME = ("base_tree", "base_commit", "command", "metric", "guardrails", "data", "environment", "evaluate")


def check_covered(proposal: Proposal, by: str, ledger: Ledger, git: GitTree) -> None:
    """Whether the approval of a sweep covers a proposal.

    Raises: ApprovalVoidError: it does not; says what the proposal has that the sweep does not allow.
    """
    objection = _objection(proposal, by, ledger, git)
    if objection:
        raise ApprovalVoidError(f"{by} does not approve {proposal.id}: {objection}", hint="A person decides.")


def finished(ledger: Ledger, sweep_id: str) -> SweepFinished | None:
    """The end of a sweep's trials; None while there is none."""
    found = [record for record in ledger.records(sweep_id) if record.type == SweepFinished.type]
    return SweepFinished.model_validate(found[-1].payload) if found else None


def _objection(proposal: Proposal, by: str, ledger: Ledger, git: GitTree) -> str:
    chosen = proposal.selected
    if chosen is None or by != f"{BY_SWEEP}{chosen.sweep}":
        return "it does not confirm that sweep"
    sweep = ledger.get(chosen.sweep)
    end = finished(ledger, chosen.sweep)
    if not _approved(sweep) or end is None:
        return f"{sweep.id} is not an approved sweep that has finished"
    objection = _about_plan(proposal, sweep, end) or _about_code(proposal, sweep, end, git)
    if not objection and sweep.confirmation not in (None, proposal.id):
        return f"{sweep.confirmation} confirms {sweep.id} already"
    return objection


def _approved(sweep: Experiment) -> bool:
    from mltui.experiments.proposals import proposal_hash

    approval = sweep.approval
    approved = approval is not None and approval.answer == "approve" and approval.proposal_hash == proposal_hash(sweep.proposal)
    return approved and sweep.proposal.sweep is not None


def _about_plan(proposal: Proposal, sweep: Experiment, end: SweepFinished) -> str:
    plan = plan_of(sweep.proposal)
    for name in _SAME:
        if getattr(proposal, name) != getattr(sweep.proposal, name):
            return f"its {name.replace('_', ' ')} is not that of the sweep"
    if proposal.seeds != plan.confirm_seeds:
        return f"its seeds are not the {len(plan.confirm_seeds)} that the sweep declared for it"
    tried = {*sweep.proposal.seeds, *(run.seed for trial in sweep.trials for run in trial.runs)}
    if tried & set(proposal.seeds):
        return f"trials had seed {min(tried & set(proposal.seeds))}"
    if proposal.budget.runs > 2 * len(plan.confirm_seeds) or proposal.budget.minutes > sweep.proposal.budget.minutes - end.minutes + 1e-6:
        return "it would cost more than is left of the sweep's budget"
    return ""


def _about_code(proposal: Proposal, sweep: Experiment, end: SweepFinished, git: GitTree) -> str:
    trial = next((one for one in sweep.trials if one.number == end.best and one.state == "complete"), None)
    chosen = proposal.selected
    if trial is None or chosen is None or (chosen.trial, chosen.looked_at) != (trial.number, made(sweep.trials)):
        return "it is not about the best trial"
    if not plan_of(sweep.proposal).admits(trial.params):
        return "the best trial is outside the approved space"
    if TrialTrees(git, sweep.proposal).tree(trial.params) != proposal.tree:
        return "its code is not the base with the best trial's values"
    return ""
