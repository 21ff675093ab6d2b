"""What the commands of a session said of training: the file that `site/sitecustomize.py` writes to."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

HOOK = Path(__file__).parent / "site"
"""Goes first on PYTHONPATH."""

LOG = "MLTUI_TRAINING_LOG"
SIZE_LIMIT = 5_000_000

WATCHED = frozenset({"torch", "sklearn", "keras", "xgboost", "lightgbm", "catboost"})
"""Libraries whose training is seen when it happens; of the others only the import is."""

MODEL_ENDINGS = (".pt", ".pth", ".ckpt", ".safetensors", ".onnx", ".gguf", ".h5", ".keras", ".bst", ".cbm")
"""Endings that only models have. `.pkl`, `.joblib` and `.npz` say nothing alone."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of the commands so far.

    Attributes:
        libraries: training libraries that were imported, in order; places: `file:line` of imports and of training.
        trained: a fit or an optimizer step was seen; tested: all that was seen was started by a test runner.
        models: files with a model's name that were opened for writing.
        unwatched: imported libraries whose training cannot be seen.
    """

    libraries: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    trained: bool = False
    tested: bool = False
    models: tuple[str, ...] = ()
    unwatched: tuple[str, ...] = ()

    @property
    def saved_model(self) -> bool:
        """Whether a file was written whose name only a model has."""
        return any(name.endswith(MODEL_ENDINGS) for name in self.models)

    @property
    def perhaps_model(self) -> bool:
        """Whether a file was written that may be a model, by a program with a training library."""
        return bool(self.models and self.libraries)


def hook_environment(environ: Mapping[str, str], log: Path) -> dict[str, str]:
    """Variables that make Python programs say when they train."""
    before = [part for part in environ.get("PYTHONPATH", "").split(os.pathsep) if part and part != str(HOOK)]
    return {"PYTHONPATH": os.pathsep.join([str(HOOK), *before]), LOG: str(log)}


def read_log(log: Path, since: int = 0) -> Evidence:
    """What the file says from a byte on. A line that is none is passed over: whoever runs may write there."""
    try:
        with log.open("rb") as file:
            file.seek(since)
            lines = file.read(SIZE_LIMIT).splitlines()
    except OSError:
        return Evidence()
    events = [event for line in lines if (event := _event(line))]
    libraries = _unique(event.get("name") for event in events if event.get("event") in ("import", "trained"))
    return Evidence(
        libraries=libraries,
        places=_unique(event.get("at") for event in events)[:20],
        trained=any(event.get("event") == "trained" for event in events),
        tested=bool(events) and all(event.get("test") is True for event in events),
        models=_unique(event.get("name") for event in events if event.get("event") == "model")[:50],
        unwatched=tuple(name for name in libraries if name not in WATCHED),
    )


def _event(line: bytes) -> dict[str, object] | None:
    try:
        value: object = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, object]", value) if isinstance(value, dict) else None


def _unique(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value[:500] for value in values if isinstance(value, str) and value))
