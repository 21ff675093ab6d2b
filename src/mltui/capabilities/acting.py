"""Which sessions of one project are acting right now, so that none blames another's work or takes it for the person's.

Sessions do not wait for one another: a command may take ten minutes. Whoever begins while another acts starts from what
that one saw before it began; so what either of them changes under experiment is put back by whichever ends first.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path


class Acting:
    """A file for each session, locked while it acts: only a living process can hold a lock.

    Args:
        folder: where the files lie; made on demand.
        session: this session's own name.
    """

    def __init__(self, folder: Path, session: str) -> None:
        self._folder = folder
        self._session = session
        self._descriptor = -1
        self._began = 0

    def begin(self) -> str | None:
        """Marks this session as acting. Returns the session that has been acting longest, if any."""
        held = self._others(since=None)
        self._release()
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            self._descriptor = os.open(self._folder / self._session, flags, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.utime(self._descriptor)
        self._began = time.time_ns()
        return min(held, key=lambda name: held[name], default=None)

    def end(self) -> bool:
        """Returns whether another session acted meanwhile, at least in part."""
        met = bool(self._others(since=self._began))
        self._release()
        return met

    def close(self) -> None:
        self._release()
        with contextlib.suppress(OSError):
            (self._folder / self._session).unlink()

    def _release(self) -> None:
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.utime(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    def _others(self, since: int | None) -> dict[str, int]:
        """Sessions that act now, or that ended after `since`, with the time (ns) of their beginning or end."""
        found: dict[str, int] = {}
        with contextlib.suppress(OSError):
            for name in os.listdir(self._folder):  # noqa: PTH208
                if name != self._session and (at := self._state(self._folder / name, since)) is not None:
                    found[name] = at
        return found

    def _state(self, path: Path, since: int | None) -> int | None:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        at = 0
        try:
            at = os.fstat(descriptor).st_mtime_ns
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return at
        except OSError:
            return None
        finally:
            os.close(descriptor)
        if since is None and time.time_ns() - at > 86_400e9:
            path.unlink(missing_ok=True)
        return at if since is not None and at >= since else None
