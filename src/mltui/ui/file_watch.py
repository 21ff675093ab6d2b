"""Tells when a file is written to. On Linux the kernel says so (inotify), and waiting costs nothing; elsewhere it is looked at."""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

GATHER: Final = 0.1
"""Seconds in which several changes become one."""
LOOK: Final = 2.0
"""Seconds between two looks where the kernel says nothing."""
_MODIFIED, _MOVED_TO, _CREATED = 0x2, 0x80, 0x100
"""`IN_MODIFY`, `IN_MOVED_TO`, `IN_CREATE` of inotify(7)."""
_HEAD = struct.Struct("iIII")
"""`struct inotify_event` up to its name."""


class FileWatch:
    """Watches one file until `stop`; made in the event loop.

    Writers on other machines, on a network file system, are not seen.

    Args:
        path: need not exist, its folder has to.
        changed: called in the event loop.
    """

    def __init__(self, path: Path, changed: Callable[[], None]) -> None:
        self._path = path
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._due: asyncio.TimerHandle | None = None
        self._seen = self._stamp()
        self._handle = _open(path.parent)
        if self._handle is not None:
            self._loop.add_reader(self._handle, self._read)
        else:
            self._due = self._loop.call_later(LOOK, self._look)

    @property
    def by_kernel(self) -> bool:
        """Whether no timer runs while nothing happens."""
        return self._handle is not None

    def stop(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
        if self._handle is not None:
            self._loop.remove_reader(self._handle)
            os.close(self._handle)
            self._handle = None

    def _read(self) -> None:
        assert self._handle is not None
        try:
            names = set(_names(os.read(self._handle, 65536)))
        except BlockingIOError:
            return
        if self._path.name in names and self._due is None:
            self._due = self._loop.call_later(GATHER, self._tell)

    def _tell(self) -> None:
        self._due = None
        self._changed()

    def _look(self) -> None:
        before, self._seen = self._seen, self._stamp()
        self._due = self._loop.call_later(LOOK, self._look)
        if self._seen != before:
            self._changed()

    def _stamp(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size


def _open(folder: Path) -> int | None:
    """Returns: a descriptor that tells what happens in the folder; None: there is no such thing here."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    handle: int = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if handle < 0:
        return None
    if libc.inotify_add_watch(handle, os.fsencode(folder), _MODIFIED | _MOVED_TO | _CREATED) < 0:
        os.close(handle)
        return None
    return handle


def _names(data: bytes) -> Iterator[str]:
    """The files that the events are about."""
    at = 0
    while at + _HEAD.size <= len(data):
        *_, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        yield os.fsdecode(data[at : at + length].rstrip(b"\0"))
        at += length
