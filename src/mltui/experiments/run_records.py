"""What runs wrote down while they ran, for people to look at: metrics over steps, the end of their output, the machine's load.

Nothing here decides anything. A run's folder is its own to fill, so only plain files are read, and never more than a limit.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from mltui.core.experiment import Arm
from mltui.experiments.render import clean

LIMIT = 20_000_000
"""Bytes of one file that are read; of a longer one the last."""
MOST_FILES = 400
MOST_POINTS = 4_000
"""Points of a series that are kept: every second, third, … of a longer one."""
SYSTEM = "system/"
"""Before the names of the machine's metrics, as MLflow writes them."""

_STEPS = ("step", "global_step", "epoch", "iteration", "iter", "batch", "round")
_NUMBER = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?)"
_PAIR = re.compile(rf"([A-Za-z_][\w./@-]*)\s*[=:]\s*({_NUMBER})(?![\w.])")
_SPACED = re.compile(rf"([A-Za-z_][\w./@-]*)[ \t]+({_NUMBER})(?![\w.])")
_LEAD = re.compile(rf"\W*(?:{'|'.join(_STEPS)})[ \t]+\d", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Series:
    """A metric over steps, which ascend.

    Attributes: times: when each was logged, in seconds since the epoch; empty where that was not written down.
    """

    steps: tuple[float, ...]
    values: tuple[float, ...]
    step_name: str = "step"
    times: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class RunRecord:
    """Attributes: series: by the metric's name; those of the machine begin with `system/`."""

    arm: Arm
    seed: int
    series: dict[str, Series] = field(default_factory=dict[str, Series])


def read_record(arm: Arm, seed: int, folder: Path) -> RunRecord:
    """What is in a run's folder: MLflow's metrics before JSON lines before what was printed; empty where nothing is."""
    found: dict[str, Series] = {}
    for more in (_mlflow(folder), _json_lines(folder), _printed(folder)):
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


def read_text(path: Path, limit: int = LIMIT) -> str:
    """Returns: at most the last `limit` bytes of a plain file; empty where there is none."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            return ""
        return os.pread(handle, limit, max(0, status.st_size - limit)).decode("utf-8", "replace")
    except OSError:
        return ""
    finally:
        os.close(handle)


def _mlflow(folder: Path) -> dict[str, Series]:
    """Of all MLflow runs in the folder, the later over the earlier."""
    found: dict[str, Series] = {}
    for run in sorted((folder / "mlflow").glob("*/*/meta.yaml"))[:20]:
        metrics = run.parent / "metrics"
        for file in sorted(metrics.rglob("*"))[:MOST_FILES]:
            if points := [*_mlflow_points(read_text(file))]:
                found[file.relative_to(metrics).as_posix()] = _series(points, "step")
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
    points = _Points()
    for path in sorted([*folder.glob("*.jsonl"), *folder.glob("metrics.json")])[:20]:
        for line in read_text(path).splitlines():
            points.take_json(line)
    return points.series()


def _printed(folder: Path) -> dict[str, Series]:
    """Lines such as `epoch 5 train_loss 0.31`, `step=10 loss=0.2` or `{"step": 1, "loss": 0.2}`."""
    points = _Points()
    for line in read_text(folder / "stdout.log").replace("\r", "\n").split("\n"):
        if line.lstrip().startswith("{"):
            points.take_json(line)
            continue
        pairs = _PAIR.findall(line) or (_SPACED.findall(line) if _LEAD.match(line) else [])
        points.take({name: float(value) for name, value in pairs})
    return points.series()


class _Points:
    """Numbers by name, each with the step that stands on its line, or else with how many came before."""

    def __init__(self) -> None:
        self._points: dict[str, list[tuple[float, float]]] = {}
        self._names: dict[str, str] = {}

    def take(self, numbers: Mapping[str, float]) -> None:
        step = next(((name, numbers[name]) for key in _STEPS for name in numbers if name.lower() == key), None)
        for name, value in numbers.items():
            if name.lower() in _STEPS or (name not in self._points and len(self._points) >= MOST_FILES):
                continue
            points = self._points.setdefault(name, [])
            points.append((step[1] if step else float(len(points)), value))
            self._names[name] = step[0].lower() if step else "line"

    def take_json(self, line: str) -> None:
        try:
            found: Any = json.loads(line)
        except (ValueError, RecursionError):
            return
        if isinstance(found, dict):
            items = cast("dict[str, Any]", found).items()
            self.take({name: float(value) for name, value in items if isinstance(value, int | float) and not isinstance(value, bool)})

    def series(self) -> dict[str, Series]:
        return {name: _series(points, self._names[name]) for name, points in self._points.items()}


def _series(points: Iterable[tuple[float, ...]], step_name: str) -> Series:
    """Of (step, value) or (step, value, time), in the order of the steps; the last value of a step counts."""
    last = {step: rest for step, *rest in points if math.isfinite(step)}
    steps = sorted(last)
    every = -(-len(steps) // MOST_POINTS) or 1
    kept = [step for index, step in enumerate(steps) if index % every == 0 or index == len(steps) - 1]
    times = [time for step in kept for time in last[step][1:]]
    return Series(tuple(kept), tuple(last[step][0] for step in kept), step_name, tuple(times))


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
