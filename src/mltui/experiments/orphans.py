"""Training outside a proposal, as the journal has it: recorded, settled by a person, read by no comparison and no promotion."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mltui.core.errors import ExperimentError
from mltui.core.experiment import Origin
from mltui.experiments.index import Index
from mltui.experiments.journal import Record
from mltui.experiments.ledger import Ledger
from mltui.experiments.records import UnplannedSettled, UnplannedTraining

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

    def __init__(self, state: Path, ledger: Ledger | None = None) -> None:
        self._state = state
        self._ledger = ledger or Ledger(state)

    def glance(self) -> list[Orphan]:
        """As `list`, from the index: to look at, in a long journal much faster. Raises: JournalError: the journal was changed."""
        with closing(Index(self._state)) as index:
            records = [record for type_ in (UnplannedTraining.type, UnplannedSettled.type) for record in index.records(type_=type_)]
        return [*_folded(records).values()]

    def list(self) -> list[Orphan]:
        """All, the newest last."""
        return [*self._found().values()]

    def open(self) -> list[Orphan]:
        """Those that nobody settled."""
        return [orphan for orphan in self.list() if not orphan.settled]

    def get(self, orphan_id: str) -> Orphan:
        """Raises: ExperimentError: no such orphan."""
        found = self._found()
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
        while True:
            number = max((int(name.removeprefix("U-")) for name in self._found()), default=0) + 1
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

        def check() -> None:
            known = self._found().get(orphan_id)
            if (known is not None) if taken else (known is None or bool(known.settled)):
                raise _TooLate

        try:
            self._ledger.record(entry, _by(entry), prepare=check)
        except _TooLate:
            return False
        return True

    def _found(self) -> dict[str, Orphan]:
        return _folded(self._ledger.of_type(UnplannedTraining.type, UnplannedSettled.type))


def _folded(records: Iterable[Record]) -> dict[str, Orphan]:
    """By id; what was said of one comes after it."""
    found: dict[str, Orphan] = {}
    for record in records:
        if record.type == UnplannedTraining.type:
            training = UnplannedTraining.model_validate(record.payload)
            found[training.id] = Orphan(training, record.ts)
        else:
            entry = UnplannedSettled.model_validate(record.payload)
            if known := found.get(entry.id):
                found[entry.id] = Orphan(known.training, known.when, entry.outcome, entry.by)
    return found


class _TooLate(Exception):
    """Another process wrote first."""


def _by(entry: UnplannedTraining | UnplannedSettled) -> str:
    return entry.by if isinstance(entry, UnplannedSettled) else ACTOR
