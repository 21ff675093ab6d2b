"""A program on a pseudo-terminal, typed at by a test."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path


class Terminal:
    """Attributes: seen: all that the program has written, with plain line ends."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], cwd: Path) -> None:
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execve(command[0], list(command), dict(environ))
        termios.tcsetwinsize(self._fd, (24, 80))
        self.seen = ""
        self._from = 0

    def type(self, text: str) -> None:
        os.write(self._fd, text.encode())

    def answer(self, pattern: str, text: str) -> None:
        self.expect(pattern)
        time.sleep(0.3)  # what is typed before the question can be read does not count
        self.type(text if text == "\x04" else f"{text}\n")

    def expect(self, pattern: str, seconds: float = 100.0) -> None:
        """Waits for what matches behind what was expected last."""
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.seen[self._from :], re.DOTALL)):
            assert self._read(deadline), f"{pattern} did not come: {self.seen[-2000:]}"
        self._from += found.end()

    def wait(self, seconds: float = 60.0) -> int:
        """Returns: the exit code."""
        deadline = time.monotonic() + seconds
        while self._read(deadline):
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def close(self) -> None:
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
        os.close(self._fd)

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._fd], [], [], max(0.0, deadline - time.monotonic()))
        try:
            data = os.read(self._fd, 65536) if ready else b""
        except OSError:  # Linux: the other side is closed
            data = b""
        self.seen += data.decode(errors="replace").replace("\r\n", "\n")
        return bool(data)
