"""Is what would run what was approved?"""

from __future__ import annotations

from mltui.core.errors import ApprovalVoidError
from mltui.core.experiment import Approval, Experiment, Proposal
from mltui.experiments.control import Control
from mltui.experiments.datasets import Digests, difference, versions
from mltui.experiments.git_tree import GitTree
from mltui.experiments.proposals import proposal_hash

_AGAIN = "Propose it again and have it approved again."


def check_approval(experiment: Experiment, git: GitTree, control: Control, digests: Digests, environment: str | None = None) -> Approval:
    """The approval that lets the experiment run.

    Args:
        environment: digest of the environment now; None: whoever calls looks at it himself.

    Raises:
        ApprovalVoidError: there is none, or code, command, seeds, budget, metrics, data or environment are not those that it covers.
    """
    proposal, approval = experiment.proposal, experiment.approval
    if approval is None or approval.answer != "approve":
        raise ApprovalVoidError(f"{proposal.id} is not approved", hint="Approve it first.")
    if approval.proposal_hash != proposal_hash(proposal):
        raise ApprovalVoidError(f"{proposal.id} was changed after it was approved", hint=_AGAIN)
    check_present(proposal, git, control, digests, environment)
    return approval


def check_present(proposal: Proposal, git: GitTree, control: Control, digests: Digests, environment: str | None = None) -> None:
    """Whether the proposal still says what would run.

    Raises:
        ApprovalVoidError: names what changed since it was proposed: a recorded commit, the data, or the environment.
    """
    if proposal.hash != proposal_hash(proposal):
        raise ApprovalVoidError(f"{proposal.id} is not what was proposed: its hash does not fit", hint=_AGAIN)
    for name, commit, tree in (("base", proposal.base_commit, proposal.base_tree), ("candidate", proposal.commit, proposal.tree)):
        if git.tree_of(commit) != tree:
            raise ApprovalVoidError(f"the {name} commit {commit[:12]} of {proposal.id} does not hold what was proposed", hint=_AGAIN)
    again = f"Renew it with the data and the environment of now: mltui experiments refresh {proposal.id}"
    changed = difference(proposal.data, versions(control.root, control.data_files(), digests))
    if changed:
        raise ApprovalVoidError(f"the data of {proposal.id} is not what was proposed: {changed}", hint=again)
    if environment is not None and proposal.environment and environment != proposal.environment:
        raise ApprovalVoidError(
            f"the environment of {proposal.id} is not what was proposed: another interpreter or other packages", hint=again
        )
