"""stdout for the result and nothing else, whatever libraries print."""

from __future__ import annotations

import json
import os
import sys
from typing import Any


class Stdout:
    """Keeps the real stdout to itself and sends everything else that is printed there to stderr."""

    def __init__(self) -> None:
        sys.stdout.flush()
        self._fd = os.dup(1)
        os.dup2(2, 1)
        self._broken = False

    def line(self, value: dict[str, Any]) -> None:
        self.text(json.dumps(value, ensure_ascii=False))

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
