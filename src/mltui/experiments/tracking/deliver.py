"""Sends experiments to MLflow, in the process that may load it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mltui.config.schema import Tracking
from mltui.core.errors import ExperimentError
from mltui.core.experiment import Metric
from mltui.experiments.tracking.history import History
from mltui.experiments.tracking.mapping import child_runs, parent_run
from mltui.experiments.tracking.mlflow_sink import MlflowSink, RefusedError, is_deleted, run_id
from mltui.experiments.tracking.place import artifact_root, experiment_name
from mltui.experiments.tracking.progress import Progress


def deliver(root: Path, tracking: Tracking, progress: Progress, news: list[History], head: str) -> Iterator[Progress]:
    """Brings the MLflow runs of `news` up to date, in their order. What a person has deleted in MLflow stays deleted.

    Args:
        head: the journal's last hash, mirrored into a tag so that a cut journal shows.

    Yields: after each experiment, what MLflow holds.

    Raises:
        ConfigError, ExperimentError: the store cannot be used, or does not answer; or it refused some experiments, which the
            others did not wait for.
    """
    name = experiment_name(root, tracking)
    goal = _goal(root.absolute().name, news[-1].experiment.proposal.metric)
    sink = MlflowSink(progress.tracking_uri, name, goal, artifact_root(root))
    refused: list[ExperimentError] = []
    for history in news:
        try:
            found = sink.parent(history.event_id)
            parent_id = run_id(found) if found and is_deleted(found) else _send(sink, history, root, head, found)
        except RefusedError as error:
            refused.append(ExperimentError(f"{history.experiment.id}: {error.args[0]}", hint=error.hint))
            continue
        progress = progress.with_sent(sink.experiment_id, history.experiment.id, history.seq, parent_id)
        yield progress
    if refused:
        raise refused[0]


def _send(sink: MlflowSink, history: History, root: Path, head: str, found: Any | None) -> str:
    parent_id = sink.put_parent(parent_run(history, head, root), history.seq, found)
    children = sink.children(parent_id) if found else {}
    for child in child_runs(history, root):
        sink.put_child(child, parent_id, children.get(child.event_id))
    sink.mark(parent_id, history.seq)
    return parent_id


def _goal(project: str, metric: Metric) -> str:
    effect = f", by at least {metric.min_effect:g} {metric.unit}".rstrip() if metric.min_effect else ""
    return f"{metric.direction} {metric.name}{effect}. Experiments of {project}: proposed, approved, run and compared with mltui."
