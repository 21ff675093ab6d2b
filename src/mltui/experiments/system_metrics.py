"""What a run takes of the machine while it runs: a line every few seconds in its folder, for curves and for the tracker."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from mltui.experiments.gpu import Gpu, gpus
from mltui.experiments.run_records import SYSTEM
from mltui.experiments.runner import Launcher

FILE = "system.jsonl"

FIRST, USUAL = 0.5, 5.0
"""Seconds until the first sample, and between two of them."""

MOST_SAMPLES = 1_000
"""From so many samples on they are taken less often: a run of a week has a few thousand."""

EVERY_GPU = 3
"""GPUs are asked with every so manieth sample: that starts a program."""

_MEGABYTE = 1_000_000


@dataclass(slots=True)
class _Use:
    """Attributes: cpu: seconds; memory, read, written: bytes."""

    cpu: float = 0.0
    memory: int = 0
    read: int = 0
    written: int = 0


class SystemMetrics:
    """Samples the processes of one run until it is told to stop."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def launcher(self, launch: Launcher) -> Launcher:
        """The same launcher; sampling begins with what it starts."""

        def start(arguments: Sequence[str], cwd: Path, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
            # Opened before anything runs that could put a link in its place.
            file = self._file.open("w", encoding="utf-8")
            try:
                process = launch(arguments, cwd, env)
            except BaseException:
                file.close()
                raise
            seen = _visible(env.get("CUDA_VISIBLE_DEVICES"))
            self._thread = threading.Thread(target=self._sample, args=(process.pid, file, seen), daemon=True)
            self._thread.start()
            return process

        return start

    def stop(self) -> None:
        """Returns when nothing is written any more."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(timeout=10.0)

    def _sample(self, pid: int, file: IO[str], seen: frozenset[int] | None) -> None:
        began = before = time.monotonic()
        last = _Use()
        cards: tuple[Gpu, ...] | None = ()
        with file, contextlib.suppress(psutil.Error, OSError):
            root = psutil.Process(pid)
            for number in range(1_000_000):
                if self._stopped.wait(_pause(number, time.monotonic() - began)):
                    return
                if number % EVERY_GPU == 0 and cards is not None:
                    cards = gpus()
                now, use = time.monotonic(), _use_of(root)
                # What a process used that ended is in the account of the one that waited for it, or lost.
                busy = 100 * max(0.0, use.cpu - last.cpu) / (now - before)
                last, before = _Use(max(use.cpu, last.cpu), use.memory, max(use.read, last.read), max(use.written, last.written)), now
                values = {**_of_processes(last, busy), **_of_gpus(cards or (), seen)}
                line = {"step": round(now - began, 1), **{f"{SYSTEM}{name}": round(value, 2) for name, value in values.items()}}
                file.write(f"{json.dumps(line)}\n")
                file.flush()


def _pause(number: int, passed: float) -> float:
    return FIRST if number == 0 else max(USUAL, passed / MOST_SAMPLES)


def _use_of(root: psutil.Process) -> _Use:
    use = _Use()
    for process in _tree(root):
        with contextlib.suppress(psutil.Error), process.oneshot():
            times = process.cpu_times()
            use.cpu += times.user + times.system + times.children_user + times.children_system
            use.memory += process.memory_info().rss
            io = process.io_counters()
            use.read += io.read_bytes
            use.written += io.write_bytes
    return use


def _tree(root: psutil.Process) -> Iterator[psutil.Process]:
    yield root
    with contextlib.suppress(psutil.Error):
        yield from root.children(recursive=True)


def _of_processes(use: _Use, busy: float) -> dict[str, float]:
    return {
        "run_cpu_percentage": busy,
        "run_memory_megabytes": use.memory / _MEGABYTE,
        "run_disk_read_megabytes": use.read / _MEGABYTE,
        "run_disk_written_megabytes": use.written / _MEGABYTE,
    }


def _of_gpus(cards: Sequence[Gpu], seen: frozenset[int] | None) -> dict[str, float]:
    """By MLflow's names for them; without the cards that the run may not use."""
    found: dict[str, float] = {}
    for card in cards:
        if seen is None or card.index in seen:
            facts = {"utilization_percentage": card.busy, "memory_usage_megabytes": None if card.used is None else card.used * 1.048576}
            found.update({f"gpu_{card.index}_{name}": float(value) for name, value in facts.items() if value is not None})
    return found


def _visible(setting: str | None) -> frozenset[int] | None:
    """The GPUs that a run may use; None where that is not known by number."""
    parts = [part.strip() for part in (setting or "").split(",") if part.strip()]
    return frozenset(map(int, parts)) if parts and all(part.isdecimal() for part in parts) else None
