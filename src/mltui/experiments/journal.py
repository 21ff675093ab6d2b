"""The journal of a project's experiments: JSON lines that are only ever appended, each sealed by the hash of the one before.

A reader sees whole lines only. A last line without its end is what a crash left behind; the next append completes it
when nothing but the line's end is missing, and otherwise moves it to `journal.torn`.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from mltui.core.data import Data, JsonObject
from mltui.core.errors import JournalError
from mltui.experiments.storage import file_lock, make_state_folder

GENESIS = "0" * 64
"""What stands in `prev` of the first record."""

HEALED = "journal.healed"
"""Type of the record that says that a torn line was moved aside."""


class Record(Data):
    """One line.

    Attributes:
        seq: 1 for the first record.
        ts: seconds since the epoch.
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


def plain(value: BaseModel) -> JsonObject:
    """A pydantic value as plain JSON; numbers that JSON does not know become the strings that pydantic reads back."""
    return cast(JsonObject, json.loads(to_json(value.model_dump(), inf_nan_mode="strings")))


def canonical(value: JsonObject) -> bytes:
    """The one way in which a record is written: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode("utf-8", "surrogatepass")


def seal(fields: JsonObject) -> Record:
    return Record.model_validate({**fields, "hash": hashlib.sha256(canonical(fields)).hexdigest()})


class Journal:
    """One process's view of the file. Safe to share between threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
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

    def changed(self) -> bool:
        """Whether there may be something to read: one look at the file's size."""
        return self._size() != self._offset

    def read(self) -> tuple[Record, ...]:
        """The whole records that came since the last call.

        Raises:
            JournalError: a line is not a record or does not follow the one before it.
        """
        with self._lock:
            size = self._size()
            if size == self._offset:
                return ()
            if size < self._offset:
                raise JournalError(f"{self.path} became shorter while it was open", hint="Restore it from a backup.")
            with self.path.open("rb") as file:
                file.seek(self._offset)
                data = file.read(size - self._offset)
            whole = data[: data.rfind(b"\n") + 1]
            records: list[Record] = []
            seq, head = self._seq, self._head
            for line in whole.splitlines(keepends=True):
                record = _parse(line, seq + 1, head, self.path)
                seq, head = record.seq, record.hash
                records.append(record)
            self._seq, self._head = seq, head
            self._offset += len(whole)
            return tuple(records)

    def append(
        self, type: str, actor: str, payload: JsonObject, *, prepare: Callable[[tuple[Record, ...]], None] | None = None
    ) -> tuple[Record, ...]:
        """Writes one record, durably, under the lock that all writers share.

        Args:
            prepare: is given, under the lock, the records that came since the last read; what it raises stops the append.

        Returns: the records after those that `prepare` saw, the new one last.
        """
        make_state_folder(self.path.parent)
        with self._lock, file_lock(self.path.with_suffix(".lock")):
            before = self._healed()
            if prepare:
                prepare(before)
                before = ()
            return (*before, self._write(type, actor, payload))

    def heal(self) -> tuple[Record, ...]:
        """Clears what a crash left at the end, as the next append would. Returns the records that came since the last read."""
        if not self.path.exists():
            return ()
        with self._lock, file_lock(self.path.with_suffix(".lock")):
            return self._healed()

    def verify(self) -> int:
        """Checks every byte of the file.

        Returns: the number of records.

        Raises:
            JournalError: names the first record that is not as it was written.
        """
        if not self.path.exists():
            return 0
        seq, head = 0, GENESIS
        for line in self.path.read_bytes().splitlines(keepends=True):
            record = _parse(line, seq + 1, head, self.path)
            fields = record.model_dump(mode="json")
            if line != canonical(fields) + b"\n":
                raise _broken(self.path, seq + 1, "it is not written as mltui writes")
            del fields["hash"]
            if hashlib.sha256(canonical(fields)).hexdigest() != record.hash:
                raise _broken(self.path, seq + 1, "its content does not fit its hash")
            seq, head = record.seq, record.hash
        return seq

    def _size(self) -> int:
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def _write(self, type: str, actor: str, payload: JsonObject) -> Record:
        record = seal({"seq": self._seq + 1, "ts": time.time(), "type": type, "actor": actor, "payload": payload, "prev": self._head})
        line = canonical(record.model_dump(mode="json")) + b"\n"
        try:
            _append_durably(self.path, line)
        except OSError as error:
            raise JournalError(f"{self.path} could not be written: {error.strerror}", hint="Free some disk space and try again.") from error
        self._seq, self._head = record.seq, record.hash
        self._offset += len(line)
        return record

    def _healed(self) -> tuple[Record, ...]:
        """Under the lock: the news, after a torn line was dealt with; a record says so if it was moved."""
        moved = self._move_torn()
        news = self.read()
        return (*news, self._write(HEALED, "mltui", {"bytes": moved, "moved_to": "journal.torn"})) if moved else news

    def _move_torn(self) -> int:
        """Completes or moves aside a torn last line. Returns the number of bytes moved."""
        if not self.path.exists() or _ends_whole(self.path):
            return 0
        with self.path.open("r+b") as file:
            data = file.read()
            start = data.rfind(b"\n") + 1
            torn = data[start:]
            if _is_complete(torn):
                file.write(b"\n")
                moved = 0
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
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        before = os.fstat(descriptor).st_size
        if os.write(descriptor, line) != len(line):
            os.ftruncate(descriptor, before)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(descriptor) if sys.platform == "darwin" else os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _is_complete(line: bytes) -> bool:
    try:
        record = Record.model_validate_json(line)
    except ValidationError:
        return False
    fields = record.model_dump(mode="json")
    del fields["hash"]
    return hashlib.sha256(canonical(fields)).hexdigest() == record.hash


def _parse(line: bytes, seq: int, prev: str, path: Path) -> Record:
    if not line.endswith(b"\n"):
        raise _broken(path, seq, "its end is missing (a crash); the next change to an experiment moves it to journal.torn")
    try:
        record = Record.model_validate_json(line)
    except ValidationError as error:
        raise _broken(path, seq, "it is not a record") from error
    if record.seq != seq or record.prev != prev:
        raise _broken(path, seq, "it does not follow the record before it")
    return record


def _broken(path: Path, seq: int, why: str) -> JournalError:
    return JournalError(f"{path}: record {seq} was changed or cut: {why}", hint="Compare the journal with a backup before you rely on it.")
