"""The course of a trial while it runs: its intermediate values go to the pruner, which may end it."""

from __future__ import annotations

import time
from pathlib import Path

from mltui.experiments.run_records import read_record
from mltui.experiments.sweeps.study import Asked, Study

EVERY = 1.0
"""Seconds between two looks at what a run wrote."""


class Course:
    """One run's metric over steps, read from what it logs to MLflow, to JSON lines or to its output.

    Attributes:
        pruned: the pruner ended it; why, for people, in `words`.
    """

    def __init__(self, study: Study, asked: Asked, folder: Path, metric: str) -> None:
        self.pruned = False
        self.words = ""
        self._study = study
        self._asked = asked
        self._folder = folder
        self._metric = metric
        self._reported = -1
        self._looked = 0.0

    def ends(self) -> bool:
        """Whether the run is to be ended now. Cheap to ask often."""
        if self.pruned or time.monotonic() - self._looked < EVERY:
            return self.pruned
        self._looked = time.monotonic()
        for step, value in self._news():
            self._report(step, value)
            if self._study.hopeless(self._asked):
                self.pruned = True
                self.words = f"{self._metric} {value:.4g} at step {step} is behind the other trials"
                break
        return self.pruned

    def finish(self) -> None:
        """Reports what came since the last look: later trials are held against it."""
        if not self.pruned:
            for step, value in self._news():
                self._report(step, value)

    def _report(self, step: int, value: float) -> None:
        self._study.report(self._asked, step, value)
        self._reported = step

    def _news(self) -> list[tuple[int, float]]:
        series = read_record("candidate", 0, self._folder).series.get(self._metric)
        if series is None:
            return []
        return [(int(step), value) for step, value in zip(series.steps, series.values, strict=True) if step > self._reported]
