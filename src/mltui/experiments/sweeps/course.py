"""The course of a trial while it runs: its intermediate values go to the pruner, which may end it."""

from __future__ import annotations

import time
from pathlib import Path

from mltui.experiments.run_records import read_record
from mltui.experiments.sweeps.study import Asked, Study

EVERY = 1.0
"""Seconds between two looks at what a run wrote, at least."""
SHARE = 0.1
"""Of the time, that looks may take: what a run wrote may be long."""


class Course:
    """One run's metric over steps, read from what it logs to MLflow, to JSON lines or to its output.

    Args: opposite: the metric is better in the direction in which the primary one is worse.

    Attributes:
        pruned: the pruner ended it; why, for people, in `words`.
    """

    def __init__(self, study: Study, asked: Asked, folder: Path, metric: str, opposite: bool = False) -> None:
        self.pruned = False
        self.words = ""
        self._study = study
        self._asked = asked
        self._folder = folder
        self._metric = metric
        self._sign = -1.0 if opposite else 1.0
        self._reported = -1
        self._next = 0.0

    def ends(self) -> bool:
        """Whether the run is to be ended now. Cheap to ask often."""
        began = time.monotonic()
        if self.pruned or began < self._next:
            return self.pruned
        for step, value in self._news():
            self._report(step, value)
            if self._study.hopeless(self._asked):
                self.pruned = True
                self.words = f"{self._metric} {value:.4g} at step {step} is behind the other trials"
                break
        ended = time.monotonic()
        self._next = ended + max(EVERY, (ended - began) / SHARE)
        return self.pruned

    def finish(self) -> None:
        """Reports what came since the last look: later trials are held against it."""
        if not self.pruned:
            for step, value in self._news():
                self._report(step, value)

    def _report(self, step: int, value: float) -> None:
        self._study.report(self._asked, step, self._sign * value)
        self._reported = step

    def _news(self) -> list[tuple[int, float]]:
        series = read_record("candidate", 0, self._folder).series.get(self._metric)
        if series is None:
            return []
        return [(int(step), value) for step, value in zip(series.steps, series.values, strict=True) if step > self._reported]
