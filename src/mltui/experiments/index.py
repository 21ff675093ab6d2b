"""A table of all experiments beside the journal, so that thousands list at once. Made from the journal, deletable at any
time, and never asked before a decision.

It remembers how far it has read. When the record that ends there is not the one that it read, it is made anew; where
its file cannot be used it is made in memory.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import stat
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from mltui.core.errors import JournalError
from mltui.experiments.chain import BACKUP, GENESIS, check_chain, last_line, lines, link
from mltui.experiments.index_values import values_of

if TYPE_CHECKING:
    from mltui.core.experiment import Experiment
    from mltui.experiments.journal import Record

VERSION = 5
BUSY_SECONDS = 60.0
"""How long one process waits for another that makes the index."""

_SCHEMA = """
CREATE TABLE meta (version INTEGER, offset INTEGER, seq INTEGER, head TEXT);
CREATE TABLE records (seq INTEGER PRIMARY KEY, offset INTEGER, length INTEGER, type TEXT, subject TEXT);
CREATE INDEX by_subject ON records (subject, seq);
CREATE TABLE experiments (
    id TEXT PRIMARY KEY, position INTEGER, state TEXT, kind TEXT, title TEXT, created REAL, changed REAL, verdict TEXT, diff REAL,
    ci_low REAL, ci_high REAL, p_value REAL, pairs INTEGER, unit TEXT, guardrails TEXT, metric TEXT, direction TEXT,
    baseline REAL, candidate REAL, spread REAL, author TEXT, decided_by TEXT, wall_seconds REAL, cpu_seconds REAL,
    supersedes TEXT, data TEXT, change TEXT, runs INTEGER
);
CREATE INDEX by_position ON experiments (position);
"""
_TABLES = ("meta", "records", "experiments")
_STABLE = ("id", "position", "kind", "title", "created", "metric", "direction", "author", "supersedes", "data", "change")
_CHANGING = (
    "state",
    "changed",
    "verdict",
    "diff",
    "ci_low",
    "ci_high",
    "p_value",
    "pairs",
    "unit",
    "guardrails",
    "baseline",
    "candidate",
    "spread",
    "decided_by",
    "wall_seconds",
    "cpu_seconds",
    "runs",
)
_PUT = (
    f"INSERT INTO experiments ({', '.join((*_STABLE, *_CHANGING))}) VALUES ({', '.join('?' * len((*_STABLE, *_CHANGING)))}) "  # noqa: S608
    f"ON CONFLICT (id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _CHANGING)}"
)


class Row(NamedTuple):
    """One experiment as a list shows it. Times in seconds since the epoch; None where there is no comparison.

    A tuple, since ten thousand of them are made at once.

    Attributes:
        pairs: how many the comparison is made of.
        unit: of the difference; may be empty.
        verdicts: of the guardrails by metric, as JSON; see `guardrails`.
        metric, direction: of the primary one: its name, and `maximize` or `minimize`.
        baseline, candidate, spread: means of both arms, and the candidate's standard deviation over the seeds.
        decided_by: who kept or discarded it, else who approved or rejected it; empty: nobody yet.
        wall_seconds, cpu_seconds: of the runs that were made for it.
        data: digest of the data's digests; change: of the trees before and after.
        runs: the candidate's, that the comparison is made of.
    """

    id: str
    state: str
    kind: str
    title: str
    created: float
    changed: float
    verdict: str | None = None
    diff: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p_value: float | None = None
    pairs: int | None = None
    unit: str | None = None
    verdicts: str = "{}"
    metric: str = ""
    direction: str = "maximize"
    baseline: float | None = None
    candidate: float | None = None
    spread: float | None = None
    author: str = ""
    decided_by: str = ""
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    data: str = ""
    change: str = ""
    runs: int = 0

    @property
    def guardrails(self) -> dict[str, str]:
        """Their verdicts by metric."""
        return {} if self.verdicts == "{}" else _verdicts(self.verdicts)


_COLUMNS = ", ".join("guardrails" if name == "verdicts" else name for name in Row._fields)


class Index:
    """The table of one project. Use it from one thread.

    Attributes:
        notice: what was wrong with the file, for people; empty when nothing.
    """

    def __init__(self, state: Path) -> None:
        """Reads what is new of the journal. Raises: JournalError: it is not a journal."""
        self.notice = ""
        self._journal = state / "journal.jsonl"
        self._path = state / "index.sqlite"
        self._db = self._opened()
        try:
            self._update()
        except sqlite3.OperationalError as error:  # read-only, full, locked
            self._in_memory(str(error))
        except sqlite3.DatabaseError:
            self._remove()
            self._update()

    def close(self) -> None:
        self._db.close()

    def rows(
        self, *, states: Collection[str] = (), kinds: Collection[str] = (), since: float | None = None, limit: int | None = None
    ) -> list[Row]:
        """Experiments, the newest last.

        Args:
            since: only those proposed since, in seconds since the epoch.
            limit: only so many of the newest.
        """
        clauses: list[str] = []
        values: list[object] = []
        for column, chosen in (("state", states), ("kind", kinds)):
            if chosen:
                clauses.append(f"{column} IN ({', '.join('?' * len(chosen))})")
                values.extend(chosen)
        if since is not None:
            clauses.append("created >= ?")
            values.append(since)
        where = f"WHERE {' AND '.join(clauses)}" if clauses else ""
        query = f"SELECT {_COLUMNS} FROM experiments {where} ORDER BY position DESC LIMIT ?"  # noqa: S608  names and question marks only
        found = self._db.execute(query, (*values, -1 if limit is None else limit)).fetchall()
        return [*map(Row._make, reversed(found))]

    def half_replaced(self) -> list[tuple[str, str]]:
        """(new, old) of proposals that take the place of one that is still open: the end of a crash between the two records."""
        query = "SELECT new.id, old.id FROM experiments new JOIN experiments old ON old.id = new.supersedes WHERE old.state IN (?, ?)"
        return self._db.execute(query, ("proposed", "held")).fetchall()

    def count(self, type_: str) -> int:
        """How many records of a type there are."""
        return int(self._db.execute("SELECT count(*) FROM records WHERE type = ?", (type_,)).fetchone()[0])

    def experiments(self, ids: Sequence[str]) -> list[Experiment]:
        """Whole experiments, folded from the journal's own lines, in the order of the ids; those that are not there are left out."""
        try:
            with self._journal.open("rb") as file:
                found = [self._folded(file, name) for name in ids]
        except FileNotFoundError:  # nothing was proposed yet
            return []
        return [experiment for experiment in found if experiment]

    def records(self, *, subject: str | None = None, type_: str | None = None) -> list[Record]:
        """The records about an experiment, or of a type, oldest first. Raises: JournalError: the journal was changed."""
        column, value = ("subject", subject) if subject is not None else ("type", type_)
        places = self._db.execute(f"SELECT offset, length FROM records WHERE {column} = ? ORDER BY seq", (value,)).fetchall()  # noqa: S608
        if not places:
            return []
        with self._journal.open("rb") as file:
            return [_folding().record(self._line(file, offset, length)) for offset, length in places]

    def latest(self, types: Sequence[str]) -> dict[str, int]:
        """By experiment, the oldest first: the number of its last record of these types."""
        marks = ", ".join("?" * len(types))
        query = f"SELECT subject, max(seq) FROM records WHERE type IN ({marks}) GROUP BY subject ORDER BY min(seq)"  # noqa: S608  question marks only
        return dict(self._db.execute(query, (*types,)).fetchall())

    def after(self, subject: str, seq: int) -> list[tuple[int, str]]:
        """Number and type of the records about an experiment above a number."""
        return self._db.execute("SELECT seq, type FROM records WHERE subject = ? AND seq > ? ORDER BY seq", (subject, seq)).fetchall()

    def time_of(self, seq: int) -> float:
        """When a record that there is was written, in seconds since the epoch. Raises: JournalError: the journal was changed."""
        offset, length = self._db.execute("SELECT offset, length FROM records WHERE seq = ?", (seq,)).fetchone()
        with self._journal.open("rb") as file:
            return _folding().record(self._line(file, offset, length)).ts

    @property
    def head(self) -> str:
        """Hash of the last record that was read."""
        place = self._position()
        return place[2] if place else GENESIS

    def _line(self, file: Any, offset: int, length: int) -> bytes:
        file.seek(offset)
        line: bytes = file.read(length)
        if link(line) is None:
            raise JournalError(f"{self._journal}: the index does not fit it", hint=f"Delete {self._path} and try again.")
        return line

    def _opened(self) -> sqlite3.Connection:
        try:
            status = os.lstat(self._path)
            if not stat.S_ISREG(status.st_mode):
                self.notice = f"{self._path} is not the index's own file: it was made in memory"
                return sqlite3.connect(":memory:", isolation_level=None)
        except FileNotFoundError:
            if not self._journal.exists():
                return sqlite3.connect(":memory:", isolation_level=None)
        except OSError:
            return sqlite3.connect(":memory:", isolation_level=None)
        try:
            return sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)
        except sqlite3.Error:
            return sqlite3.connect(":memory:", isolation_level=None)

    def _in_memory(self, why: str) -> None:
        self.notice = f"the index could not be used ({why}): it was made in memory"
        with contextlib.suppress(sqlite3.Error):
            self._db.close()
        self._db = sqlite3.connect(":memory:", isolation_level=None)
        self._update()

    def _remove(self) -> None:
        """A file that is no index is made anew."""
        self.notice = f"{self._path.name} was not readable and was made anew"
        with contextlib.suppress(sqlite3.Error):
            self._db.close()
        for name in (self._path.name, f"{self._path.name}-wal", f"{self._path.name}-shm"):
            with contextlib.suppress(OSError):
                self._path.with_name(name).unlink()
        self._db = self._opened()

    def _update(self) -> None:
        """Brings the table up to date, in one transaction; another process that does so is waited for."""
        size = self._journal_size()
        if self._position() is not None and self._current(size):
            return
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("BEGIN IMMEDIATE")
        try:
            size = self._journal_size()
            place = self._position()
            if place is None or not self._fits(place, size):
                self._clear()
                place = (0, 0, GENESIS)
            self._read(place, size)
            self._db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise

    def _journal_size(self) -> int:
        try:
            status = os.lstat(self._journal)
        except OSError:
            return 0
        if not stat.S_ISREG(status.st_mode):
            raise JournalError(f"{self._journal} is not a file", hint="Move it away and put the journal back.")
        return status.st_size

    def _position(self) -> tuple[int, int, str] | None:
        """Offset, number and hash of the last record that was read; None where there is no table of this version."""
        try:
            row = self._db.execute("SELECT version, offset, seq, head FROM meta").fetchone()
        except sqlite3.OperationalError as error:
            if "no such" in str(error):
                return None
            raise
        if row is None or row[0] != VERSION or not isinstance(row[1], int) or not isinstance(row[2], int):
            return None
        return row[1], row[2], str(row[3])

    def _current(self, size: int) -> bool:
        place = self._position()
        return place is not None and place[0] == size and self._fits(place, size)

    def _fits(self, place: tuple[int, int, str], size: int) -> bool:
        offset, seq, head = place
        if offset == 0 or offset > size:
            return offset == 0 and seq == 0
        try:
            with self._journal.open("rb") as file:
                found = link(last_line(file, offset)[1])
        except OSError as error:
            raise JournalError(f"{self._journal} cannot be read: {error.strerror}", hint="Look at its permissions.") from error
        return found is not None and (found.seq, found.hash) == (seq, head)

    def _clear(self) -> None:
        for table in _TABLES:
            self._db.execute(f"DROP TABLE IF EXISTS {table}")
        for statement in _SCHEMA.split(";"):
            self._db.execute(statement)
        self._db.execute("INSERT INTO meta VALUES (?, 0, 0, ?)", (VERSION, GENESIS))

    def _read(self, place: tuple[int, int, str], size: int) -> None:
        if place[0] == size:
            return
        folding = _folding()
        offset, seq, head = place
        known: dict[str, Experiment] = {}
        changed: dict[str, tuple[int, float]] = {}
        with self._journal.open("rb", buffering=1 << 20) as file, self._journal.open("rb") as again:
            file.seek(offset)
            for start, line in lines(file, size):
                if not line.endswith(b"\n"):
                    break  # being written, or torn
                found = link(line)
                if found is None or found.seq != seq + 1 or found.prev != head:
                    check_chain(self._journal)
                    raise JournalError(f"{self._journal} was changed while it was read", hint=BACKUP)
                subject, entry = folding.entry(line)
                self._db.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?)", (found.seq, start, len(line), found.type, subject))
                if entry is not None:
                    if subject not in known and place[1] and (before := self._folded(again, subject, found.seq)):
                        known[subject] = before
                    known[subject] = folding.advance(known.get(subject), entry, found.seq)
                    changed[subject] = (changed.get(subject, (found.seq, 0))[0], found.ts)
                offset, seq, head = start + len(line), found.seq, found.hash
        self._db.executemany(_PUT, (values_of(known[name], first, ts) for name, (first, ts) in changed.items()))
        self._db.execute("UPDATE meta SET offset = ?, seq = ?, head = ?", (offset, seq, head))

    def _folded(self, file: Any, subject: str, before: int | None = None) -> Experiment | None:
        """An experiment from its lines, those below number `before` only."""
        folding = _folding()
        experiment = None
        query = "SELECT seq, offset, length FROM records WHERE subject = ? AND seq < ? ORDER BY seq"
        for seq, offset, length in self._db.execute(query, (subject, before or 1 << 62)):
            _, entry = folding.entry(self._line(file, offset, length))
            if entry is not None:
                experiment = folding.advance(experiment, entry, seq)
        return experiment


def _folding() -> Any:
    """The fold, with the data model behind it, which takes longer to import than a current index to read."""
    import importlib

    return importlib.import_module("mltui.experiments.folding")


def _verdicts(text: str) -> dict[str, str]:
    try:
        found: Any = json.loads(text)
    except (TypeError, ValueError):
        return {}
    return cast("dict[str, str]", found) if isinstance(found, dict) else {}
