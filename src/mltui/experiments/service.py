"""All experiments of one project, for the agent, the command line and the app."""

from __future__ import annotations

import contextlib
import importlib
import time
from collections.abc import AsyncIterator, Collection
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, cast

from mltui.config.paths import project_root
from mltui.config.schema import Config
from mltui.core.data import JsonObject
from mltui.core.errors import ExperimentError, MltuiError, ProposalError
from mltui.core.events import ExperimentFinished, ExperimentProgressed
from mltui.core.experiment import (
    Answer,
    Conclusion,
    Experiment,
    Origin,
    Proposal,
    ProposalEdits,
    ProposalRequest,
    Recommendation,
)
from mltui.experiments import following, own_writes
from mltui.experiments.control import Control
from mltui.experiments.decisions import Decisions
from mltui.experiments.drafts import Draft
from mltui.experiments.families import Standing, standing_in
from mltui.experiments.fold import advance
from mltui.experiments.grants import Preapprovals
from mltui.experiments.index import Index, Row
from mltui.experiments.intake import Intake
from mltui.experiments.late_libraries import workbench
from mltui.experiments.ledger import Ledger
from mltui.experiments.orphans import Orphans
from mltui.experiments.records import (
    AnyMatter,
    ExperimentConcluded,
    ExperimentFailed,
    ExperimentStopped,
    JobStarted,
    MetricConfirmed,
)
from mltui.experiments.tracking.place import tracking_uri
from mltui.experiments.tracking.sync import catch_up, start_sync
from mltui.experiments.verification import verify

if TYPE_CHECKING:
    from mltui.experiments.jobs import Job
    from mltui.experiments.looking import Looking
    from mltui.experiments.promotion import Promotions
    from mltui.experiments.reproductions import Reproductions
    from mltui.experiments.sweeps.service import Sweeps
    from mltui.experiments.workbench import Workbench

STOP_SECONDS = 15.0
"""How long a supervisor may take to end its runs before it is ended."""


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
        self._orphans = Orphans(self.state, self._ledger)
        self._bench: Workbench | None = None
        self._intake = Intake(self.state, self._ledger, self._workbench, self.draft)
        self._decisions = Decisions(self.state, self._ledger, self._workbench, self.draft)

    @classmethod
    def open(cls, root: Path, config: Config) -> Experiments:
        """The experiments of the project that the folder belongs to."""
        return cls(project_root(root), config)

    @property
    def ledger(self) -> Ledger:
        """The journal and its fold, for those who count what was approved."""
        return self._ledger

    def draft(self, session_id: str) -> Draft:
        return Draft(self.root, self.state, session_id)

    def propose(self, request: ProposalRequest, *, session_id: str | None, author: str, origin: Origin | None = None) -> Proposal:
        """Makes a proposal of the session's draft and the requested parameter changes, and puts it into the journal.

        Raises:
            NotARepositoryError: no repository or no commit; says what to run.
            ProposalError: nothing would change, or something that a plan needs is missing; says what.
        """
        return self._intake.propose(request, session_id=session_id, author=author, origin=origin)

    def start_baseline(self, *, by: str, seeds: tuple[int, ...] | None = None, origin: Origin | None = None) -> Proposal:
        """Measures the working tree as it is, over the declared seeds: its spread is the noise floor.

        The person who starts it approves it by that. Its runs stand in for the baseline of later proposals.

        Raises: as `propose` and `start` do.
        """
        self._workbench().check_sandbox()
        plan = self._intake.baseline(seeds, by, origin)
        self.decide(plan.id, answer="approve", by=by, reason="asked for", origin=origin)
        self.start(plan.id)
        return plan

    def decide(
        self,
        proposal_id: str,
        *,
        answer: Answer,
        by: str,
        reason: str = "",
        origin: Origin | None = None,
        confirmed: bool = False,
        here: bool = True,
        rule: JsonObject | None = None,
    ) -> Experiment:
        """What a person says to a proposal. `maintenance` also makes the change the working tree.

        Args:
            reason: of `ask` the question; `maintenance` needs one.
            confirmed: the person said twice that a change of evaluation or data is maintenance.
            here: the runs will be started from here, so the environment of this process counts.
            rule: of a policy file that approves, as JSON; what it has left is counted as the decision is recorded.

        Raises:
            ProposalError: the proposal is not open (any more), the answer lacks its reason, or a grant or a policy is used up.
            ApprovalVoidError: `approve`, and data or environment are not those that were proposed: `refresh` it.
        """
        experiment = self._decisions.decide(
            proposal_id, answer, by=by, reason=reason, origin=origin, confirmed=confirmed, here=here, rule=rule
        )
        if answer == "maintenance":
            self._mirror()
        return experiment

    def answer(self, proposal_id: str, answer: str, *, by: str) -> Experiment:
        """The agent's answer to a question; the proposal is open again. Raises: ProposalError: nobody asked."""
        return self._decisions.answer(proposal_id, answer, by=by)

    def revise(
        self, proposal_id: str, edits: ProposalEdits, *, by: str, reason: str = "", origin: Origin | None = None, here: bool = True
    ) -> Proposal:
        """Approves a proposal with edits: a new one of the same code, which takes its place.

        Raises:
            ProposalError: it is not open, or a value is out of range; nothing changed.
            ApprovalVoidError: data or environment are not those that were proposed.
        """
        self._workbench().check_present(self._ledger.get(proposal_id).proposal, here)
        revised = self._intake.rebuild(proposal_id, edits, by, origin)
        self.decide(revised.id, answer="approve", by=by, reason=reason or f"{proposal_id} with edits", origin=origin, here=here)
        return revised

    def refresh(self, proposal_id: str, *, by: str, origin: Origin | None = None) -> Proposal:
        """The same change with the data and the environment of now, as a new open proposal in the place of the old one.

        Raises: ProposalError: it is not open.
        """
        return self._intake.rebuild(proposal_id, ProposalEdits(), by, origin)

    def reopen(self, proposal_id: str, *, by: str, reason: str) -> Experiment:
        """Lets a person decide again on what was rejected, or approved and not started. Raises: ProposalError: it is neither."""
        return self._decisions.reopen(proposal_id, reason, by)

    def confirm_metric(self, *, by: str, reason: str, origin: Origin | None = None) -> MetricConfirmed:
        """The declared primary metric judges from now on, although results were seen by another.

        Raises: ProposalError: no metric is declared, there is nothing to confirm, or no reason.
        """
        metric = self.config.experiments.primary
        if metric is None:
            raise ProposalError("no primary metric is declared", hint="Write primary under [experiments] in .mltui/config.toml.")
        return self._decisions.confirm_metric(metric, by=by, reason=reason, origin=origin)

    def start(self, proposal_id: str) -> str:
        """Starts the approved experiment in a process of its own. Returns the job's id.

        Raises:
            ProposalError: it is not approved, or was started before.
            ApprovalVoidError: code, data or environment are not those that were approved; it is open for a decision again.
            SandboxError: runs must be confined, and there is nothing to confine them; the journal is as it was.
            JournalError: the journal was changed.
        """
        experiment = self._ledger.get(proposal_id)
        entry = JobStarted(proposal_id=proposal_id, job="", runs=experiment.proposal.planned_runs)
        advance(experiment, entry)
        self._workbench().check_sandbox()
        self._ledger.check()
        self._decisions.check_start(experiment)
        job = self._job_to_go_on(experiment) or self._workbench().create_job(proposal_id)
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

    def accept(self, proposal_id: str, *, by: str, origin: Origin | None = None) -> Experiment:
        """Makes the change the working tree and takes it from the draft.

        Raises:
            ProposalError: there is no result yet, or a file was changed meanwhile; nothing was written.
        """
        experiment = self._decisions.accept(proposal_id, by=by, origin=origin)
        self._mirror()
        return experiment

    def discard(self, proposal_id: str, *, by: str, origin: Origin | None = None) -> Experiment:
        """Lets the change go and takes it from the draft. Raises: ProposalError: it is not over."""
        experiment = self._decisions.discard(proposal_id, by=by, origin=origin)
        self._mirror()
        return experiment

    def settle(self) -> None:
        """Finishes what a crash interrupted; every front-end begins with it. What cannot be settled now waits, and may be looked at."""
        # An index that cannot be made and a journal that is not whole are told by whoever reads them.
        with contextlib.suppress(ExperimentError, OSError):
            if not self._ledger.journal.path.exists():
                return
            with closing(Index(self.state)) as index:
                pairs = index.half_replaced()
            if pairs:
                self._intake.settle_supersessions(pairs)

    def catch_up(self) -> None:
        """Sends what trackers could not take before, in processes of their own, where it is time to try again. Raises nothing."""
        with contextlib.suppress(MltuiError, OSError):
            catch_up(self.root, self.config.tracking)

    def list(self) -> list[Experiment]:
        """All experiments, the newest last."""
        for experiment in self._ledger.refresh().values():
            if experiment.state == "running":
                self._recover(experiment.id)
        self.settle()
        return [*self._ledger.refresh().values()]

    def get(self, proposal_id: str) -> Experiment:
        """Raises: ProposalError: names the nearest id."""
        experiment = self._ledger.get(proposal_id)
        if experiment.state == "running":
            self._recover(proposal_id)
        elif experiment.repeating:
            self.reproductions().recover(proposal_id)
        return self._ledger.get(proposal_id)

    def newest(self, limit: int | None = None, states: Collection[str] = ()) -> list[Experiment]:
        """The newest experiments (None: all in these states), the newest last, without folding all: for lists, from the index."""
        with closing(Index(self.state)) as index:
            return index.experiments([row.id for row in index.rows(states=states, limit=limit)])

    def peek(self, proposal_id: str) -> Experiment:
        """An experiment to look at, from the index; what is decided about is got with `get`. Raises: ProposalError: there is none."""
        with closing(Index(self.state)) as index:
            found = index.experiments([proposal_id])
        return found[0] if found else self.get(proposal_id)

    def rows(self) -> list[Row]:
        """All experiments as a list shows them, the newest last, from the index; those whose supervisor died are ended first."""
        with closing(Index(self.state)) as index:
            found = index.rows()
        if not (running := [row.id for row in found if row.state == "running"]):
            return found
        for name in running:
            self._recover(name)
        with closing(Index(self.state)) as index:
            return index.rows()

    def standing(self, proposal_id: str) -> Standing | None:
        """How its comparison stands among all of the project now; None where there is none."""
        return standing_in(self.state, proposal_id)

    def orphans(self) -> Orphans:
        """Training outside a proposal."""
        return self._orphans

    @property
    def sweeps(self) -> Sweeps:
        """Proposals of many trials, and the confirmation of the best."""
        return cast("Sweeps", importlib.import_module("mltui.experiments.sweeps.service").Sweeps(self, self._intake))

    @property
    def looking(self) -> Looking:
        """What can be looked at beside the fold: records, curves, output."""
        return cast("Looking", importlib.import_module("mltui.experiments.looking").Looking(self.root, self.state))

    def put_by(self, path: str, content: bytes | None) -> str:
        """The experiment that mltui itself left a file of the working tree so by, when it was kept or promoted; empty: none.

        Raises: ExperimentError: that cannot be found out.
        """
        return own_writes.put_by(self._ledger, self._workbench, path, content)

    def verify(self) -> int:
        """The number of journal records. Raises: JournalError: names the first that was changed or is gone."""
        return verify(self.root).records

    def preapprovals(self) -> Preapprovals:
        """What a policy file or a standing grant approves in advance, and what is left of it."""
        return Preapprovals(self._ledger)

    def note(self, entry: AnyMatter, actor: str) -> None:
        """Puts a record that is about no single experiment into the journal."""
        self._ledger.record(entry, actor)

    def promotions(self) -> Promotions:
        """The gate of the registry's aliases and of the production prompt, loaded when it is needed."""
        return cast("Promotions", importlib.import_module("mltui.experiments.promotion").Promotions(self))

    def reproductions(self) -> Reproductions:
        """Experiments that are run again, loaded when it is needed."""
        return cast("Reproductions", importlib.import_module("mltui.experiments.reproductions").Reproductions(self))

    def tracking_uri(self) -> str:
        """Where MLflow finds the runs."""
        return tracking_uri(self.root, self.config.tracking)

    def follow(self, proposal_id: str, poll: float = 0.2) -> AsyncIterator[ExperimentProgressed | ExperimentFinished]:
        """Progress from the first run on; ends after ExperimentFinished, also when the supervisor dies."""
        return following.follow(self._ledger, proposal_id, poll, self._recover)

    def _workbench(self) -> Workbench:
        """Loads git at the first need."""
        self._bench = self._bench or workbench()(self.root, self.state, self.control, self.config)
        return self._bench

    def _job(self, proposal_id: str) -> Job | None:
        started = [record.payload for record in self._ledger.records(proposal_id) if record.type == JobStarted.type]
        jobs = importlib.import_module("mltui.experiments.jobs")
        return jobs.Job(self.state, JobStarted.model_validate(started[-1]).job) if started else None

    def _job_to_go_on(self, experiment: Experiment) -> Job | None:
        """Of a sweep that was killed or stopped: its folder has what the sampler learned."""
        job = self._job(experiment.id) if experiment.proposal.sweep else None
        if job:
            job.await_end(STOP_SECONDS)  # it may still be telling the tracker
        return job

    def _runs(self, proposal_id: str) -> bool:
        return self._ledger.get(proposal_id).state == "running"

    def _recover(self, proposal_id: str) -> None:
        """Ends an experiment whose supervisor is gone, and the runs that it left behind."""
        job = self._job(proposal_id)
        if job is None or job.alive() or not self._runs(proposal_id):
            return
        self._clear(job)
        message = job.loss(proposal_id, goes_on=self._ledger.get(proposal_id).proposal.sweep is not None)
        # Another process may have been faster.
        with contextlib.suppress(ProposalError):
            self._ledger.record(ExperimentFailed(proposal_id=proposal_id, message=message), "mltui")

    def _clear(self, job: Job) -> None:
        job.kill()
        # What is left of checkouts is in nobody's way; that git refuses must not hide the outcome.
        with contextlib.suppress(ExperimentError):
            self._workbench().remove_worktrees(job)

    def _mirror(self) -> None:
        """Lets the tracker know, in a process of its own."""
        start_sync(self.root, self.config.tracking)
