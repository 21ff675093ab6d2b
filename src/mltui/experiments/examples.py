"""What runs or their evaluator left for single examples, as columns: what a test on predictions is made of.

Nothing heavy is imported. What cannot be used is said in one line, never guessed around.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from mltui.core.experiment import Run

LIMIT = 200_000_000
"""Bytes of one file."""
MOST_EXAMPLES = 500_000

Value = str | float
"""Classes and texts as text, numbers as they are."""

LABEL = ("label", "target", "y_true", "actual", "true", "truth", "gold", "expected")
PREDICTION = ("prediction", "predicted", "y_pred", "pred", "output", "answer")
SCORE = ("score", "probability", "prob", "y_score", "proba", "confidence")
NAME = ("id", "example", "example_id", "index", "key")
CLUSTER = ("cluster", "group")
ONLY = "value"
"""The column of a plain list of numbers."""


class ExamplesError(ValueError):
    """They cannot be used; the text is for people."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Attributes: columns: by name, all of the same length."""

    columns: Mapping[str, tuple[Value, ...]]

    @property
    def n(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def column(self, names: Sequence[str]) -> tuple[Value, ...] | None:
        """The first of these columns that is there."""
        return next((self.columns[name] for name in names if name in self.columns), None)

    def numbers(self, names: Sequence[str]) -> tuple[float, ...] | None:
        """Likewise, if all of it are numbers."""
        found = self.column(names)
        if found is None:
            return None
        try:
            return tuple(float(value) for value in found)
        except ValueError:
            return None


Source = Callable[[Run], Examples]
"""Raises: ExamplesError."""


def source_of(root: Path, *, evaluated: bool) -> Source:
    """Returns: what reads the examples of a run of this project.

    Args:
        evaluated: an evaluator measured the runs, and only what it said counts.
    """
    known: dict[str, Examples] = {}

    def read(run: Run) -> Examples:
        if run.folder not in known:
            known[run.folder] = _of_run(run, root / run.folder, evaluated)
        return known[run.folder]

    return read


def _of_run(run: Run, folder: Path, evaluated: bool) -> Examples:
    if not run.folder:
        raise ExamplesError("a run's folder was not recorded")
    evaluation = folder.parent.parent / "evaluations" / folder.name
    if evaluated:
        path = _first(evaluation, ("per_example*",))
        if path is None:
            raise ExamplesError(f"the evaluator left no per_example for {run.arm} seed {run.seed}")
        if not run.per_example:
            raise ExamplesError(f"no SHA-256 of the per_example of {run.arm} seed {run.seed} was recorded")
    else:
        path = _first(folder, ("per_example*", "*prediction*"))
        if path is None:
            raise ExamplesError(f"{run.arm} seed {run.seed} left no predictions")
    data = _bytes(path)
    if evaluated and hashlib.sha256(data).hexdigest() != run.per_example:
        raise ExamplesError(f"{path.name} of {run.arm} seed {run.seed} is not what the evaluator wrote")
    try:
        return parse(data.decode("utf-8", "replace"), path.suffix)
    except ExamplesError as error:
        raise ExamplesError(f"{path.name} of {run.arm} seed {run.seed}: {error}") from error


def _first(folder: Path, patterns: Sequence[str]) -> Path | None:
    return next((path for pattern in patterns for path in sorted(folder.glob(pattern)) if path.suffix in (".json", ".jsonl", ".csv")), None)


def _bytes(path: Path) -> bytes:
    """Raises: ExamplesError: no plain file, or too large."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise ExamplesError(f"{path.name} cannot be read: {error.strerror}") from error
    with open(handle, "rb") as file:  # noqa: PTH123  a descriptor
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise ExamplesError(f"{path.name} is no plain file")
        if status.st_size > LIMIT:
            raise ExamplesError(f"{path.name} is larger than {LIMIT // 1_000_000} MB")
        return file.read()


def parse(text: str, suffix: str) -> Examples:
    """A CSV table, JSON lines, or JSON: a list of objects or of numbers, an object of lists (columns) or of numbers (by example).

    Raises: ExamplesError: it is none of them.
    """
    if suffix == ".csv":
        try:
            return _table([*csv.DictReader(io.StringIO(text))])
        except csv.Error as error:
            raise ExamplesError(f"no table: {error}") from error
    try:
        return _shaped(json.loads(text))
    except (ValueError, RecursionError) as error:
        if isinstance(error, ExamplesError):
            raise
    try:
        return _shaped([json.loads(line) for line in text.splitlines() if line.strip()])
    except (ValueError, RecursionError) as error:
        raise error if isinstance(error, ExamplesError) else ExamplesError("it is neither JSON nor JSON lines") from error


def _shaped(found: object) -> Examples:
    if isinstance(found, dict):
        named = cast("dict[str, Any]", found)
        if named and all(isinstance(value, list) for value in named.values()):
            return _columns({name: cast("list[Any]", value) for name, value in named.items()})
        if named and all(_is_number(value) for value in named.values()):
            return _columns({NAME[0]: [*named], ONLY: [*named.values()]})
    if isinstance(found, list):
        rows = cast("list[Any]", found)
        if rows and all(_is_number(row) for row in rows):
            return _columns({ONLY: rows})
        if rows and all(isinstance(row, dict) for row in rows):
            return _table(cast("list[dict[str, Any]]", rows))
    raise ExamplesError("it holds no examples: write a list of objects, or of numbers")


def _is_number(value: object) -> bool:
    return isinstance(value, bool | int | float)


def _table(rows: Sequence[Mapping[str, Any]]) -> Examples:
    if not rows:
        raise ExamplesError("it holds no examples")
    # A column that not every example has is none.
    names = [name for name in rows[0] if name and all(row.get(name) is not None for row in rows)]
    return _columns({name: [row[name] for row in rows] for name in names})


def _columns(columns: Mapping[str, Sequence[Any]]) -> Examples:
    lengths = {len(values) for values in columns.values()}
    if len(lengths) != 1 or lengths == {0}:
        raise ExamplesError("its columns are not of one length")
    if max(lengths) > MOST_EXAMPLES:
        raise ExamplesError(f"more than {MOST_EXAMPLES:,} examples")
    plain = {name: values for name, values in columns.items() if all(_is_number(value) or isinstance(value, str) for value in values)}
    return Examples({name: tuple(_value(value) for value in values) for name, values in plain.items()})


def _value(value: str | float) -> Value:
    """`9` and `9.0` are one class, and `true` is 1."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        text = value.strip()
        if text.lower() in ("true", "false"):
            return float(text.lower() == "true")
        try:
            number = float(text)
        except ValueError:
            return text
        return number if math.isfinite(number) else text
    return float(value)
