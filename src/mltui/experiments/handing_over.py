"""Copying what a run left: plain files only, never through a link, never a pipe, never more than fits."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

COPY_LIMIT = 5_000_000_000
"""Bytes that one hand-over may take."""

_CHUNK = 1 << 20
_NOT_THROUGH_LINKS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class CopyRefused(ValueError):
    """What is there is not what may be copied; the text is one line for the person."""


def copy_plain(source: Path, name: str, target: Path, limit: int = COPY_LIMIT) -> str:
    """Copies a file or folder below a folder that a run could write to.

    Args:
        name: relative to `source`; empty for all of it.
        target: a folder of mltui's own; the copy has the same name below it.

    Returns: SHA-256 of a file; of a folder, over the names and digests of its files in order.

    Raises: CopyRefused: it is missing, a link or goes through one, no file or folder, or larger than `limit` bytes.
    """
    path = PurePosixPath(name or ".")
    if path.is_absolute() or ".." in path.parts:
        raise CopyRefused(f"{name} is outside the run's folder")
    try:
        handle = os.open(source, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise CopyRefused(f"the run's folder is not there any more ({error.strerror})") from None
    try:
        for part in path.parts:
            below = _open(part, handle, name)
            os.close(handle)
            handle = below
        room = [limit]
        copy = target / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        if stat.S_ISREG(os.fstat(handle).st_mode):
            return _copy_file(handle, copy, name, room)
        lines = [f"{digest} {file}\n" for file, digest in _copy_folder(handle, copy, name, room)]
        return hashlib.sha256("".join(sorted(lines)).encode("utf-8", "surrogateescape")).hexdigest()
    finally:
        os.close(handle)


def _open(part: str, folder: int, name: str) -> int:
    try:
        handle = os.open(part, _NOT_THROUGH_LINKS, dir_fd=folder)
    except FileNotFoundError:
        raise CopyRefused(f"the run left no {name or part} in its folder $MLTUI_RUN_DIR") from None
    except OSError as error:
        raise CopyRefused(f"{name or part} is a link, or cannot be opened ({error.strerror}): leave a plain file") from None
    mode = os.fstat(handle).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        os.close(handle)
        raise CopyRefused(f"{name or part} is neither a file nor a folder")
    return handle


def _copy_file(handle: int, target: Path, name: str, room: list[int]) -> str:
    digest = hashlib.sha256()
    _take(os.fstat(handle).st_size, name, room)
    left = os.fstat(handle).st_size
    with target.open("wb") as file:
        # Not to the end: something may still be writing.
        while left > 0 and (chunk := os.read(handle, min(_CHUNK, left))):
            digest.update(chunk)
            file.write(chunk)
            left -= len(chunk)
    return digest.hexdigest()


def _copy_folder(handle: int, target: Path, name: str, room: list[int]) -> Iterator[tuple[str, str]]:
    """Links and special files below it are left out: what reads a whole folder must not fail for one of them."""
    target.mkdir(parents=True, exist_ok=True)
    for part in sorted(os.listdir(handle)):
        label = f"{name}/{part}".lstrip("/")
        try:
            below = _open(part, handle, label)
        except CopyRefused:
            continue
        try:
            if stat.S_ISREG(os.fstat(below).st_mode):
                yield part, _copy_file(below, target / part, label, room)
            else:
                for file, digest in _copy_folder(below, target / part, label, room):
                    yield f"{part}/{file}", digest
        finally:
            os.close(below)


def _take(size: int, name: str, room: list[int]) -> None:
    room[0] -= size
    if room[0] < 0:
        raise CopyRefused(f"{name} is too large to be handed over ({size / 1e9:,.1f} GB)")
