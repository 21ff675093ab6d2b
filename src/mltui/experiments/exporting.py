"""Reports of experiments for a file: markdown with its pictures beside it, or one page of HTML."""

from __future__ import annotations

import importlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mltui.core.experiment import Experiment
from mltui.experiments.markdown_text import plain
from mltui.experiments.report import experiment_report
from mltui.experiments.report_html import Reported, page
from mltui.experiments.service import Experiments
from mltui.experiments.storage import write_atomically


def as_html(found: Experiments, experiments: Sequence[Experiment]) -> str:
    """Returns: one page; of several experiments the oldest first, with a table of contents."""
    figures: Any = importlib.import_module("mltui.experiments.figures")
    reported: list[Reported] = []
    for experiment in experiments:
        errors = found.looking.errors(experiment)
        made = figures.figures_of(experiment, found.looking.records(experiment), errors)
        pictures = {name: figures.inline_svg(figure, f"{experiment.id}-{name}") for name, figure in made.items()}
        reported.append(Reported(experiment, _standing(found, experiment), errors, pictures))
    return page(f"Experiments of {found.root.name}", reported, time.time())


def as_markdown(found: Experiments, experiments: Sequence[Experiment], target: Path | None) -> str:
    """Returns: the reports behind each other.

    Args:
        target: the file it is for; its pictures are saved in `NAME-pictures` beside it, and linked. None: without pictures.
    """
    parts: list[str] = []
    for experiment in experiments:
        errors = found.looking.errors(experiment)
        links = {} if target is None else _saved(found, experiment, target)
        parts.append(experiment_report(experiment, _standing(found, experiment), errors, links))
    contents = [f"- {one.id} {one.state}: {plain(one.proposal.title)}" for one in experiments] if len(experiments) > 1 else []
    return "\n".join([*contents, *([""] if contents else []), "\n---\n\n".join(parts)])


def _saved(found: Experiments, experiment: Experiment, target: Path) -> dict[str, str]:
    figures: Any = importlib.import_module("mltui.experiments.figures")
    folder = target.with_name(f"{target.stem}-pictures")
    made = figures.figures_of(experiment, found.looking.records(experiment), found.looking.errors(experiment))
    for name, figure in made.items():
        write_atomically(folder / f"{experiment.id}-{name}.svg", figures.rendered(figure, "svg"))
    return {name: f"<{folder.name}/{experiment.id}-{name}.svg>" for name in made}


def _standing(found: Experiments, experiment: Experiment) -> Any:
    return found.standing(experiment.id) if experiment.comparison else None
