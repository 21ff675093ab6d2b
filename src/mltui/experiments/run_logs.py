"""The output of a command: read to its end whatever its length, kept on disk up to a limit, its beginning and its end."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import IO

HEAD_LIMIT = 10_000_000
"""Bytes of the beginning that are kept."""
PIECE_LIMIT = 5_000_000
"""Bytes of a piece of the end. The last whole piece and the one that is being written are kept."""

TAIL = 262_144
"""Bytes of the end of each stream that are kept in memory, whatever its length."""

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class BoundedLog:
    """A file that grows to a limit. What comes after its beginning goes to `NAME.tail.log`, which is begun anew when it is full.

    When the log is closed the end is put behind the beginning, with a line that says what is missing between them. The command
    can write to the folder: files are opened once, and never by a name that it could have put a link at.

    Raises: OSError: the folder cannot be written to.
    """

    def __init__(self, folder: Path, name: str, head: int = HEAD_LIMIT, piece: int = PIECE_LIMIT) -> None:
        self._names = (f"{name}.log", f"{name}.tail.log")
        self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._limits = (head, piece)
        self._left_out = 0
        self._pieces: list[int] = []
        self._sizes: list[int] = []
        self._written = 0
        try:
            self._head = self._open(self._names[0])
        except BaseException:
            os.close(self._folder)
            raise

    def write(self, data: bytes) -> None:
        """Raises: OSError: it is not all on the disk."""
        room = max(0, self._limits[0] - self._written)
        if room:
            _write_all(self._head, data[:room])
            self._written += len(data[:room])
        if data[room:]:
            self._write_tail(data[room:])

    def close(self) -> None:
        """Raises: OSError: the end could not be put behind the beginning; it stays where it is."""
        try:
            if self._pieces:
                kept = sum(self._sizes)
                if self._left_out:
                    parts = f"the first {self._written:,} and the last {kept:,} are kept"
                    _write_all(self._head, f"\n[mltui: {self._left_out:,} bytes are left out here; {parts}]\n".encode())
                for piece in self._pieces:
                    _copy(piece, self._head)
                self._remove(self._names[1])
        finally:
            for descriptor in (*self._pieces, self._head, self._folder):
                os.close(descriptor)

    def _write_tail(self, data: bytes) -> None:
        while data:
            if not self._pieces or self._sizes[-1] >= self._limits[1]:
                self._next_piece()
            room = self._limits[1] - self._sizes[-1]
            _write_all(self._pieces[-1], data[:room])
            self._sizes[-1] += len(data[:room])
            data = data[room:]

    def _next_piece(self) -> None:
        """The piece before the last goes; the last one is kept without a name, for the end."""
        if len(self._pieces) > 1:
            os.close(self._pieces.pop(0))
            self._left_out += self._sizes.pop(0)
        self._pieces.append(self._open(self._names[1]))
        self._sizes.append(0)

    def _open(self, name: str) -> int:
        self._remove(name)
        return os.open(name, _FLAGS, 0o644, dir_fd=self._folder)

    def _remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._folder)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _copy(source: int, target: int) -> None:
    os.lseek(source, 0, os.SEEK_SET)
    while chunk := os.read(source, 1 << 20):
        _write_all(target, chunk)


class Pump(threading.Thread):
    """Reads a stream to its end, keeps what fits in a log, and the end in memory.

    Attributes:
        problem: why not all of it is on the disk; empty while nothing is wrong. The stream is read on, so that the command does not hang.

    Args:
        watch: is given everything that is read.
    """

    def __init__(self, source: IO[bytes], log: BoundedLog, watch: Callable[[bytes], None] | None = None) -> None:
        super().__init__(daemon=True)
        self.problem = ""
        self._source = source
        self._log = log
        self._watch = watch
        self._tail: deque[bytes] = deque()
        self._tail_size = 0

    def run(self) -> None:
        try:
            while chunk := self._read():
                self._remember(chunk)
                if self._watch:
                    self._watch(chunk)
                if not self.problem:
                    self._keep(chunk)
        finally:
            try:
                self._log.close()
            except OSError as error:
                self.problem = self.problem or error.strerror or str(error)

    def _keep(self, chunk: bytes) -> None:
        try:
            self._log.write(chunk)
        except OSError as error:
            self.problem = error.strerror or str(error)

    def _read(self) -> bytes:
        try:
            return os.read(self._source.fileno(), 65_536)
        except (OSError, ValueError):
            return b""

    def _remember(self, chunk: bytes) -> None:
        self._tail.append(chunk)
        self._tail_size += len(chunk)
        while self._tail_size - len(self._tail[0]) >= TAIL:
            self._tail_size -= len(self._tail.popleft())

    def text(self) -> str:
        return b"".join(self._tail)[-TAIL:].decode("utf-8", "replace")
