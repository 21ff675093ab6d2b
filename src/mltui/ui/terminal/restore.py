"""What puts a terminal back as a shell expects it, whatever was left of the app."""

from __future__ import annotations

import contextlib
import os
import select
import termios
from typing import Any, Final

RESET: Final = (
    "\x1b[?2026l"  # draws at once
    "\x1b[r"  # scrolls as a whole
    "\x1b[0m\x1b]8;;\x1b\\"  # plain text without a link
    "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l"  # no mouse
    "\x1b[?2004l"  # a paste is typed
    "\x1b[?1004l"  # says nothing of its focus
    "\x1b[?2048l"  # says nothing of its size
    "\x1b[?7h"  # wraps
    "\x1b[<u"  # keys as they ever were
)
"""The modes that the app sets, taken back; harmless where they are not set."""

LEAVE: Final = "\x1b[?1049l\x1b[?25h"
"""The screen that was there before, and its cursor."""


def restore(terminal: int, attributes: list[Any] | None) -> None:
    """Puts the terminal back at once, without anything of the app's: for an end that cannot wait.

    Args:
        terminal: its descriptor; one that is gone is no error.
        attributes: what `termios.tcgetattr` said before the app began.
    """
    with contextlib.suppress(OSError):
        # An end does not wait for a terminal that reads no more.
        if select.select([], [terminal], [], 0.2)[1]:
            os.write(terminal, (RESET + LEAVE).encode())
    if attributes is not None:
        with contextlib.suppress(termios.error, OSError):
            termios.tcsetattr(terminal, termios.TCSANOW, attributes)
