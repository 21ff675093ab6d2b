"""Runs of a recorded experiment, made again by a supervisor: nothing is reused, and nothing but the agreement is recorded."""

from __future__ import annotations

import time
import traceback

from mltui.core.errors import MltuiError
from mltui.core.experiment import Run
from mltui.core.reproduction import Again, ReproductionState, RunAgain
from mltui.experiments.agreement import agrees, metric_again, summary
from mltui.experiments.control import Control
from mltui.experiments.execution import Task
from mltui.experiments.git_tree import GitTree
from mltui.experiments.jobs import Job
from mltui.experiments.records import AnyEntry, ReproductionFinished, ReproductionRun
from mltui.experiments.reproducible import machine_differences, prepare
from mltui.experiments.supervisor import Supervisor


class Reproducer(Supervisor):
    """One repetition, from its first run to what is said of it."""

    BUDGET_ADVICE = "name fewer runs with --seed or --arm"

    def __init__(self, job: Job, again: Again) -> None:
        super().__init__(job)
        self._again = again
        experiment = self._experiment()
        self._recorded = {(run.arm, run.seed): run for run in experiment.runs if run.status == "finished"}
        # A model that is promoted is that of the recorded run.
        self._config = self._config.model_copy(update={"promotion": self._config.promotion.model_copy(update={"artifact": ""})})

    def _outcome(self) -> AnyEntry:
        state: ReproductionState = "failed"
        try:
            self._run_all()
            runs = self._experiment().reproductions[-1].runs
            message = summary(runs, self._total)
            if self._asked_to_stop:
                state, message = "stopped", f"stopped; {message}"
            elif self._gave_up:
                message = f"{self._gave_up}; {message}"
            else:
                state = "agrees" if len(runs) == self._total and all(map(agrees, runs)) else "differs"
        except MltuiError as error:
            message = str(error)
        except Exception as error:
            traceback.print_exc()
            message = f"mltui failed: {type(error).__name__}: {error} (see {self._job.log})"
        return ReproductionFinished(
            proposal_id=self._proposal.id,
            job=self._job.id,
            outcome=state,
            message=message,
            ended=time.time(),
            differences=self._machines(),
        )

    def _run_all(self) -> None:
        git = GitTree(self._root, self._state)
        ready = prepare(self._experiment(), self._again, self._root, self._config, git)
        self._section = ready.section
        self._total = len(ready.tasks)
        self._beats.plan(self._total)
        self._carry_out(ready.tasks, self._execution(git, Control(self._root, ready.section)), {})

    def _check_environment(self, digest: str) -> None:
        """`prepare` has looked, and knows whether the person wants it in another one."""

    def _waits(self, name: str, what: str) -> None:
        """The heartbeat says it; the experiment itself waits for nothing."""

    def _start_entry(self, task: Task) -> AnyEntry | None:
        return None

    def _finish_entry(self, run: Run, key: str) -> AnyEntry:
        recorded = self._recorded[run.arm, run.seed]
        now = run.metrics if run.status == "finished" else {}
        primary, *guardrails = (
            metric_again(
                name,
                recorded.metrics.get(name),
                now.get(name),
                [other.metrics[name] for other in self._recorded.values() if other.arm == run.arm and name in other.metrics],
            )
            for name in (self._proposal.metric.name, *(guardrail.name for guardrail in self._proposal.guardrails))
        )
        again = RunAgain(
            arm=run.arm,
            seed=run.seed,
            metric=primary,
            guardrails=tuple(guardrails),
            message=run.message,
            folder=run.folder,
            started=run.started,
            ended=run.ended,
        )
        return ReproductionRun(proposal_id=self._proposal.id, job=self._job.id, run=again)

    def _machines(self) -> tuple[str, ...]:
        """Differences of the machines, as the first run wrote them down then and now."""
        runs = self._experiment().reproductions[-1].runs
        if not runs:
            return ()
        recorded = self._recorded[runs[0].arm, runs[0].seed]
        return machine_differences(self._root / recorded.folder, self._root / runs[0].folder)
