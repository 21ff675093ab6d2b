"""Predictions that a run or its evaluator left for single examples: the confusion matrix, precision and recall of each class."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from mltui.experiments.render import clean
from mltui.experiments.storage import read_text

MOST_CLASSES = 40
_TRUE = ("label", "target", "y_true", "actual", "true", "truth", "gold", "expected")
_PREDICTED = ("prediction", "predicted", "y_pred", "pred", "output", "answer")


@dataclass(frozen=True, slots=True)
class Confusion:
    """Attributes: counts: by (true class, predicted class)."""

    classes: tuple[str, ...]
    counts: Mapping[tuple[str, str], int]

    def of_class(self, name: str) -> tuple[float, float, float, int]:
        """Precision, recall, F1 and how many there are of a class; 0 where a share is of nothing."""
        hit = self.counts.get((name, name), 0)
        predicted = sum(self.counts.get((other, name), 0) for other in self.classes)
        there = sum(self.counts.get((name, other), 0) for other in self.classes)
        precision, recall = hit / predicted if predicted else 0.0, hit / there if there else 0.0
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        return precision, recall, f1, there


def confusion_of(folders: Iterable[Path]) -> Confusion | None:
    """Of all examples in these folders of runs and evaluations; None where none name both a label and a prediction, or where
    there are too many classes to be classes."""
    counts: Counter[tuple[str, str]] = Counter()
    for folder in folders:
        for path in sorted(path for pattern in ("*prediction*", "per_example*") for path in folder.glob(pattern)):
            if pairs := [*_pairs(path)]:
                counts.update(pairs)
                break
    names = sorted({name for pair in counts for name in pair}, key=_order)
    return Confusion(tuple(names), dict(counts)) if names and len(names) <= MOST_CLASSES else None


def _order(name: str) -> tuple[int, float, str]:
    try:
        return 0, float(name), name
    except ValueError:
        return 1, 0.0, name


def _pairs(path: Path) -> Iterator[tuple[str, str]]:
    text = read_text(path)
    rows: Iterable[Mapping[str, Any]] = _json(text) if path.suffix in (".json", ".jsonl") else _csv(text) if path.suffix == ".csv" else ()
    for row in rows:
        true, predicted = _value(row, _TRUE), _value(row, _PREDICTED)
        if true is not None and predicted is not None:
            yield true, predicted


def _value(row: Mapping[str, Any], names: Sequence[str]) -> str | None:
    for name in names:
        value = row.get(name)
        if isinstance(value, bool | int | str) and value != "":
            return clean(str(value))
        if isinstance(value, float) and value.is_integer():
            return str(int(value))
    return None


def _csv(text: str) -> Iterator[Mapping[str, Any]]:
    try:
        yield from csv.DictReader(io.StringIO(text))
    except csv.Error:
        return


def _json(text: str) -> Iterator[Mapping[str, Any]]:
    """The objects of a JSON list, or of JSON lines."""
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        found = []
        for line in text.splitlines():
            try:
                found.append(json.loads(line))
            except (ValueError, RecursionError):
                continue
    if isinstance(found, list):
        yield from (cast("dict[str, Any]", row) for row in cast("list[Any]", found) if isinstance(row, dict))
