"""What a sweep's trials say together: the order of them, the best so far, where each lies in the space."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from mltui.core.data import JsonObject, JsonValue
from mltui.core.experiment import Experiment, Metric, Trial
from mltui.core.sweep import ChoiceDimension, Dimension
from mltui.experiments.sweeps.trees import plan_of

BEST_SHARE = 0.1
"""Of the complete trials, those that are drawn as the best."""


def best(trials: Sequence[Trial], metric: Metric) -> Trial | None:
    """The complete trial with the best value, the earlier of equal ones; None without any."""
    return next(iter(ranked(trials, metric)), None)


def ranked(trials: Sequence[Trial], metric: Metric) -> list[Trial]:
    """The complete trials, the best first."""
    complete = [trial for trial in trials if trial.state == "complete" and trial.value is not None]
    sign = -1.0 if metric.direction == "maximize" else 1.0
    return sorted(complete, key=lambda trial: (sign * (trial.value or 0.0), trial.number))


def top(trials: Sequence[Trial], metric: Metric) -> list[Trial]:
    """The best tenth of the complete trials, three at least."""
    found = ranked(trials, metric)
    return found[: max(3, math.ceil(len(found) * BEST_SHARE))]


def best_so_far(trials: Sequence[Trial], metric: Metric) -> list[tuple[int, float]]:
    """(trials finished, best value until then), from the first complete one on."""
    better = max if metric.direction == "maximize" else min
    found: list[tuple[int, float]] = []
    for count, trial in enumerate((trial for trial in trials if not trial.lost), 1):
        if trial.state == "complete" and trial.value is not None:
            found.append((count, better(trial.value, found[-1][1]) if found else trial.value))
        elif found:
            found.append((count, found[-1][1]))
    return found


def position(dimension: Dimension, value: JsonValue) -> float:
    """Where a value lies between the ends of its dimension, from 0 to 1, on a log scale where it is one."""
    if isinstance(dimension, ChoiceDimension):
        at = next((index for index, one in enumerate(dimension.choices) if one == value and type(one) is type(value)), 0)
        return at / (len(dimension.choices) - 1)
    assert isinstance(value, int | float)
    low, high, here = float(dimension.low), float(dimension.high), float(value)
    if dimension.log:
        low, high, here = math.log(low), math.log(high), math.log(here)
    return (here - low) / (high - low)


def ends(dimension: Dimension) -> tuple[str, str]:
    """What stands at both ends of its axis."""
    if isinstance(dimension, ChoiceDimension):
        return str(dimension.choices[0]), str(dimension.choices[-1])
    return f"{dimension.low:g}", f"{dimension.high:g}"


def counts(trials: Sequence[Trial]) -> str:
    """`28 complete, 10 pruned, 2 failed`."""
    found = Counter("lost" if trial.lost else trial.state for trial in trials)
    return ", ".join(f"{found[state]} {state}" for state in ("complete", "pruned", "failed", "lost") if found[state]) or "none"


def made(trials: Sequence[Trial]) -> int:
    """How many of the trials that were asked for are made: what was lost is made again."""
    return sum(not trial.lost for trial in trials)


def summary(experiment: Experiment, importances: dict[str, float]) -> JsonObject:
    """The sweep for programs. `best` is the sweep's own, and no result: `confirmation` names the experiment that judges it."""
    proposal, plan = experiment.proposal, plan_of(experiment.proposal)
    found = best(experiment.trials, proposal.metric)
    return {
        "id": experiment.id,
        "state": experiment.state,
        "message": experiment.message,
        "metric": proposal.metric.model_dump(mode="json"),
        "plan": plan.model_dump(mode="json"),
        "seeds": list(proposal.seeds),
        "trials_looked_at": made(experiment.trials),
        "trials": [trial.model_dump(mode="json") for trial in experiment.trials],
        "best": None if found is None else {"number": found.number, "value": found.value, "params": found.params},
        "importances": {**importances},
        "confirmation": experiment.confirmation,
    }
