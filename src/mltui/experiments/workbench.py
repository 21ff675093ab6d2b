"""What the service does with git: loaded when it is first needed."""

from __future__ import annotations

from pathlib import Path

from mltui.config.schema import Config
from mltui.core.experiment import Experiment, ProposalRequest
from mltui.experiments.approvals import check_approval
from mltui.experiments.control import Control
from mltui.experiments.datasets import Digests
from mltui.experiments.drafts import Draft
from mltui.experiments.git_tree import GitTree
from mltui.experiments.jobs import Job
from mltui.experiments.keeping import apply_change
from mltui.experiments.proposals import Author, Built, ProposalBuilder


class Workbench:
    """Trees, data and processes of one project. Raises NotARepositoryError where there is no repository."""

    def __init__(self, root: Path, state: Path, control: Control, config: Config) -> None:
        self._root = root
        self._state = state
        self._control = control
        self._config = config
        self._git = GitTree(root, state)
        self._digests = Digests(state / "digests.json")

    def build(self, proposal_id: str, request: ProposalRequest, draft: Draft | None, author: str, session_id: str | None) -> Built:
        builder = ProposalBuilder(self._control, self._config.experiments, self._git, self._digests)
        return builder.build(proposal_id, request, draft, Author(author, session_id))

    def build_baseline(self, baseline_id: str, seeds: tuple[int, ...] | None, by: str) -> Built:
        builder = ProposalBuilder(self._control, self._config.experiments, self._git, self._digests)
        return builder.build_baseline(baseline_id, seeds, Author(by, None))

    def check(self, experiment: Experiment) -> None:
        check_approval(experiment, self._git, self._control, self._digests)

    def apply(self, experiment: Experiment) -> tuple[str, ...]:
        return apply_change(experiment.proposal, self._git)

    def create_job(self, proposal_id: str) -> Job:
        return Job.create(self._state, self._root, proposal_id, self._config)

    def remove_worktrees(self, job: Job) -> None:
        if job.worktrees().exists():
            self._git.remove_worktree(job.worktrees())
