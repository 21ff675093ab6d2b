"""A sweep as a picture in a file. matplotlib is loaded when one is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mltui.core.errors import ExperimentError, UsageError
from mltui.core.experiment import Experiment
from mltui.experiments.render import clean, significant
from mltui.experiments.sweeps.summary import best_so_far, ends, position, ranked, top
from mltui.experiments.sweeps.trees import plan_of

ENDINGS = (".svg", ".png")


def save(experiment: Experiment, importances: Mapping[str, float], target: Path) -> None:
    """Writes best so far, importance and parallel coordinates.

    Raises:
        UsageError: the name ends in neither .svg nor .png, or the file cannot be written.
        ExperimentError: too few trials are complete, or matplotlib is missing.
    """
    if target.suffix.lower() not in ENDINGS:
        raise UsageError(f"{target}: a picture is .svg or .png", hint="Name it sweep.svg.")
    if len(ranked(experiment.trials, experiment.proposal.metric)) < 2:
        raise ExperimentError(f"{experiment.id} has too few complete trials to draw", hint="Wait for more of them.")
    try:
        figures: Any = importlib.import_module("matplotlib.figure")
    except ImportError as error:
        raise ExperimentError("pictures need the package matplotlib, which is not installed", hint="pip install matplotlib") from error
    figure = figures.Figure(figsize=(10, 7.5), layout="constrained")
    upper, lower = figure.subplots(2, 2, height_ratios=(1, 1.3))
    grid = lower[0].get_gridspec()
    for axis in lower:
        axis.remove()
    figure.suptitle(clean(f"{experiment.id} {experiment.proposal.title}"), parse_math=False)
    _best(upper[0], experiment)
    _importance(upper[1], importances)
    _parallel(figure.add_subplot(grid[1, :]), experiment, importances)
    try:
        figure.savefig(target, format=target.suffix.lower()[1:], metadata={"Date": None} if target.suffix.lower() == ".svg" else None)
    except OSError as error:
        raise UsageError(f"{target} could not be written: {error.strerror}") from error


def _best(axis: Any, experiment: Experiment) -> None:
    metric = experiment.proposal.metric
    done = ranked(experiment.trials, metric)
    order = {trial.number: count for count, trial in enumerate((one for one in experiment.trials if not one.lost), 1)}
    axis.plot([order[trial.number] for trial in done], [trial.value for trial in done], ".", color="0.6", label="trial")
    points = best_so_far(experiment.trials, metric)
    axis.step([count for count, _ in points], [value for _, value in points], where="post", color="C0", label="best so far")
    axis.set_xlabel("trials")
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.set_ylabel(clean(metric.name), parse_math=False)
    axis.legend(frameon=False)


def _importance(axis: Any, importances: Mapping[str, float]) -> None:
    axis.set_title("importance")
    if not importances:
        axis.text(0.5, 0.5, "too few complete trials to say", ha="center", va="center")
        axis.set_axis_off()
        return
    shares = sorted(importances.items(), key=lambda item: item[1])
    names = [clean(name) for name, _ in shares]
    axis.barh(range(len(names)), [share for _, share in shares], color="C0")
    axis.set_yticks(range(len(names)), names, parse_math=False)
    axis.set_xlim(0, 1)


def _parallel(axis: Any, experiment: Experiment, importances: Mapping[str, float]) -> None:
    metric, plan = experiment.proposal.metric, plan_of(experiment.proposal)
    axes = sorted(plan.space, key=lambda one: -importances.get(one.name, 0.0))
    done = ranked(experiment.trials, metric)
    values = [trial.value or 0.0 for trial in done]
    low, high = min(values), max(values)
    chosen = {trial.number for trial in top(experiment.trials, metric)}
    for trial in reversed(done):
        share = ((trial.value or 0.0) - low) / (high - low) if high > low else 0.5
        ys = [*(position(one, trial.params[one.name]) for one in axes), share]
        best = trial.number in chosen
        axis.plot(range(len(ys)), ys, color="C0" if best else "0.8", linewidth=1.6 if best else 0.7, zorder=2 if best else 1)
    for at, (bottom, top_) in enumerate([*(ends(one) for one in axes), (significant(low, 4), significant(high, 4))]):
        axis.axvline(at, color="0.3", linewidth=0.8)
        axis.text(at, -0.02, clean(bottom), ha="center", va="top", fontsize=8, parse_math=False)
        axis.text(at, 1.02, clean(top_), ha="center", va="bottom", fontsize=8, parse_math=False)
    axis.set_xticks(range(len(axes) + 1), [*(clean(one.name) for one in axes), clean(metric.name)], parse_math=False)
    axis.tick_params(axis="x", length=0, pad=14)
    axis.set_yticks([])
    axis.set_ylim(-0.04, 1.04)
    for side in axis.spines.values():
        side.set_visible(False)
    axis.set_title(f"parallel coordinates, the best {len(chosen)} in colour", pad=18)
