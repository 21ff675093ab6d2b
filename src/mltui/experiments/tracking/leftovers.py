"""Files that a run left in its folder and that a colleague would look for: plots, logged artifacts and models, Hydra's configuration."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from mltui.experiments.tracking import spool

PLOTS = (".png", ".svg", ".jpg", ".jpeg", ".pdf", ".html")
RECORDS = ("run.json", "environment.json")
"""Of mltui itself, in a run's folder."""

LEFT_OUT = "mltui/left_out.txt"

MODEL = "MLmodel"
"""The file of a model that MLflow wrote, with its signature."""

LARGEST, MOST_FILES, MOST_BYTES, DEEPEST = 10_000_000, 100, 50_000_000, 6
SKIPPED = ("mlflow", "wandb")
"""Stores of trackers, which are read by other means."""


def left_files(folder: Path) -> dict[str, bytes]:
    """Returns: content by path within the tracker's run. The folder was the run's to fill: only plain files count, and not more
    than a limit of them; what is left out is listed in `mltui/left_out.txt`."""
    found: dict[str, bytes] = {}
    left_out: list[str] = []
    size = 0
    for name, path in [*_own(folder), *_logged(folder)]:
        data = _plain(path) if len(found) < MOST_FILES else None
        if data is None or size + len(data) > MOST_BYTES:
            left_out += [name] if path.is_file() and not path.is_symlink() else []
            continue
        found[name] = data
        size += len(data)
    if left_out:
        limits = f"{LARGEST // 1_000_000} MB each, {MOST_BYTES // 1_000_000} MB and {MOST_FILES} files in all"
        found[LEFT_OUT] = "\n".join((f"Not sent with the run ({limits}); they lie in its folder:", *left_out, "")).encode()
    lock = _plain(folder.parent.parent / "env.lock")
    return found if lock is None else {**found, "mltui/env.lock": lock}


def _own(folder: Path) -> list[tuple[str, Path]]:
    """Plots, records and configuration, by what they are called in the tracker."""
    found: list[tuple[str, Path]] = []
    for path in _files(folder, SKIPPED):
        name = path.relative_to(folder)
        if str(name) in RECORDS:
            found.append((f"mltui/{name}", path))
        elif path.parent.name == ".hydra" or path.name.lower().endswith(PLOTS):
            found.append((str(name), path))
    return found


def _logged(folder: Path) -> list[tuple[str, Path]]:
    """What was logged to MLflow as an artifact or a model, but for the small texts that go with the record; signatures of models first."""
    found: list[tuple[str, Path]] = []
    for place, folders in spool.artifact_folders(folder).items():
        for top in folders:
            for path in _files(top, ()):
                name = f"{place}/{path.relative_to(top)}".lstrip("/")
                if place or path.suffix not in spool.TEXTS or path.stat().st_size > spool.TEXT_LIMIT:
                    found.append((name, path))
    return sorted(found, key=lambda named: (named[1].name != MODEL, named[0]))


def _files(folder: Path, skipped: Sequence[str]) -> list[Path]:
    found: list[Path] = []
    for parent, folders, names in os.walk(folder):
        here = Path(parent)
        depth = len(here.relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if name not in skipped) if depth < DEEPEST else []
        found += [path for name in sorted(names) if (path := here / name).is_file() and not path.is_symlink()]
    return found


def _plain(path: Path) -> bytes | None:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        status = os.fstat(handle)
        return os.read(handle, LARGEST) if stat.S_ISREG(status.st_mode) and status.st_size <= LARGEST else None
    except OSError:
        return None
    finally:
        os.close(handle)
