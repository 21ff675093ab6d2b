"""What one run may take of the machine, and the watch that ends it beyond that. Off where nothing is declared."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mltui.experiments.run_tree import RunTree

GB = 1_000_000_000
_SHARE = 50
"""A look that takes a second is repeated after so many seconds: watching takes at most two per cent of a core."""
_MEMORY_EVERY = 0.5
_DISK_EVERY = 2.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Attributes: memory, disk: bytes; 0: as much as there is."""

    memory: int = 0
    disk: int = 0

    @classmethod
    def of(cls, memory_gb: float | None, disk_gb: float | None) -> Limits:
        return cls(int((memory_gb or 0) * GB), int((disk_gb or 0) * GB))


class Watch:
    """Looks at a run now and then.

    Attributes:
        tree: the processes of the run.

    Args:
        places: folders that the run may write to; what lies there already is not its own.
    """

    def __init__(self, tree: RunTree, limits: Limits, places: Sequence[Path]) -> None:
        self.tree = tree
        self._limits = limits
        self._places = places
        self._before = used(places) if limits.disk else 0
        self._memory_next = 0.0
        self._disk_next = time.monotonic() + _DISK_EVERY
        self._pause = 0.05

    def exceeded(self) -> str:
        """Which limit the run is beyond, and what to do; empty while it is within. Looks no more often than is cheap."""
        now = time.monotonic()
        if now >= self._memory_next:
            held = self.tree.memory(self._limits.memory)
            # A short run is looked at soon, a long one rarely.
            self._pause = min(_MEMORY_EVERY, self._pause * 2)
            self._memory_next = _later(now, self._pause)
            if self._limits.memory and held > self._limits.memory:
                return (
                    f"it held {_gb(held)} of memory, and may hold {_gb(self._limits.memory)}: "
                    "raise run_memory_gb in [experiments], or let it hold less (smaller batches, fewer workers)"
                )
        return self._disk(now) if self._limits.disk and now >= self._disk_next else ""

    def _disk(self, now: float) -> str:
        written = used(self._places) - self._before
        self._disk_next = _later(now, _DISK_EVERY)
        if written <= self._limits.disk:
            return ""
        return (
            f"it wrote {_gb(written)} to the disk, and may write {_gb(self._limits.disk)}: "
            "raise run_disk_gb in [experiments], or let it keep less (fewer checkpoints)"
        )


def used(places: Sequence[Path]) -> int:
    """Bytes on the disk below folders. What lies behind links is not counted."""
    total = 0
    waiting = list(map(str, places))
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError:
            continue  # gone meanwhile, or not ours to read
    return total


def _later(began: float, pause: float) -> float:
    now = time.monotonic()
    return now + max(pause, _SHARE * (now - began))


def _gb(size: int) -> str:
    return f"{size / GB:.3g} GB"
