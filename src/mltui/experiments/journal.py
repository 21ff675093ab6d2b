"""The journal of a project's experiments: JSON lines that are only ever appended, each sealed by the hash of the one before.

A reader sees whole lines only. A last line without its end is what a crash left behind; the next append completes it
when nothing but the line's end is missing, and otherwise moves it to `journal.torn`.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import stat
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticSerializationError, to_json

from mltui.core.data import Data, JsonObject, JsonValue
from mltui.core.errors import JournalError
from mltui.experiments.chain import BACKUP, GENESIS, check_chain, described, last_line, link
from mltui.experiments.storage import file_lock, make_state_folder

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["GENESIS", "HEALED", "Journal", "Mirror", "Record", "canonical", "plain", "seal"]

HEALED = "journal.healed"
"""Type of the record that says that a torn line was moved aside."""


class Record(Data):
    """One line.

    Attributes:
        seq: 1 for the first record.
        ts: seconds since the epoch, by a clock that may go back.
        prev: `hash` of the record before.
        hash: SHA-256, in hexadecimal, of the canonical JSON of everything else.
    """

    seq: int
    ts: float
    type: str
    actor: str
    payload: JsonObject
    prev: str
    hash: str


class Mirror(Protocol):
    """Keeps the journal's head elsewhere, so that a cut or a rewritten journal shows."""

    def advance(self, record: Record, line: bytes) -> None:
        """Is called under the journal's lock after each append. Raises nothing."""
        ...


def plain(value: BaseModel) -> JsonObject:
    """A pydantic value as plain JSON.

    Numbers that JSON does not know become the strings that pydantic reads back; halves of surrogate pairs, which file
    names may hold, become their escapes.
    """
    dumped = value.model_dump()
    try:
        text = to_json(dumped, inf_nan_mode="strings")
    except PydanticSerializationError:
        text = to_json(_encodable(dumped), inf_nan_mode="strings")
    return cast(JsonObject, json.loads(text))


def canonical(value: JsonObject) -> bytes:
    """The one way in which a record is written: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode("utf-8", "surrogatepass")


def seal(fields: JsonObject) -> Record:
    return Record.model_validate({**fields, "hash": hashlib.sha256(canonical(fields)).hexdigest()})


def _encodable(value: object) -> JsonValue:
    """The value with texts that UTF-8 can write."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {cast(str, _encodable(key)): _encodable(item) for key, item in cast("dict[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_encodable(item) for item in cast("list[object]", value)]
    return cast(JsonValue, value)


class Journal:
    """One process's view of the file. Safe to share between threads.

    Attributes:
        written: hashes of the records that were appended here, and by no other process; one is in it before it is in the file.
    """

    def __init__(self, path: Path, mirror: Mirror | None = None) -> None:
        self.path = path
        self.written: set[str] = set()
        self._mirror = mirror
        self._offset = 0
        self._head = GENESIS
        self._seq = 0
        self._lock = threading.RLock()

    @property
    def head(self) -> str:
        """Hash of the last record that was read."""
        return self._head

    @property
    def seq(self) -> int:
        """Number of the last record that was read."""
        return self._seq

    @property
    def offset(self) -> int:
        """Bytes that were read."""
        return self._offset

    def changed(self) -> bool:
        """Whether there may be something to read: one look at the file's size."""
        return self._size() != self._offset

    def read(self) -> tuple[Record, ...]:
        """The whole records that came since the last call.

        Raises:
            JournalError: a line is not a record or does not follow the one before it, or the file cannot be read.
        """
        with self._lock:
            size = self._size()
            if size == self._offset:
                return ()
            if size < self._offset:
                raise JournalError(f"{self.path} became shorter while it was open", hint="Restore it from a backup.")
            with self._reading(), self.path.open("rb") as file:
                file.seek(self._offset)
                data = file.read(size - self._offset)
            whole = data[: data.rfind(b"\n") + 1]
            records: list[Record] = []
            seq, head = self._seq, self._head
            for line in whole.split(b"\n")[:-1]:
                record = _parse(line + b"\n", seq + 1, head, self.path)
                seq, head = record.seq, record.hash
                records.append(record)
            self._seq, self._head = seq, head
            self._offset += len(whole)
            return tuple(records)

    def skip(self) -> None:
        """Goes behind the last whole record without reading those before it; only that one is checked.

        Raises:
            JournalError: it is not as it was written, or the file cannot be read.
        """
        with self._lock, self._reading():
            size = self._size()
            if not size:
                return
            with self.path.open("rb") as file:
                start, line = last_line(file, size)
                if not line.endswith(b"\n"):  # what a crash left: the line before is the last whole one
                    size = start
                    start, line = last_line(file, size)
            if not size:
                return
            found = link(line)
            if found is None:
                check_chain(self.path)
                raise JournalError(f"{self.path}: the last record{described(line)} was changed", hint=BACKUP)
            self._offset, self._seq, self._head = size, found.seq, found.hash

    def append(
        self, type: str, actor: str, payload: JsonObject, *, prepare: Callable[[tuple[Record, ...]], None] | None = None
    ) -> tuple[Record, ...]:
        """Writes one record, durably, under the lock that all writers share.

        Args:
            prepare: is given, under the lock, the records that came since the last read; what it raises stops the append.

        Returns: the records after those that `prepare` saw, the new one last.

        Raises:
            JournalError: it could not be written (nothing of it was), or what is there is not a journal.
        """
        with self._lock, self._writing():
            make_state_folder(self.path.parent)
            with file_lock(self.path.with_suffix(".lock")):
                before = self._healed()
                if prepare:
                    prepare(before)
                    before = ()
                return (*before, self._write(type, actor, payload))

    def heal(self) -> tuple[Record, ...]:
        """Clears what a crash left at the end, as the next append would. Returns the records that came since the last read."""
        if not self._size():
            return ()
        with self._lock, self._writing(), file_lock(self.path.with_suffix(".lock")):
            return self._healed()

    def verify(self) -> int:
        """Checks every byte of the file.

        Returns: the number of records.

        Raises:
            JournalError: names the first record that is not as it was written.
        """
        with self._reading():
            return check_chain(self.path).records if self._size() else 0

    def _size(self) -> int:
        """Bytes, 0 when there is no file. Raises: JournalError: something else is in its place."""
        try:
            status = os.lstat(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return 0
        except OSError as error:
            raise JournalError(f"{self.path} cannot be read: {error.strerror}", hint="Look at the folder's permissions.") from error
        if not stat.S_ISREG(status.st_mode):
            what = "a link" if stat.S_ISLNK(status.st_mode) else "a folder" if stat.S_ISDIR(status.st_mode) else "no file"
            raise JournalError(f"{self.path} is {what}, not the journal's own file", hint="Move it away and put the journal back.")
        return status.st_size

    @contextlib.contextmanager
    def _reading(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            raise JournalError(f"{self.path} cannot be read: {error.strerror}", hint="Look at its permissions.") from error

    @contextlib.contextmanager
    def _writing(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            hint = "Free some disk space and try again." if full else "Look at the permissions of its folder."
            raise JournalError(f"{self.path} could not be written: {error.strerror}", hint=hint) from error

    def _write(self, type: str, actor: str, payload: JsonObject) -> Record:
        fields = {"seq": self._seq + 1, "ts": time.time(), "type": type, "actor": actor, "payload": payload, "prev": self._head}
        try:
            record = seal(cast(JsonObject, fields))
            line = canonical(record.model_dump(mode="json")) + b"\n"
            line.decode("utf-8")
        except ValueError:  # also where pydantic or UTF-8 cannot write it
            record = seal(cast(JsonObject, _encodable(fields)))
            line = canonical(record.model_dump(mode="json")) + b"\n"
        self.written.add(record.hash)
        _append_durably(self.path, line)
        self._seq, self._head = record.seq, record.hash
        self._offset += len(line)
        if self._mirror:
            self._mirror.advance(record, line)
        return record

    def _healed(self) -> tuple[Record, ...]:
        """Under the lock: the news, after a torn line was dealt with; a record says so if it was moved."""
        moved = self._move_torn()
        news = self.read()
        return (*news, self._write(HEALED, "mltui", {"bytes": moved, "moved_to": "journal.torn"})) if moved else news

    def _move_torn(self) -> int:
        """Completes or moves aside a torn last line. Returns the number of bytes moved."""
        size = self._size()
        if not size:
            return 0
        with self.path.open("r+b") as file:
            file.seek(size - 1)
            if file.read(1) == b"\n":
                return 0
            start, torn = last_line(file, size)
            moved = 0
            if link(torn + b"\n"):
                file.seek(0, os.SEEK_END)
                file.write(b"\n")
            else:
                with self.path.with_suffix(".torn").open("ab") as aside:
                    aside.write(torn + b"\n")
                    aside.flush()
                    os.fsync(aside.fileno())
                file.truncate(start)
                moved = len(torn)
            file.flush()
            os.fsync(file.fileno())
        return moved


def _append_durably(path: Path, line: bytes) -> None:
    """All of the line is on the disk, or nothing of it. Raises: OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o644)
    try:
        before = os.fstat(descriptor).st_size
        try:
            if os.write(descriptor, line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(descriptor) if sys.platform == "darwin" else os.fdatasync(descriptor)
        except OSError:
            os.ftruncate(descriptor, before)
            raise
    finally:
        os.close(descriptor)


def _parse(line: bytes, seq: int, prev: str, path: Path) -> Record:
    try:
        record = Record.model_validate_json(line)
    except ValidationError as error:
        raise _broken(path, seq, "it is not a record") from error
    if record.seq != seq or record.prev != prev:
        raise _broken(path, seq, "it does not follow the record before it")
    return record


def _broken(path: Path, seq: int, why: str) -> JournalError:
    return JournalError(f"{path}: record {seq} was changed or cut: {why}", hint=BACKUP)
