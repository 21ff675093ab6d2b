"""mltui in a real terminal of its own: a pseudo-terminal, what it wrote there, and what it was told."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

LONG = 30.0
"""Seconds after which something that must come has not come."""

FRAME = b"\x1b[?2026h"
"""What begins a frame in a terminal that says that it draws frames whole."""

Answer = Callable[[bytes], bytes]


def modern(asked: bytes) -> bytes:
    """Returns: what a terminal that knows everything that mltui asks for answers."""
    answer = b""
    if b"\x1b[?2026$p" in asked:
        answer += b"\x1b[?2026;2$y"
    if b"\x1b]11;?" in asked:
        answer += b"\x1b]11;rgb:1010/1212/1818\x1b\\"
    if b"\x1b[c" in asked:
        answer += b"\x1b[?62;22c"
    return answer


def silent(_: bytes) -> bytes:
    return b""


class PtyApp:
    """A program on a pseudo-terminal. Everything that it writes is kept in `output`, and answered by `answer`."""

    def __init__(
        self,
        arguments: Sequence[str],
        cwd: Path,
        environ: Mapping[str, str],
        *,
        size: tuple[int, int] = (100, 30),
        answer: Answer = modern,
    ) -> None:
        self.output = bytearray()
        self.reads = 0
        """How often something came: one frame, unless they come faster than they are read."""
        self.closed = False
        self._answer = answer
        self.outer, inner = pty.openpty()
        self.resize(*size)
        self.attributes = termios.tcgetattr(inner)
        base = {name: value for name, value in os.environ.items() if name not in _UNWANTED}
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=cwd,
            env={**base, "TERM": "xterm-256color", "COLORTERM": "truecolor", **environ},
            stdin=inner,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        self._inner = inner
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while not self.closed:
            try:
                if not select.select([self.outer], [], [], 0.05)[0]:
                    continue
                data = os.read(self.outer, 65536)
            except (OSError, ValueError):
                return
            self.output += data
            self.reads += 1
            if reply := self._answer(data):
                self.type(reply)

    def type(self, keys: bytes | str) -> None:
        os.write(self.outer, keys.encode() if isinstance(keys, str) else keys)

    def resize(self, width: int, height: int) -> None:
        fcntl.ioctl(self.outer, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def until(self, holds: Callable[[], object], what: str = "") -> None:
        end = time.monotonic() + LONG
        while not holds():
            if time.monotonic() > end:
                raise AssertionError(f"{what or 'it'} did not come; the end of the output: {bytes(self.output[-2000:])!r}")
            time.sleep(0.01)

    def until_text(self, text: str, since: int = 0) -> None:
        """Waits until the text was written, whatever colours, places and blanks are between its letters.

        What is typed is echoed in several frames, each with the cursor's blank behind it.
        """
        wanted = "".join(text.split())
        self.until(lambda: text in (written := self.text(since)) or wanted in "".join(written.split()), repr(text))

    def text(self, since: int = 0) -> str:
        """Returns: what was written, without its control sequences."""
        return re.sub(
            r"\x1b\][^\x07\x1b]*(\x07|\x1b\\)|\x1b[\[(][0-9;?<>=$]*[A-Za-z]|\x1b[=>78]", "", self.output[since:].decode("utf-8", "replace")
        )

    def frames(self, since: int = 0) -> int:
        return self.output[since:].count(FRAME)

    def cpu_ticks(self) -> int:
        """Returns: CPU time of the process in clock ticks."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    def hang_up(self) -> None:
        """Closes the terminal, as a lost connection does."""
        self.closed = True
        self._reader.join()
        os.close(self._inner)
        self._inner = -1
        os.close(self.outer)
        self.outer = -1

    def wait(self, timeout: float = LONG) -> int:
        return self.process.wait(timeout)

    def settle(self) -> None:
        """Waits until what the process wrote is read."""
        self.until(lambda: self.process.poll() is not None, "the end")
        self.settle_output()

    def settle_output(self) -> None:
        """Waits until nothing comes any more."""
        length = -1
        while length != len(self.output):
            length = len(self.output)
            time.sleep(0.1)

    def __enter__(self) -> PtyApp:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()
        self.closed = True
        self._reader.join()
        for number in (self._inner, self.outer):
            if number >= 0:
                os.close(number)


_UNWANTED = frozenset(
    (
        *("NO_COLOR", "FORCE_COLOR", "COLORTERM", "COLORFGBG", "COLUMNS", "LINES", "TEXTUAL", "TEXTUAL_FPS", "MLTUI_LOW_BANDWIDTH"),
        *("TMUX", "STY", "SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT", "TERM_PROGRAM", "LC_TERMINAL"),
        *("KITTY_WINDOW_ID", "VTE_VERSION", "WT_SESSION", "PYTHONDONTWRITEBYTECODE"),
    )
)
"""What the terminal around the tests says of itself."""


def mltui(script: object, folder: Path, *arguments: str) -> list[str]:
    """Returns: the arguments of Python that start mltui on a scripted model in a trusted folder."""
    place = folder / "script.json"
    place.write_text(json.dumps(script))
    return ["-m", "mltui", "--model", f"scripted:{place}", "--trust", *arguments]
