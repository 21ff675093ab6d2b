"""What a run says about itself: in a metrics file, on its standard output."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

from mltui.config.schema import MetricsSource
from mltui.experiments.points import Points

FILE_LIMIT = 20_000_000
NAME = r"(?<![\w./@-])[\d./@-]*+([A-Za-z_][\w./@-]*+)"
"""A metric's name, from the first letter of a word on: each word is looked at once, however long a line without any `=` is."""
_NUMBER = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|nan|inf(?:inity)?)"
_PAIR = re.compile(rf"{NAME}\s*[=:]\s*({_NUMBER})(?![\w.])", re.IGNORECASE)

TABLES = (".csv", ".tsv")
"""Endings of metrics files that are tables."""


class MetricsFileError(ValueError):
    """The metrics file cannot be read; the text is one line for the person."""


def read_metrics_file(path: Path) -> dict[str, float]:
    """The numbers of a JSON object, or the last of each of JSON lines or of a CSV column. Nested objects give names with slashes.

    Raises:
        MetricsFileError: neither JSON nor CSV, or too large.
    """
    found: dict[str, float] = {}
    for numbers_of_it in _records(path):
        found.update(numbers_of_it)
    return found


def read_metrics_points(path: Path) -> Points:
    """The same over steps. Raises: MetricsFileError: as `read_metrics_file` does."""
    found = Points()
    for numbers_of_it in _records(path):
        found.take(numbers_of_it)
    return found


def _records(path: Path) -> Iterator[dict[str, float]]:
    if path.stat().st_size > FILE_LIMIT:
        raise MetricsFileError(f"{path.name} is larger than {FILE_LIMIT // 1_000_000} MB")
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix.lower() in TABLES:
        yield from table_rows(text)
        return
    try:
        whole = numbers(json.loads(text))
    except (ValueError, RecursionError):
        yield from _lines(path.name, text)
    else:
        yield whole


def _lines(name: str, text: str) -> Iterator[dict[str, float]]:
    for index, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                yield numbers(json.loads(line))
            except (ValueError, RecursionError) as error:
                raise MetricsFileError(f"{name} line {index} is no JSON") from error


def table_rows(text: str) -> Iterator[dict[str, float]]:
    """The numbers of each row of a CSV file with a line of names; cells that are empty or text are passed over."""
    lines = text.splitlines()
    if not lines:
        return
    mark = max(",;\t", key=lines[0].count)
    rows = csv.reader(lines, delimiter=mark)
    try:
        names = [name.strip() for name in next(rows)]
        for row in rows:
            yield {name: number for name, cell in zip(names, row, strict=False) if name and (number := _number(cell)) is not None}
    except csv.Error:
        return


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def json_numbers(line: str) -> dict[str, float]:
    """The numbers of a line that is a JSON object; none of any other."""
    try:
        return numbers(json.loads(line))
    except (ValueError, RecursionError):
        return {}


def read_stdout(text: str, form: str) -> dict[str, float]:
    """The numbers of the last line that is a JSON object (`json`), or of all `key=value` and `key: value` pairs, last wins."""
    if form == "json":
        for line in reversed(text.splitlines()):
            if line.lstrip().startswith("{"):
                try:
                    return numbers(json.loads(line))
                except ValueError:
                    continue
        return {}
    return {name: float(value) for name, value in _PAIR.findall(text)}


def numbers(value: object, prefix: str = "") -> dict[str, float]:
    """The numbers in a JSON object; booleans and text are passed over. Raises: ValueError: not an object."""
    if not isinstance(value, Mapping):
        raise ValueError("not a JSON object")  # noqa: TRY004  a matter of the file's content
    found: dict[str, float] = {}
    for name, item in cast("Mapping[str, object]", value).items():
        if isinstance(item, Mapping):
            found.update(numbers(cast("object", item), f"{prefix}{name}/"))
        elif isinstance(item, int | float) and not isinstance(item, bool):
            found[f"{prefix}{name}"] = float(item)
    return found


def missing(metrics: Mapping[str, float], needed: Sequence[str], source: MetricsSource, *, evaluator: bool = False) -> str | None:
    """What is wrong with a run's metrics for the comparison, and what to do; None when all needed ones are numbers.

    Args:
        needed: the primary one first, then those of the guardrails.
        evaluator: they are an evaluator's, not the run's own.
    """
    for name in needed:
        if name not in metrics:
            declared = "primary" if name == needed[0] else "guardrails"
            if evaluator:
                seen = f"it wrote {', '.join(sorted(metrics)[:8])}" if metrics else "it wrote no numbers"
                return f'the evaluator wrote no {name!r} ({seen}). Let it write {{"{name}": ...}} to {{out}}, or correct `{declared}`.'
            seen = f"it logged {', '.join(sorted(metrics)[:8])}" if metrics else "it logged nothing"
            return f"the metric {name!r} was never logged ({seen}). {_how(name, source, declared)}"
        if not math.isfinite(metrics[name]):
            return f"the metric {name!r} is {metrics[name]}: the training diverged or divided by zero."
    return None


def _how(name: str, source: MetricsSource, declared: str) -> str:
    ways: list[str] = []
    if source.file:
        ways.append(f'write {{"{name}": ...}} to {source.file} in the folder $MLTUI_RUN_DIR')
    if source.regex:
        ways.append(f"print a line that [experiments] metrics regex finds {name!r} in")
    if source.stdout == "json":
        ways.append(f'print a line {{"{name}": ...}}')
    if source.stdout == "key=value":
        ways.append(f"print {name}=...")
    if source.mlflow:
        ways.append(f'call mlflow.log_metric("{name}", ...)')
    return f"Let the script {' or '.join(ways)}, or correct `{declared}` in [experiments]." if ways else "Set `metrics` in [experiments]."
