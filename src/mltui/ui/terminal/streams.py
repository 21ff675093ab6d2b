"""Keeps what libraries print off the screen: stdout and stderr go to a file while the app has the terminal."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Final

from mltui.config.paths import state_dir

MOST: Final = 1_000_000
"""Bytes of the file; when it is longer, its last part is kept."""
KEPT: Final = 200_000


def log_file(environ: Mapping[str, str]) -> Path:
    """Where what libraries print goes."""
    return state_dir(environ) / "logs" / "output.log"


class Streams:
    """File descriptors 1 and 2, which point to a file between `divert` and `restore`, and the terminal that they were.

    Attributes: terminal: a descriptor of the terminal, for the app alone; programs that it starts do not get it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._kept: dict[int, int] = {}
        self.terminal = os.dup(1)

    def divert(self) -> None:
        """Sends what is written to stdout and stderr to the file. A file that cannot be written loses it; the screen never gets it."""
        if self._kept:
            return
        target = self._open()
        self._kept = {number: os.dup(number) for number in (1, 2)}
        for number in (1, 2):
            os.dup2(target, number)
        os.close(target)

    def restore(self) -> None:
        """Gives stdout and stderr back."""
        for number, kept in self._kept.items():
            os.dup2(kept, number)
            os.close(kept)
        self._kept = {}

    def _open(self) -> int:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.trim()
            number = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError:
            return os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        with contextlib.suppress(OSError):
            os.write(number, f"── {time.strftime('%Y-%m-%d %H:%M:%S')} mltui, process {os.getpid()}\n".encode())
        return number

    def write(self, text: str) -> None:
        """Appends what Python code printed."""
        if self._kept and text:
            with contextlib.suppress(OSError):
                os.write(2, text.encode("utf-8", "replace"))

    def trim(self) -> None:
        """Shortens a file that has become too long to its last part."""
        with contextlib.suppress(OSError):
            if self.path.stat().st_size <= MOST:
                return
            with self.path.open("r+b") as file:
                file.seek(-KEPT, os.SEEK_END)
                last = file.read()
                file.seek(0)
                file.write(last)
                file.truncate()


@contextlib.contextmanager
def diverted(environ: Mapping[str, str]) -> Generator[Streams]:
    """Stdout and stderr go to the file inside, and back to where they were at the end, whatever happens."""
    streams = Streams(log_file(environ))
    streams.divert()
    try:
        yield streams
    finally:
        streams.restore()
        os.close(streams.terminal)
