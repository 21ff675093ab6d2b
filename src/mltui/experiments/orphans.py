"""Training outside a proposal, as the journal has it: recorded, settled by a person, read by no comparison and no promotion."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mltui.core.errors import ExperimentError
from mltui.core.experiment import Origin
from mltui.experiments.journal import Journal, Record, plain
from mltui.experiments.records import UnplannedSettled, UnplannedTraining
from mltui.experiments.storage import make_state_folder

Settled = Literal["adopt", "discard"]
ACTOR = "mltui"


@dataclass(frozen=True, slots=True)
class Orphan:
    """Attributes: when: seconds since the epoch; settled: what a person said of it, or empty."""

    training: UnplannedTraining
    when: float
    settled: str = ""
    by: str = ""


class Orphans:
    """The orphans of one project. Reads only what is new in the journal; cheap to make."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._journal = Journal(state / "journal.jsonl")
        self._found: dict[str, Orphan] = {}
        self._lock = threading.RLock()

    def list(self) -> list[Orphan]:
        """All, the newest last."""
        with self._lock:
            self._take(self._journal.read())
            return [*self._found.values()]

    def open(self) -> list[Orphan]:
        """Those that nobody settled."""
        return [orphan for orphan in self.list() if not orphan.settled]

    def get(self, orphan_id: str) -> Orphan:
        """Raises: ExperimentError: no such orphan."""
        found = {orphan.training.id: orphan for orphan in self.list()}
        wanted = orphan_id.upper()
        if wanted.removeprefix("U-").isdigit():
            wanted = f"U-{int(wanted.removeprefix('U-')):04d}"
        if wanted not in found:
            raise ExperimentError(f"there is no unplanned training {orphan_id}", hint="See: mltui experiments orphans list")
        return found[wanted]

    def spent(self, session_id: str) -> float:
        """CPU seconds of a session's unplanned training."""
        return sum(orphan.training.cpu_seconds for orphan in self.list() if orphan.training.session_id == session_id)

    def record(self, training: UnplannedTraining) -> UnplannedTraining:
        """Puts it into the journal under the next free id, and returns it with that."""
        make_state_folder(self._state)
        while True:
            self.list()
            number = max((int(name.removeprefix("U-")) for name in self._found), default=0) + 1
            named = training.model_copy(update={"id": f"U-{number:04d}"})
            if self._append(named.id, named, taken=True):
                return named

    def settle(self, orphan_id: str, outcome: Settled, *, by: str, origin: Origin | None = None) -> Orphan:
        """Records what a person said of it. Raises: ExperimentError: there is none, or it was settled before."""
        orphan = self.get(orphan_id)
        entry = UnplannedSettled(id=orphan.training.id, outcome=outcome, by=by, origin=origin)
        if orphan.settled or not self._append(entry.id, entry, taken=False):
            orphan = self.get(orphan_id)
            raise ExperimentError(f"{entry.id} was settled before: {orphan.settled} by {orphan.by}")
        return self.get(orphan_id)

    def _append(self, orphan_id: str, entry: UnplannedTraining | UnplannedSettled, *, taken: bool) -> bool:
        """Appends unless another process was faster: then the id is taken, or the matter settled."""

        def check(news: tuple[Record, ...]) -> None:
            self._take(news)
            known = self._found.get(orphan_id)
            if (known is not None) if taken else (known is None or bool(known.settled)):
                raise _TooLate

        with self._lock:
            try:
                self._take(self._journal.append(entry.type, ACTOR if taken else _by(entry), plain(entry), prepare=check))
            except _TooLate:
                return False
        return True

    def _take(self, records: tuple[Record, ...]) -> None:
        for record in records:
            if record.type == UnplannedTraining.type:
                training = UnplannedTraining.model_validate(record.payload)
                self._found[training.id] = Orphan(training, record.ts)
            elif record.type == UnplannedSettled.type:
                entry = UnplannedSettled.model_validate(record.payload)
                if known := self._found.get(entry.id):
                    self._found[entry.id] = Orphan(known.training, known.when, entry.outcome, entry.by)


class _TooLate(Exception):
    """Another process wrote first."""


def _by(entry: UnplannedTraining | UnplannedSettled) -> str:
    return entry.by if isinstance(entry, UnplannedSettled) else ACTOR
