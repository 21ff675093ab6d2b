"""The journal and its fold together: what is known, and the one way to add to it.

Nothing here trusts the index: an experiment is folded from the journal's own lines, found by one pass over its bytes,
when it is first asked for. From then on only what is new is read.
"""

from __future__ import annotations

import difflib
import re
import threading
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from mltui.core.errors import JournalError, ProposalError
from mltui.core.experiment import Experiment
from mltui.experiments.chain import check_chain, lines, link
from mltui.experiments.fold import advance, fold
from mltui.experiments.heads import open_journal
from mltui.experiments.journal import Record, plain
from mltui.experiments.records import ENTRIES, AnyEntry, AnyMatter, GrantGiven, ProposalCreated, RunFinished, UnplannedTraining
from mltui.experiments.verification import verify

_ID = re.compile(rb'"id":"([A-Z]-\d{1,9})"')
_KEY = re.compile(rb'"key":"([^"\\]*)"')
_BORN = {"G": GrantGiven.type, "U": UnplannedTraining.type}
"""By letter: the record that gives an id. Of any other letter it is a proposal."""


class Ledger:
    """The experiments of one project. Reads only what is new; refuses what is illegal before it is written."""

    def __init__(self, state: Path) -> None:
        self.journal = open_journal(state)
        self._state = state
        self._experiments: dict[str, Experiment] = {}
        self._records: dict[str, list[Record]] = {}
        self._kept: dict[str, list[Record]] = {}
        self._whole = False
        self._lock = threading.RLock()

    def refresh(self) -> dict[str, Experiment]:
        """All experiments now, by id, oldest first. The first time folds the whole journal: `get` and the index do not."""
        with self._lock:
            if self._whole:
                self._take(self.journal.read())
                return dict(self._experiments)
            journal = open_journal(self._state)
            records = journal.read()
            experiments: dict[str, Experiment] = {}
            fold(records, experiments)
            journal.written = self.journal.written
            self.journal, self._experiments, self._records, self._whole = journal, experiments, {}, True
            self._kept = {type_: [] for type_ in self._kept}
            for record in records:
                self._file(record)
            return dict(experiments)

    def records(self, proposal_id: str, since: int = 0) -> list[Record]:
        """The records of one experiment with a `seq` above `since`, as of the last call that read."""
        with self._lock:
            if self.journal.offset == 0:
                self._news()
            self._know(proposal_id)
            return [record for record in self._records.get(proposal_id, ()) if record.seq > since]

    def of_type(self, *types: str) -> list[Record]:
        """All records of these types now, oldest first, for what is about no single experiment."""
        with self._lock:
            self._news()
            missing = [type_ for type_ in types if type_ not in self._kept]
            if missing:
                endings = tuple(f'"type":"{type_}"}}\n'.encode() for type_ in missing)
                self._kept.update({type_: [] for type_ in missing})
                for record in self._scan(lambda line: line.endswith(endings)):
                    self._kept[record.type].append(record)
            return sorted((record for type_ in types for record in self._kept[type_]), key=lambda record: record.seq)

    def get(self, proposal_id: str) -> Experiment:
        """Raises: ProposalError: no such experiment; names the nearest id."""
        with self._lock:
            self._news()
            self._know(proposal_id)
            if proposal_id in self._experiments:
                return self._experiments[proposal_id]
            names = self._names()
        if not names:
            raise ProposalError(f"there is no experiment {proposal_id}", hint="None has been proposed in this project yet.")
        wanted = proposal_id.upper()
        if wanted.removeprefix("P-").isdigit():
            wanted = f"P-{int(wanted.removeprefix('P-')):04d}"
        near = difflib.get_close_matches(wanted, names, n=1, cutoff=0.0) or names[-1:]
        raise ProposalError(f"there is no experiment {proposal_id}", hint=f"Did you mean {near[0]}?")

    def next_id(self, letter: str) -> str:
        """An id that was never given. Two processes may get the same unless a lock is held; the later record is refused."""
        with self._lock:
            self._news()
            type_ = _BORN.get(letter, ProposalCreated.type)
            ending = f'"type":"{type_}"}}\n'.encode()
            taken = [0]
            for _, line in self._lines(lambda line: line.endswith(ending)):
                taken += [int(name[2:]) for name in _ID.findall(line) if name.startswith(letter.encode() + b"-")]
            return f"{letter}-{max(taken) + 1:04d}"

    def record(self, entry: AnyEntry | AnyMatter, actor: str, *, prepare: Callable[[], None] | None = None) -> Experiment | None:
        """Appends an entry if it is legal now.

        Args:
            prepare: is called under the lock of all writers, with everything read; what it raises stops the append.

        Returns: the experiment after it (None for an entry about none).

        Raises:
            ProposalError: the experiment's state does not allow it; nothing was written.
        """

        def check(news: tuple[Record, ...]) -> None:
            self._take(news)
            if entry.proposal_id and entry.type in ENTRIES:
                advance(self._experiments.get(entry.proposal_id), entry)  # pyright: ignore[reportArgumentType]  one of AnyEntry
            if prepare:
                prepare()

        with self._lock:
            self._news()
            self._know(entry.proposal_id)
            self._take(self.journal.append(entry.type, actor, plain(entry), prepare=check))
            return self._experiments.get(entry.proposal_id)

    def check(self) -> None:
        """Heals what a crash left, and verifies the whole journal and its mirrors. Raises: JournalError: it was changed."""
        with self._lock:
            self._news()
            self._take(self.journal.heal())
        verify(self._state.parent)

    def finished_runs(self, keys: Collection[str] | None = None) -> list[RunFinished]:
        """Every run that finished, of every experiment, oldest first; with `keys`, only those made by one of them."""
        ending = f'"type":"{RunFinished.type}"}}\n'.encode()
        wanted = None if keys is None else {key.encode() for key in keys}

        def fits(line: bytes) -> bool:
            return line.endswith(ending) and (wanted is None or any(key in wanted for key in _KEY.findall(line)))

        with self._lock:
            self._news()
            found = [RunFinished.model_validate(record.payload) for record in self._scan(fits)]
        return [entry for entry in found if entry.run.status == "finished" and (keys is None or entry.key in keys)]

    def created(self, proposal_id: str) -> ProposalCreated:
        """The record that an experiment begins with. Raises: ProposalError: no such experiment."""
        self.get(proposal_id)
        with self._lock:
            first = next(record for record in self._records[proposal_id] if record.type == ProposalCreated.type)
        return ProposalCreated.model_validate(first.payload)

    def _news(self) -> None:
        """Takes what is new. The first time nothing is: what is there is looked up when it is asked for."""
        if self.journal.offset == 0 and not self._whole:
            self.journal.skip()
            self._whole = self.journal.offset == 0
        self._take(self.journal.read())

    def _know(self, proposal_id: str) -> None:
        """Folds one experiment from the journal's lines up to what was read."""
        if self._whole or not proposal_id or proposal_id in self._experiments:
            return
        sign = f'id":"{proposal_id}"'.encode("utf-8", "replace")
        records = [record for record in self._scan(lambda line: sign in line) if _subject(record) == proposal_id]
        found: dict[str, Experiment] = {}
        fold(records, found)
        if proposal_id in found:
            self._experiments[proposal_id] = found[proposal_id]
            self._records[proposal_id] = records

    def _take(self, records: tuple[Record, ...]) -> None:
        """Folds news into what is known already."""
        for record in records:
            subject = _subject(record)
            if self._whole or subject in self._experiments or record.type == ProposalCreated.type:
                fold((record,), self._experiments)
                self._file(record)
            elif record.type in self._kept:
                self._kept[record.type].append(record)

    def _file(self, record: Record) -> None:
        subject = _subject(record)
        if subject:
            self._records.setdefault(subject, []).append(record)
        if record.type in self._kept:
            self._kept[record.type].append(record)

    def _names(self) -> list[str]:
        if self._whole:
            return list(self._experiments)
        ending = f'"type":"{ProposalCreated.type}"}}\n'.encode()
        return [_subject(record) for record in self._scan(lambda line: line.endswith(ending))]

    def _scan(self, wanted: Callable[[bytes], bool]) -> Iterator[Record]:
        """The records whose lines are wanted, of all that were read. Raises: JournalError: one is not as it was written."""
        for _, line in self._lines(wanted):
            if link(line) is None:
                check_chain(self.journal.path)
                raise JournalError(f"{self.journal.path} was changed while it was read", hint="Run `mltui experiments verify`.")
            yield Record.model_validate_json(line)

    def _lines(self, wanted: Callable[[bytes], bool]) -> Iterator[tuple[int, bytes]]:
        if not self.journal.offset:
            return
        try:
            with self.journal.path.open("rb", buffering=1 << 20) as file:
                yield from (found for found in lines(file, self.journal.offset) if wanted(found[1]))
        except OSError as error:
            raise JournalError(f"{self.journal.path} cannot be read: {error.strerror}", hint="Restore it from a backup.") from error


def _subject(record: Record) -> str:
    """The experiment that a record is about, or an empty string."""
    payload = record.payload
    for holder in (payload, payload.get("approval"), payload.get("proposal")):
        if isinstance(holder, dict):
            found = holder.get("id" if holder is payload.get("proposal") else "proposal_id")
            if isinstance(found, str) and found:
                return found
    return ""
