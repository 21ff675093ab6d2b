"""One JSON value a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import IO, Any, cast

from mltui.core.errors import UsageError
from mltui.experiments.data_checks.arrow import pa
from mltui.experiments.data_checks.problems import Problems

_LINES = 20_000
_COLUMNS = 20_000
_LONGEST = 256 << 20


def batches(file: IO[bytes], problems: Problems) -> Iterator[dict[str, Any]]:
    """Batches of the objects' fields; a field that one line lacks is missing there. Nested values are their JSON.

    Raises: UsageError: no line holds JSON, or one is larger than 256 MB.
    """
    rows: list[dict[str, Any]] = []
    good = number = 0
    for number, line in enumerate(_lines(file), 1):
        if not line.strip():
            continue
        value = _parsed(line, number, problems)
        if value is None:
            continue
        good += 1
        rows.append(value)
        if len(rows) == _LINES:
            yield _columns(rows, problems)
            rows = []
    if rows:
        yield _columns(rows, problems)
    if number and not good:
        raise UsageError("no line of the file is JSON", hint="JSONL has one JSON object a line; a whole JSON document is no JSONL")


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    while chunk := file.read(4 << 20):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
        if len(rest) > _LONGEST:
            raise UsageError("a line is larger than 256 MB", hint="JSONL has one JSON object a line")
    if rest:
        yield rest


def _parsed(line: bytes, number: int, problems: Problems) -> dict[str, Any] | None:
    try:
        value: object = json.loads(line)
        if b"\\ud" in line or b"\\uD" in line:
            json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text, and JSON can spell it
    except UnicodeDecodeError:
        problems.add(
            "error", "encoding", "lines that are not UTF-8, which were skipped: {count}", "Save the file as UTF-8", f"line {number}"
        )
    except (ValueError, RecursionError) as error:
        said = "half a surrogate pair" if isinstance(error, UnicodeEncodeError) else str(error)[:60]
        problems.add(
            "error", "malformed", "lines that are no JSON, which were skipped: {count}", "Mend these lines", f"line {number}: {said}"
        )
    else:
        return cast("dict[str, Any]", value) if isinstance(value, dict) else {"value": value}
    return None


def _columns(rows: list[dict[str, Any]], problems: Problems) -> dict[str, Any]:
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row))
    if len(names) > _COLUMNS:
        raise UsageError(f"the lines have over {_COLUMNS:,} different fields", hint="Are the keys data? Make them values")
    return {name: _column(name, [row.get(name) for row in rows], problems) for name in names}


def _column(name: str, values: list[Any], problems: Problems) -> Any:
    kinds: set[type[object]] = {cast("type[object]", type(value)) for value in values} - {type(None)}
    if kinds <= {bool}:
        return pa.array(values, pa.bool_() if kinds else pa.string())
    if kinds <= {int, float}:
        try:
            return pa.array(values, pa.int64() if kinds == {int} else pa.float64())
        except (pa.ArrowException, OverflowError):
            return pa.array([None if value is None else float(f"{value}") for value in values], pa.float64())
    if len(kinds - {int, float}) + bool(kinds & {int, float}) > 1:
        counts = {kind.__name__: sum(type(value) is kind for value in values) for kind in kinds}
        usual = max(counts, key=lambda kind: counts[kind])
        odd = next((value for value in values if value is not None and type(value).__name__ != usual), None)
        problems.add(
            "error",
            "types",
            "values of another JSON type than the others: {count}",
            "Write the field with one type",
            f"{json.dumps(odd)[:60]} among {usual}",
            column=name,
            count=len(values) - values.count(None) - counts[usual],
        )
    return pa.array(
        [value if value is None or isinstance(value, str) else json.dumps(value, sort_keys=True) for value in values], pa.string()
    )
