"""Ending what a command started: its process group, and what left the group."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from pathlib import Path

from mltui.sandbox.brand import branded, complete

MARK = "MLTUI_SHELL_CALL"
"""Environment variable by which the descendants of a command are found, whatever session they moved to."""

_PROC = Path("/proc")
_GRACE = 1.0
_POLL = 0.01
_HALTS = 5
_KILLS = 25
_DYING = 0.002
"""Seconds that a killed process may take to be gone."""


async def end_group(group: int, mark: str, number: int = 0, *, guarded: bool = False) -> bool:
    """Ends every process of the group, and every other one that carries a mark: politely, then surely.

    The group's leader must not have been reaped yet, or its id may be another's by now.

    Args:
        guarded: the leader is a sandbox, which would end all of the rest at once: it goes when they are gone.

    Returns whether any was still running.
    """
    if not _signal(group, mark, number, signal.SIGTERM, spare_leader=guarded):
        return False
    waited = 0.0
    while waited < _GRACE:
        await asyncio.sleep(_POLL)
        waited += _POLL
        if not _left(group, mark, number):
            return True
    kill_group(group, mark, number)
    return True


def kill_group(group: int, mark: str, number: int = 0) -> None:
    """Ends all of it at once, and what it forked meanwhile."""
    for _ in range(_KILLS):
        if not _signal(group, mark, number, signal.SIGKILL):
            return
        time.sleep(_DYING)


def stop_group(group: int, mark: str, number: int = 0) -> None:
    """Halts all of it until `resume_group`, as a terminal's Ctrl-Z does. What is forked meanwhile is halted, too."""
    _signal(group, mark, number, signal.SIGSTOP)
    for _ in range(_HALTS):
        moving = [process for process in _left(group, mark, number) if _state_and_group(process)[0] not in "Tt"]
        if not moving:
            return
        for process in moving:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGSTOP)


def resume_group(group: int, mark: str, number: int = 0) -> None:
    _signal(group, mark, number, signal.SIGCONT)


def _signal(group: int, mark: str, number: int, kind: signal.Signals, *, spare_leader: bool = False) -> bool:
    left = _left(group, mark, number)
    if (left or not _PROC.is_dir()) and not spare_leader:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, kind)
    for process in left:
        if not (spare_leader and process == group):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, kind)
    return bool(left)


def _left(group: int, mark: str, number: int) -> list[int]:
    """The processes that run in the group or carry the mark. Empty where there is no /proc to look into."""
    wanted = f"{MARK}={mark}".encode()

    def look() -> tuple[list[int], set[int]]:
        left: list[int] = []
        over: set[int] = set()
        for process in _since(group):
            state, its_group = _state_and_group(process)
            if state in "ZX":
                over.add(process)
            elif its_group == group or _carries(process, wanted) or (number and branded(process) == number):
                left.append(process)
        return left, over

    # The leader waits to be reaped: usually it has ended long ago.
    return complete(look, [group] if _state_and_group(group)[0] in "ZX" else [])


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
