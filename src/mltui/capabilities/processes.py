"""Ending what a command started: its process group, and what left the group."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

MARK = "MLTUI_SHELL_CALL"
"""Environment variable by which the descendants of a command are found, whatever session they moved to."""

_PROC = Path("/proc")
_GRACE = 1.0
_POLL = 0.01


async def end_group(group: int, mark: str) -> bool:
    """Ends every process of the group, and every other one that carries the mark: politely, then surely.

    The group's leader must not have been reaped yet, or its id may be another's by now.

    Returns whether any was still running.
    """
    if not _signal(group, mark, signal.SIGTERM):
        return False
    waited = 0.0
    while waited < _GRACE:
        await asyncio.sleep(_POLL)
        waited += _POLL
        if not _left(group, mark):
            return True
    kill_group(group, mark)
    return True


def kill_group(group: int, mark: str) -> None:
    """Ends all of it at once."""
    _signal(group, mark, signal.SIGKILL)


def _signal(group: int, mark: str, number: int) -> bool:
    left = _left(group, mark)
    if left or not _PROC.is_dir():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)
    for process in left:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process, number)
    return bool(left)


def _left(group: int, mark: str) -> list[int]:
    """The processes that run in the group or carry the mark. Empty where there is no /proc to look into."""
    wanted = f"{MARK}={mark}".encode()
    left: list[int] = []
    for process in _since(group):
        state, its_group = _state_and_group(process)
        if state not in "ZX" and (its_group == group or _carries(process, wanted)):
            left.append(process)
    return left


def _carries(process: int, wanted: bytes) -> bool:
    try:
        return wanted in (_PROC / str(process) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _since(process: int) -> list[int]:
    """Ids of the processes that were started at or after the given one; all, where ids began anew meanwhile."""
    try:
        running = [int(name) for entry in os.scandir(_PROC) if (name := entry.name).isdecimal()]
        newest = int((_PROC / "loadavg").read_text().split()[-1])
    except (OSError, ValueError):
        return []
    return running if newest < process else [other for other in running if other >= process]


def _state_and_group(process: int) -> tuple[str, int]:
    try:
        stat = (_PROC / str(process) / "stat").read_text(errors="replace")
    except OSError:
        return "X", -1
    # The name stands in parentheses and may hold anything, parentheses included.
    fields = stat.rpartition(")")[2].split()
    return fields[0], int(fields[2])
