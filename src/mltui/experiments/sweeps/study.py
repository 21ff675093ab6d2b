"""Optuna, which proposes a sweep's values and says which trial to end early. It is loaded here and nowhere else, by name.

mltui's journal is the record of the trials; Optuna's own file in the job's folder lets its sampler go on after a crash, and is
made again from the journal where it is lost.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import random
import threading
import warnings
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mltui.core.data import JsonObject
from mltui.core.errors import ExperimentError
from mltui.core.experiment import Direction, Trial
from mltui.core.sweep import ChoiceDimension, Dimension, FloatDimension, SweepPlan

NAME = "sweep"
"""Of the study in its file."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A trial to make. Attributes: handle: Optuna's own."""

    number: int
    params: JsonObject
    handle: Any


class Study:
    """The sampler and the pruner of one sweep. Safe to use from several threads of one process.

    Attributes:
        lost: trials that a killed process had begun; they are told to the sampler as failed, and asked for again.
    """

    def __init__(self, file: Path, plan: SweepPlan, direction: Direction, known: Sequence[Trial]) -> None:
        """Args: known: the trials of the journal; where Optuna's file says less, it learns of them."""
        self._optuna = _load()
        self._plan = plan
        self._distributions = {one.name: self._distribution(one) for one in plan.space}
        self._lock = threading.RLock()
        self._points = _points_left(plan, known) if plan.sampler == "grid" else []
        file.parent.mkdir(parents=True, exist_ok=True)
        # Only one process works in a job's folder: a lock in it is of one that was killed.
        for left in file.parent.glob(f"{file.name}.lock*"):
            left.unlink(missing_ok=True)
        self._study = self._opened(file, direction, known)
        self.lost = tuple(self._settle(known))

    def ask(self) -> Asked:
        with self._lock, quiet():
            self._enqueue_point()
            handle = self._study.ask(self._distributions)
            return Asked(handle.number, {one.name: handle.params[one.name] for one in self._plan.space}, handle)

    def _enqueue_point(self) -> None:
        """Makes a point of the grid what is asked for next.

        Optuna's own sampler of grids does not know what a process before this one made.
        """
        if self._points:
            self._study.enqueue_trial(self._points.pop())

    def report(self, asked: Asked, step: int, value: float) -> None:
        """An intermediate value; what is no number says nothing."""
        if math.isfinite(value):
            with self._lock, quiet():
                asked.handle.report(value, step)

    def hopeless(self, asked: Asked) -> bool:
        """Whether the pruner ends the trial by what was reported so far."""
        with self._lock, quiet():
            return bool(asked.handle.should_prune())

    def tell(self, asked: Asked, trial: Trial) -> None:
        self._tell(asked.number, trial)

    def _tell(self, number: int, trial: Trial) -> None:
        states = self._optuna.trial.TrialState
        state = {"complete": states.COMPLETE, "pruned": states.PRUNED, "failed": states.FAIL}[trial.state]
        with self._lock, quiet():
            self._study.tell(number, trial.value if trial.state == "complete" else None, state=state)

    def _opened(self, file: Path, direction: Direction, known: Sequence[Trial]) -> Any:
        for fresh in (False, True):
            if fresh:
                file.unlink(missing_ok=True)
            try:
                study = self._load_or_create(file, direction, len(known))
                if study.direction.name.lower() == direction and self._agrees(study, known):
                    return study
            except Exception:
                # Whatever is in the file, the journal knows better.
                if fresh:
                    raise
        study = self._load_or_create(file, direction, len(known))
        with quiet():
            recorded = {trial.number: trial for trial in known}
            for number in range(max(recorded, default=-1) + 1):
                # What was begun and never recorded keeps its number.
                gone = self._optuna.trial.create_trial(state=self._optuna.trial.TrialState.FAIL)
                study.add_trial(self._frozen(recorded[number]) if number in recorded else gone)
        return study

    def _load_or_create(self, file: Path, direction: Direction, known: int) -> Any:
        optuna = self._optuna
        with quiet():
            self._storage: Any = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(file)))
            return optuna.create_study(
                study_name=NAME,
                storage=self._storage,
                sampler=self._sampler(known),
                pruner=self._pruner(),
                direction=direction,
                load_if_exists=True,
            )

    def _agrees(self, study: Any, known: Sequence[Trial]) -> bool:
        """Whether every trial of the journal is one of the file, with the same values."""
        by_number = {one.number: one.params for one in study.get_trials(deepcopy=False)}
        return all(by_number.get(trial.number) == trial.params for trial in known)

    def _settle(self, known: Sequence[Trial]) -> Iterator[Trial]:
        """Tells what the journal knows of trials that were not told, and gives up those that nobody makes any more."""
        recorded = {trial.number: trial for trial in known}
        running = self._optuna.trial.TrialState.RUNNING
        for one in self._study.get_trials(deepcopy=False, states=(running,)):
            if one.number in recorded:
                self._tell(one.number, recorded[one.number])
                continue
            lost = Trial(number=one.number, params=dict(one.params), state="failed", message="the sweep ended before it; it is made again")
            self._tell(one.number, lost)
            if self._plan.admits(lost.params):
                if self._plan.sampler != "grid":
                    self._study.enqueue_trial(lost.params)
                yield lost

    def _frozen(self, trial: Trial) -> Any:
        states = self._optuna.trial.TrialState
        state = {"complete": states.COMPLETE, "pruned": states.PRUNED, "failed": states.FAIL}[trial.state]
        value = trial.value if trial.state == "complete" else None
        return self._optuna.trial.create_trial(state=state, params=dict(trial.params), distributions=self._distributions, value=value)

    def _distribution(self, one: Dimension) -> Any:
        kinds = self._optuna.distributions
        if not isinstance(one, FloatDimension) or one.step is None:
            return _plain_distribution(self._optuna, one)
        # Values of the decimal steps, not of their sums in binary.
        if self._plan.sampler == "grid":
            return kinds.CategoricalDistribution(one.values())
        return kinds.FloatDistribution(one.low, one.values()[-1], step=one.step)

    def _sampler(self, known: int) -> Any:
        samplers, plan = self._optuna.samplers, self._plan
        seed = plan.sampler_seed + known  # a sweep that goes on does not draw the same again
        with quiet():
            match plan.sampler:
                case "grid" | "random":
                    return samplers.RandomSampler(seed=seed)
                case "cmaes":
                    return samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)
                case "tpe":
                    # Trials that still run count as poor ones, or all workers would try the same place.
                    return samplers.TPESampler(seed=seed, constant_liar=plan.parallel > 1)

    def _pruner(self) -> Any:
        pruners = self._optuna.pruners
        return {"none": pruners.NopPruner, "median": pruners.MedianPruner, "hyperband": pruners.HyperbandPruner}[self._plan.pruner]()


def _points_left(plan: SweepPlan, known: Sequence[Trial]) -> list[JsonObject]:
    """The points of a grid that no trial was made at, in an order that only the sampler's seed decides; the last comes first."""

    def key(params: JsonObject) -> tuple[object, ...]:
        return tuple((type(params[one.name]), params[one.name]) for one in plan.space)

    points: list[JsonObject] = [dict(zip((one.name for one in plan.space), point, strict=True)) for point in plan.grid()]
    random.Random(plan.sampler_seed).shuffle(points)  # noqa: S311 - no secret
    made = {key(trial.params) for trial in known if not trial.lost}
    return [point for point in points if key(point) not in made]


def importances(plan: SweepPlan, trials: Sequence[Trial], direction: Direction) -> dict[str, float]:
    """The share of each parameter in how the trials' values vary, the greatest first; empty where too few finished.

    fANOVA (Hutter, Hoos and Leyton-Brown 2014) where scikit-learn is installed, else PED-ANOVA (Watanabe, Bansal and Hutter 2023).
    """
    optuna = _load()
    done = [trial for trial in trials if trial.state == "complete" and trial.value is not None]
    if len(done) < 4 or len({trial.value for trial in done}) < 2:
        return {}
    with quiet():
        study = optuna.create_study(direction=direction)
        distributions = {one.name: _plain_distribution(optuna, one) for one in plan.space}
        for trial in done:
            params = {name: trial.params[name] for name in distributions}
            study.add_trial(optuna.trial.create_trial(params=params, distributions=distributions, value=trial.value))
        for name in ("FanovaImportanceEvaluator", "PedAnovaImportanceEvaluator"):
            with contextlib.suppress(ImportError, ValueError, RuntimeError):
                evaluator = getattr(optuna.importance, name)
                evaluator = evaluator(seed=0) if name.startswith("Fanova") else evaluator()
                return {key: float(share) for key, share in optuna.importance.get_param_importances(study, evaluator=evaluator).items()}
    return {}


def _plain_distribution(optuna: Any, one: Dimension) -> Any:
    """Without the steps of real numbers."""
    kinds = optuna.distributions
    if isinstance(one, ChoiceDimension):
        return kinds.CategoricalDistribution(one.choices)
    if isinstance(one, FloatDimension):
        return kinds.FloatDistribution(one.low, one.high, log=one.log)
    return kinds.IntDistribution(one.low, one.high, log=one.log, step=one.step)


def _load() -> Any:
    """Raises: ExperimentError: Optuna is not installed."""
    try:
        optuna: Any = importlib.import_module("optuna")
        importlib.import_module("optuna.storages.journal")
    except ImportError as error:
        raise ExperimentError(
            "sweeps need the package optuna, which is not installed", hint="Install it where mltui is: pip install 'mltui[sweep]'"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


@contextlib.contextmanager
def quiet() -> Generator[None]:
    """Without warnings of what is experimental in Optuna: they would fill the supervisor's log."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
