"""Writing that is never seen half-done, reading that nothing holds up, and the lock between processes."""

from __future__ import annotations

import errno
import importlib
import os
import re
import secrets
import stat
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mltui.core.errors import ExperimentError

if TYPE_CHECKING:
    from collections.abc import Generator

    from filelock import BaseFileLock


_SPARE = re.compile(r"\..*\.[0-9a-f]{8}\.tmp", re.DOTALL)


def write_atomically(path: Path, data: bytes, mode: int | None = None) -> None:
    """Replaces the file in one step; missing parent folders are made. Without `mode` an existing file keeps its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if mode is None and path.exists():
        mode = path.stat().st_mode & 0o777
    spare = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        spare.write_bytes(data)
        if mode is not None:
            spare.chmod(mode)
        spare.replace(path)
    except BaseException:
        spare.unlink(missing_ok=True)
        raise


READ_LIMIT = 20_000_000
"""Bytes of one file that are read; of a longer one the last."""


def read_text(path: Path, limit: int = READ_LIMIT) -> str:
    """Returns: at most the last `limit` bytes of a plain file; empty where there is none."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            return ""
        return os.pread(handle, limit, max(0, status.st_size - limit)).decode("utf-8", "replace")
    except OSError:
        return ""
    finally:
        os.close(handle)


def disk_full(error: BaseException | None) -> bool:
    """Whether an error, or what caused it, says that there is no room on the disk, or none for this person."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__
    return False


def full_disk_text(error: BaseException) -> str:
    name = getattr(error, "filename", None)
    return f"the disk is full{f' ({name})' if name else ''}: free some space, and propose it again"


def is_spare(name: str) -> bool:
    """Whether a file was being written by `write_atomically` when its process died."""
    return _SPARE.fullmatch(name) is not None


def make_state_folder(state: Path) -> None:
    """Makes `.mltui` with a `.gitignore` of its own, so that it never shows in the person's status."""
    ignore = state / ".gitignore"
    if not ignore.exists():
        write_atomically(ignore, b"*\n")


_NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "beegfs", "gpfs", "orangefs", "fuse.sshfs"}
)


def network_file_system(path: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str:
    """The kind of network file system that a path is on, where locks may not hold between machines; empty on a local one."""
    try:
        listed = mounts.read_bytes().decode("utf-8", "surrogateescape").splitlines()
    except OSError:
        return ""  # no Linux
    place, kind = "", ""
    for line in listed:
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) < 5 or not after:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), fields[4])
        if path.is_relative_to(point) and len(point) >= len(place):
            place, kind = point, after.split()[0]
    return kind if kind in _NETWORK else ""


def file_lock(path: Path, timeout: float = 30.0) -> AbstractContextManager[None]:
    """Holds the lock file against every other process and thread.

    Raises:
        ExperimentError: it was not free within `timeout` seconds.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    return _held(path, timeout)


@contextmanager
def _held(path: Path, timeout: float) -> Generator[None]:
    # filelock takes 0.1 s to import; nothing that only reads needs it.
    filelock = importlib.import_module("filelock")
    lock: BaseFileLock = filelock.FileLock(str(path), thread_local=False)
    try:
        lock.acquire(timeout=timeout, poll_interval=0.005)
    except filelock.Timeout as error:
        raise ExperimentError(f"{path.name} is held by another process", hint="Wait for it to end, or end it.") from error
    except NotImplementedError as error:
        raise ExperimentError(f"the file system of {path.parent} has no locks", hint="Keep the project on a local disk.") from error
    try:
        yield
    finally:
        lock.release()
