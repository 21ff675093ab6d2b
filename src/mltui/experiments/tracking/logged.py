"""What a run's script or autologging logged beside metrics, as the tracker's run of it shows it; and on what machine it ran."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from mltui.core.data import JsonObject
from mltui.core.experiment import Run
from mltui.experiments.machine import FILE as ENVIRONMENT
from mltui.experiments.storage import read_text
from mltui.experiments.tracking import spool, wandb_files

TRACES = "traces.jsonl"
"""Artifact with a line for each question that a language model was asked."""


def logged_params(folder: Path) -> dict[str, str]:
    """Returns: parameters that were logged to MLflow, and the configuration of wandb."""
    return {**wandb_files.read_runs(folder).config, **spool.read_params(folder)}


def logged_texts(folder: Path) -> dict[str, str]:
    """Returns: artifacts by path: small text files, and the traces."""
    traces = spool.read_traces(folder)
    return {**spool.read_texts(folder), **({TRACES: "\n".join(traces) + "\n"} if traces else {})}


def environment_tags(run: Run, folder: Path) -> dict[str, str]:
    """Returns: tags that say where the run was made and what is to be known of how it was logged; empty ones where nothing is known."""
    facts = _environment(folder)
    gpus = [cast("Mapping[str, object]", gpu) for gpu in cast("list[object]", facts.get("gpus", [])) if isinstance(gpu, dict)]
    drivers = sorted({str(gpu["driver"]) for gpu in gpus if gpu.get("driver")})
    return {
        "mltui.notes": "\n".join(run.notes),
        "mltui.host": str(facts.get("host", "")),
        "mltui.system": str(facts.get("system", "")),
        "mltui.cpu": str(facts.get("cpu", "")),
        "mltui.gpu": ", ".join(str(gpu.get("name", "")) for gpu in gpus),
        "mltui.gpu_driver": ", ".join(drivers),
        "mltui.python": str(facts.get("python", "")).partition(" ")[0],
    }


def _environment(folder: Path) -> JsonObject:
    try:
        found: object = json.loads(read_text(folder / ENVIRONMENT))
    except ValueError:
        return {}
    return cast("JsonObject", found) if isinstance(found, dict) else {}
