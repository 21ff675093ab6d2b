"""Whether whoever calls may decide: a person may, the agent's own shell may not."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Mapping

from mltui.core.errors import DeniedError

SHELL_CALL = "MLTUI_SHELL_CALL"
"""Set by mltui in the environment of every command that the agent runs."""
FILE_LOCKS, BRAND = 10, 0x6D6C7475
"""A limit that means nothing to Linux, and how mltui marks it for those commands: descendants cannot drop it."""


def require_person(environ: Mapping[str, str] = os.environ) -> None:
    """Raises: DeniedError: this process was started by the agent's shell, marked by its environment or its ancestors'."""
    if SHELL_CALL in environ or _branded() or _ancestor_marked():
        raise DeniedError("The agent's own shell decides nothing", hint="A person does, in the app or in a terminal of their own")


def _branded() -> bool:
    with contextlib.suppress(OSError, ValueError):
        return resource.getrlimit(FILE_LOCKS)[1] >> 28 == BRAND
    return False


def _ancestor_marked() -> bool:
    """A child can drop a variable from its own environment, but not from that of the shell which started it."""
    import psutil

    try:
        for ancestor in psutil.Process().parents():
            if SHELL_CALL in ancestor.environ():
                return True
    except (psutil.Error, OSError):
        return False
    return False
