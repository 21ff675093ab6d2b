"""How much of a sweep's budget is spent, over all processes that worked on it."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

from mltui.experiments.budget_clock import BudgetClock
from mltui.experiments.storage import write_atomically


class Clock:
    """Seconds at work; waiting for a turn does not count. `save` writes them down, so that a killed process costs at most what
    passed since.

    Args:
        running: what this process spends of the same budget.
        minutes: the budget.
    """

    def __init__(self, file: Path, running: BudgetClock, minutes: float) -> None:
        self._file = file
        self._running = running
        self._budget = minutes * 60
        self._before = 0.0
        self._lock = threading.Lock()
        with contextlib.suppress(OSError, ValueError):
            self._before = max(0.0, float(file.read_text()))

    @property
    def spent(self) -> float:
        return self._budget - self.left

    @property
    def left(self) -> float:
        return self._running.left() - self._before

    def save(self) -> None:
        with self._lock:
            write_atomically(self._file, f"{self.spent:.3f}".encode())
