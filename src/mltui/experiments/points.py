"""Numbers over steps, as whatever wrote them down did."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

STEPS = ("step", "global_step", "epoch", "iteration", "iter", "batch", "round")
"""Names of what counts steps, the first that is there counts."""

MOST_NAMES = 400
MOST_POINTS = 4_000
"""Points of a series that are kept: every second, third, … of a longer one."""


@dataclass(frozen=True, slots=True)
class Series:
    """A metric over steps, which ascend.

    Attributes: times: when each was logged, in seconds since the epoch; empty where that was not written down.
    """

    steps: tuple[float, ...]
    values: tuple[float, ...]
    step_name: str = "step"
    times: tuple[float, ...] = ()


class Points:
    """Numbers by name, each with the step that stands beside it, or else with how many came before."""

    def __init__(self) -> None:
        self._points: dict[str, list[tuple[float, float]]] = {}
        self._names: dict[str, str] = {}

    def take(self, numbers: Mapping[str, float]) -> None:
        """Numbers that belong together: of one line, or one row."""
        step = next(((name, numbers[name]) for key in STEPS for name in numbers if name.lower() == key), None)
        for name, value in numbers.items():
            if name.lower() not in STEPS:
                at = step[1] if step else self.count(name)
                self.add(name, at, value, step[0].lower() if step else "line")

    def add(self, name: str, step: float, value: float, step_name: str = "step") -> None:
        if name not in self._points and len(self._points) >= MOST_NAMES:
            return
        self._points.setdefault(name, []).append((float(step), value))
        self._names[name] = step_name

    def count(self, name: str) -> int:
        return len(self._points.get(name, ()))

    def series(self) -> dict[str, Series]:
        return {name: series_of(points, self._names[name]) for name, points in self._points.items()}

    def last(self) -> dict[str, float]:
        """The value of each at its highest step; of two there, the later."""
        found: dict[str, float] = {}
        for name, points in self._points.items():
            highest = max((step for step, _ in points if math.isfinite(step)), default=0.0)
            found[name] = next((value for step, value in reversed(points) if step == highest), points[-1][1])
        return found


def series_of(points: Iterable[tuple[float, ...]], step_name: str) -> Series:
    """Of (step, value) or (step, value, time), in the order of the steps; the last value of a step counts."""
    last = {step: rest for step, *rest in points if math.isfinite(step)}
    steps = sorted(last)
    every = -(-len(steps) // MOST_POINTS) or 1
    kept = [step for index, step in enumerate(steps) if index % every == 0 or index == len(steps) - 1]
    times = [time for step in kept for time in last[step][1:]]
    return Series(tuple(kept), tuple(last[step][0] for step in kept), step_name, tuple(times))
