"""An experiment that was run again: whether its numbers come out as they were recorded."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mltui.core.data import Data
from mltui.core.origin import Origin

Agreement = Literal["equal", "rounding", "interval", "differs", "failed"]
"""Of one metric of one run: bit-equal, equal but for rounding, where another seed could have been, elsewhere, or not measured."""

AGREEING: frozenset[Agreement] = frozenset({"equal", "rounding", "interval"})

ReproductionState = Literal["running", "agrees", "differs", "failed", "stopped"]


class MetricAgain(Data):
    """A metric of one run, then and now.

    Attributes:
        recorded, now: None where it is not a number.
        low, high: the interval in which a run with another seed would be (95 %); None where the recorded runs give none.
    """

    name: str
    recorded: float | None
    now: float | None
    agreement: Agreement
    low: float | None = None
    high: float | None = None


class RunAgain(Data):
    """A run that was made again.

    Attributes:
        metric: the primary one, by which it agrees or not.
        guardrails: for information: times and costs are another machine's.
        message: what went wrong, for people, when it did not finish.
        folder: what it left, below the project.
        started, ended: seconds since the epoch.
    """

    arm: Literal["baseline", "candidate"]
    seed: int
    metric: MetricAgain
    guardrails: tuple[MetricAgain, ...] = ()
    message: str = ""
    folder: str = ""
    started: float
    ended: float


class Reproduction(Data):
    """One attempt to get the recorded numbers again. It changes no state and no verdict.

    Attributes:
        job: whose folder holds what the runs left.
        at, ended: seconds since the epoch; `ended` is None while it goes on.
        here: the environment is another one, and the person wanted it so.
        environment: digest of interpreter and packages now; empty where they are not known.
        machine: what is known of the machine now.
        differences: of packages, interpreter and machine between then and now, in words.
        notes: what could not be compared, or was left out, in words.
        planned: how many runs.
        message: the outcome in words.
    """

    job: str
    by: str
    origin: Origin | None = None
    at: float
    ended: float | None = None
    here: bool = False
    environment: str = ""
    machine: dict[str, str] = Field(default_factory=dict)
    differences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    planned: int
    runs: tuple[RunAgain, ...] = ()
    state: ReproductionState = "running"
    message: str = ""


class Again(Data):
    """What a person wants to be made again.

    Attributes:
        seeds, arms: empty means all that were recorded.
        here: also where interpreter and packages are not the recorded ones.
    """

    seeds: tuple[int, ...] = ()
    arms: tuple[Literal["baseline", "candidate"], ...] = ()
    here: bool = False
