"""Files as they were: their signatures, and as much of their content as is worth keeping."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mltui.tools.preview import digest

IN_MEMORY = 5_000_000
"""Bytes of the largest file whose content is kept in memory."""
ON_DISK = 50_000_000
"""Bytes of the largest file of which a copy is kept."""
_MEMORY_BUDGET = 64_000_000
_DISK_BUDGET = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Signature:
    """What changes when a file's content does. The change time cannot be set by a program."""

    mtime_ns: int
    ctime_ns: int
    size: int
    inode: int
    mode: int

    @classmethod
    def of(cls, path: Path) -> Signature | None:
        """Of the path itself, not of what a link there leads to; None where there is nothing."""
        try:
            status = path.lstat()
        except OSError:
            return None
        return cls(status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino, status.st_mode)

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.mode)

    @property
    def permissions(self) -> int:
        return stat.S_IMODE(self.mode)


@dataclass(frozen=True, slots=True)
class Kept:
    """A file as it was.

    Attributes:
        data: its content, if it is small.
        copy: a copy of it, if it is larger; neither for what is too large to keep.
    """

    signature: Signature
    data: bytes | None = None
    copy: Path | None = None

    def content(self) -> bytes | None:
        """None for what is too large to keep, or whose copy was lost."""
        if self.data is not None:
            return self.data
        try:
            return self.copy.read_bytes() if self.copy is not None else None
        except OSError:
            return None


class Copies:
    """Remembers files. What did not change since the last time costs one stat.

    Args:
        folder: where copies of larger files lie; made on demand.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[Path, Kept] = {}
        self._in_memory = 0
        self._on_disk = 0

    @property
    def kept(self) -> dict[Path, Kept]:
        return dict(self._kept)

    def remember(self, paths: Sequence[Path]) -> None:
        """Keeps these files as they are now, and forgets all others."""
        current: dict[Path, Kept] = {}
        for path in paths:
            signature = Signature.of(path)
            if signature is None:
                continue
            known = self._kept.pop(path, None)
            if known is None or known.signature != signature:
                self._forget(known)
                known = self._keep(path, signature)
            current[path] = known
        for known in self._kept.values():
            self._forget(known)
        self._kept = current

    def touched(self, path: Path) -> None:
        """The file has the kept content under a new signature."""
        signature = Signature.of(path)
        known = self._kept.get(path)
        if signature is not None and known is not None:
            self._kept[path] = Kept(signature, known.data, known.copy)

    def close(self) -> None:
        self._kept.clear()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _keep(self, path: Path, signature: Signature) -> Kept:
        if not signature.is_file:
            return Kept(signature)
        with contextlib.suppress(OSError):
            if signature.size <= IN_MEMORY and self._in_memory + signature.size <= _MEMORY_BUDGET:
                data = path.read_bytes()
                self._in_memory += signature.size
                return Kept(signature, data=data)
            if signature.size <= ON_DISK and self._on_disk + signature.size <= _DISK_BUDGET:
                self._folder.mkdir(parents=True, exist_ok=True)
                copy = self._folder / digest(os.fsencode(path))[:24]
                shutil.copyfile(path, copy)
                self._on_disk += signature.size
                return Kept(signature, copy=copy)
        return Kept(signature)

    def _forget(self, known: Kept | None) -> None:
        if known is None:
            return
        if known.data is not None:
            self._in_memory -= known.signature.size
        elif known.copy is not None:
            self._on_disk -= known.signature.size
            known.copy.unlink(missing_ok=True)
