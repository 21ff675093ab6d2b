"""Where the journal's head is kept beside the journal, so that a cut end or a chain that was written anew shows.

Two places: a small file in mltui's own state folder, which holds the highest record that this user saw and is written with
every record, and a git ref, `refs/mltui/journal`, that points to the same in a blob and is written with every decision.
Neither is fsynced: they may lag behind after a power failure, never run ahead.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from mltui.config import paths
from mltui.experiments.chain import facts, last_line, lines, link
from mltui.experiments.journal import Journal, Record
from mltui.experiments.storage import write_atomically

RECENT = 16
"""How many of the last records the file of heads can name when they are gone."""

MIRRORED = frozenset(
    {
        "proposal.decided",
        "experiment.accepted",
        "experiment.discarded",
        "promotion.decided",
        "grant.given",
        "grant.revoked",
        "metric.confirmed",
        "journal.accepted",
    }
)
"""Records after which the git ref moves: whatever a person or a policy decided."""


@dataclass(frozen=True, slots=True)
class Head:
    """A record that was the last one once. `recent`: number, type, subject and time of the last records, for people."""

    seq: int
    hash: str
    recent: tuple[tuple[int, str, str, float], ...] = ()


class HeadFile:
    """The file of one project in the state folder.

    Attributes:
        path: the file.
    """

    def __init__(self, root: Path, environ: Mapping[str, str]) -> None:
        self._root = root.resolve()
        digest = hashlib.sha256(os.fsencode(self._root)).hexdigest()[:16]
        self.path = paths.state_dir(environ) / "journals" / f"{digest}.json"

    def read(self) -> Head | None:
        """What was seen of this project, or None: nothing, or the file is not readable."""
        found = self._content()
        return self._head(found) if found and found.get("place") == _place(self._root) else None

    def former(self) -> Head | None:
        """What was seen of another project at the same path."""
        found = self._content()
        return self._head(found) if found and found.get("place") != _place(self._root) else None

    def advance(self, journal: Path, record: Record, line: bytes) -> None:
        """Notes a record as the last one, if the journal is the one that was seen so far. Raises nothing."""
        known = self.read()
        if known and not _continues(known, journal, record):
            return
        kind, about, _ = facts(line)
        recent = (*(known.recent if known and known.seq == record.seq - 1 else ()), (record.seq, kind, about, record.ts))
        self.write(Head(record.seq, record.hash, recent[-RECENT:]))

    def write(self, head: Head) -> None:
        """Raises nothing: a state folder that cannot be written costs this check, not the record."""
        content = {"root": str(self._root), "place": _place(self._root), "seq": head.seq, "hash": head.hash, "recent": head.recent}
        with contextlib.suppress(OSError):
            write_atomically(self.path, json.dumps(content).encode(), mode=0o600)

    def _content(self) -> dict[str, Any] | None:
        try:
            found: Any = json.loads(self.path.read_bytes())
        except (OSError, ValueError, RecursionError):
            return None
        return cast("dict[str, Any]", found) if isinstance(found, dict) else None

    def _head(self, found: dict[str, Any]) -> Head | None:
        try:
            recent = tuple((int(seq), str(kind), str(about), float(ts)) for seq, kind, about, ts in found["recent"])
            return Head(int(found["seq"]), str(found["hash"]), recent)
        except (KeyError, TypeError, ValueError):
            return None


class HeadRef:
    """The git ref of one project; a linked worktree, which has a journal of its own, has a ref of its own."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._common, self.name = _repository(root)

    def read(self) -> Head | None:
        """Raises nothing: no repository, no ref and no git are all None."""
        text = self._git("cat-file", "blob", self.name) if self._common else None
        if text is None:
            return None
        try:
            seq, head = text.split()
            return Head(int(seq), head)
        except ValueError:
            return None

    def advance(self, journal: Path, record: Record) -> None:
        """Raises nothing. Writes the ref as git does, without starting it, where git keeps loose files and SHA-1."""
        if not self._common:
            return
        if not self._plain():
            known = self.read()
            if not known or _continues(known, journal, record):
                self._by_git(record)
            return
        with contextlib.suppress(OSError):
            former = self._loose()
            known = self._loose_head(former) if former else self.read()
            if known and not _continues(known, journal, record):
                return
            self._write(record, former)

    def write(self, record: Record) -> None:
        """Points the ref to a record, whatever it pointed to."""
        if self._common and self._plain():
            with contextlib.suppress(OSError):
                self._write(record, self._loose())
        elif self._common:
            self._by_git(record)

    def _write(self, record: Record, former: str | None) -> None:
        assert self._common
        data = f"{record.seq} {record.hash}\n".encode()
        data = b"blob %d\0" % len(data) + data
        name = hashlib.sha1(data, usedforsecurity=False).hexdigest()
        write_atomically(self._object(name), zlib.compress(data, 1), mode=0o444)
        write_atomically(self._common / self.name, f"{name}\n".encode())
        if former and former != name:  # nobody else has a blob with this content
            self._object(former).unlink(missing_ok=True)

    def _loose(self) -> str | None:
        assert self._common
        try:
            text = (self._common / self.name).read_text().strip()
        except (OSError, UnicodeDecodeError):
            return None
        return text if len(text) == 40 and all(sign in "0123456789abcdef" for sign in text) else None

    def _loose_head(self, name: str) -> Head | None:
        try:
            _, _, text = zlib.decompress(self._object(name).read_bytes()).partition(b"\0")
            seq, head = text.decode().split()
            return Head(int(seq), head)
        except (OSError, ValueError, zlib.error):
            return self.read()  # packed by `git gc`

    def _object(self, name: str) -> Path:
        assert self._common
        return self._common / "objects" / name[:2] / name[2:]

    def _plain(self) -> bool:
        """Whether the repository keeps refs as files and names objects by SHA-1."""
        assert self._common
        try:
            text = (self._common / "config").read_text(encoding="utf-8", errors="replace").lower()
        except OSError:
            return False
        return "objectformat" not in text and "refstorage" not in text

    def _by_git(self, record: Record) -> None:
        blob = self._git("hash-object", "-w", "--stdin", data=f"{record.seq} {record.hash}\n")
        if blob:
            self._git("update-ref", self.name, blob)

    def _git(self, *arguments: str, data: str | None = None) -> str | None:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        command = ("git", "-c", "core.hooksPath=/dev/null", "-C", str(self._root), *arguments)
        environ.update(GIT_NO_LAZY_FETCH="1", GIT_NO_REPLACE_OBJECTS="1", GIT_OPTIONAL_LOCKS="0")
        try:
            done = subprocess.run(command, input=data, capture_output=True, text=True, timeout=10, check=False, env=environ)
        except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
            return None
        return done.stdout.strip() if done.returncode == 0 else None


@dataclass(slots=True)
class Heads:
    """Both mirrors of one project's journal; implements `journal.Mirror`."""

    root: Path
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    _file: HeadFile | None = None

    @property
    def file(self) -> HeadFile:
        if self._file is None:
            self._file = HeadFile(self.root, self.environ)
        return self._file

    @property
    def ref(self) -> HeadRef:
        return HeadRef(self.root)

    def advance(self, record: Record, line: bytes) -> None:
        journal = self.root / ".mltui" / "journal.jsonl"
        self.file.advance(journal, record, line)
        if record.type in MIRRORED:
            self.ref.advance(journal, record)


def open_journal(state: Path) -> Journal:
    """The journal of the project whose state folder this is, with its mirrors."""
    return Journal(state / "journal.jsonl", Heads(state.parent))


def _continues(known: Head, journal: Path, record: Record) -> bool:
    """Whether the journal that ends with `record` holds the record that was its head before."""
    if known.seq == record.seq - 1:
        return known.hash == record.prev
    if known.seq >= record.seq:
        return False  # what was seen is missing: that stays known
    return hash_at(journal, known.seq) == known.hash


def hash_at(journal: Path, seq: int) -> str | None:
    """The hash of a record by its number: the line is found by counting, so it must stand where it belongs."""
    with contextlib.suppress(OSError), journal.open("rb", buffering=1 << 20) as file:
        for number, (_, line) in enumerate(lines(file), 1):
            if number == seq:
                found = link(line)
                return found.hash if found and found.seq == seq else None
    return None


def last_record(journal: Path) -> Record | None:
    """The last whole record, or None. Raises nothing."""
    with contextlib.suppress(OSError, ValueError), journal.open("rb") as file:
        _, line = last_line(file, file.seek(0, os.SEEK_END))
        return Record.model_validate_json(line)
    return None


def _place(root: Path) -> str:
    """Tells a repository from another one at the same path: a clone's `description` is written once."""
    git = root / ".git"
    for path in (git / "description", git / "info" / "exclude", git, root):
        with contextlib.suppress(OSError):
            status = path.stat()
            return f"{path.relative_to(root)}:{status.st_ino}" + ("" if path in (git, root) else f":{status.st_mtime_ns}")
    return ""


def _repository(root: Path) -> tuple[Path | None, str]:
    """The folder that holds objects and refs, and the name of the ref."""
    git = root / ".git"
    if git.is_dir():
        return git, "refs/mltui/journal"
    try:
        text = git.read_text(encoding="utf-8").strip()
        own = (root / text.removeprefix("gitdir: ")).resolve()
        common = own / "commondir"
        if text.startswith("gitdir: ") and common.is_file():
            return (own / common.read_text(encoding="utf-8").strip()).resolve(), f"refs/mltui/worktrees/{own.name}/journal"
        return (own, "refs/mltui/journal") if text.startswith("gitdir: ") and own.is_dir() else (None, "")
    except (OSError, UnicodeDecodeError):
        return None, ""
