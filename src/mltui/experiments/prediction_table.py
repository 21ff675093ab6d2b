"""Predictions for single examples that a run or its evaluator left, as columns: label, prediction, confidence, and what else was logged.

A run's folder is its own to fill: only plain files are read, never more than a limit, and every name and value is text until it is cleaned.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from mltui.experiments.data_checks.arrow import csv, lines, pa, parquet, pc
from mltui.experiments.examples import LABEL, PREDICTION
from mltui.experiments.prediction_files import prediction_files
from mltui.experiments.render import clean

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MOST_BYTES = 500_000_000
"""Of a file; a larger one is not read."""
MOST_JSON = 100_000_000
"""Bytes of a JSON file, which takes ten times as much memory as a table."""
MOST_ROWS = 2_000_000
"""Of a file; of a longer one the first."""
MOST_WHOLE = 1_000
"""Different whole numbers that may be classes; of more, errors are distances."""

KEYS = ("id", "example_id", "example", "uid", "key", "index", "idx", "row", "sample_id", "sample", "filename", "file", "path")
CONFIDENCES = ("confidence", "conf", "max_prob", "max_probability")
POSITIVES = ("probability", "prob", "proba", "y_prob", "y_proba", "y_score", "score", "p")
_BY_CLASS = ("probability_", "proba_", "prob_", "score_", "p_")
MISSING = "(none)"


@dataclass(frozen=True, slots=True)
class Coded:
    """A column of texts: `names[codes[row]]`."""

    names: tuple[str, ...]
    codes: Ints


@dataclass(frozen=True, slots=True)
class PredictionTable:
    """What one file says, a row for each example.

    Attributes:
        labels, predictions: as texts; where they are measured by distance, also as numbers.
        keys: what names each example, and no two of them; None where nothing does.
        confidence: probability that was given to the prediction; None where it was not logged.
        positive: probability of the second of two classes, likewise.
        table: the other columns as pyarrow has them.
    """

    labels: Coded
    predictions: Coded
    numbers: tuple[Floats, Floats] | None = None
    keys: tuple[str, Any] | None = None
    confidence: Floats | None = None
    positive: Floats | None = None
    table: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __len__(self) -> int:
        return len(self.labels.codes)


def table_in(folders: Iterable[Path]) -> tuple[PredictionTable | None, str]:
    """Returns: the first file in these folders that has labels and predictions, and a sentence about one that could not be read."""
    trouble = ""
    for folder in folders:
        for path in prediction_files(folder):
            try:
                found = _read(path)
            except (pa.ArrowException, OSError, ValueError, RecursionError, TypeError) as error:
                why = next(iter(str(error).splitlines()), type(error).__name__)
                trouble = trouble or clean(f"{path.name} cannot be read: {why}")
                continue
            if found is not None:
                return found, ""
    return None, trouble


def _read(path: Path) -> PredictionTable | None:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is no plain file")
        most = MOST_JSON if path.suffix in (".json", ".jsonl", ".ndjson") else MOST_BYTES
        if status.st_size > most:
            raise ValueError(f"it is larger than {most // 1_000_000} MB")
        if not status.st_size:
            return None
        table = _table(file, path.suffix)
    return None if table is None else _prediction_table(table.slice(0, MOST_ROWS).combine_chunks())


def _table(file: io.BufferedReader, suffix: str) -> Any | None:
    match suffix:
        case ".csv":
            options = csv.ParseOptions(newlines_in_values=True)
            return csv.read_csv(file, parse_options=options)
        case ".parquet":
            return parquet.ParquetFile(file).read()
        case _:
            return _json(file.read())


def _json(data: bytes) -> Any | None:
    """Objects of a list or of lines, or an object of columns."""
    if data.lstrip()[:1] == b"{":
        with contextlib.suppress(pa.ArrowException):
            table = lines.read_json(io.BytesIO(data))
            if len(table) > 1:
                return table
    try:
        found: Any = json.loads(data)
    except ValueError:
        found = [json.loads(line) for line in data.splitlines() if line.strip()]
    if isinstance(found, dict):
        columns = cast("dict[str, Any]", found)
        if not all(isinstance(values, list) for values in columns.values()):
            return None
    elif isinstance(found, list) and found and all(isinstance(row, dict) for row in cast("list[Any]", found)):
        rows = cast("list[dict[str, Any]]", found)
        columns: dict[str, Any] = {name: [row.get(name) for row in rows] for name in dict.fromkeys(name for row in rows for name in row)}
    else:
        return None
    return pa.table({name: _column(values) for name, values in columns.items()}) if columns else None


def _column(values: list[Any]) -> Any:
    """Of one type; values of several become their texts."""
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):
        return pa.array([None if value is None else value if isinstance(value, str) else json.dumps(value) for value in values])


def _prediction_table(table: Any) -> PredictionTable | None:
    columns: dict[str, Any] = {}
    for at, name in enumerate(table.column_names):
        columns.setdefault(name, table.column(at))
    label, prediction = _named(columns, LABEL), _named(columns, PREDICTION)
    if label is None or prediction is None:
        return None
    known = pc.and_(pc.is_valid(columns[label]), pc.is_valid(columns[prediction]))
    if not pc.all(known).as_py():
        columns = {name: column.filter(known) for name, column in columns.items()}
    if not len(columns[label]):
        return None
    labels, predictions = coded(columns[label]), coded(columns[prediction])
    numbers = _numbers(columns[label], columns[prediction], labels)
    classes = order({*labels.names, *predictions.names})
    confidence, positive, used = (None, None, set[str]()) if numbers else _confidence(columns, predictions, classes)
    key = next((name for name in columns if name.lower() in KEYS and pc.count_distinct(columns[name]).as_py() == len(labels.codes)), None)
    spent = {label, prediction, *used, *([key] if key else [])}
    rest = {name: column for name, column in columns.items() if name not in spent}
    return PredictionTable(labels, predictions, numbers, (key, columns[key]) if key else None, confidence, positive, rest)


def _named(columns: Mapping[str, Any], names: Sequence[str]) -> str | None:
    lower = {name.lower().strip(): name for name in reversed([*columns])}
    return next((lower[name] for name in names if name in lower and not pa.types.is_nested(columns[lower[name]].type)), None)


def coded(column: Any) -> Coded:
    """A column as texts, each name cleaned; missing values are `(none)`."""
    array = column.combine_chunks() if hasattr(column, "combine_chunks") else column
    if pa.types.is_nested(array.type):
        array = pa.array([None if value is None else json.dumps(value, default=str) for value in array.to_pylist()])
    encoded = array if pa.types.is_dictionary(array.type) else pc.dictionary_encode(array)
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    names = [_name(value) for value in encoded.dictionary.to_pylist()]
    codes = encoded.indices.fill_null(len(names)).to_numpy(zero_copy_only=False).astype(np.int64)
    distinct = [*dict.fromkeys([*names, MISSING])]
    place = {name: at for at, name in enumerate(distinct)}
    return Coded(tuple(distinct), np.array([place[name] for name in [*names, MISSING]], np.int64)[codes])


def _name(value: object) -> str:
    """`1.0` is `1`, so that a label and a prediction of other types can be equal."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return clean(str(value))[:200] or "(empty)"


def _numbers(label: Any, prediction: Any, labels: Coded) -> tuple[Floats, Floats] | None:
    """Both as numbers, where they are no classes: fractions, or whole numbers of very many values."""
    if not all(pa.types.is_floating(one.type) or pa.types.is_integer(one.type) for one in (label, prediction)):
        return None
    true, predicted = (np.asarray(one.cast(pa.float64()).to_numpy(), np.float64) for one in (label, prediction))
    whole = bool(np.all(true == np.round(true)) and np.all(predicted == np.round(predicted)))
    return None if whole and len(labels.names) <= MOST_WHOLE else (true, predicted)


def order(names: Iterable[str]) -> tuple[str, ...]:
    """Returns: classes as people sort them: numbers by size, before texts."""

    def rank(name: str) -> tuple[int, float, str]:
        try:
            return 0, float(name), name
        except ValueError:
            return 1, 0.0, name

    return tuple(sorted({*names} - {MISSING}, key=rank))


def _confidence(columns: Mapping[str, Any], predictions: Coded, classes: tuple[str, ...]) -> tuple[Floats | None, Floats | None, set[str]]:
    """Of the prediction, of the second of two classes, and the columns that said so."""
    lower = {name.lower().strip(): name for name in columns}
    by_class = {
        name: lower[f"{lead}{name.lower()}"] for name in classes for lead in _BY_CLASS if f"{lead}{name.lower()}" in lower
    }  # the last prefix that matches; who logs two has logged the same twice
    if by_class and {predictions.names[code] for code in np.unique(predictions.codes)} <= by_class.keys():
        each = {name: _shares(columns[column]) for name, column in by_class.items()}
        if all(values is not None for values in each.values()):
            found = cast("dict[str, Floats]", each)
            picked = np.full(len(predictions.codes), np.nan)
            for name, values in found.items():
                rows = np.array([one == name for one in predictions.names])[predictions.codes]
                picked[rows] = values[rows]
            return picked, found.get(classes[1]) if len(classes) == 2 else None, set(by_class.values())
    for names in (CONFIDENCES, POSITIVES):
        name = _named(columns, names)
        values = None if name is None else _shares(columns[name])
        if name is not None and values is not None:
            sure, positive = _meant(values, predictions, classes, names is POSITIVES)
            if sure is not None:
                return sure, positive, {name}
    return None, None, set()


def _meant(values: Floats, predictions: Coded, classes: tuple[str, ...], perhaps: bool) -> tuple[Floats | None, Floats | None]:
    """Whether a probability is that of the prediction, or of the second of two classes: by what was predicted where it is large."""
    if perhaps and len(classes) == 2:
        second = np.array([name == classes[1] for name in predictions.names])[predictions.codes]
        if np.mean((values >= 0.5) == second) >= 0.9:
            return np.where(second, values, 1 - values), values
    if not perhaps or (len(classes) > 1 and values.min() >= 1 / len(classes) - 1e-9):
        return values, None
    return None, None


def _shares(column: Any) -> Floats | None:
    """Numbers from 0 to 1, or None."""
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        return None
    values = np.asarray(column.cast(pa.float64()).to_numpy(), np.float64)
    return values if len(values) and bool(np.all((values >= 0) & (values <= 1))) else None
