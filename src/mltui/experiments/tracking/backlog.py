"""What waits to be sent: the journal is the queue, and a tracker's progress says how far it was emptied."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from mltui.config.schema import Tracking
from mltui.core.data import Data
from mltui.experiments.index import Index
from mltui.experiments.records import ENTRIES, RunFinished, SyncFailed
from mltui.experiments.tracking.place import STATE
from mltui.experiments.tracking.sinks import OVER, Sink, enabled_sinks

TOLD = tuple(type_ for type_ in ENTRIES if type_ != SyncFailed.type)
"""The records that a tracker hears of."""


class Backlog(Data):
    """What one tracker has not been sent yet.

    Attributes:
        place: of the tracker, as a URI.
        experiments: their ids, the oldest first.
        runs: how many of their runs are not there.
        results: how many of the experiments are over; what is only proposed may wait for the next occasion.
        since: when the first record that it lacks was written, in seconds since the epoch; None when nothing waits.
        error: of the last try, if it failed; failures: how many did so in a row.
        next_try: when it is tried again by itself, in seconds since the epoch; 0: at the next occasion.
    """

    sink: str
    place: str
    experiments: tuple[str, ...] = ()
    runs: int = 0
    results: int = 0
    since: float | None = None
    error: str = ""
    failures: int = 0
    next_try: float = 0.0

    def line(self, now: float | None = None) -> str:
        """What waits, for people."""
        if not self.experiments:
            return f"{self.sink}: nothing waits"
        now = time.time() if now is None else now
        count = len(self.experiments)
        text = f"{self.sink}: {count} experiment{'s' * (count != 1)} ({self.runs} run{'s' * (self.runs != 1)}) wait{'s' * (count == 1)}"
        text += f" since {_when(self.since)}" if self.since else ""
        if self.error:
            ahead = self.next_try - now
            again = f"the next by itself in {_span(ahead)}" if ahead > 0 else "the next at the next occasion"
            text += f"; {self.failures} tr{'y' if self.failures == 1 else 'ies'} failed, {again}; {self.error}"
        return text


def waiting(index: Index, sink: Sink, seqs: dict[str, int]) -> list[str]:
    """Returns: ids of the experiments that a tracker lacks, whole or in part, the oldest first.

    Args:
        seqs: by experiment, the number of its last record that was sent.
    """
    latest = index.latest(TOLD)
    if sink.states:
        taken = {row.id for row in index.rows(states=sink.states)}
        latest = {name: seq for name, seq in latest.items() if name in taken}
    return [name for name, seq in latest.items() if seqs.get(name) != seq]


def backlogs(root: Path, tracking: Tracking) -> Iterator[Backlog]:
    """One for each tracker that the project writes to. Loads no tracker's library.

    Raises: JournalError: the journal cannot be read.
    """
    state = root / STATE
    for sink in enabled_sinks(tracking):
        progress = sink.progress(root, tracking)
        told = {"sink": sink.title, "place": progress.tracking_uri}
        if not (state / "journal.jsonl").exists():
            yield Backlog.model_validate(told)
            continue
        with closing(Index(state)) as index:
            names = waiting(index, sink, progress.seqs)
            left = [record for name in names for record in index.after(name, progress.seqs.get(name, 0)) if record[1] in TOLD]
            over = {row.id for row in index.rows(states=OVER)} if names else set[str]()
            runs = sum(type_ == RunFinished.type for _, type_ in left)
            first = min((seq for seq, _ in left), default=None)
            since = None if first is None else index.time_of(first)
        yield Backlog(
            **told,
            experiments=tuple(names),
            runs=runs,
            results=len(over.intersection(names)),
            since=since,
            error=progress.error,
            failures=progress.failures,
            next_try=progress.next_try(),
        )


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
