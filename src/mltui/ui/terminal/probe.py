"""Asks a terminal what it can do, and waits for what it says: for `mltui doctor`, which has the terminal to itself."""

from __future__ import annotations

import contextlib
import os
import re
import select
import termios
import tty
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

SECONDS: Final = 1.5
"""What a terminal may take to answer."""

WIDTHS: Final = {"é": 1, "e\u0301": 1, "─": 1, "❯": 1, "文": 2, "🎉": 2, "👩\u200d🔬": 2}
"""Texts of which the app believes that they are so wide."""

_END = re.compile(rb"\x1b\[\?([0-9;]*)c")
_PLACE = re.compile(rb"\x1b\[(\d+);(\d+)R")
_KEYS = re.compile(rb"\x1b\[\?(\d+)u")
_SYNC = re.compile(rb"\x1b\[\?2026;([0-4])\$y")
_BACKGROUND = re.compile(rb"\x1b\]11;rgba?:([0-9a-fA-F/]+)")
_SGR = re.compile(rb"\x1bP1\$r([0-9;:]*)m")
_CLIPBOARD = re.compile(rb"\x1bP1\+r4[dD]73")


@dataclass
class Answers:
    """What a terminal said; None: it did not say.

    Attributes:
        seconds: until it answered.
        true_color: it shows every colour.
        keys: it knows kitty's keyboard protocol.
        sync: it draws frames whole.
        clipboard: it takes text into the clipboard (OSC 52).
        background: as it wrote it, `rrrr/gggg/bbbb`.
        widths: how wide it shows each text of `WIDTHS`.
    """

    seconds: float | None = None
    true_color: bool | None = None
    keys: bool = False
    sync: bool = False
    clipboard: bool | None = None
    background: str = ""
    widths: dict[str, int] = field(default_factory=dict[str, int])


def ask(environ: Mapping[str, str]) -> Answers | None:
    """Returns: what the terminal of this process says; None: there is none that answers."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        with _raw(terminal):
            return _ask(terminal, environ)
    except (OSError, termios.error):
        return None
    finally:
        os.close(terminal)


def _ask(terminal: int, environ: Mapping[str, str]) -> Answers | None:
    answers = Answers()
    started = monotonic()
    _write(terminal, "\x1b[c")
    first = _until(terminal, _END)
    if first is None:
        return None
    answers.seconds = monotonic() - started
    features = (_END.search(first) or [b"", b""])[1].split(b";")
    # On a console that knows none of these, they would be seen.
    if environ.get("TERM") == "linux":
        return answers
    _write(terminal, "\x1b[?u\x1b[?2026$p\x1b]11;?\x1b\\\x1bP+q4d73\x1b\\\x1b[48;2;1;2;3m\x1bP$qm\x1b\\\x1b[0m\x1b[c")
    said = _until(terminal, _END) or b""
    answers.keys = bool(_KEYS.search(said))
    answers.sync = (match := _SYNC.search(said)) is not None and match[1] in (b"1", b"2")
    answers.clipboard = True if b"52" in features or _CLIPBOARD.search(said) else None
    answers.background = match[1].decode() if (match := _BACKGROUND.search(said)) else ""
    if match := _SGR.search(said):
        answers.true_color = bool(re.search(rb"48[:;]2[:;]+(?:\d*[:;])?1[:;]2[:;]3", match[1]))
    for text in WIDTHS:
        _write(terminal, f"\r{text}\x1b[6n")
        place = _until(terminal, _PLACE)
        if place is not None and (match := _PLACE.search(place)):
            answers.widths[text] = int(match[2]) - 1
    _write(terminal, "\r\x1b[K")
    return answers


@contextlib.contextmanager
def _raw(terminal: int) -> Generator[None]:
    """Answers come at once and are not shown."""
    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal, termios.TCSANOW)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSAFLUSH, before)


def _write(terminal: int, text: str) -> None:
    os.write(terminal, text.encode())


def _until(terminal: int, pattern: re.Pattern[bytes]) -> bytes | None:
    """Returns: what came up to what was awaited; None: that did not come."""
    data, end = b"", monotonic() + SECONDS
    while not pattern.search(data):
        left = end - monotonic()
        if left <= 0 or not select.select([terminal], [], [], left)[0]:
            return None
        data += os.read(terminal, 4096)
    return data
