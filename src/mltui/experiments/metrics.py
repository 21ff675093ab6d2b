"""What a run says about itself: a metrics file, its standard output, what it logged to MLflow."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from mltui.config.schema import MetricsSource

FILE_LIMIT = 20_000_000
_PAIR = re.compile(
    r"([A-Za-z_][\w./@-]*)\s*[=:]\s*([-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|nan|inf(?:inity)?))(?![\w.])", re.IGNORECASE
)


class MetricsFileError(ValueError):
    """The metrics file cannot be read; the text is one line for the person."""


def read_metrics_file(path: Path) -> dict[str, float]:
    """The numbers of a JSON object, or the last of each of JSON lines. Nested objects give names with slashes.

    Raises:
        MetricsFileError: no JSON, or too large.
    """
    if path.stat().st_size > FILE_LIMIT:
        raise MetricsFileError(f"{path.name} is larger than {FILE_LIMIT // 1_000_000} MB")
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        return numbers(json.loads(text))
    except ValueError:
        pass
    found: dict[str, float] = {}
    for index, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            found.update(numbers(json.loads(line)))
        except ValueError as error:
            raise MetricsFileError(f"{path.name} line {index} is no JSON") from error
    return found


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
        evaluator: they are an evaluator's, not the run's own.
    """
    for name in needed:
        if name not in metrics:
            if evaluator:
                seen = f"it wrote {', '.join(sorted(metrics)[:8])}" if metrics else "it wrote no numbers"
                return f'the evaluator wrote no {name!r} ({seen}). Let it write {{"{name}": ...}} to {{out}}, or correct `primary`.'
            seen = f"it logged {', '.join(sorted(metrics)[:8])}" if metrics else "it logged nothing"
            return f"the metric {name!r} was never logged ({seen}). {_how(name, source)}"
        if not math.isfinite(metrics[name]):
            return f"the metric {name!r} is {metrics[name]}: the training diverged or divided by zero."
    return None


def _how(name: str, source: MetricsSource) -> str:
    ways: list[str] = []
    if source.file:
        ways.append(f'write {{"{name}": ...}} to {source.file} in the folder $MLTUI_RUN_DIR')
    if source.stdout == "json":
        ways.append(f'print a line {{"{name}": ...}}')
    if source.stdout == "key=value":
        ways.append(f"print {name}=...")
    if source.mlflow:
        ways.append(f'call mlflow.log_metric("{name}", ...)')
    return f"Let the script {' or '.join(ways)}, or correct `primary` in [experiments]." if ways else "Set `metrics` in [experiments]."
