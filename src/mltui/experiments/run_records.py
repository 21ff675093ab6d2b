"""What runs wrote down while they ran, for people to look at: metrics over steps, the end of their output, the machine's load.

Nothing here decides anything. A run's folder is its own to fill, so only plain files are read, and never more than a limit.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mltui.core.experiment import Arm
from mltui.experiments.metrics import NAME, json_numbers, table_rows
from mltui.experiments.points import STEPS, Points, Series, series_of
from mltui.experiments.render import clean
from mltui.experiments.storage import read_text
from mltui.experiments.tracking.spool import runs_in

MOST_FILES, MOST_RUNS = 400, 50
SYSTEM = "system/"
"""Before the names of the machine's metrics, as MLflow writes them."""

_NUMBER = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?)"
_PAIR = re.compile(rf"{NAME}\s*[=:]\s*({_NUMBER})(?![\w.])")
_SPACED = re.compile(rf"{NAME}[ \t]+({_NUMBER})(?![\w.])")
_LEAD = re.compile(rf"\W*(?:{'|'.join(STEPS)})[ \t]+\d", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """Attributes: series: by the metric's name; those of the machine begin with `system/`."""

    arm: Arm
    seed: int
    series: dict[str, Series] = field(default_factory=dict[str, Series])


def read_record(arm: Arm, seed: int, folder: Path) -> RunRecord:
    """What is in a run's folder: MLflow's metrics before JSON lines before CSV before what was printed; empty where nothing is."""
    found: dict[str, Series] = {}
    for more in (_mlflow(folder), _json_lines(folder), _table(folder), _printed(folder)):
        for name, series in more.items():
            if len(series.steps) > 1 or name.startswith(SYSTEM):
                found.setdefault(clean(name), series)
    return RunRecord(arm, seed, found)


def tail(folder: Path, lines: int) -> list[tuple[str, list[str]]]:
    """Returns: (name, its last lines) of the run's output and its errors, as far as there are any."""
    found: list[tuple[str, list[str]]] = []
    for name in ("stdout.log", "stderr.log"):
        text = read_text(folder / name, 64_000)
        shown = [line.rpartition("\r")[2] if "\r" in line else line for line in text.rstrip().replace("\r\n", "\n").split("\n")]
        if any(line.strip() for line in shown):
            found.append((name, shown[-lines:]))
    return found


def _mlflow(folder: Path) -> dict[str, Series]:
    """Of all MLflow runs in the folder, the later over the earlier."""
    found: dict[str, Series] = {}
    for run in runs_in(folder)[-MOST_RUNS:]:
        metrics = run / "metrics"
        for file in sorted(metrics.rglob("*"))[:MOST_FILES]:
            if points := [*_mlflow_points(read_text(file))]:
                found[file.relative_to(metrics).as_posix()] = series_of(points, "step")
    return found


def _mlflow_points(text: str) -> Iterator[tuple[float, float, float]]:
    """(step, value, time) of lines of `milliseconds value step`."""
    for line in text.splitlines():
        words = line.split(" ")
        try:
            yield (float(words[2]) if len(words) > 2 else 0.0), float(words[1]), float(words[0]) / 1000
        except (ValueError, IndexError):
            continue


def _json_lines(folder: Path) -> dict[str, Series]:
    points = Points()
    for path in sorted([*folder.glob("*.jsonl"), *folder.glob("metrics.json")])[:20]:
        for line in read_text(path).splitlines():
            points.take(json_numbers(line))
    return points.series()


def _table(folder: Path) -> dict[str, Series]:
    points = Points()
    for row in table_rows(read_text(folder / "metrics.csv")):
        points.take(row)
    return points.series()


def _printed(folder: Path) -> dict[str, Series]:
    """Lines such as `epoch 5 train_loss 0.31`, `step=10 loss=0.2` or `{"step": 1, "loss": 0.2}`."""
    points = Points()
    for line in read_text(folder / "stdout.log").replace("\r", "\n").split("\n"):
        if line.lstrip().startswith("{"):
            points.take(json_numbers(line))
            continue
        pairs = _PAIR.findall(line) or (_SPACED.findall(line) if _LEAD.match(line) else [])
        points.take({name: float(value) for name, value in pairs})
    return points.series()


@dataclass(frozen=True, slots=True)
class Mean:
    """Attributes: low, high: the least and the greatest of the runs at each step; runs: how many there are."""

    steps: tuple[float, ...]
    values: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    runs: int
    step_name: str = "step"


def mean_of(series: Iterable[Series]) -> Mean | None:
    """The mean over runs at each step that at least half of them have; None of none."""
    found = [one for one in series if one.steps]
    if not found:
        return None
    at: dict[float, list[float]] = {}
    for one in found:
        for step, value in zip(one.steps, one.values, strict=True):
            if math.isfinite(value):
                at.setdefault(step, []).append(value)
    steps = [step for step in sorted(at) if len(at[step]) * 2 >= len(found)]
    columns = [at[step] for step in steps]
    return Mean(
        tuple(steps),
        tuple(math.fsum(values) / len(values) for values in columns),
        tuple(map(min, columns)),
        tuple(map(max, columns)),
        len(found),
        found[0].step_name,
    )


def names_of(records: Iterable[RunRecord], first: str) -> list[str]:
    """Returns: the metrics that were written over steps, without the machine's: the primary one first, then losses, then the rest."""
    names = {name for record in records for name, series in record.series.items() if not name.startswith(SYSTEM) and len(series.steps) > 1}

    def rank(name: str) -> tuple[int, str]:
        short = name.rpartition("/")[2]
        near = 0 if name == first else 1 if first in short or short in first else 2 if "loss" in short else 3
        return near, name

    return sorted(names, key=rank)
