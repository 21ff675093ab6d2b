"""What the service does with git: loaded when it is first needed."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path

from mltui.config.schema import Config
from mltui.core.experiment import Experiment, Origin, Proposal, ProposalEdits, ProposalRequest, Trial
from mltui.core.sweep import SweepRequest
from mltui.experiments.approvals import check_approval, check_present
from mltui.experiments.control import Control
from mltui.experiments.datasets import Digests
from mltui.experiments.drafts import Draft
from mltui.experiments.git_tree import GitTree
from mltui.experiments.jobs import Job
from mltui.experiments.keeping import apply_change
from mltui.experiments.ledger import Ledger
from mltui.experiments.proposals import Author, Built
from mltui.experiments.review import Circumstances, review
from mltui.experiments.run_environment import environment_digest
from mltui.experiments.sweeps.building import SweepBuilder
from mltui.experiments.sweeps.covering import check_covered
from mltui.sandbox import choose


class Workbench:
    """Trees, data and processes of one project. Raises NotARepositoryError where there is no repository."""

    def __init__(self, root: Path, state: Path, control: Control, config: Config) -> None:
        self._root = root
        self._state = state
        self._control = control
        self._config = config
        self._git = GitTree(root, state)
        self._digests = Digests(state / "digests.json")
        self._builder = SweepBuilder(control, config.experiments, self._git, self._digests, self._environment)

    def build(
        self, proposal_id: str, request: ProposalRequest, draft: Draft | None, author: str, session_id: str | None, origin: Origin | None
    ) -> Built:
        return self._builder.build(proposal_id, request, draft, Author(author, session_id, origin))

    def rebuild(self, proposal_id: str, former: Proposal, edits: ProposalEdits, by: str, origin: Origin | None) -> Built:
        return self._builder.rebuild(proposal_id, former, edits, Author(by, former.session_id, origin))

    def build_baseline(self, baseline_id: str, seeds: tuple[int, ...] | None, by: str, origin: Origin | None) -> Built:
        return self._builder.build_baseline(baseline_id, seeds, Author(by, None, origin))

    def build_sweep(
        self, proposal_id: str, request: SweepRequest, used: Collection[int], author: str, session_id: str | None, origin: Origin | None
    ) -> Built:
        return self._builder.build_sweep(proposal_id, request, used, Author(author, session_id, origin))

    def build_confirmation(self, proposal_id: str, sweep: Experiment, best: Trial, minutes: float, origin: Origin | None) -> Built:
        return self._builder.build_confirmation(proposal_id, sweep, best, minutes, Author(sweep.id, sweep.proposal.session_id, origin))

    def check_covered(self, proposal: Proposal, by: str, ledger: Ledger) -> None:
        """Whether a sweep's approval covers it. Raises: ApprovalVoidError: names what it does not cover."""
        check_covered(proposal, by, ledger, self._git)

    def finish(self, built: Built, experiments: Sequence[Experiment]) -> Built:
        """With its commits, and with what a person should know before deciding."""
        done = self._builder.commit(built)
        around = Circumstances(
            experiments=experiments,
            dirty=self._builder.dirty(built.proposal),
            parallel=self._config.experiments.parallel,
            sandboxed=choose(self._config.sandbox, os.environ).name != "none",
            unmatched=self._builder.unmatched(),
        )
        proposal = done.proposal.model_copy(update={"review": review(done.proposal, around)})
        return Built(proposal, done.left_out, done.staged)

    def check(self, experiment: Experiment) -> None:
        """Raises: ApprovalVoidError: it is not approved as it would run."""
        check_approval(experiment, self._git, self._control, self._digests, self._environment())

    def check_present(self, proposal: Proposal, environment: bool) -> None:
        """Raises: ApprovalVoidError: data or (if asked for) this process's environment are not those that were proposed."""
        check_present(proposal, self._git, self._control, self._digests, self._environment() if environment else None)

    def check_sandbox(self) -> None:
        """Raises: SandboxError: runs must be confined, and this machine has nothing to confine them."""
        choose(self._config.sandbox, os.environ)

    def apply(self, experiment: Experiment) -> tuple[str, ...]:
        return apply_change(experiment.proposal, self._git, self._config.promotion.prompt)

    def proposed(self, proposal: Proposal, path: str) -> bytes | None:
        """A file as a proposal leaves it, as a checkout writes it; None where it is deleted."""
        return self._git.read(proposal.tree, path) if path in self._git.entries(proposal.tree, (path,)) else None

    def create_job(self, proposal_id: str) -> Job:
        return Job.create(self._state, self._root, proposal_id, self._config)

    def remove_worktrees(self, job: Job) -> None:
        if job.worktrees().exists():
            self._git.remove_worktree(job.worktrees())

    def _environment(self) -> str:
        secrets = [model.api_key_env for model in self._config.models.values() if model.api_key_env]
        return environment_digest(self._root, self._state, secrets)
