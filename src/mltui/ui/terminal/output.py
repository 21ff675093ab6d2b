"""The way to the terminal: a file that knows when all of it was written, and that a terminal may be gone."""

from __future__ import annotations

import os
import select
from collections.abc import Callable


class TerminalFile:
    """What a writer thread of Textual writes to.

    Args:
        terminal: the descriptor.
        emptied: called in the writer's thread when all that was given was written.
        lost: called there once, when the terminal turned out to be gone; what is written then is dropped.
    """

    def __init__(self, terminal: int, emptied: Callable[[], None], lost: Callable[[], None]) -> None:
        self._terminal = terminal
        self._emptied = emptied
        self._lost = lost
        self._parts: list[str] = []
        self.gone = False

    def write(self, text: str) -> None:
        self._parts.append(text)

    def fileno(self) -> int:
        return self._terminal

    def flush(self) -> None:
        data = "".join(self._parts).encode("utf-8", "replace")
        self._parts.clear()
        view = memoryview(data)
        while view and not self.gone:
            try:
                view = view[os.write(self._terminal, view) :]
            except BlockingIOError:  # somebody else's doing: the terminal is shared
                select.select([], [self._terminal], [])
            except OSError:
                self.gone = True
                self._lost()
        self._emptied()
