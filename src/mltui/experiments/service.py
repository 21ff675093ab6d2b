"""All experiments of one project, for the agent, the command line and the app."""

from __future__ import annotations

import contextlib
import importlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from mltui.config.schema import Config
from mltui.core.errors import ExperimentError, NotARepositoryError, ProposalError
from mltui.core.events import ExperimentFinished, ExperimentProgressed
from mltui.core.experiment import Approval, Conclusion, Experiment, Proposal, ProposalRequest, Recommendation
from mltui.experiments import following
from mltui.experiments.control import Control
from mltui.experiments.drafts import Draft
from mltui.experiments.fold import advance
from mltui.experiments.ledger import Ledger
from mltui.experiments.records import (
    ExperimentAccepted,
    ExperimentConcluded,
    ExperimentDiscarded,
    ExperimentFailed,
    ExperimentStopped,
    JobStarted,
    ProposalCreated,
    ProposalDecided,
)
from mltui.experiments.storage import file_lock, make_state_folder
from mltui.experiments.tracking.place import tracking_uri
from mltui.experiments.tracking.sync import start_sync

if TYPE_CHECKING:
    from mltui.experiments.jobs import Job
    from mltui.experiments.workbench import Workbench

STOP_SECONDS = 15.0
"""How long a supervisor may take to end its runs before it is ended."""


def project_root(folder: Path) -> Path:
    """The top of the git working tree that the folder is in, else the folder."""
    folder = folder.resolve()
    return next((candidate for candidate in (folder, *folder.parents) if (candidate / ".git").exists()), folder)


class Experiments:
    """Cheap to open: no git call, no heavy import. Everything but `draft` and `follow` may block on git or disk.

    Attributes:
        root: top of the project.
        state: `root/.mltui`.
    """

    def __init__(self, root: Path, config: Config) -> None:
        self.root = root
        self.state = root / ".mltui"
        self.control = Control(root, config.experiments)
        self.config = config
        self._ledger = Ledger(self.state)
        self._bench: Workbench | None = None

    @classmethod
    def open(cls, root: Path, config: Config) -> Experiments:
        """The experiments of the project that the folder belongs to."""
        return cls(project_root(root), config)

    def draft(self, session_id: str) -> Draft:
        return Draft(self.root, self.state, session_id)

    def propose(self, request: ProposalRequest, *, session_id: str | None, author: str) -> Proposal:
        """Makes a proposal of the session's draft and the requested parameter changes, and puts it into the journal.

        Raises:
            NotARepositoryError: no repository or no commit; says what to run.
            ProposalError: nothing would change, or something that a plan needs is missing; says what.
        """
        bench = self._workbench()
        draft = self.draft(session_id) if session_id else None
        make_state_folder(self.state)
        with file_lock(self.state / "proposals.lock", timeout=120.0):
            built = bench.build(self._next_id("P"), request, draft, author, session_id)
            self._ledger.record(ProposalCreated(proposal=built.proposal, left_out=built.left_out, staged=built.staged), author)
        return built.proposal

    def start_baseline(self, *, by: str, seeds: tuple[int, ...] | None = None) -> Proposal:
        """Measures the working tree as it is, over the declared seeds: its spread is the noise floor.

        The person who starts it approves it by that. Its runs stand in for the baseline of later proposals.

        Raises: as `propose` and `start` do.
        """
        bench = self._workbench()
        make_state_folder(self.state)
        with file_lock(self.state / "proposals.lock", timeout=120.0):
            built = bench.build_baseline(self._next_id("B"), seeds, by)
            self._ledger.record(ProposalCreated(proposal=built.proposal, left_out=built.left_out), by)
        self.decide(built.proposal.id, answer="approve", by=by, reason="asked for")
        self.start(built.proposal.id)
        return built.proposal

    def _next_id(self, letter: str) -> str:
        taken = [int(name[2:]) for name in self._ledger.refresh() if name.startswith(f"{letter}-")]
        return f"{letter}-{max(taken, default=0) + 1:04d}"

    def decide(self, proposal_id: str, *, answer: Literal["approve", "reject", "hold"], by: str, reason: str = "") -> Experiment:
        """Raises: ProposalError: the proposal is not open."""
        proposal = self._ledger.get(proposal_id).proposal
        approval = Approval(proposal_id=proposal.id, proposal_hash=proposal.hash, answer=answer, by=by, at=time.time(), reason=reason)
        self._ledger.record(ProposalDecided(approval=approval), by)
        return self._ledger.get(proposal.id)

    def start(self, proposal_id: str) -> str:
        """Starts the approved experiment in a process of its own. Returns the job's id.

        Raises:
            ProposalError: it is not approved, or was started before.
            ApprovalVoidError: code or data are not those that were approved.
            JournalError: the journal was changed.
        """
        experiment = self._ledger.get(proposal_id)
        entry = JobStarted(proposal_id=proposal_id, job="", runs=experiment.proposal.planned_runs)
        advance(experiment, entry)
        self._ledger.check()
        bench = self._workbench()
        bench.check(experiment)
        job = bench.create_job(proposal_id)
        self._ledger.record(entry.model_copy(update={"job": job.id}), experiment.approval.by if experiment.approval else "mltui")
        try:
            job.spawn()
        except OSError as error:
            self._ledger.record(ExperimentFailed(proposal_id=proposal_id, message=f"the supervisor could not be started: {error}"), "mltui")
            raise ExperimentError(f"{proposal_id} could not be started: {error}") from error
        return job.id

    def stop(self, proposal_id: str) -> None:
        """Ends the runs. Returns when they are gone. Raises: ProposalError: it is not running."""
        entry = ExperimentStopped(proposal_id=proposal_id, message="stopped")
        advance(self._ledger.get(proposal_id), entry)
        job = self._job(proposal_id)
        if job:
            job.interrupt()
            deadline = time.monotonic() + STOP_SECONDS
            while self._runs(proposal_id) and job.alive() and time.monotonic() < deadline:
                time.sleep(0.05)
            if self._runs(proposal_id):
                self._clear(job)
        if self._runs(proposal_id):
            self._ledger.record(entry, "mltui")

    def conclude(self, proposal_id: str, *, interpretation: str, recommendation: Recommendation, by: str) -> Experiment:
        """Records what the result means. Raises: ProposalError: there is no comparison yet, or no text."""
        if not interpretation.strip():
            raise ProposalError("an interpretation needs words", hint="Say what the numbers mean for the hypothesis.")
        conclusion = Conclusion(interpretation=interpretation.strip(), recommendation=recommendation, by=by, at=time.time())
        self._ledger.get(proposal_id)
        self._ledger.record(ExperimentConcluded(proposal_id=proposal_id, conclusion=conclusion), by)
        self._mirror()
        return self._ledger.get(proposal_id)

    def accept(self, proposal_id: str, *, by: str) -> Experiment:
        """Makes the change the working tree and takes it from the draft.

        Raises:
            ProposalError: there is no result yet, or a file was changed meanwhile; nothing was written.
        """
        self._ledger.get(proposal_id)
        with file_lock(self.state / "proposals.lock"):
            experiment = self._ledger.get(proposal_id)
            advance(experiment, ExperimentAccepted(proposal_id=proposal_id, by=by))
            paths = self._workbench().apply(experiment)
            self._ledger.record(ExperimentAccepted(proposal_id=proposal_id, by=by, paths=paths), by)
        self._settled(experiment)
        self._mirror()
        return self._ledger.get(proposal_id)

    def discard(self, proposal_id: str, *, by: str) -> Experiment:
        """Lets the change go and takes it from the draft. Raises: ProposalError: it is not over."""
        experiment = self._ledger.get(proposal_id)
        self._ledger.record(ExperimentDiscarded(proposal_id=proposal_id, by=by), by)
        self._settled(experiment)
        self._mirror()
        return self._ledger.get(proposal_id)

    def list(self) -> list[Experiment]:
        """All experiments, the newest last."""
        for experiment in self._ledger.refresh().values():
            if experiment.state == "running":
                self._recover(experiment.id)
        return [*self._ledger.refresh().values()]

    def get(self, proposal_id: str) -> Experiment:
        """Raises: ProposalError: names the nearest id."""
        if self._ledger.get(proposal_id).state == "running":
            self._recover(proposal_id)
        return self._ledger.get(proposal_id)

    def verify(self) -> int:
        """The number of journal records. Raises: JournalError: names the first that was changed."""
        return self._ledger.journal.verify()

    def tracking_uri(self) -> str:
        """Where MLflow finds the runs."""
        return tracking_uri(self.root, self.config.tracking)

    def follow(self, proposal_id: str, poll: float = 0.2) -> AsyncIterator[ExperimentProgressed | ExperimentFinished]:
        """Progress from the first run on; ends after ExperimentFinished, also when the supervisor dies."""
        return following.follow(self._ledger, proposal_id, poll, self._recover)

    def _workbench(self) -> Workbench:
        """Loads git at the first need."""
        bench = self._bench
        if bench is None:
            try:
                module = importlib.import_module("mltui.experiments.workbench")
            except ImportError as error:
                if "git executable" not in str(error).lower():
                    raise
                raise NotARepositoryError("git is not installed, and experiments run from commits", hint="Install git.") from error
            bench = self._bench = cast("Workbench", module.Workbench(self.root, self.state, self.control, self.config))
        return bench

    def _job(self, proposal_id: str) -> Job | None:
        started = [record for record in self._ledger.records(proposal_id) if record.type == JobStarted.type]
        if not started:
            return None
        jobs = importlib.import_module("mltui.experiments.jobs")
        return jobs.Job(self.state, JobStarted.model_validate(started[-1].payload).job)

    def _runs(self, proposal_id: str) -> bool:
        return self._ledger.get(proposal_id).state == "running"

    def _recover(self, proposal_id: str) -> None:
        """Ends an experiment whose supervisor is gone, and the runs that it left behind."""
        job = self._job(proposal_id)
        if job is None or job.alive() or not self._runs(proposal_id):
            return
        self._clear(job)
        words = job.last_words()
        message = (
            f"the supervisor died{f': {words}' if words else ''} (its log: {job.log}). Propose again: finished baseline runs count again."
        )
        # Another process may have been faster.
        with contextlib.suppress(ProposalError):
            self._ledger.record(ExperimentFailed(proposal_id=proposal_id, message=message), "mltui")

    def _clear(self, job: Job) -> None:
        job.kill()
        # What is left of checkouts is in nobody's way; that git refuses must not hide the outcome.
        with contextlib.suppress(ExperimentError):
            self._workbench().remove_worktrees(job)

    def _settled(self, experiment: Experiment) -> None:
        """Takes from the draft what the proposal was made of; what was staged since stays."""
        session_id = experiment.proposal.session_id
        if session_id:
            draft = self.draft(session_id)
            present = draft.digests()
            draft.drop(path for path, digest in self._ledger.created(experiment.id).staged.items() if present.get(path) == digest)

    def _mirror(self) -> None:
        """Lets the tracker know, in a process of its own."""
        start_sync(self.root, self.config.tracking)
