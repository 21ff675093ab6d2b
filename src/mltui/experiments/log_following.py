"""What the runs of a job print, as they print it: for people who watch."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

STREAMS = ("stdout", "stderr")
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Printed:
    """Attributes: run: `ARM-SEED`; stream: `stdout` or `stderr`; lines: whole ones, without their ends."""

    run: str
    stream: str
    lines: tuple[str, ...]


@dataclass(slots=True)
class _Stream:
    """One log, whose end may be in a second file while it is written (`run_logs.BoundedLog`)."""

    head: Path
    offset: int = 0
    piece: int | None = None
    inode: int = 0
    rest: bytes = field(default=b"")

    def news(self) -> bytes:
        tail = self.head.with_name(f"{self.head.stem}.tail.log")
        found = b"" if self.inode else self._from_head()
        if self.piece is not None:
            found += _read(self.piece)
        inode = _inode(tail)
        if inode and inode != self.inode:
            found += b"" if self.inode else self._from_head()
            self.close()
            self.piece = _open(tail)
            self.inode = inode
            if self.piece is not None:
                found += _read(self.piece)
        return found

    def close(self) -> None:
        if self.piece is not None:
            os.close(self.piece)
            self.piece = None

    def _from_head(self) -> bytes:
        descriptor = _open(self.head)
        if descriptor is None:
            return b""
        try:
            os.lseek(descriptor, self.offset, os.SEEK_SET)
            found = _read(descriptor)
        finally:
            os.close(descriptor)
        self.offset += len(found)
        return found


class LogFollower:
    """Follows the logs of a job's runs; each call of `news` goes on where the last one stopped.

    Args:
        runs: the folder of the runs' folders.
        run: `ARM-SEED`; empty: all of them.
        lines: of the logs that are there already, so many of the last are news.
        of: only of this run's logs; empty: of all.
    """

    def __init__(self, runs: Path, run: str = "", lines: int = 0, of: str = "") -> None:
        self._runs = runs
        self._run = run
        self._streams: dict[Path, _Stream] = {}
        for path in self._logs():
            self._streams[path] = _Stream(path, offset=_start_of_last(path, lines if of in ("", path.parent.name) else 0))

    def news(self, *, over: bool = False) -> Iterator[Printed]:
        """What was printed since the last call. Args: over: nothing more will come, so that a line without an end is one."""
        for path in self._logs():
            stream = self._streams.setdefault(path, _Stream(path))
            stream.rest += stream.news()
            whole, end, rest = stream.rest.rpartition(b"\n")
            if over and rest:
                whole, end, rest = stream.rest, b"\n", b""
            stream.rest = rest
            if end:
                lines = tuple(line.rstrip("\r").rpartition("\r")[2] for line in whole.decode("utf-8", "replace").split("\n"))
                yield Printed(path.parent.name, path.stem, lines)

    def close(self) -> None:
        for stream in self._streams.values():
            stream.close()

    def _logs(self) -> list[Path]:
        """In the order in which the runs began."""
        found: list[tuple[float, Path]] = []
        with contextlib.suppress(OSError):
            for folder in self._runs.iterdir():
                if not self._run or folder.name == self._run:
                    found += [(path.stat().st_ctime, path) for name in STREAMS if (path := folder / f"{name}.log").is_file()]
        return [path for _, path in sorted(found, key=lambda one: (one[0], str(one[1])))]


def _start_of_last(path: Path, lines: int) -> int:
    """Where the last lines begin, as far as they are in the last megabyte."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            file.seek(max(0, size - _PIECE))
            end = file.read(_PIECE)
    except OSError:
        return 0
    if lines <= 0:
        return size
    body = end[:-1] if end.endswith(b"\n") else end
    at = len(body)
    for _ in range(lines):
        at = body.rfind(b"\n", 0, at)
        if at < 0:
            return size - len(end)
    return size - len(end) + at + 1


def _open(path: Path) -> int | None:
    """A plain file; what else a run put in its place is not followed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    return descriptor


def _inode(path: Path) -> int:
    try:
        return path.lstat().st_ino
    except OSError:
        return 0


def _read(descriptor: int) -> bytes:
    """The rest, as far as it is there."""
    found: list[bytes] = []
    with contextlib.suppress(OSError):
        while chunk := os.read(descriptor, _PIECE):
            found.append(chunk)
    return b"".join(found)
