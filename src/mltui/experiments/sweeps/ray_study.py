"""Ray Tune's searcher and schedulers in the place of Optuna's own loop. Ray is loaded here and nowhere else, by name.

Only what decides is Ray's: trials are mltui's runs, on this machine, and no cluster is started. The searcher keeps its study in
the same file as without Ray, so that a sweep goes on after a crash by the same road.
"""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mltui.core.errors import ExperimentError
from mltui.core.experiment import Direction, Trial
from mltui.core.sweep import SweepPlan
from mltui.experiments.sweeps.study import NAME, Asked, Study, quiet

VALUE = "value"
"""What a trial is called to have reached, in Ray's results."""
STEP = "training_iteration"
LONGEST_COURSE = 4**12
"""Up to which step ASHA has rungs: 1, 4, 16, … Beyond it, it ends no trial."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """Stands for Ray's Trial, of which the schedulers use nothing but the id."""

    trial_id: str


class RayStudy(Study):
    """`OptunaSearch` suggests; ASHA or the median stopping rule says which trial to end. Safe to use from several threads."""

    def __init__(self, file: Path, plan: SweepPlan, direction: Direction, known: Sequence[Trial]) -> None:
        """Raises: ExperimentError: Ray Tune is not installed, or does not start."""
        searchers, schedulers = _load()
        super().__init__(file, plan, direction, known)
        mode = "max" if direction == "maximize" else "min"
        with quiet():
            self._searcher = searchers.OptunaSearch(
                space=self._distributions,
                metric=VALUE,
                mode=mode,
                sampler=self._sampler(len(known)),
                study_name=NAME,
                storage=self._storage,
            )
        self._scheduler = _scheduler(schedulers, plan, mode)
        self._ending: set[int] = set()
        self._begun: set[int] = set()
        self._replay()

    def ask(self) -> Asked:
        with self._lock, quiet():
            self._enqueue_point()
            ticket = Ticket(f"suggested-{len(self._begun)}")
            params = self._searcher.suggest(ticket.trial_id)
            number = self._number_of_the_newest()
            self._begun.add(number)
            if self._scheduler is not None:
                self._scheduler.on_trial_add(None, ticket)
            return Asked(number, {one.name: params[one.name] for one in self._plan.space}, ticket)

    def report(self, asked: Asked, step: int, value: float) -> None:
        if not math.isfinite(value):
            return
        with self._lock, quiet():
            self._searcher.on_trial_result(asked.handle.trial_id, {VALUE: value, STEP: step})
            if self._says_stop(asked.handle, step, value):
                self._ending.add(asked.number)

    def hopeless(self, asked: Asked) -> bool:
        return asked.number in self._ending

    def tell(self, asked: Asked, trial: Trial) -> None:
        # The schedulers are told of no end: they have seen the course, and the value may be a mean over other seeds too.
        result = {VALUE: trial.value} if trial.state == "complete" else None
        with self._lock, quiet():
            self._searcher.on_trial_complete(asked.handle.trial_id, result, error=trial.state == "failed")

    def _number_of_the_newest(self) -> int:
        running = self._study.get_trials(deepcopy=False, states=(self._optuna.trial.TrialState.RUNNING,))
        return next(one.number for one in running if one.number not in self._begun)

    def _replay(self) -> None:
        """Shows the scheduler the courses that the file has of earlier trials."""
        if self._scheduler is None:
            return
        for one in self._study.get_trials(deepcopy=False):
            ticket = Ticket(f"earlier-{one.number}")
            self._scheduler.on_trial_add(None, ticket)
            for step, value in sorted(one.intermediate_values.items()):
                self._says_stop(ticket, step, value)

    def _says_stop(self, ticket: Ticket, step: int, value: float) -> bool:
        # Ray counts from 1; courses may begin at 0.
        result = {VALUE: value, STEP: step + 1}
        return self._scheduler is not None and self._scheduler.on_trial_result(None, ticket, result) == "STOP"


def _scheduler(schedulers: Any, plan: SweepPlan, mode: str) -> Any:
    """None: no trial is ended early. Without a controller they may only say whether a trial goes on, so none ever pauses."""
    common = {"time_attr": STEP, "metric": VALUE, "mode": mode}
    match plan.pruner:
        case "median":
            return schedulers.MedianStoppingRule(**common, grace_period=1, min_time_slice=math.inf)
        case "hyperband":
            return schedulers.ASHAScheduler(**common, max_t=LONGEST_COURSE, stop_last_trials=False)
        case "none":
            return None


def _load() -> tuple[Any, Any]:
    """The modules of searchers and of schedulers."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        return importlib.import_module("ray.tune.search.optuna"), importlib.import_module("ray.tune.schedulers")
    except Exception as error:  # a package that is half installed fails in many ways
        words = str(error).partition("\n")[0]
        raise ExperimentError(f"Ray Tune does not load: {words}", hint="Install it where mltui is: pip install 'mltui[ray]'") from error
