"""Session files: one JSON event a line, appended; the first line is `session.started`."""

from __future__ import annotations

import fcntl
import gc
import json
import os
import re
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from mltui.core.errors import SessionError
from mltui.core.events import (
    FORMAT_VERSION,
    Event,
    ExperimentDecided,
    MessageCompleted,
    SessionStarted,
    ToolCompleted,
    TurnCompleted,
    event_adapter,
    passing,
)

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
"""What a session may be called: its files and its draft have that name."""

_SYNCED_NOW = (SessionStarted, ExperimentDecided, TurnCompleted)
_SYNCED_SOON = (MessageCompleted, ToolCompleted)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Attributes: problems: one line for each line of the file that could not be read."""

    events: tuple[Event, ...]
    problems: tuple[str, ...]


@contextmanager
def many_objects() -> Generator[None]:
    """Lets many objects be made that all stay: the collector of cycles would walk them again and again, and take most of the time."""
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collected:
            gc.enable()


def load(path: Path) -> Loaded:
    """Reads a session file; a torn or foreign line is reported and passed over, the rest is kept.

    Raises: SessionError: the file cannot be read, is no session, or is of a newer format.
    """
    with many_objects():
        return _load(path)


def _load(path: Path) -> Loaded:
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise SessionError(f"Cannot read the session {path}: {error.strerror}", hint="See `mltui sessions list`") from None
    events: list[Event] = []
    problems: list[str] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            events.append(event_adapter.validate_json(line))
        except ValidationError as error:
            if number == 1:
                raise _unreadable(path, line) from None
            torn = "was cut off" if number == len(lines) else f"is not an event ({error.errors()[0]['msg']})"
            problems.append(f"{path}:{number} {torn}; it was passed over")
    if not events or not isinstance(events[0], SessionStarted):
        raise SessionError(f"{path} is not a session file: its first line is not session.started")
    return Loaded(tuple(events), tuple(problems))


def _unreadable(path: Path, line: bytes) -> SessionError:
    try:
        head = json.loads(line)
        version = int(head["format"])
    except (ValueError, KeyError, TypeError):
        return SessionError(f"{path} is not a session file: its first line is not session.started")
    if version > FORMAT_VERSION:
        return SessionError(f"{path} was written by a newer mltui (format {version})", hint="Upgrade mltui")
    return SessionError(f"{path} has a broken first line", hint="It cannot be resumed")


class SessionFile:
    """Appends events to a session file, which is locked for as long as it is open.

    An event is with the system when `append` returns, so that mltui may crash. Against a crash of the machine the file is
    put on the disk: before a decision or the end of a turn is acted on, and for every message and result as soon as the
    disk can, beside the work that goes on.
    """

    def __init__(self, path: Path) -> None:
        """Raises: SessionError: another mltui has the session open, or the file cannot be written."""
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SessionError(f"Cannot write the session {path}: {error.strerror}", hint="Set MLTUI_HOME to a writable folder") from None
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._fd)
            raise SessionError(f"The session {path.stem} is open in another mltui", hint="Close it there, or pass --fork-session") from None
        size = os.fstat(self._fd).st_size
        if size and os.pread(self._fd, 1, size - 1) != b"\n":
            os.write(self._fd, b"\n")  # what follows a torn line must not be lost with it
        self._syncing = ThreadPoolExecutor(1, "session-file")
        self._sync: Future[None] | None = None

    def append(self, event: Event) -> None:
        """Raises: OSError: the disk is full or broken."""
        if passing(event):
            return
        self._write(event.model_dump_json().encode() + b"\n")
        if isinstance(event, _SYNCED_NOW):
            self._synced()
            os.fdatasync(self._fd)
        elif isinstance(event, _SYNCED_SOON):
            self._synced()
            self._sync = self._syncing.submit(os.fdatasync, self._fd)

    def extend(self, lines: bytes) -> None:
        """Appends whole lines; a torn one at the end is closed. Raises: OSError: the disk is full or broken."""
        self._write(lines if not lines or lines.endswith(b"\n") else lines + b"\n")
        os.fdatasync(self._fd)

    def _write(self, data: bytes) -> None:
        written = 0
        while written < len(data):
            written += os.write(self._fd, data[written:])

    def _synced(self) -> None:
        """Waits for what is on its way to the disk. Raises what went wrong with it."""
        sync, self._sync = self._sync, None
        if sync is not None:
            sync.result()

    def close(self) -> None:
        if self._fd >= 0:
            self._syncing.shutdown()
            os.close(self._fd)
            self._fd = -1


def copy(source: Path, target: Path, head: SessionStarted) -> SessionFile:
    """A copy of a session under another head, open for writing; its events stay as they are on disk.

    Raises: SessionError: the source cannot be read, or the target cannot be written.
    """
    try:
        _, _, rest = source.read_bytes().partition(b"\n")
    except OSError as error:
        raise SessionError(f"Cannot read the session {source}: {error.strerror}", hint="See `mltui sessions list`") from None
    file = SessionFile(target)
    file.append(head)
    file.extend(rest)
    return file


def latest(folder: Path) -> Path | None:
    """The session file changed last, or None; what does not begin like a session is passed over."""
    files = sorted(folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime_ns, reverse=True) if folder.is_dir() else []
    return next((path for path in files if _begins_well(path)), None)


def _begins_well(path: Path) -> bool:
    """Whether a file may be a session; one that cannot be read may, and whoever opens it says why."""
    try:
        with path.open("rb") as file:
            return b'"session.started"' in file.read(200)
    except OSError:
        return True


def is_id(session_id: str) -> bool:
    """Whether a session may have this id."""
    return _ID.fullmatch(session_id) is not None


def find(folder: Path, session_id: str) -> Path:
    """The file of a session, by its id or the beginning of it.

    Raises: SessionError: none or several fit.
    """
    if not is_id(session_id):
        raise SessionError(f"{session_id!r} is not a session id")
    fits = sorted(folder.glob(f"{session_id}*.jsonl")) if folder.is_dir() else []
    exact = [path for path in fits if path.stem == session_id]
    if len(exact or fits) != 1:
        what = f"{len(fits)} sessions begin with {session_id}" if fits else f"There is no session {session_id} for this folder"
        raise SessionError(what, hint="List them with `mltui sessions list`")
    return (exact or fits)[0]
