"""The journal's hash chain as bytes: what a line says of its place, and the first line that is not as it was written.

A record's hash is that of its own line without the hash, so a line is checked without decoding its JSON.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from mltui.core.errors import JournalError

GENESIS = "0" * 64
"""What stands in `prev` of the first record."""

BACKUP = "Compare the journal with a backup before you rely on it."

# Keys are sorted and quotes inside texts are escaped: the first `,"hash":"` and the last `,"prev":"` are the record's own.
_HASH = b',"hash":"'
_TAIL = re.compile(rb',"prev":"([0-9a-f]{64})","seq":([1-9]\d*),"ts":([^,"{}]+),"type":"((?:[^"\\]|\\.)*)"\}\n\Z')
_TYPE = re.compile(rb'"type":"([\w.\-]{1,60})"\}\s*\Z')
_SEQ = re.compile(rb',"seq":(\d{1,12}),"ts":')
_TIME = re.compile(rb',"ts":(\d{1,12}(?:\.\d+)?),')
_ABOUT = re.compile(rb'id":"([A-Z]-\d{1,9})"')
_WINDOW = 1 << 20


@dataclass(frozen=True, slots=True)
class Link:
    """A sound line's place in the chain. `ts` in seconds since the epoch."""

    seq: int
    prev: str
    hash: str
    type: str
    ts: float


@dataclass(frozen=True, slots=True)
class Chain:
    """A whole journal.

    Attributes:
        records: how many; head: hash of the last; size: in bytes.
        seen: the hashes of the records that were asked for.
        backwards: numbers of records that are older, by the clock, than the one before.
    """

    records: int = 0
    head: str = GENESIS
    size: int = 0
    seen: Mapping[int, str] = field(default_factory=dict[int, str])
    backwards: tuple[int, ...] = ()


def link(line: bytes) -> Link | None:
    """What a line says of itself, or None when it is not, byte for byte, what was hashed when it was written."""
    start = line.find(_HASH)
    end = start + len(_HASH) + 64
    tail = _TAIL.search(line, max(line.rfind(b',"prev":"'), 0))
    if start < 0 or tail is None or line[end : end + 1] != b'"':
        return None
    digest = hashlib.sha256(line[:start])
    digest.update(memoryview(line)[end + 1 : -1])
    found = line[end - 64 : end].decode("ascii", "replace")
    if digest.hexdigest() != found:
        return None
    try:
        return Link(int(tail[2]), tail[1].decode(), found, tail[4].decode("utf-8", "replace"), float(tail[3]))
    except ValueError:
        return None


def lines(file: BinaryIO, end: int | None = None) -> Iterator[tuple[int, bytes]]:
    """The lines from where the file stands, up to offset `end`, each with its own offset. Only `\\n` ends a line."""
    offset = file.tell()
    for line in file:
        if end is not None and offset >= end:
            return
        yield offset, line
        offset += len(line)


def check_chain(path: Path, wanted: Collection[int] = (), names: Mapping[int, str] | None = None) -> Chain:
    """Checks every byte of the file, which must be there.

    Args:
        wanted: numbers of records whose hashes are to be in `seen`.
        names: what is known of records by other means, to name them when they are gone.

    Raises:
        JournalError: names the first record that is not as it was written.
        OSError: the file cannot be read.
    """
    seq, head, size, last = 0, GENESIS, 0, 0.0
    seen: dict[int, str] = {}
    backwards: list[int] = []
    with path.open("rb", buffering=_WINDOW) as file:
        for offset, line in lines(file):
            found = link(line)
            if found is None or found.seq != seq + 1 or found.prev != head:
                raise JournalError(f"{path}: {_flaw(path, line, offset, seq + 1, found, names or {})}", hint=BACKUP)
            seq, head, size = found.seq, found.hash, offset + len(line)
            if seq in wanted:
                seen[seq] = head
            if found.ts < last:
                backwards.append(seq)
            last = found.ts
    return Chain(seq, head, size, seen, tuple(backwards))


def _flaw(path: Path, line: bytes, offset: int, place: int, found: Link | None, names: Mapping[int, str]) -> str:
    """What is wrong at a place, beginning with `record N`."""
    if not line.endswith(b"\n"):
        return f"record {place} was cut: its end is missing (a crash); the next change to an experiment moves it to journal.torn"
    if found is None:
        return f"record {place}{described(line)} was changed: {_how_changed(line)}"
    if found.seq > place:
        later = _later(path, offset, place)
        if later is not None:
            return f"record {place}{described(later)} was moved: record {found.seq}{described(line)} stands in its place"
        missing = f"records {place} to {found.seq - 1} are" if found.seq - place > 1 else f"record {place}{names.get(place, '')} is"
        return f"{missing} missing: record {found.seq}{described(line)} stands there"
    if found.seq < place:
        return f"record {place} was put in: record {found.seq}{described(line)} stands there again, or was moved"
    return f"record {place}{described(line)} does not follow record {place - 1}: one of them was written anew"


def _how_changed(line: bytes) -> str:
    if line.endswith(b"\r\n") and link(line[:-2] + b"\n"):
        return "its line ends were converted (CRLF); `sed -i 's/\\r$//'` turns them back"
    if b"\0" in line:
        return "zero bytes stand in it, as a power failure leaves them"
    if not (line.startswith(b'{"actor":') and _TAIL.search(line)):
        return "it is not written as mltui writes"
    return "its content does not fit its hash"


def _later(path: Path, offset: int, place: int) -> bytes | None:
    """The sound line with a number, if it stands somewhere behind an offset."""
    with path.open("rb", buffering=_WINDOW) as file:
        file.seek(offset)
        for _, line in lines(file):
            if (number := _SEQ.search(line, max(line.rfind(b',"prev":"'), 0))) and int(number[1]) == place and link(line):
                return line
    return None


def described(line: bytes) -> str:
    """` (proposal.decided of P-0007, 2026-03-01 12:00:00)`, as far as a line, damaged perhaps, still says it."""
    return words(*facts(line))


def facts(line: bytes) -> tuple[str, str, float]:
    """Type, subject and time of a line, as far as they can be read; else empty and 0."""
    tail = max(line.rfind(b',"prev":"'), 0)
    kind, about, at = _TYPE.search(line, tail), _ABOUT.search(line), _TIME.search(line, tail)
    return (kind[1].decode() if kind else "", about[1].decode() if about else "", float(at[1]) if at else 0.0)


def words(kind: str, about: str, ts: float) -> str:
    parts = [f"{kind} of {about}" if kind and about else kind or about]
    with contextlib.suppress(ValueError, OverflowError, OSError):
        parts.append(f"{datetime.fromtimestamp(ts, UTC):%Y-%m-%d %H:%M:%S} UTC" if ts > 0 else "")
    text = ", ".join(part for part in parts if part)
    return f" ({text})" if text else ""


def last_line(file: BinaryIO, end: int) -> tuple[int, bytes]:
    """The line that ends at an offset, and where it begins; read backwards."""
    start, data = end, b""
    while start > 0:
        step = min(1 << 14, start)
        file.seek(start - step)
        data = file.read(step) + data
        start -= step
        cut = data.rfind(b"\n", 0, len(data) - 1)
        if cut >= 0:
            return start + cut + 1, data[cut + 1 :]
    return 0, data
