"""stdout for the result and nothing else, whatever libraries print."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

_HIDDEN = {code: None for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"}
_LINE_ENDS = {code: f"\\u{code:04x}" for code in (0x85, 0x2028, 0x2029)}
"""Characters that JSON leaves as they are, and that end a line for Python and other readers."""


def printable(text: str) -> str:
    """The text without control characters, which could drive a terminal: escape sequences lose their ESC."""
    return text.translate(_HIDDEN)


def tell(text: str) -> None:
    """A line for people, on stderr."""
    print(printable(text).encode(errors="replace").decode(), file=sys.stderr)


class Stdout:
    """Keeps the real stdout to itself and sends everything else that is printed there to stderr."""

    def __init__(self) -> None:
        sys.stdout.flush()
        self._fd = os.dup(1)
        os.dup2(2, 1)
        self._broken = False

    def line(self, value: dict[str, Any]) -> None:
        """Writes an object as one line, whatever a reader takes for the end of one."""
        self.text(json.dumps(value, ensure_ascii=False).translate(_LINE_ENDS))

    def text(self, text: str) -> None:
        """Writes a line. A reader that went away ends the writing, not the task."""
        data = (text + "\n").encode("utf-8", errors="replace")
        while data and not self._broken:
            try:
                data = data[os.write(self._fd, data) :]
            except (BrokenPipeError, OSError):
                self._broken = True

    def close(self) -> None:
        """Gives the real stdout back to the process."""
        sys.stdout.flush()
        os.dup2(self._fd, 1)
        os.close(self._fd)
