"""What is kept of an experiment beside the journal, in `.mltui/reports/ID`: the analysis of its errors, and its pictures.

All of it is made again from the journal and the runs' folders where it is missing; nothing decides by it.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from pydantic import ValidationError

from mltui.core.experiment import Experiment
from mltui.experiments.error_facts import ErrorAnalysis
from mltui.experiments.prediction_files import prediction_files
from mltui.experiments.storage import write_atomically

if TYPE_CHECKING:
    from mltui.experiments.looking import Looking
    from mltui.experiments.run_records import RunRecord

ERRORS = "errors.json"
OVER = ("failed", "stopped", "measured", "compared", "interpreted", "accepted", "discarded")
"""States in which no run will be added."""


class _Figures(Protocol):
    def pictures(self, experiment: Experiment, records: Sequence[RunRecord], errors: ErrorAnalysis | None) -> Mapping[str, bytes]: ...


def figures() -> _Figures:
    """The pictures, with matplotlib behind them: a second to load."""
    return cast(_Figures, importlib.import_module("mltui.experiments.figures"))


def folder_of(state: Path, experiment_id: str) -> Path:
    return state / "reports" / experiment_id


def errors_of(looking: Looking, experiment: Experiment) -> ErrorAnalysis | None:
    """Returns: where its predictions are wrong; None where none were left. Read where it was kept, else made, and kept once no run
    will be added."""
    kept = kept_errors(looking.state, experiment.id)
    if kept is not None:
        return kept
    folders = looking.prediction_folders(experiment)
    if not any(prediction_files(folder) for places in folders.values() for folder in places):
        return None
    runs = importlib.import_module("mltui.experiments.error_runs")
    analysis = importlib.import_module("mltui.experiments.error_analysis")
    found: ErrorAnalysis | None = analysis.analyse(runs.read_predictions(folders))
    if found is not None and experiment.state in OVER:
        write_atomically(folder_of(looking.state, experiment.id) / ERRORS, found.model_dump_json().encode())
    return found


def kept_errors(state: Path, experiment_id: str) -> ErrorAnalysis | None:
    """Returns: the analysis if it was kept; reads one small file."""
    try:
        return ErrorAnalysis.model_validate_json((folder_of(state, experiment_id) / ERRORS).read_bytes())
    except (OSError, ValidationError):
        return None


def write(looking: Looking, experiment: Experiment, *, drawn: bool = True) -> list[Path]:
    """Makes and keeps all of it. Returns: the pictures; none unless `drawn`."""
    errors = errors_of(looking, experiment)
    if not drawn:
        return []
    records = looking.records(experiment)
    if experiment.comparison is None and errors is None and not any(record.series for record in records):
        return []
    made = figures().pictures(experiment, records, errors)
    folder = folder_of(looking.state, experiment.id)
    for name, data in made.items():
        write_atomically(folder / name, data)
    return [folder / name for name in made]


def kept_files(state: Path, experiment_id: str) -> list[Path]:
    """Returns: what was kept of it, by name."""
    found = folder_of(state, experiment_id).glob("*")
    return sorted(path for path in found if path.suffix in (".png", ".svg", ".json") and path.is_file() and not path.is_symlink())
