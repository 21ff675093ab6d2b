"""The local store that a run's own MLflow calls go to: plain files, read without importing mlflow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

SPOOL = "mlflow"
"""Folder of the store in a run's folder."""

FILE_LIMIT = 50_000_000


def spool_environment(run_folder: Path, experiment: str) -> dict[str, str]:
    """What makes a child's mlflow write into its run's folder, and nowhere else."""
    return {
        "MLFLOW_TRACKING_URI": (run_folder / SPOOL).as_uri(),
        "MLFLOW_REGISTRY_URI": (run_folder / SPOOL).as_uri(),
        "MLFLOW_EXPERIMENT_NAME": experiment,
        # mlflow refuses new file stores without it.
        "MLFLOW_ALLOW_FILE_STORE": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_RECORD_ENV_VARS_IN_MODEL_LOGGING": "false",
    }


def read_metrics(run_folder: Path) -> dict[str, float]:
    """The last value (highest step, then latest) of every metric that the run logged; of later MLflow runs if there were several."""
    found: dict[str, float] = {}
    for run in _runs(run_folder):
        metrics = run / "metrics"
        for file in sorted(metrics.rglob("*")):
            if file.is_file() and (value := _last(file)) is not None:
                found[file.relative_to(metrics).as_posix()] = value
    return found


def _runs(run_folder: Path) -> Iterator[Path]:
    """Folders of MLflow runs, the earliest first."""
    metas = (run_folder / SPOOL).glob("*/*/meta.yaml")
    yield from (meta.parent for meta in sorted(metas, key=lambda meta: (meta.parent.stat().st_ctime_ns, meta.parent.name)))


def _last(file: Path) -> float | None:
    """The last value of a metric; its file has lines of `timestamp value step`."""
    if file.stat().st_size > FILE_LIMIT:
        return None
    best: tuple[int, int, int] | None = None
    value: float | None = None
    for index, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines()):
        words = line.split(" ")
        try:
            order = (int(words[2]) if len(words) > 2 else 0, int(words[0]), index)
            number = float(words[1])
        except (ValueError, IndexError):
            continue
        if best is None or order >= best:
            best, value = order, number
    return value
