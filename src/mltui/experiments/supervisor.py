"""`python -m mltui.experiments.supervisor JOBDIR`: carries out one approved experiment.

It is a process of its own that needs neither the app nor a terminal. Everything it learns goes to the journal at once.
"""

from __future__ import annotations

import importlib
import os
import signal
import statistics
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import cast

from mltui.core.errors import ApprovalVoidError, ExperimentError, JournalError, MltuiError
from mltui.core.experiment import Arm, Experiment, Run
from mltui.core.sweep import BY_SWEEP
from mltui.experiments import report_files
from mltui.experiments.approvals import check_approval
from mltui.experiments.control import Control
from mltui.experiments.datasets import Digests
from mltui.experiments.examples import source_of
from mltui.experiments.execution import Execution, Places, Rules, Task
from mltui.experiments.git_tree import GitTree
from mltui.experiments.heartbeat import Beating
from mltui.experiments.jobs import SANDBOX, Job
from mltui.experiments.late_libraries import comparing, syncing
from mltui.experiments.ledger import Ledger
from mltui.experiments.looking import Looking
from mltui.experiments.records import (
    AnyEntry,
    BaselineMeasured,
    ExperimentCompared,
    ExperimentFailed,
    ExperimentStopped,
    ReproductionFinished,
    RunFinished,
    RunStarted,
    RunWaiting,
    SweepFinished,
)
from mltui.experiments.run_confinement import RunConfinement
from mltui.experiments.run_environment import RunEnvironment
from mltui.experiments.run_limits import Limits
from mltui.experiments.runner import Runner
from mltui.experiments.slots import Slots
from mltui.experiments.storage import disk_full, file_lock, full_disk_text, write_atomically
from mltui.experiments.sweeps.covering import check_covered
from mltui.experiments.turns import Turns
from mltui.sandbox import choose

ACTOR = "supervisor"
FAILURES = 2
"""So many failed runs of one arm end the job."""

PRELOAD_AFTER = 2
"""After so many runs the libraries of the end are loaded, beside the runs: a plan that fails at once never needs them."""


FULL_DISK = (5.0, 120)
"""Seconds between two tries to write the outcome to a full disk, and how many there are."""

_OUTCOMES: dict[str, str] = {
    ExperimentCompared.type: "compared",
    BaselineMeasured.type: "measured",
    SweepFinished.type: "measured",
    ExperimentStopped.type: "stopped",
    ExperimentFailed.type: "failed",
}


class Supervisor:
    """One experiment, from its first run to its comparison."""

    BUDGET_ADVICE = "propose again with more minutes or fewer seeds"

    def __init__(self, job: Job, slots: Slots | None = None) -> None:
        plan = job.plan()
        self._job = job
        self._config = plan.config
        self._section = plan.config.experiments
        self._root = Path(plan.root)
        self._state = self._root / ".mltui"
        self._ledger = Ledger(self._state)
        self._proposal = self._ledger.get(plan.proposal_id).proposal
        limits = Limits.of(self._section.run_memory_gb, self._section.run_disk_gb)
        self._runner = Runner(on_change=job.mark_groups, name=job.id, limits=limits)
        self._total = self._proposal.planned_runs
        self._lock = threading.Lock()
        self._failures: dict[Arm, int] = {"baseline": 0, "candidate": 0}
        self._done = 0
        self._claimed = 0
        self._gave_up = ""
        self._asked_to_stop = False
        self._beats = Beating(job.folder, self._total, self._peaks)
        self._turns = Turns(job, self._config, self._proposal.budget.minutes, self._beats, self._waits, slots)

    def stop(self) -> None:
        """Ends the runs; the journal says that a person wanted it."""
        self._asked_to_stop = True
        self._runner.stop()

    def work(self) -> None:
        """Everything: runs, comparison, tracking. What goes wrong goes into the journal."""
        self._beats.start()
        outcome = self._outcome()
        self._clean()
        self._record_outcome(outcome)
        self._beats.end(outcome.outcome if isinstance(outcome, ReproductionFinished) else _OUTCOMES[outcome.type])
        self._report()
        self._sync()

    def _record_outcome(self, outcome: AnyEntry) -> None:
        """Raises: JournalError: the disk stayed full, or the journal was changed; the next front-end says that the job is lost."""
        pause, tries = FULL_DISK
        for _ in range(tries):
            try:
                return self._record(outcome)
            except JournalError as error:
                if not disk_full(error) or self._asked_to_stop:
                    raise
                print(error, file=sys.stderr)
                time.sleep(pause)
        return self._record(outcome)

    def _outcome(self) -> AnyEntry:
        proposal_id = self._proposal.id
        try:
            return self._result()
        except MltuiError as error:
            return ExperimentFailed(proposal_id=proposal_id, message=str(error))
        except Exception as error:
            if disk_full(error):
                return ExperimentFailed(proposal_id=proposal_id, message=full_disk_text(error))
            traceback.print_exc()
            what = f"mltui failed: {type(error).__name__}: {error} (see {self._job.log})"
            return ExperimentFailed(proposal_id=proposal_id, message=what)

    def _result(self) -> AnyEntry:
        proposal_id = self._proposal.id
        self._run_all()
        if self._asked_to_stop:
            return ExperimentStopped(proposal_id=proposal_id, message=f"stopped after {self._done} of {self._total} runs")
        if self._gave_up:
            return ExperimentFailed(proposal_id=proposal_id, message=self._gave_up)
        if len(self._proposal.arms) == 1:
            return BaselineMeasured(proposal_id=proposal_id, message=self._spread())
        examples = source_of(self._root, evaluated=bool(self._proposal.evaluate or self._section.evaluate))
        comparison, guardrails = comparing().compare(self._proposal, self._experiment().runs, examples)
        return ExperimentCompared(proposal_id=proposal_id, comparison=comparison, guardrails=guardrails)

    def _prepared(self) -> tuple[GitTree, Execution]:
        """Raises: ApprovalVoidError: what would run is not what was approved."""
        git = GitTree(self._root, self._state)
        control = Control(self._root, self._section)
        approval = check_approval(self._experiment(), git, control, Digests(self._state / "digests.json"))
        if approval.by.startswith(BY_SWEEP):
            check_covered(self._proposal, approval.by, self._ledger, git)
        return git, self._execution(git, control)

    def _run_all(self) -> None:
        _, execution = self._prepared()
        tasks = [Task(arm, seed) for seed in self._proposal.seeds for arm in self._proposal.arms]
        wanted = {execution.key(task) for task in tasks if task.arm == "baseline"}
        reusable = {entry.key: entry.run for entry in self._ledger.finished_runs(wanted)}
        self._carry_out(tasks, execution, reusable)
        if not self._gave_up and not self._asked_to_stop:
            self._check_pairs()

    def _carry_out(self, tasks: Sequence[Task], execution: Execution, reusable: dict[str, Run]) -> None:
        with ThreadPoolExecutor(max_workers=min(self._section.parallel, self._section.slots or self._section.parallel)) as pool:
            futures: list[Future[None]] = [pool.submit(self._guarded, task, execution, reusable) for task in tasks]
            for future in futures:
                future.result()

    def _execution(self, git: GitTree, control: Control) -> Execution:
        """Raises: ApprovalVoidError: the environment is not what was approved. SandboxError: one is required, and there is none."""
        secrets = [model.api_key_env for model in self._config.models.values() if model.api_key_env]
        cache = self._state / "environment.json"
        environment = RunEnvironment(self._root, self._proposal.id, secrets, cache=cache, autolog=self._section.autolog)
        self._check_environment(environment.probe.digest)
        write_atomically(self._job.folder / "env.lock", environment.probe.lock.encode())
        sandbox = choose(self._config.sandbox, os.environ)
        print(f"{SANDBOX}{sandbox.describe()}", file=sys.stderr)
        rules = Rules(
            data_files=control.data_files(),
            source=self._section.metrics,
            labels=self._section.labels,
            evaluate=self._proposal.evaluate or self._section.evaluate,
            artifact=self._config.promotion.artifact,
            controlled=lambda path: control.explain(Path(path)) is not None,
            confinement=RunConfinement(sandbox, self._config.sandbox, self._root, self._state),
        )
        places = Places(self._root, self._job.folder, self._job.worktrees())
        return Execution(self._proposal, places, git, environment, rules)

    def _check_environment(self, digest: str) -> None:
        approved = self._proposal.environment
        if approved and approved != digest:
            raise ApprovalVoidError("the environment is not what was approved: another interpreter or packages", hint="Propose it again.")

    def _guarded(self, task: Task, execution: Execution, reusable: dict[str, Run]) -> None:
        try:
            self._one(task, execution, reusable)
        except Exception as error:
            # The pool would carry on with the other tasks.
            self._give_up(full_disk_text(error) if disk_full(error) else str(error))
            raise
        finally:
            self._beats.over(task.name, self._done)

    def _one(self, task: Task, execution: Execution, reusable: dict[str, Run]) -> None:
        if self._over():
            return
        key = execution.key(task)
        known = reusable.get(key) if task.arm == "baseline" else None
        if known and all(name in known.metrics for name in execution.needed()):
            self._finish(known.model_copy(update={"arm": task.arm, "reused": True}), key)
            return
        with self._turns.turn(task.name, self._over) as variables:
            if variables is not None:
                self._have_turn(task, key, execution, variables)

    def _over(self) -> bool:
        return bool(self._gave_up) or self._asked_to_stop

    def _waits(self, name: str, what: str) -> None:
        arm, _, seed = name.partition("-")
        about = {"proposal_id": self._proposal.id, "arm": arm, "seed": int(seed), "done": self._done, "total": self._total}
        self._record(RunWaiting.model_validate({**about, "message": what}))

    def _have_turn(self, task: Task, key: str, execution: Execution, variables: dict[str, str]) -> None:
        left = self._turns.clock.left()
        if left <= 0 or not self._claim_run():
            self._give_up(self._out_of_budget(runs=left > 0))
            return
        if entry := self._start_entry(task):
            self._record(entry)
        limit = self._section.run_timeout_minutes * 60
        run = execution.run(task, self._runner, limit, left, variables)
        if run.status == "timeout" and left < limit:
            run = run.model_copy(update={"message": self._out_of_budget()})
            self._give_up(run.message)
        self._finish(run, key)

    def _claim_run(self) -> bool:
        """Whether the approval has a run left; takes it."""
        with self._lock:
            self._claimed += 1
            return self._claimed <= self._proposal.budget.runs

    def _finish(self, run: Run, key: str) -> None:
        with self._lock:
            self._done += 1
            if run.status != "finished":
                self._failures[run.arm] += 1
            self._record(self._finish_entry(run, key))
            if self._done == PRELOAD_AFTER:
                threading.Thread(target=self._preload, daemon=True).start()
            if self._failures[run.arm] >= FAILURES:
                self._give_up(f"{FAILURES} {run.arm} runs failed; seed {run.seed}: {run.message}{self._left_out()}")

    def _start_entry(self, task: Task) -> AnyEntry | None:
        return RunStarted(proposal_id=self._proposal.id, arm=task.arm, seed=task.seed, done=self._done, total=self._total)

    def _finish_entry(self, run: Run, key: str) -> AnyEntry:
        return RunFinished(proposal_id=self._proposal.id, run=run, key=key, done=self._done, total=self._total)

    def _give_up(self, why: str) -> None:
        if not self._gave_up and not self._asked_to_stop:
            self._gave_up = why
            self._runner.stop()

    def _check_pairs(self) -> None:
        runs = self._experiment().runs
        finished = {(run.arm, run.seed) for run in runs if run.status == "finished"}
        arms = self._proposal.arms
        pairs = [seed for seed in self._proposal.seeds if {(arm, seed) for arm in arms} <= finished]
        test = self._proposal.test
        if len(pairs) < (1 if test and test.design == "predictions" else 2):
            failed = next((run for run in runs if run.status != "finished"), None)
            raise ExperimentError(
                f"only {len(pairs)} seed finished{' in both arms' if len(arms) > 1 else ''}, which shows nothing"
                + (f"; {failed.arm} seed {failed.seed}: {failed.message}{self._left_out()}" if failed else "")
            )

    def _peaks(self) -> dict[str, int]:
        return {folder.name: peak for folder, peak in self._runner.peaks().items()}

    def _spread(self) -> str:
        """Mean, standard deviation and extremes of the primary metric over the seeds."""
        name = self._proposal.metric.name
        values = [run.metrics[name] for run in self._experiment().runs if run.status == "finished"]
        mean, deviation = statistics.mean(values), statistics.stdev(values) if len(values) > 1 else 0.0
        return f"{name} {mean:.4g} ± {deviation:.2g} (standard deviation, {len(values)} seeds, {min(values):.4g} to {max(values):.4g})"

    def _out_of_budget(self, *, runs: bool = False) -> str:
        budget = self._proposal.budget
        what = f"{budget.runs} runs" if runs else f"{budget.minutes:g} minutes"
        return f"the approved budget of {what} ended after {self._done} of {self._total} runs; {self.BUDGET_ADVICE}"

    def _left_out(self) -> str:
        names = self._ledger.created(self._proposal.id).left_out
        if not names:
            return ""
        listed = ", ".join(names[:5])
        return f"\nNot in the run's checkout, because untracked and large: {listed}. If it needs them, add them to [experiments] data."

    def _experiment(self) -> Experiment:
        return self._ledger.get(self._proposal.id)

    def _record(self, entry: AnyEntry) -> None:
        self._ledger.record(entry, ACTOR)

    def _clean(self) -> None:
        """Removes the checkouts. That git refuses must not hide the outcome."""
        folder = self._job.worktrees()
        if folder.exists():
            try:
                GitTree(self._root, self._state).remove_worktree(folder)
            except MltuiError as error:
                print(error, file=sys.stderr)

    def _preload(self) -> None:
        """Imports what is needed at the end, while the runs run."""
        try:
            comparing()
            if self._section.pictures:
                report_files.figures()
            if self._config.tracking.enabled:
                syncing().preload()
        except Exception:
            # Who needs it at the end says what is wrong.
            traceback.print_exc()

    def _report(self) -> None:
        """The analysis of errors and the pictures, kept beside the journal. Whatever goes wrong here, the result is recorded already."""
        try:
            report_files.write(Looking(self._root, self._state), self._experiment(), drawn=self._section.pictures)
        except Exception:
            traceback.print_exc()

    def _sync(self) -> None:
        tracking = self._config.tracking
        if not tracking.enabled and tracking.wandb == "off":
            return
        try:
            syncing().start_others(self._root, self._config)
            syncing().sync_project(self._root, self._config)
        except MltuiError as error:
            print(error, file=sys.stderr)  # the journal has it already
        except Exception:
            traceback.print_exc()


def _supervisor(job: Job) -> Supervisor:
    plan = job.plan()
    # Those that build on this module, with what they need.
    if plan.again is not None:
        return cast(Supervisor, importlib.import_module("mltui.experiments.reproducing").Reproducer(job, plan.again))
    if Ledger(Path(plan.root) / ".mltui").get(plan.proposal_id).proposal.sweep is not None:
        return cast(Supervisor, importlib.import_module("mltui.experiments.sweeps.supervising").SweepSupervisor(job))
    return Supervisor(job)


def main(folder: Path) -> int:
    """Returns the exit code: 0 when the journal has the outcome, 1 when another supervisor is at work."""
    job = Job(folder.parent.parent, folder.name)
    try:
        with file_lock(folder / "lock", timeout=0.0):
            job.mark(os.getpid())
            supervisor = _supervisor(job)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

            def stop(number: int, frame: FrameType | None) -> None:
                supervisor.stop()

            signal.signal(signal.SIGTERM, stop)
            signal.signal(signal.SIGINT, stop)
            supervisor.work()
    except ExperimentError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
