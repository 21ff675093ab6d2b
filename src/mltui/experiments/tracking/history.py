"""What the journal says of each experiment, with the ids by which it is found again in a tracker."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mltui.core.experiment import Experiment, Run
from mltui.experiments.fold import fold
from mltui.experiments.journal import Journal, Record
from mltui.experiments.records import ENTRIES, ProposalCreated, RunFinished, SyncFailed


@dataclass(frozen=True)
class TrackedRun:
    """A run and the hash of its journal record.

    Attributes:
        reused_from: the event id of the run that was really made, for a run that stands in from an earlier proposal.
        reused_by_proposal: the proposal which that run was made for.
    """

    event_id: str
    run: Run
    reused_from: str | None = None
    reused_by_proposal: str | None = None


@dataclass(frozen=True)
class History:
    """One experiment now.

    Attributes:
        event_id: hash of the record that created the proposal. The chain makes it unique in the world.
        seq: number of the last record about it.
        closed_at: when that record was written, in seconds since the epoch.
    """

    experiment: Experiment
    event_id: str
    seq: int
    closed_at: float
    runs: tuple[TrackedRun, ...]


def histories(journal: Path) -> tuple[list[History], str]:
    """Returns: every experiment, oldest first, and the hash of the journal's last record.

    Raises:
        JournalError: the journal was changed or cut.
    """
    reader = Journal(journal)
    records = reader.read()
    experiments: dict[str, Experiment] = {}
    fold(records, experiments)
    created: dict[str, Record] = {}
    last: dict[str, Record] = {}
    runs: dict[str, list[TrackedRun]] = {}
    made: dict[str, tuple[str, str]] = {}
    for record in records:
        kind = ENTRIES.get(record.type)
        if kind is None or kind is SyncFailed:
            continue
        entry = kind.model_validate(record.payload)
        last[entry.proposal_id] = record
        if isinstance(entry, ProposalCreated):
            created[entry.proposal_id] = record
        elif isinstance(entry, RunFinished):
            runs.setdefault(entry.proposal_id, []).append(_tracked(entry, record.hash, made))
    found = [
        History(experiment, created[name].hash, last[name].seq, last[name].ts, tuple(runs.get(name, ())))
        for name, experiment in experiments.items()
    ]
    return found, reader.head


def _tracked(entry: RunFinished, event_id: str, made: dict[str, tuple[str, str]]) -> TrackedRun:
    if entry.run.reused:
        origin, proposal = made.get(entry.key, (None, None))
        return TrackedRun(event_id, entry.run, origin, proposal)
    if entry.run.status == "finished":
        made[entry.key] = (event_id, entry.proposal_id)
    return TrackedRun(event_id, entry.run)
