"""What a run left of its metrics, wherever it wrote them, read once when it has ended and kept in its folder."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mltui.config.schema import MetricsSource
from mltui.experiments.globs import NEVER
from mltui.experiments.metrics import MetricsFileError, read_metrics_file, read_metrics_points
from mltui.experiments.patterns import PatternError, read_patterns
from mltui.experiments.points import STEPS, Points
from mltui.experiments.storage import read_text, write_atomically
from mltui.experiments.tracking import spool, tensorboard_files, wandb_files

CURVES = "captured.jsonl"
"""In a run's folder: the curves that are not in it in a form that `run_records` reads."""

TENSORBOARD = "tensorboard"
"""Folder of the event files that a run left in its checkout."""

MOST_EVENT_FILES = 100


@dataclass(frozen=True, slots=True)
class Place:
    """Attributes: worktree: where the command ran; folder: the run's; stale: metrics files that were there before it, with their times."""

    worktree: Path
    folder: Path
    stale: Mapping[Path, int]


@dataclass(frozen=True, slots=True)
class Captured:
    """Attributes: metrics: the last value of each; problem: what could not be read."""

    metrics: dict[str, float]
    problem: str = ""


def before(worktree: Path, source: MetricsSource) -> dict[Path, int]:
    """Metrics files that lie in the checkout: as they are, they are not of this run."""
    declared = [worktree / source.file] if source.file else []
    events = _event_files(worktree) if source.tensorboard else ()
    return {path: path.stat().st_mtime_ns for path in (*declared, *events) if path.is_file()}


def capture(place: Place, printed: Mapping[str, float], source: MetricsSource) -> Captured:
    """The metrics of a run that has ended. Of a name in several places a file counts over what was printed, that over a tracker."""
    events, wandb, spooled = Points(), wandb_files.WandbRun(), dict[str, float]()
    if source.tensorboard:
        _keep_events(place)
        events = tensorboard_files.read_scalars(_event_files(place.folder))
    if source.wandb:
        wandb = wandb_files.read_runs(place.folder)
    if source.mlflow:
        spooled = spool.read_metrics(place.folder)
    found = {**events.last(), **wandb.history.last(), **wandb.summary, **spooled}
    curves = [events, wandb.history]
    try:
        found.update(printed)
        if source.regex:
            curves.append(read_patterns(read_text(place.folder / "stdout.log"), source.regex))
            found.update(curves[-1].last())
        if path := _declared(place, source):
            found.update(read_metrics_file(path))
            if path.parent != place.folder or path.suffix != ".jsonl":
                curves.append(read_metrics_points(path))
        problem = ""
    except (MetricsFileError, PatternError) as error:
        problem = f"its metrics cannot be read: {error}"
    _keep_curves(place.folder, curves)
    return Captured(found, problem)


def _declared(place: Place, source: MetricsSource) -> Path | None:
    """The metrics file, if the run wrote one."""
    for folder in (place.folder, place.worktree) if source.file else ():
        path = folder / (source.file or "")
        if path.is_file() and place.stale.get(path) != path.stat().st_mtime_ns:
            return path
    return None


def _keep_events(place: Place) -> None:
    """Event files that the run wrote into its checkout, which goes, are copied into its folder. Links there lead nowhere."""
    for path in _event_files(place.worktree):
        kept = place.folder / TENSORBOARD / path.relative_to(place.worktree)
        known = place.stale.get(path) == path.stat().st_mtime_ns or path.stat().st_size > tensorboard_files.FILE_LIMIT
        if not known and kept.parent.resolve().is_relative_to(place.folder.resolve()) and not kept.is_symlink():
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, kept)


def _event_files(folder: Path) -> list[Path]:
    found: list[Path] = []
    for top, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in NEVER]
        paths = [Path(top, name) for name in names if tensorboard_files.NAME in name]
        found += [path for path in paths if path.is_file() and not path.is_symlink()]
        if len(found) >= MOST_EVENT_FILES:
            break
    return sorted(found)[:MOST_EVENT_FILES]


def _keep_curves(folder: Path, sources: list[Points]) -> None:
    """One line a step and source; of a metric in several sources the last."""
    curves = {name: series for points in sources for name, series in points.series().items() if len(series.steps) > 1}
    rows: dict[tuple[str, float], dict[str, float]] = {}
    for name, series in curves.items():
        for step, value in zip(series.steps, series.values, strict=True):
            counted = {series.step_name: step} if series.step_name in STEPS else {}
            rows.setdefault((series.step_name, step), counted)[name] = value
    if rows:
        write_atomically(folder / CURVES, "".join(f"{json.dumps(row)}\n" for row in rows.values()).encode())
