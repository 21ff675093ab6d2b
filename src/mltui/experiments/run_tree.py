"""The processes of a run, wherever they moved to: what they hold in memory, and their end."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from mltui.sandbox.brand import with_brand

MARK = "MLTUI_RUN_MARK"
"""Environment variable by which what a command started is found, whatever session it moved to."""

_PAGE = os.sysconf("SC_PAGE_SIZE")
_GROWTH = 1.02
"""By so much the plain sum has to grow before memory is measured exactly again."""


class RunTree:
    """What descends from one command.

    Attributes:
        peak: bytes that it held at the most, as far as was seen.

    Args:
        pid: of the command's first process.
        brand: that its descendants carry, see `sandbox.brand`; 0 where there is none.
    """

    def __init__(self, pid: int, brand: int = 0) -> None:
        self.peak = 0
        self._pid = pid
        self._brand = brand
        self._highest = 0

    def processes(self) -> list[int]:
        found = with_brand(self._brand)
        if found:
            return found
        try:
            leader = psutil.Process(self._pid)
            return [self._pid, *(child.pid for child in leader.children(recursive=True))]
        except psutil.Error:
            return []

    def memory(self, limit: int = 0) -> int:
        """Bytes that it holds now. Pages that several processes share count once where that matters: for the peak, and near the limit.

        The plain sum of resident sizes counts what a fork shares with its parent twice, and is cheap; the proportional sizes
        (`/proc/PID/smaps_rollup`) do not, and are not.
        """
        held = {pid: resident(pid) for pid in self.processes()}
        total = sum(held.values())
        if total > self._highest * _GROWTH or (limit and total > limit):
            self._highest = max(self._highest, total)
            if len(held) > 1:
                total = sum(proportional(pid) or size for pid, size in held.items())
            self.peak = max(self.peak, total)
        return total


def resident(pid: int) -> int:
    """Bytes of a process in memory; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        pass
    try:
        return psutil.Process(pid).memory_info().rss
    except psutil.Error:
        return 0


def proportional(pid: int) -> int:
    """Bytes of a process in memory, a page that n processes share as 1/n of it; 0 where that is not known."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return 0


def signal_group(group: int, number: signal.Signals) -> None:
    """Signals a process group; one that is gone is no error."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return


def end_marked(mark: str, brands: Iterable[int] = ()) -> None:
    """Ends every process whose mark begins so, or that carries one of the brands. Where there is no /proc to look into: none."""
    wanted = f"{MARK}={mark}".encode()
    numbers = tuple(brands)
    for _ in range(50):
        found = {*(pid for pid in _processes() if _carries(pid, wanted)), *with_brand(*numbers)} - {os.getpid()}
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not found:
            return
        time.sleep(0.01)


def _processes() -> list[int]:
    try:
        return [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdecimal()]
    except OSError:
        return []


def _carries(pid: int, wanted: bytes) -> bool:
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(variable.startswith(wanted) for variable in variables)
