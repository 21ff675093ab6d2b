"""The local store that a run's own MLflow calls go to: plain files, read without importing mlflow."""

from __future__ import annotations

import re
from pathlib import Path

from mltui.experiments.storage import read_text

SPOOL = "mlflow"
"""Folder of the store in a run's folder."""

FILE_LIMIT = 50_000_000
VALUE_LIMIT, TEXT_LIMIT = 8_000, 1_000_000
MOST_PARAMS, MOST_ARTIFACTS, MOST_TRACES, MOST_MODELS = 500, 200, 1_000, 50
TEXTS = (".txt", ".json", ".html", ".csv", ".md", ".yaml", ".svg")

_MODEL = re.compile(r"^name: ['\"]?([\w.@ -]+)['\"]?$", re.MULTILINE)
_CREATED = re.compile(r"^creation_timestamp: (\d+)$", re.MULTILINE)
_STARTED = re.compile(r"^start_time: (\d+)$", re.MULTILINE)


def spool_environment(run_folder: Path, experiment: str) -> dict[str, str]:
    """What makes a child's mlflow write into its run's folder, and nowhere else."""
    return {
        "MLFLOW_TRACKING_URI": (run_folder / SPOOL).as_uri(),
        "MLFLOW_REGISTRY_URI": (run_folder / SPOOL).as_uri(),
        "MLFLOW_EXPERIMENT_NAME": experiment,
        # mlflow refuses new file stores without it.
        "MLFLOW_ALLOW_FILE_STORE": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_DISABLE_AGENT_HINT": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_RECORD_ENV_VARS_IN_MODEL_LOGGING": "false",
    }


def read_metrics(run_folder: Path) -> dict[str, float]:
    """The last value (highest step, then latest) of every metric. A later MLflow run counts over an earlier, a parent over its children."""
    found: dict[str, float] = {}
    for run in runs_in(run_folder):
        metrics = run / "metrics"
        for file in sorted(metrics.rglob("*")):
            if file.is_file() and _own(file, run_folder) and (value := _last(file)) is not None:
                found[file.relative_to(metrics).as_posix()] = value
    return found


def read_params(run_folder: Path) -> dict[str, str]:
    """What the script or autologging logged as parameters, of all MLflow runs as `read_metrics` does."""
    found: dict[str, str] = {}
    for run in runs_in(run_folder):
        params = run / "params"
        files = [path for path in sorted(params.rglob("*")) if path.is_file() and _own(path, run_folder)][:MOST_PARAMS]
        found.update({path.relative_to(params).as_posix(): read_text(path, VALUE_LIMIT).strip() for path in files})
    return found


def read_texts(run_folder: Path) -> dict[str, str]:
    """The small text files that were logged as artifacts, by their path."""
    found: dict[str, str] = {}
    for artifacts in artifact_folders(run_folder)[""]:
        for path in sorted(artifacts.rglob("*"))[:MOST_ARTIFACTS]:
            if path.suffix in TEXTS and path.is_file() and path.stat().st_size <= TEXT_LIMIT:
                found[path.relative_to(artifacts).as_posix()] = read_text(path, TEXT_LIMIT)
    return found


def artifact_folders(run_folder: Path) -> dict[str, list[Path]]:
    """Where artifacts that were logged lie, by where they belong: those of all MLflow runs at the top, each model below its name."""
    models = {f"models/{name}": [path] for name, path in logged_models(run_folder).items()}
    return {"": [path for run in runs_in(run_folder) if _own(path := run / "artifacts", run_folder)], **models}


def logged_models(run_folder: Path) -> dict[str, Path]:
    """The folders of models that were logged, with their signatures (`MLmodel`), by name; of one name the latest."""
    found: list[tuple[int, str, Path]] = []
    for meta in sorted((run_folder / SPOOL).glob("*/models/*/meta.yaml"))[:MOST_MODELS]:
        text = read_text(meta, VALUE_LIMIT)
        name, created = _MODEL.search(text), _CREATED.search(text)
        if name and name[1] not in (".", ".."):
            found.append((int(created[1]) if created else 0, name[1], meta.parent / "artifacts"))
    return {name: path for _, name, path in sorted(found) if _own(path, run_folder)}


def read_traces(run_folder: Path) -> list[str]:
    """One JSON object a trace of a model that was asked, the earliest first: its spans as MLflow wrote them."""
    files = (run_folder / SPOOL).glob("*/traces/*/artifacts/traces.json")
    kept = sorted((path for path in files if _own(path, run_folder)), key=lambda path: path.stat().st_mtime_ns)[:MOST_TRACES]
    return [text for path in kept if (text := " ".join(read_text(path, TEXT_LIMIT).split("\n")).strip())]


def runs_in(run_folder: Path) -> list[Path]:
    """Folders of MLflow runs: children before runs without a parent, of each the earliest first."""
    metas = [meta for meta in (run_folder / SPOOL).glob("*/*/meta.yaml") if not meta.parent.parent.name.startswith(".")]
    return sorted((meta.parent for meta in metas if _own(meta, run_folder)), key=_order)


def _own(path: Path, run_folder: Path) -> bool:
    """Whether no link leads out of the run's folder on the way: it was the run's to fill, and what it links to is not the run's to show."""
    return path.resolve().is_relative_to(run_folder.resolve())


def _order(run: Path) -> tuple[bool, int, str]:
    started = _STARTED.search(read_text(run / "meta.yaml", VALUE_LIMIT))
    at = int(started[1]) if started else run.stat().st_ctime_ns // 1_000_000
    return not (run / "tags" / "mlflow.parentRunId").exists(), at, run.name


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
