"""The mark of a command and of all that descends from it: a resource limit without a meaning, which no descendant can drop.

An environment variable is lost to `env -i`, a process group to `setsid`; a lowered hard limit is inherited by both.
"""

from __future__ import annotations

import contextlib
import os
import resource
import secrets
from pathlib import Path

_FILE_LOCKS = 10
"""RLIMIT_LOCKS, which Linux has not enforced since 2.4: every descendant inherits it, and none but root can raise it."""
_BRAND = 0x6D6C7475 << 28


def new_brand() -> int:
    """A mark for a command and all that descends from it. Unlike an environment variable it cannot be dropped."""
    return _BRAND | secrets.randbits(28)


def branded(process: int = 0) -> int:
    """The mark that a process inherited, or 0. 0 is also this process's id here."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        hard = resource.prlimit(process, _FILE_LOCKS)[1]
        return hard if hard >> 28 == _BRAND >> 28 else 0
    return 0


def with_brand(*brands: int) -> list[int]:
    """Ids of the processes that carry one of the marks. Where there is no /proc to look into: none."""
    wanted = {brand for brand in brands if brand}
    try:
        found = [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdecimal()] if wanted else []
    except OSError:
        return []
    return [process for process in found if branded(process) in wanted and not _over(process)]


def _over(process: int) -> bool:
    """Whether it has ended, and its parent has not asked how."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text(errors="replace")
    except OSError:
        return True
    # The name stands in parentheses and may hold anything, parentheses included.
    return stat.rpartition(")")[2].split()[0] in "ZX"
