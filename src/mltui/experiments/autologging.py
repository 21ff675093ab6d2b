"""What makes a training run log without any change to its code, and what it has to say about that afterwards."""

from __future__ import annotations

from pathlib import Path

from mltui.experiments.storage import read_text

SWITCH = "MLTUI_AUTOLOG"
NOTES = "autolog.txt"
"""In a run's folder; `site/mltui_autolog.py` writes a line for whatever a person should know."""

MOST_NOTES = 10
NOTE_LIMIT = 300


def autolog_environment(run_folder: Path) -> dict[str, str]:
    """Variables for a run; `training_log.HOOK` has to stand first on its PYTHONPATH."""
    return {SWITCH: str(run_folder / NOTES)}


def read_notes(run_folder: Path) -> tuple[str, ...]:
    """What autologging could not do in a run, or did in another way than the script asked for; each thing once."""
    lines = read_text(run_folder / NOTES, MOST_NOTES * 10 * NOTE_LIMIT).splitlines()
    return tuple(dict.fromkeys(line.strip()[:NOTE_LIMIT] for line in lines if line.strip()))[:MOST_NOTES]
