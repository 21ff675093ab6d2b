"""The time of an approved budget: it runs while a run does, and stands still while all of them wait for their turn."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Generator


class BudgetClock:
    """Safe to use from several threads. Args: seconds: of the budget."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds
        self._running = 0
        self._since = 0.0
        self._lock = threading.Lock()

    @property
    def runs(self) -> int:
        """How many runs go on."""
        return self._running

    def left(self) -> float:
        """Seconds."""
        with self._lock:
            return self._left - (time.monotonic() - self._since if self._running else 0.0)

    @contextlib.contextmanager
    def running(self) -> Generator[None]:
        with self._lock:
            if not self._running:
                self._since = time.monotonic()
            self._running += 1
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1
                if not self._running:
                    self._left -= time.monotonic() - self._since
