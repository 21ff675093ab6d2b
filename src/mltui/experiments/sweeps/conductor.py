"""Makes the trials of an approved sweep, in the supervisor's process, and says which was best."""

from __future__ import annotations

import math
import statistics
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from mltui.core.experiment import Metric, Proposal, Run, Trial
from mltui.core.sweep import SweepPlan
from mltui.experiments.checkout import Checkout
from mltui.experiments.execution import Execution, Task
from mltui.experiments.git_tree import GitTree
from mltui.experiments.records import AnyEntry, ExperimentFailed, ExperimentStopped, SweepFinished, TrialFinished
from mltui.experiments.render import setting
from mltui.experiments.runner import Runner
from mltui.experiments.sweeps.clock import Clock
from mltui.experiments.sweeps.course import Course
from mltui.experiments.sweeps.study import Asked, Study
from mltui.experiments.sweeps.summary import best, counts, made
from mltui.experiments.sweeps.trees import TrialTrees, plan_of
from mltui.experiments.turns import Turns

FAILED_AT_FIRST = 3
"""So many failed trials, and none that did not fail, end the sweep: it is the code, not the values."""
SAVED_EVERY = 2.0
"""Seconds between two notes of the time that is spent."""
CAUTION = 1.25
"""What is kept of the budget for the confirmation, as a multiple of what its runs should take."""


@dataclass(frozen=True, slots=True)
class Site:
    """What a supervisor lends to a sweep.

    Attributes:
        trials: those that the journal knows.
        turns: what each run waits for, and the time that is left.
        limit: seconds that a run may take.
        confirming_parallel: runs at once of the experiment that confirms the winner.
        record: puts an entry into the journal.
        over: is told of each run that has ended, and of each trial (without a name), with how many trials have.
        stopping: whether a person asked for the end.
        folder: of the job; what a sweep that goes on must find again lies there.
    """

    proposal: Proposal
    trials: tuple[Trial, ...]
    execution: Execution
    git: GitTree
    runner: Runner
    turns: Turns
    limit: float
    confirming_parallel: int
    record: Callable[[AnyEntry], None]
    over: Callable[[str, int], None]
    stopping: Callable[[], bool]
    folder: Path


@dataclass(frozen=True, slots=True)
class Ready:
    """A trial that only has to be run. Attributes: checkout: for its first run."""

    asked: Asked
    execution: Execution
    checkout: Checkout


class Conductor:
    """One sweep, from its first trial, or from where a killed process left it, to its best."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._proposal = site.proposal
        self._plan = plan_of(site.proposal)
        self._trials = list(site.trials)
        self._trees = TrialTrees(site.git, site.proposal)
        self._clock = Clock(site.folder / "sweep" / "seconds", site.turns.clock, site.proposal.budget.minutes)
        self._study = _kind(self._plan)(site.folder / "sweep" / "optuna.log", self._plan, site.proposal.metric.direction, site.trials)
        self._lock = threading.Lock()
        self._preparer = ThreadPoolExecutor(max_workers=1)
        self._ahead: Future[Ready] | None = None
        self._begun = 0
        self._ended = ""
        self._gave_up = ""

    def conduct(self) -> AnyEntry:
        """Returns: the record that ends it: finished with a best trial, stopped, or failed and why."""
        for lost in self._study.lost:
            self._finish(lost)
        self._begun = made(self._trials)
        with self._preparer, ThreadPoolExecutor(max_workers=self._plan.parallel) as pool:
            futures = [pool.submit(self._work) for _ in range(self._plan.parallel)]
            while wait(futures, SAVED_EVERY, FIRST_EXCEPTION).not_done:
                self._clock.save()
        self._clock.save()
        for future in futures:
            future.result()
        return self._outcome()

    def _outcome(self) -> AnyEntry:
        id_, done, total = self._proposal.id, made(self._trials), self._plan.trials
        if self._site.stopping():
            words = f"stopped after {done} of {total} trials; it goes on with: mltui sweep run {id_}"
            return ExperimentStopped(proposal_id=id_, message=words)
        found = best(self._trials, self._proposal.metric)
        if self._gave_up or found is None:
            last = next((trial.message for trial in reversed(self._trials) if trial.message), self._ended)
            why = self._gave_up or (f"no trial finished; the last: {last}" if last else "no trial finished")
            return ExperimentFailed(proposal_id=id_, message=why)
        return SweepFinished(proposal_id=id_, best=found.number, minutes=self._clock.spent / 60, message=self._said(found))

    def _said(self, found: Trial) -> str:
        ended = f" {self._ended}." if self._ended else ""
        name = self._proposal.metric.name
        return (
            f"best of {made(self._trials)} trials ({counts(self._trials)}): {name} {found.value:.4g} in trial {found.number}, "
            f"{setting(found.params)}.{ended} That is no result: the best of many looks better than it is."
        )

    def _work(self) -> None:
        try:
            while (ready := self._next()) is not None:
                self._make(ready)
        except Exception as error:
            # The other workers would carry on.
            self._give_up(str(error))
            raise

    def _next(self) -> Ready | None:
        with self._lock:
            if self._over() or (self._ahead is None and self._begun >= self._plan.trials):
                return None
            self._ended = self._ends_here()
            if self._ended:
                return None  # what was prepared is not made
            mine = self._ahead or self._begin()
            # One is prepared while others run: git takes about as long as a small run.
            self._ahead = self._begin() if self._plan.independent and self._begun < self._plan.trials else None
        return mine.result()

    def _begin(self) -> Future[Ready]:
        self._begun += 1
        return self._preparer.submit(self._prepare)

    def _prepare(self) -> Ready:
        asked = self._study.ask()
        base = self._proposal.base_commit
        tree = self._trees.tree(asked.params)
        message = f"{self._proposal.id} trial {asked.number}"
        commit = base if tree == self._proposal.base_tree else self._site.git.commit(tree, base, message, None)
        execution = self._site.execution.with_candidate(commit, tree, self._trees.changes(asked.params))
        return Ready(asked, execution, execution.check_out(self._task(asked, self._proposal.seeds[0])))

    def _over(self) -> bool:
        return bool(self._gave_up or self._ended) or self._site.stopping()

    def _ends_here(self) -> str:
        """Why no further trial is begun, for people; empty: one is."""
        if self._left() <= 0:
            return f"The approved {self._proposal.budget.minutes:g} minutes are spent but for what confirms the best"
        patience = self._plan.patience
        if patience is not None and _since_best(self._trials, self._proposal.metric) >= patience:
            return f"The last {patience} brought nothing better"
        return ""

    def _left(self) -> float:
        """Seconds that trials may still take: the budget without what the confirmation should need of it."""
        seconds = [run.ended - run.started for trial in self._trials for run in trial.runs if run.status == "finished"]
        if not seconds:
            return self._clock.left
        rounds = math.ceil(2 * len(self._plan.confirm_seeds) / self._site.confirming_parallel)
        return self._clock.left - CAUTION * rounds * statistics.median(seconds)

    def _make(self, ready: Ready) -> None:
        asked, execution, checkout = ready.asked, ready.execution, ready.checkout
        runs: list[Run] = []
        pruned = ""
        for seed in self._proposal.seeds:
            if runs and self._left() <= 0:
                break
            task = self._task(asked, seed)
            course = self._course(asked, execution.folder(task)) if not runs else None
            run = self._run(task, execution, course.ends if course else _never, checkout if not runs else None)
            if run is None or (self._site.stopping() and run.status == "killed"):
                return  # begun and not recorded: it is made again when the sweep goes on
            if course is not None and run.status == "finished":
                course.finish()
            pruned = course.words if course is not None and course.pruned else ""
            runs.append(run.model_copy(update={"message": f"pruned: {pruned}"}) if pruned else run)
            if run.status != "finished" or pruned:
                break
        trial = self._judged(asked, tuple(runs), pruned)
        self._finish(trial)
        self._study.tell(asked, trial)

    def _task(self, asked: Asked, seed: int) -> Task:
        return Task("candidate", seed, f"trial-{asked.number:04d}")

    def _run(self, task: Task, execution: Execution, ends_early: Callable[[], bool], checkout: Checkout | None) -> Run | None:
        """None: the sweep is over before it is its turn."""
        try:
            with self._site.turns.turn(task.name, lambda: bool(self._gave_up) or self._site.stopping()) as variables:
                if variables is None:
                    return None
                return execution.run(task, self._site.runner, self._site.limit, max(1.0, self._left()), variables, ends_early, checkout)
        finally:
            self._site.over(task.name, made(self._trials))

    def _course(self, asked: Asked, folder: Path) -> Course | None:
        if self._plan.pruner == "none":
            return None
        metric = self._proposal.metric
        opposite = self._plan.prune_direction not in (None, metric.direction)
        return Course(self._study, asked, folder, self._plan.prune_metric or metric.name, opposite)

    def _judged(self, asked: Asked, runs: tuple[Run, ...], pruned: str) -> Trial:
        failed = next((run for run in runs if run.status != "finished"), None)
        if pruned:
            return Trial(number=asked.number, params=asked.params, state="pruned", runs=runs, message=pruned)
        if failed is not None or len(runs) < len(self._proposal.seeds):
            why = failed.message if failed else "the budget ended before all of its seeds"
            return Trial(number=asked.number, params=asked.params, state="failed", runs=runs, message=why)
        value = statistics.fmean(run.metrics[self._proposal.metric.name] for run in runs)
        return Trial(number=asked.number, params=asked.params, state="complete", value=value, runs=runs)

    def _finish(self, trial: Trial) -> None:
        with self._lock:
            self._trials.append(trial)
            entry = TrialFinished(proposal_id=self._proposal.id, trial=trial, done=made(self._trials), total=self._plan.trials)
            self._site.record(entry)
            self._site.over("", made(self._trials))
            judged = [one for one in self._trials if not one.lost]
            if len(judged) >= FAILED_AT_FIRST and all(one.state == "failed" for one in judged):
                self._ended = self._gave_up = f"the first {len(judged)} trials failed; trial {trial.number}: {trial.message}"

    def _give_up(self, why: str) -> None:
        with self._lock:
            if not self._gave_up and not self._site.stopping():
                self._gave_up = why
                self._site.runner.stop()


def _kind(plan: SweepPlan) -> type[Study]:
    if plan.backend == "ray":
        from mltui.experiments.sweeps.ray_study import RayStudy

        return RayStudy
    return Study


def _since_best(trials: list[Trial], metric: Metric) -> int:
    """Trials that finished after the best one."""
    found = best(trials, metric)
    return made(trials[trials.index(found) + 1 :]) if found is not None else 0


def _never() -> bool:
    return False
