"""Running an experiment again, from a front-end: start, watch, stop, and what a dead supervisor left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from mltui.core.errors import ExperimentError, ProposalError
from mltui.core.experiment import Experiment
from mltui.core.origin import Origin
from mltui.core.reproduction import Again, Reproduction, ReproductionState
from mltui.experiments.fold import advance
from mltui.experiments.git_tree import GitTree
from mltui.experiments.jobs import Job
from mltui.experiments.records import ReproductionFinished, ReproductionStarted
from mltui.experiments.reproducible import prepare
from mltui.sandbox import choose

if TYPE_CHECKING:
    from mltui.experiments.service import Experiments

STOP_SECONDS = 15.0
CHECK_EVERY = 1.0
"""Seconds between two looks at whether the supervisor lives."""


class Reproductions:
    """Its methods block on git and disk, but for `follow`."""

    def __init__(self, experiments: Experiments) -> None:
        self._root = experiments.root
        self._state = experiments.state
        self._config = experiments.config
        self._ledger = experiments.ledger

    def start(self, proposal_id: str, again: Again, *, by: str, origin: Origin | None = None) -> Reproduction:
        """Starts it in a process of its own, within the approved budget once more.

        Raises:
            ProposalError: it has nothing that could be run again, or is running.
            ExperimentError: something that it needs is not there any more, or is another; says all of it.
            SandboxError: runs must be confined, and there is nothing to confine them.
            JournalError: the journal was changed.
        """
        experiment = self._ledger.get(proposal_id)
        begun = Reproduction(job="", by=by, origin=origin, at=time.time(), here=again.here, planned=0)
        advance(experiment, ReproductionStarted(proposal_id=proposal_id, reproduction=begun))
        choose(self._config.sandbox, os.environ)
        self._ledger.check()
        ready = prepare(experiment, again, self._root, self._config, GitTree(self._root, self._state))
        job = Job.create(self._state, self._root, proposal_id, self._config, again)
        found = {
            "job": job.id,
            "planned": len(ready.tasks),
            "environment": ready.environment,
            "machine": ready.machine,
            "differences": ready.differences,
            "notes": ready.notes,
        }
        begun = begun.model_copy(update=found)
        self._ledger.record(ReproductionStarted(proposal_id=proposal_id, reproduction=begun), by)
        try:
            job.spawn()
        except OSError as error:
            self._end(proposal_id, begun, "failed", f"the supervisor could not be started: {error}")
            raise ExperimentError(f"{proposal_id} could not be started: {error}") from error
        return begun

    def stop(self, proposal_id: str) -> None:
        """Ends the runs. Returns when they are gone. Raises: ProposalError: it is not being run again."""
        going = self._going(self._ledger.get(proposal_id))
        if going is None:
            raise ProposalError(f"{proposal_id} is not being run again", hint=f"See mltui experiments show {proposal_id}")
        job = Job(self._state, going.job)
        job.interrupt()
        deadline = time.monotonic() + STOP_SECONDS
        while self._ledger.get(proposal_id).repeating and job.alive() and time.monotonic() < deadline:
            time.sleep(0.05)
        if self._ledger.get(proposal_id).repeating:
            self._clear(job)
            self._end(proposal_id, going, "stopped", "stopped")

    def recover(self, proposal_id: str) -> None:
        """Ends a repetition whose supervisor is gone, and the runs that it left behind."""
        going = self._going(self._ledger.get(proposal_id))
        if going is None:
            return
        job = Job(self._state, going.job)
        # It may have ended between the two looks.
        if job.alive() or not self._ledger.get(proposal_id).repeating:
            return
        self._clear(job)
        self._end(proposal_id, going, "failed", f"lost: {job.end_of_supervisor()}")

    async def follow(self, proposal_id: str, poll: float = 0.2) -> AsyncIterator[Reproduction]:
        """Yields the latest repetition whenever it has news, to its end."""
        seen: Reproduction | None = None
        unchecked = 0.0
        while True:
            experiment = await asyncio.to_thread(self._ledger.get, proposal_id)
            latest = experiment.reproductions[-1]
            if latest != seen:
                seen = latest
                yield latest
            if latest.state != "running":
                return
            await asyncio.sleep(poll)
            unchecked += poll
            if unchecked >= CHECK_EVERY:
                unchecked = 0.0
                await asyncio.to_thread(self.recover, proposal_id)

    def _going(self, experiment: Experiment) -> Reproduction | None:
        return experiment.reproductions[-1] if experiment.repeating else None

    def _clear(self, job: Job) -> None:
        job.kill()
        # What is left of checkouts is in nobody's way; that git refuses must not hide the outcome.
        with contextlib.suppress(ExperimentError):
            if job.worktrees().exists():
                GitTree(self._root, self._state).remove_worktree(job.worktrees())

    def _end(self, proposal_id: str, going: Reproduction, outcome: ReproductionState, message: str) -> None:
        entry = ReproductionFinished(proposal_id=proposal_id, job=going.job, outcome=outcome, message=message, ended=time.time())
        # Another process may have been faster.
        with contextlib.suppress(ProposalError):
            self._ledger.record(entry, "mltui")
