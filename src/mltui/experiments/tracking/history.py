"""What the journal says of experiments, with the ids by which they are found again in a tracker."""

from __future__ import annotations

import re
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from mltui.core.experiment import Experiment, Run, Trial
from mltui.experiments.chain import lines
from mltui.experiments.index import Index
from mltui.experiments.journal import Record
from mltui.experiments.log_query import corrected_p
from mltui.experiments.records import ENTRIES, ProposalCreated, RunFinished, SyncFailed, TrialFinished

_KEY = re.compile(rb'"key":"([^"\\]*)"')


@dataclass(frozen=True)
class TrackedRun:
    """A run and the hash of its journal record.

    Attributes:
        reused_from: the event id of the run that was really made, for a run that stands in from an earlier proposal.
        reused_by_proposal: the proposal which that run was made for.
        trial: of a sweep, which it was made for.
    """

    event_id: str
    run: Run
    reused_from: str | None = None
    reused_by_proposal: str | None = None
    trial: Trial | None = None


@dataclass(frozen=True)
class History:
    """One experiment now.

    Attributes:
        event_id: hash of the record that created the proposal. The chain makes it unique in the world.
        seq: number of the last record about it.
        closed_at: when that record was written, in seconds since the epoch.
        p_adjusted: of the primary comparison, Holm over all `family` comparisons of the project by that metric and data as of now.
    """

    experiment: Experiment
    event_id: str
    seq: int
    closed_at: float
    runs: tuple[TrackedRun, ...]
    p_adjusted: float | None = None
    family: int = 0


def histories(journal: Path, ids: Collection[str] | None = None) -> tuple[list[History], str]:
    """Returns: these experiments (all without `ids`), oldest first, and the hash of the journal's last record.

    Raises:
        JournalError: the journal was changed or cut.
    """
    with closing(Index(journal.parent)) as index:
        rows = index.rows()
        names = [row.id for row in rows if ids is None or row.id in ids]
        about = {name: [record for record in index.records(subject=name) if _tells(record)] for name in names}
        experiments = index.experiments(names)
        head = index.head
    finished = [(record, RunFinished.model_validate(record.payload)) for records in about.values() for record in records if _is_run(record)]
    made = _made(journal, {entry.key for _, entry in finished if entry.run.reused})
    runs: dict[str, list[TrackedRun]] = {name: [] for name in names}
    for record, entry in finished:
        origin, proposal = _origin(made.get(entry.key, ()), record.seq) if entry.run.reused else (None, None)
        runs[entry.proposal_id].append(TrackedRun(record.hash, entry.run, origin, proposal))
    for name, records in about.items():
        runs[name] += [run for record in records if record.type == TrialFinished.type for run in _trial_runs(record)]
    adjusted, families = corrected_p(rows)
    found: list[History] = []
    for experiment in experiments:
        adjusted_p, family = adjusted.get(experiment.id), families.get(experiment.id, 0)
        records = about[experiment.id]
        created = next(record for record in records if record.type == ProposalCreated.type)
        last, own = records[-1], tuple(runs[experiment.id])
        found.append(History(experiment, created.hash, last.seq, last.ts, own, adjusted_p, family))
    return found, head


def _tells(record: Record) -> bool:
    return record.type in ENTRIES and record.type != SyncFailed.type


def _is_run(record: Record) -> bool:
    return record.type == RunFinished.type


def _trial_runs(record: Record) -> list[TrackedRun]:
    trial = TrialFinished.model_validate(record.payload).trial
    return [TrackedRun(f"{record.hash}/{at}", run, trial=trial) for at, run in enumerate(trial.runs)]


def _origin(made: Collection[tuple[int, str, str]], before: int) -> tuple[str | None, str | None]:
    """The last of the runs that were made with this key before record number `before`: its event id and its proposal."""
    earlier = [(event_id, proposal) for seq, event_id, proposal in made if seq < before]
    return earlier[-1] if earlier else (None, None)


def _made(journal: Path, keys: Collection[str]) -> dict[str, list[tuple[int, str, str]]]:
    """By key: number, hash and proposal of the runs that were really made and finished. One pass over the journal's bytes."""
    made: dict[str, list[tuple[int, str, str]]] = {}
    if not keys:
        return made
    ending, wanted = f'"type":"{RunFinished.type}"}}\n'.encode(), {key.encode() for key in keys}
    with journal.open("rb", buffering=1 << 20) as file:
        for _, line in lines(file):
            if not line.endswith(ending) or not any(key in wanted for key in _KEY.findall(line)):
                continue
            record = Record.model_validate_json(line)
            entry = RunFinished.model_validate(record.payload)
            if entry.key in keys and entry.run.status == "finished" and not entry.run.reused:
                made.setdefault(entry.key, []).append((record.seq, record.hash, entry.proposal_id))
    return made
