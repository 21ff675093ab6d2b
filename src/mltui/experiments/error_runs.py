"""The predictions of all runs of an experiment, their examples matched with those of the first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mltui.core.experiment import Arm
from mltui.experiments.data_checks.arrow import pa, pc
from mltui.experiments.prediction_table import Coded, PredictionTable, order, table_in

MOST_ROWS = 6_000_000
"""Of all runs together; seeds beyond are left out, which is said."""


class Names:
    """Classes, numbered as they come."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._names: list[str] = []

    def __len__(self) -> int:
        return len(self._names)

    def codes(self, column: Coded) -> NDArray[np.int32]:
        """A column's values by these numbers."""
        for name in column.names:
            if name not in self._places:
                self._places[name] = len(self._names)
                self._names.append(name)
        return np.array([self._places[name] for name in column.names], np.int32)[column.codes]

    def name(self, code: int) -> str:
        return self._names[code]

    def sorted(self) -> tuple[str, ...]:
        return order(self._names)

    def ranked(self, columns: list[NDArray[np.int32]]) -> NDArray[np.int64]:
        """Columns behind each other, each code the place of its name among the sorted ones."""
        rank = {name: at for at, name in enumerate(self.sorted())}
        return np.array([rank.get(name, len(rank)) for name in self._names], np.int64)[np.concatenate(columns)]


@dataclass(frozen=True, slots=True)
class PredictedRun:
    """One run.

    Attributes:
        true, predicted: numbers of classes, or values.
        place: the row of each example of the reference, -1 where it is missing; None where they cannot be matched.
    """

    true: NDArray[Any]
    predicted: NDArray[Any]
    confidence: NDArray[np.float32] | None
    positive: NDArray[np.float32] | None
    place: NDArray[np.int64] | None
    classes: bool

    @property
    def scores(self) -> NDArray[np.float32]:
        """Of each example of the reference: 1 right, 0 wrong, or the size of the error; nan where it is missing."""
        own = (self.true == self.predicted) if self.classes else np.abs(self.predicted - self.true)
        return self.placed(own)

    def placed(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Values in the order of the reference."""
        assert self.place is not None
        return np.where(self.place >= 0, values.astype(np.float32)[self.place], np.float32(np.nan))

    def at(self, row: int) -> float | None:
        """What it predicted for an example of the reference."""
        there = -1 if self.place is None else int(self.place[row])
        return None if there < 0 else self.predicted[there].item()


@dataclass(slots=True)
class Predictions:
    """Attributes: reference: the examples that all others are matched with; runs: by arm and seed."""

    reference: PredictionTable | None = None
    runs: dict[Arm, dict[int, PredictedRun]] = field(default_factory=dict[Arm, dict[int, PredictedRun]])
    names: Names = field(default_factory=Names)
    notes: list[str] = field(default_factory=list[str])

    @property
    def kind(self) -> Literal["classes", "numbers"]:
        return "numbers" if self.reference is not None and self.reference.numbers is not None else "classes"

    @property
    def better(self) -> Literal["more", "less"]:
        """Whether a greater score is better."""
        return "more" if self.kind == "classes" else "less"

    def pairs(self) -> list[int]:
        """Seeds that both arms have, with examples that can be matched."""
        before, after = self.runs.get("baseline", {}), self.runs.get("candidate", {})
        return [seed for seed in before if seed in after and before[seed].place is not None and after[seed].place is not None]


def read_predictions(folders: Mapping[tuple[Arm, int], Iterable[Path]]) -> Predictions:
    """Reads what the runs and their evaluators left.

    Args:
        folders: of each arm and seed, in the order in which they are looked into.
    """
    found = Predictions()
    rows, late, unmatched, other = 0, 0, 0, 0
    for (arm, seed), places in sorted(folders.items(), key=lambda item: (item[0][1], item[0][0])):
        runs = found.runs.setdefault(arm, {})
        if rows > MOST_ROWS:
            late += 1
            continue
        examples, trouble = table_in(places)
        if trouble:
            found.notes.append(f"{arm} seed {seed}: {trouble}")
        if examples is None:
            continue
        found.reference = found.reference or examples
        if (examples.numbers is None) != (found.reference.numbers is None):
            other += 1
            continue
        rows += len(examples)
        run = _run(examples, found)
        unmatched += run.place is None
        runs[seed] = run
    for count, why in (
        (late, f"left out, beyond {MOST_ROWS // 1_000_000} million predictions"),
        (other, "left out: some runs predict classes, others numbers"),
        (unmatched, "cannot be matched example by example: other rows, and no id"),
    ):
        if count:
            found.notes.append(f"{count} run{'s' if count > 1 else ''} {why}")
    return found


def _run(examples: PredictionTable, found: Predictions) -> PredictedRun:
    reference = found.reference
    assert reference is not None
    if examples.numbers is not None:
        true, predicted = examples.numbers
    else:
        true, predicted = found.names.codes(examples.labels), found.names.codes(examples.predictions)
    confidence, positive = (None if one is None else one.astype(np.float32) for one in (examples.confidence, examples.positive))
    return PredictedRun(true, predicted, confidence, positive, _places(reference, examples), examples.numbers is None)


def _places(reference: PredictionTable, examples: PredictionTable) -> NDArray[np.int64] | None:
    """The row of each example of the reference among these."""
    if examples is reference:
        return np.arange(len(reference))
    if reference.keys is not None and examples.keys is not None and reference.keys[0] == examples.keys[0]:
        wanted, there = (pc.cast(keys, pa.string()) for keys in (reference.keys[1], examples.keys[1]))
        rows = np.asarray(pc.index_in(wanted, value_set=there).fill_null(-1).to_numpy(), np.int64)
        return rows if (rows >= 0).any() else None
    if len(reference) != len(examples) or not _same_labels(reference, examples):
        return None
    return np.arange(len(reference))


def _same_labels(one: PredictionTable, other: PredictionTable) -> bool:
    if one.numbers is not None and other.numbers is not None:
        return bool(np.array_equal(one.numbers[0], other.numbers[0], equal_nan=True))
    names = Names()
    return bool(np.array_equal(names.codes(one.labels), names.codes(other.labels)))
