"""Prints to any terminal: text only, no colours, no cursor movements."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TextIO

_KEPT = "\n\t"
_HIDDEN = {code: None for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in _KEPT}
# Direction marks can make a diff read differently from what it does, and what is not seen hides text in it: both are shown by name.
_UNSEEN = (0xAD, 0x061C, 0x180E, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2060, 0x2070), *range(0xE0000, 0xE01F0))
_MARKS = {code: f"<U+{code:04X}>" for code in _UNSEEN}
_TABLE = {**_HIDDEN, **_MARKS}


def printable(text: str) -> str:
    """The text without control characters (escape sequences lose their ESC), with direction marks made visible."""
    return text.translate(_TABLE)


def one_line(text: str, limit: int = 160) -> str:
    line = " ".join(printable(text).split())
    return line if len(line) <= limit else line[: limit - 3] + "..."


class Printer:
    """Writes printable text and knows whether a line is open."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._open_line = False

    def text(self, text: str) -> None:
        """Text as it streams; the line stays open."""
        text = printable(text)
        if text:
            self._stream.write(text)
            self._stream.flush()
            self._open_line = not text.endswith("\n")

    def line(self, text: str = "") -> None:
        """A line, or several, of their own."""
        self.close_line()
        self._stream.write(printable(text) + "\n")
        self._stream.flush()

    def block(self, text: str, indent: str = "    ") -> None:
        for line in text.rstrip("\n").split("\n"):
            self.line(indent + line)

    def lines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.line(line)

    def close_line(self) -> None:
        if self._open_line:
            self._stream.write("\n")
            self._open_line = False
