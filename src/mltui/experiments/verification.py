"""Whether a project's journal is all that was ever written: its chain, and what was seen of it elsewhere."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mltui.core.data import JsonObject
from mltui.core.errors import JournalError
from mltui.experiments.chain import BACKUP, Chain, check_chain, words
from mltui.experiments.heads import Head, HeadFile, HeadRef, last_record
from mltui.experiments.journal import Journal

LOSS = "If you know why, `mltui experiments verify --accept-loss --reason …` goes on from here; else restore a backup."
ACCEPTED = "journal.accepted"
"""Type of the record by which a person went on with a journal that was not all that had been seen."""


@dataclass(frozen=True, slots=True)
class Verification:
    """A whole journal.

    Attributes:
        records: how many; head: hash of the last one.
        notes: what a person should know although nothing is wrong.
    """

    records: int
    head: str
    notes: tuple[str, ...] = ()


def verify(root: Path, environ: Mapping[str, str] | None = None) -> Verification:
    """Checks every byte of the journal, and that it still holds what this user and the repository saw of it.

    Raises:
        JournalError: names the first record that is not as it was written, or that is gone.
    """
    path = root / ".mltui" / "journal.jsonl"
    file, ref = HeadFile(root, os.environ if environ is None else environ), HeadRef(root)
    seen, mirrored, former = file.read(), ref.read(), file.former()
    names = {seq: words(kind, about, ts) for seq, kind, about, ts in (seen.recent if seen else ())}
    chain = _chain(path, {head.seq for head in (seen, mirrored) if head}, names)
    for head, witness in ((seen, f"this user saw {seen.seq if seen else 0} records"), (mirrored, f"the git ref {ref.name}")):
        if head:
            _compare(path, chain, head, witness, names)
    return Verification(chain.records, chain.head, tuple(_notes(path, chain, seen, mirrored, former, ref)))


def damage(root: Path, environ: Mapping[str, str] | None = None) -> str:
    """What `verify` objects to, in words; empty when nothing."""
    try:
        verify(root, environ)
    except JournalError as error:
        return str(error.args[0])
    return ""


def accept_loss(root: Path, *, by: str, reason: str, environ: Mapping[str, str] | None = None) -> Verification:
    """Goes on with a journal whose chain is whole although more was seen of it; the journal says so from then on.

    Raises:
        JournalError: the chain itself is broken, or nothing is missing.
    """
    environ = os.environ if environ is None else environ
    what = damage(root, environ)
    if not what:
        raise JournalError("nothing is missing from the journal", hint="`mltui experiments verify` shows what was checked.")
    path = root / ".mltui" / "journal.jsonl"
    _chain(path, set(), {})
    file, ref = HeadFile(root, environ), HeadRef(root)
    seen, mirrored = file.read(), ref.read()
    expected: JsonObject = {"seen": _as_json(seen), "git": _as_json(mirrored)}
    Journal(path).append(ACCEPTED, by, {"by": by, "reason": reason, "what": what, "expected": expected})
    record = last_record(path)
    assert record is not None
    file.write(Head(record.seq, record.hash, ((record.seq, record.type, "", record.ts),)))
    ref.write(record)
    return verify(root, environ)


def _as_json(head: Head | None) -> JsonObject:
    return {"seq": head.seq, "hash": head.hash} if head else {}


def _chain(path: Path, wanted: set[int], names: Mapping[int, str]) -> Chain:
    Journal(path).changed()  # says so when something else is in its place
    try:
        return check_chain(path, wanted, names) if path.exists() else Chain()
    except OSError as error:
        raise JournalError(f"{path} cannot be read: {error.strerror}", hint="Look at its permissions.") from error


def _compare(path: Path, chain: Chain, head: Head, witness: str, names: Mapping[int, str]) -> None:
    """Raises: JournalError: the record that was the head once is gone or another one."""
    gone = head.seq - chain.records
    if gone > 0:
        first = chain.records + 1
        more = f" and {gone - 1} after it are" if gone > 1 else " is"
        whole = "; it is empty or was deleted" if chain.records == 0 else ""
        raise JournalError(f"{path}: record {first}{names.get(first, '')}{more} missing: {witness}{whole}", hint=LOSS)
    if chain.seen.get(head.seq) != head.hash:
        raise JournalError(
            f"{path}: record {head.seq}{names.get(head.seq, '')} is not the one that stood there ({witness}): the journal was written anew",
            hint=LOSS if chain.records else BACKUP,
        )


def _notes(path: Path, chain: Chain, seen: Head | None, mirrored: Head | None, former: Head | None, ref: HeadRef) -> list[str]:
    notes: list[str] = []
    if chain.backwards:
        numbers = ", ".join(map(str, chain.backwards[:5])) + (" …" if len(chain.backwards) > 5 else "")
        notes.append(f"the clock had gone back at record {numbers}: times there are not in order")
    if chain.records and not seen:
        notes.append(
            f"another repository stood at this path, with {former.seq} records: only the chain was checked"
            if former
            else "this user has seen no record of it on this machine yet: that its end is whole was checked by the chain alone"
            + (f" and by {ref.name} up to record {mirrored.seq}" if mirrored else "")
        )
    elif seen and seen.seq < chain.records:
        notes.append(f"records after {seen.seq} were written by another user or another machine")
    if path.with_suffix(".torn").exists():
        notes.append(f"{path.with_suffix('.torn').name} holds what a crash cut off")
    return notes
