"""Is what would run what was approved?"""

from __future__ import annotations

from mltui.core.errors import ApprovalVoidError
from mltui.core.experiment import Approval, Experiment
from mltui.experiments.control import Control
from mltui.experiments.datasets import Digests, difference, versions
from mltui.experiments.git_tree import GitTree
from mltui.experiments.proposals import proposal_hash

_AGAIN = "Propose it again and have it approved again."


def check_approval(experiment: Experiment, git: GitTree, control: Control, digests: Digests) -> Approval:
    """The approval that lets the experiment run.

    Raises:
        ApprovalVoidError: there is none, or code, command, seeds, budget, metrics or data are not those that it covers.
    """
    proposal, approval = experiment.proposal, experiment.approval
    if approval is None or approval.answer != "approve":
        raise ApprovalVoidError(f"{proposal.id} is not approved", hint="Approve it first.")
    if proposal_hash(proposal) != approval.proposal_hash:
        raise ApprovalVoidError(f"{proposal.id} was changed after it was approved", hint=_AGAIN)
    for name, commit, tree in (("base", proposal.base_commit, proposal.base_tree), ("candidate", proposal.commit, proposal.tree)):
        if git.tree_of(commit) != tree:
            raise ApprovalVoidError(f"the {name} commit {commit[:12]} of {proposal.id} does not hold what was approved", hint=_AGAIN)
    changed = difference(proposal.data, versions(control.root, control.data_files(), digests))
    if changed:
        raise ApprovalVoidError(f"the data of {proposal.id} is not what was approved: {changed}", hint=_AGAIN)
    return approval
