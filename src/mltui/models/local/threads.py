"""How many threads to compute with: the cores that nobody else is using.

llama.cpp's threads wait for each other at every step, so with one thread too many beside a training
run, decoding falls to a tenth of its speed.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil

MIN_INTERVAL = 0.5
"""Seconds between two looks, below which the load cannot be told."""


def usable_cores() -> int:
    """Physical cores, as far as the affinity and the control group of this process let it use them."""
    physical = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else physical
    return max(1, min(physical, affinity, _quota()))


def _quota() -> int:
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return max(1, int(quota) // int(period))
    except (OSError, ValueError):
        return 1 << 16


class IdleCores:
    """Tells from the processor time since the last look how many cores others leave idle.

    Args:
        fixed: a number of threads that a person chose, or 0.
    """

    def __init__(self, fixed: int) -> None:
        self._fixed = fixed
        self._cores = usable_cores()
        self._count = fixed or self._cores
        self._last = self._now()

    def count(self) -> int:
        """Threads to use now; at least one."""
        if self._fixed:
            return self._fixed
        wall, busy, own = self._now()
        elapsed = wall - self._last[0]
        if elapsed >= MIN_INTERVAL:
            others = max(0.0, (busy - self._last[1]) - (own - self._last[2])) / elapsed
            self._count = max(1, self._cores - round(others))
            self._last = (wall, busy, own)
        return self._count

    @staticmethod
    def _now() -> tuple[float, float, float]:
        """Wall time, and processor seconds of the machine and of this process."""
        times = psutil.cpu_times()
        idle = times.idle + getattr(times, "iowait", 0.0)
        # Guest time is part of user time on Linux.
        busy = sum(times) - idle - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        own = os.times()
        return time.monotonic(), busy, own.user + own.system
