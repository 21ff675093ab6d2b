"""Long output: its head and tail in memory, the whole of it in a file."""

from __future__ import annotations

import io
import os
import tempfile
from collections import deque
from pathlib import Path
from typing import TextIO

IN_CONTEXT = 30_000
"""Characters of output that a result holds."""
ON_DISK = 100_000_000
"""Characters of output that are kept in a file."""


class BoundedOutput:
    """Takes text in pieces, and holds about twice `IN_CONTEXT` characters in memory at most.

    Attributes:
        path: the file with the whole output, once there is one.
        note: why that file is missing or not whole, or empty.
    """

    def __init__(self, folder: Path) -> None:
        self.path: Path | None = None
        self.note = ""
        self._folder = folder
        self._head = io.StringIO()
        self._tail: deque[str] = deque()
        self._tail_size = 0
        self._size = 0
        self._file: TextIO | None = None
        self._kept = 0

    def add(self, text: str) -> None:
        if not text:
            return
        if self._size + len(text) > IN_CONTEXT:
            if self._size <= IN_CONTEXT:
                self._begin()
            self._write(text)
        self._head.write(text[: max(IN_CONTEXT - self._size, 0)])
        self._size += len(text)
        self._tail.append(text)
        self._tail_size += len(text)
        while self._tail_size - len(self._tail[0]) >= IN_CONTEXT // 2:
            self._tail_size -= len(self._tail.popleft())

    @property
    def tail(self) -> str:
        """The end of the output, as much of it as is held."""
        return "".join(self._tail)

    def flush(self) -> None:
        """Puts what came so far into the file, where others read it."""
        if self._file is None:
            return
        try:
            self._file.flush()
        except OSError as error:
            self._fail(error)

    def close(self) -> str:
        """The output as the model reads it: all of it, or head and tail and how much is missing between them."""
        self._stop()
        if self._size <= IN_CONTEXT:
            return self._head.getvalue()
        half = IN_CONTEXT // 2
        left_out = self._size - 2 * half
        return f"{self._head.getvalue()[:half]}\n[… {left_out:,} characters left out …]\n{''.join(self._tail)[-half:]}"

    def _begin(self) -> None:
        """Opens the file and moves there what was held in memory."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(prefix="bash-", suffix=".txt", dir=self._folder)
        except OSError as error:
            self._fail(error)
            return
        self.path = Path(name)
        self._file = os.fdopen(descriptor, "w", encoding="utf-8", errors="replace")
        self._write(self._head.getvalue())

    def _write(self, text: str) -> None:
        if self._file is None:
            return
        try:
            self._file.write(text[: ON_DISK - self._kept])
        except OSError as error:
            self._fail(error)
            return
        self._kept += len(text)
        if self._kept >= ON_DISK:
            self.note = f"the output is longer than {ON_DISK:,} characters; the file holds the first of them"
            self._stop()

    def _fail(self, error: OSError) -> None:
        self.note = f"the whole output could not be kept: {error.strerror or error}"
        self._stop()

    def _stop(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError as error:  # what it still held did not fit
                self._fail(error)
