"""The journal and its fold together: what is known, and the one way to add to it."""

from __future__ import annotations

import difflib
import threading
from pathlib import Path

from mltui.core.errors import ProposalError
from mltui.core.experiment import Experiment
from mltui.experiments.fold import advance, fold
from mltui.experiments.journal import Journal, Record, plain
from mltui.experiments.records import AnyEntry, ProposalCreated, RunFinished


class Ledger:
    """The experiments of one project. Reads only what is new; refuses what is illegal before it is written."""

    def __init__(self, state: Path) -> None:
        self.journal = Journal(state / "journal.jsonl")
        self._experiments: dict[str, Experiment] = {}
        self._records: list[Record] = []
        self._lock = threading.RLock()

    def refresh(self) -> dict[str, Experiment]:
        """All experiments now, by id, oldest first."""
        with self._lock:
            self._take(self.journal.read())
            return dict(self._experiments)

    def records(self, proposal_id: str, since: int = 0) -> list[Record]:
        """The records of one experiment's job, runs and end with a `seq` above `since`, as of the last refresh."""
        with self._lock:
            return [record for record in self._records if record.seq > since and record.payload.get("proposal_id") == proposal_id]

    def get(self, proposal_id: str) -> Experiment:
        """Raises: ProposalError: no such experiment; names the nearest id."""
        experiments = self.refresh()
        if proposal_id in experiments:
            return experiments[proposal_id]
        if not experiments:
            raise ProposalError(f"there is no experiment {proposal_id}", hint="None has been proposed in this project yet.")
        wanted = proposal_id.upper()
        if wanted.removeprefix("P-").isdigit():
            wanted = f"P-{int(wanted.removeprefix('P-')):04d}"
        near = difflib.get_close_matches(wanted, experiments, n=1, cutoff=0.0) or list(experiments)[-1:]
        raise ProposalError(f"there is no experiment {proposal_id}", hint=f"Did you mean {near[0]}?")

    def record(self, entry: AnyEntry, actor: str) -> Experiment | None:
        """Appends an entry if it is legal now.

        Returns: the experiment after it (None for an entry about none).

        Raises:
            ProposalError: the experiment's state does not allow it; nothing was written.
        """

        def check(news: tuple[Record, ...]) -> None:
            self._take(news)
            if entry.proposal_id:
                advance(self._experiments.get(entry.proposal_id), entry)

        with self._lock:
            self._take(self.journal.append(entry.type, actor, plain(entry), prepare=check))
            return self._experiments.get(entry.proposal_id)

    def check(self) -> None:
        """Heals what a crash left, and verifies the whole journal. Raises: JournalError: it was changed."""
        with self._lock:
            self._take(self.journal.heal())
        self.journal.verify()

    def finished_runs(self) -> list[RunFinished]:
        """Every run that finished, of every experiment, oldest first."""
        with self._lock:
            found = [RunFinished.model_validate(record.payload) for record in self._records if record.type == RunFinished.type]
        return [entry for entry in found if entry.run.status == "finished"]

    def created(self, proposal_id: str) -> ProposalCreated:
        """The record that an experiment begins with. Raises: ProposalError: no such experiment."""
        self.get(proposal_id)
        with self._lock:
            found = [ProposalCreated.model_validate(record.payload) for record in self._records if record.type == ProposalCreated.type]
        return next(entry for entry in found if entry.proposal_id == proposal_id)

    def _take(self, records: tuple[Record, ...]) -> None:
        fold(records, self._experiments)
        self._records.extend(records)
