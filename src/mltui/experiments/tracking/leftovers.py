"""Files that a run left in its folder and that a colleague would look for: plots, Hydra's configuration, what ran where."""

from __future__ import annotations

import os
import stat
from pathlib import Path

PLOTS = (".png", ".svg", ".jpg", ".jpeg", ".pdf", ".html")
RECORDS = ("run.json", "environment.json")
"""Of mltui itself, in a run's folder."""

LARGEST, MOST_FILES, MOST_BYTES, DEEPEST = 10_000_000, 100, 50_000_000, 6
SKIPPED = ("mlflow", "wandb")
"""Stores of trackers, which are read by other means."""


def left_files(folder: Path) -> dict[str, bytes]:
    """Returns: content by path within the tracker's run. The folder was the run's to fill: only plain files count, and not more
    than a limit of them."""
    found: dict[str, bytes] = {}
    for path in _candidates(folder):
        name = path.relative_to(folder)
        data = _plain(path)
        if data is None or sum(map(len, found.values())) + len(data) > MOST_BYTES:
            continue
        found[f"mltui/{name}" if str(name) in RECORDS else str(name)] = data
        if len(found) >= MOST_FILES:
            break
    lock = _plain(folder.parent.parent / "env.lock")
    return found if lock is None else {**found, "mltui/env.lock": lock}


def _candidates(folder: Path) -> list[Path]:
    found: list[Path] = []
    for parent, folders, names in os.walk(folder):
        here = Path(parent)
        depth = len(here.relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if name not in SKIPPED) if depth < DEEPEST else []
        wanted = [name for name in names if here.name == ".hydra" or name.lower().endswith(PLOTS) or (depth == 0 and name in RECORDS)]
        found += [here / name for name in sorted(wanted)]
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
