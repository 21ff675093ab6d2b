"""Sweeps: a declared space of hyperparameters that one approval covers, and the trials that were made of it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from mltui.core.comparison import Direction
from mltui.core.data import Data, JsonObject, JsonValue

BY_SWEEP = "sweep:"
"""Before the id of a sweep, as who approves what that sweep's own approval covers."""
Sampler = Literal["grid", "random", "tpe", "cmaes"]
Pruner = Literal["none", "median", "hyperband"]
Backend = Literal["optuna", "ray"]
Scalar = str | int | float | bool | None
TrialState = Literal["complete", "pruned", "failed"]


class FloatDimension(Data):
    """A real number from `low` to `high`; with `step`, low, low + step, … up to high."""

    type: Literal["float"] = "float"
    name: str
    key: str
    low: float
    high: float
    log: bool = False
    step: float | None = None

    def admits(self, value: JsonValue) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return False
        if not self.low <= value <= self.high:
            return False
        return self.step is None or any(math.isclose(value, one, rel_tol=1e-9, abs_tol=self.step * 1e-9) for one in self.values())

    def values(self) -> tuple[float, ...]:
        """Those of the grid; empty without a step."""
        if self.step is None:
            return ()
        # Decimal steps such as 0.1 add up to 0.30000000000000004; twelve digits are what a person meant.
        return tuple(round(self.low + self.step * index, 12) for index in range(math.floor((self.high - self.low) / self.step + 1e-9) + 1))

    @property
    def words(self) -> str:
        return _range_words(self.low, self.high, self.log, self.step)


class IntDimension(Data):
    """A whole number from `low` to `high` in steps."""

    type: Literal["int"] = "int"
    name: str
    key: str
    low: int
    high: int
    log: bool = False
    step: int = 1

    def admits(self, value: JsonValue) -> bool:
        if isinstance(value, bool) or not isinstance(value, int):
            return False
        return self.low <= value <= self.high and (value - self.low) % self.step == 0

    def values(self) -> tuple[int, ...]:
        return tuple(range(self.low, self.high + 1, self.step))

    @property
    def words(self) -> str:
        return _range_words(self.low, self.high, self.log, None if self.step == 1 else self.step) + ", whole"


class ChoiceDimension(Data):
    """One of `choices`."""

    type: Literal["choice"] = "choice"
    name: str
    key: str
    choices: tuple[Scalar, ...]

    def admits(self, value: JsonValue) -> bool:
        return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in self.choices)

    def values(self) -> tuple[Scalar, ...]:
        return self.choices

    @property
    def words(self) -> str:
        return "one of " + ", ".join("null" if one is None else str(one) for one in self.choices)


Dimension = Annotated[FloatDimension | IntDimension | ChoiceDimension, Field(discriminator="type")]
"""A hyperparameter of a sweep. `key` is `FILE:dotted.key` in a YAML, TOML or JSON file."""


def _range_words(low: float, high: float, log: bool, step: float | None) -> str:
    return f"{low:g} to {high:g}" + (", log" if log else "") + (f", step {step:g}" if step is not None else "")


class SweepPlan(Data):
    """What one approval lets a sweep do.

    Attributes:
        trials: so many are made at most, failed ones included.
        confirm_seeds: by which the winner and the baseline are run afterwards; no trial has one of them.
        parallel: trials at once.
        patience: it ends after so many finished trials without a better one; None: after `trials`.
        prune_metric: whose course ends a trial early; empty: the primary metric.
        prune_direction: in which that one is better; None: as the primary metric.
        sampler_seed: of the sampler, so that a sweep can be made again.
    """

    space: tuple[Dimension, ...] = Field(min_length=1)
    sampler: Sampler = "tpe"
    pruner: Pruner = "none"
    backend: Backend = "optuna"
    trials: int = Field(ge=1)
    confirm_seeds: tuple[int, ...] = Field(min_length=2)
    parallel: int = Field(default=1, ge=1)
    patience: int | None = Field(default=None, ge=1)
    prune_metric: str = ""
    prune_direction: Direction | None = None
    sampler_seed: int = 0

    @property
    def independent(self) -> bool:
        """Whether no trial's values depend on what those before it brought."""
        return self.sampler in ("grid", "random")

    @property
    def method(self) -> str:
        """`tpe, median pruning, 40 trials, 2 at a time, until 10 bring nothing better`."""
        parts = [self.sampler]
        parts += [f"{self.pruner} pruning{f' by {self.prune_metric}' if self.prune_metric else ''}"] if self.pruner != "none" else []
        parts += [f"{self.trials} trials", f"{self.parallel} at a time" if self.parallel > 1 else "one at a time"]
        parts += [f"until {self.patience} bring nothing better"] if self.patience else []
        return ", ".join(parts) + (" (through Ray Tune)" if self.backend == "ray" else "")

    def admits(self, params: JsonObject) -> bool:
        """Whether a trial's values are all of the space, and nothing else is."""
        return {one.name for one in self.space} == set(params) and all(one.admits(params[one.name]) for one in self.space)

    def grid(self) -> Iterator[tuple[Scalar, ...]]:
        """All combinations, in the order of the space."""
        return itertools.product(*(one.values() for one in self.space))


class SweepRequest(Data):
    """What is asked for; the rest of a sweep's proposal is found out.

    Attributes:
        space: by name: an object with `low`, `high`, `log`, `step` or `choices` and the `key`; of a parameter that the project
            declares, what is left out is as declared.
        trials: None: all of a grid.
        seeds_per_trial: a trial's value is the mean over so many.
        prune_direction: None: that of the guardrail of this name, or of the primary metric.
        seeds, confirm_seeds: None: the first that the project declares, and such as no run ever had.
    """

    title: str
    hypothesis: str
    methodology: str = ""
    space: dict[str, JsonObject] = Field(default_factory=dict)
    sampler: Sampler = "tpe"
    pruner: Pruner = "none"
    backend: Backend = "optuna"
    trials: int | None = None
    seeds_per_trial: int = 1
    seeds: tuple[int, ...] | None = None
    confirm_seeds: tuple[int, ...] | None = None
    parallel: int | None = None
    patience: int | None = None
    prune_metric: str = ""
    prune_direction: Direction | None = None
    sampler_seed: int = 0
    entrypoint: str | None = None
    minutes: float | None = None


class Selection(Data):
    """Where a confirmation comes from: the best trial of a sweep. Attributes: looked_at: how many trials were made."""

    sweep: str
    trial: int
    looked_at: int

    @property
    def words(self) -> str:
        return f"best of {self.looked_at} trial{'s' if self.looked_at != 1 else ''} of {self.sweep} (trial {self.trial})"
