"""The mark of a command and of all that descends from it: a resource limit without a meaning, which no descendant can drop.

An environment variable is lost to `env -i`, a process group to `setsid`; a lowered hard limit is inherited by both.
"""

from __future__ import annotations

import contextlib
import os
import resource
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path

_FILE_LOCKS = 10
"""RLIMIT_LOCKS, which Linux has not enforced since 2.4: every descendant inherits it, and none but root can raise it."""
_BRAND = 0x6D6C7475 << 28
_LOOKS = 50
"""At most, on a machine where processes end all the time."""


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
    return complete(lambda: _look(wanted)) if wanted else []


def complete(look: Callable[[], tuple[list[int], set[int]]], ended: Iterable[int] = ()) -> list[int]:
    """What a look at the running processes finds; where it finds nothing, only if nothing can have slipped through.

    A process that ends between the list and the look at it may have forked after the list was made: then there is a new one.

    Args:
        look: gives those that were looked for, and of the others on the list those that had ended.
        ended: some that had ended before.
    """
    known = set(ended)
    for _ in range(_LOOKS):
        found, over = look()
        if found or over <= known:
            return found
        known |= over
    return []


def _look(wanted: set[int]) -> tuple[list[int], set[int]]:
    try:
        listed = [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdecimal()]
    except OSError:
        return [], set()
    found: list[int] = []
    over: set[int] = set()
    for process in listed:
        try:
            marked = resource.prlimit(process, _FILE_LOCKS)[1] in wanted
        except ProcessLookupError:
            over.add(process)
        except (OSError, ValueError, AttributeError):
            continue  # another person's
        else:
            if marked:
                over.add(process) if _over(process) else found.append(process)
    return found, over


def _over(process: int) -> bool:
    """Whether it has ended, and its parent has not asked how."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text(errors="replace")
    except OSError:
        return True
    # The name stands in parentheses and may hold anything, parentheses included.
    return stat.rpartition(")")[2].split()[0] in "ZX"
