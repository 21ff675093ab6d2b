"""An experiment as MLflow runs: a parent for the proposal, a child for each seed of each arm. Pure data."""

from __future__ import annotations

import json
import math
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from mltui.core.data import JsonValue
from mltui.core.experiment import Comparison, DataVersion, Experiment, ExperimentState, Run
from mltui.experiments.report import experiment_report, proposal_text
from mltui.experiments.report_files import kept_files
from mltui.experiments.run_records import Series, read_record
from mltui.experiments.tracking.history import History, TrackedRun
from mltui.experiments.tracking.leftovers import left_files
from mltui.experiments.tracking.logged import environment_tags, logged_params, logged_texts
from mltui.experiments.tracking.place import STATE

RunStatus = Literal["SCHEDULED", "RUNNING", "FINISHED", "FAILED", "KILLED"]

STATUS_OF_STATE: dict[ExperimentState, RunStatus] = {
    "proposed": "SCHEDULED",
    "held": "SCHEDULED",
    "rejected": "KILLED",
    "superseded": "KILLED",
    "maintenance": "FINISHED",
    "approved": "SCHEDULED",
    "running": "RUNNING",
    "failed": "FAILED",
    "stopped": "KILLED",
    "measured": "FINISHED",
    "compared": "FINISHED",
    "interpreted": "FINISHED",
    "accepted": "FINISHED",
    "discarded": "FINISHED",
}

TAG_LIMIT, PARAM_LIMIT, NAME_LIMIT = 7_900, 5_900, 250
"""MLflow cuts tag values at 8,000 characters and parameters at 6,000 without a word; a cut is said here."""

LOG_LIMIT = 1_000_000
"""Bytes of a run's output that become an artifact: the first fifth and the end."""


class Point(NamedTuple):
    """A metric at a step; `at` in seconds since the epoch."""

    name: str
    value: float
    step: int
    at: float


@dataclass(frozen=True)
class MlflowRun:
    """What one MLflow run should hold.

    Attributes:
        event_id: by which it is found again, in the tag `mltui.event_id`.
        started, ended: seconds since the epoch; `ended` None while it goes on.
        measured: when the metrics were taken, in seconds since the epoch.
        curves: what was logged while it ran, beside the metrics, which are the last word.
        artifacts: text by path within the run; files: bytes, likewise.
    """

    event_id: str
    name: str
    status: RunStatus
    started: float
    ended: float | None
    tags: Mapping[str, str]
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    measured: float = 0.0
    curves: tuple[Point, ...] = ()
    data: tuple[DataVersion, ...] = ()
    artifacts: Mapping[str, str] = field(default_factory=dict[str, str])
    files: Mapping[str, bytes] = field(default_factory=dict[str, bytes])


def parent_run(history: History, head: str, root: Path) -> MlflowRun:
    """Returns: the proposal with its decision, comparison, conclusion and pictures. `head` is the journal's last hash."""
    experiment, proposal = history.experiment, history.experiment.proposal
    status = STATUS_OF_STATE[experiment.state]
    over = status not in {"SCHEDULED", "RUNNING"}
    ended = max((tracked.run.ended for tracked in history.runs), default=history.closed_at)
    return MlflowRun(
        event_id=history.event_id,
        name=f"{proposal.id} {proposal.title}"[:NAME_LIMIT],
        status=status,
        started=proposal.created,
        ended=ended if over else None,
        tags=_parent_tags(experiment, head),
        metrics={mlflow_name(name): value for name, value in compared(history).items()},
        # A corrected p comes later, with more comparisons, and is then the larger: of two values of one time MLflow shows that one.
        measured=ended,
        data=proposal.data,
        artifacts=_parent_artifacts(experiment),
        files={f"mltui/{path.name}": path.read_bytes() for path in kept_files(root / STATE, proposal.id)},
    )


def child_runs(history: History, root: Path) -> list[MlflowRun]:
    """Returns: one MLflow run for each seed and arm; `root` is what the runs' folders are relative to."""
    return [_child(history.experiment, tracked, root) for tracked in history.runs]


def _child(experiment: Experiment, tracked: TrackedRun, root: Path) -> MlflowRun:
    proposal, run, trial = experiment.proposal, tracked.run, tracked.trial
    status: RunStatus = "FINISHED" if run.status == "finished" else "FAILED" if run.status == "failed" else "KILLED"
    tags = {
        "mltui.proposal_id": proposal.id,
        "mltui.arm": run.arm,
        "mltui.status": run.status,
        "mltui.message": run.message,
        "mltui.exit_code": "" if run.exit_code is None else str(run.exit_code),
        "mltui.signal": run.signal,
        "mltui.peak_memory_bytes": str(run.peak_memory) if run.peak_memory else "",
        "mltui.reused_from": tracked.reused_from or "",
        "mltui.reused_from_proposal": tracked.reused_by_proposal or "",
        "mltui.reused": "true" if run.reused else "",
        "mltui.trial": "" if trial is None else str(trial.number),
        "mltui.trial_state": "" if trial is None else trial.state,
        "mlflow.source.name": proposal.command,
        "mlflow.source.type": "LOCAL",
        # A trial's commit is that of the base with its parameters.
        "mlflow.source.git.commit": proposal.commit if run.arm == "candidate" else proposal.base_commit,
    }
    folder = root / run.folder if run.folder else None
    artifacts = {**logged_texts(folder), **run_logs(folder)} if folder else {}
    if folder:
        tags |= environment_tags(run, folder)
    if run.arm == "candidate" and trial is None:
        artifacts["mltui/diff.patch"] = proposal.patch
    return MlflowRun(
        event_id=tracked.event_id,
        name=f"{proposal.id} {run.arm if trial is None else f'trial {trial.number}'} seed {run.seed}",
        status=status,
        started=run.started,
        ended=run.ended,
        tags=_kept(tags),
        params=_params(experiment, tracked, folder),
        metrics={mlflow_name(name): value for name, value in last_values(run).items()},
        measured=run.ended,
        curves=_curves(run, folder) if folder else (),
        data=proposal.data,
        artifacts=artifacts,
        files=left_files(folder) if folder else {},
    )


def last_values(run: Run) -> dict[str, float]:
    """The metrics that count, and under `self_reported/` what the run said of itself where an evaluator measured."""
    return {**{f"self_reported/{name}": value for name, value in run.self_reported.items()}, **run.metrics}


def _curves(run: Run, folder: Path) -> tuple[Point, ...]:
    """Points whose time was not written down have that of the run's start."""
    found: list[Point] = []
    for name, series in read_record(run.arm, run.seed, folder).series.items():
        steps = whole_steps(series)
        times = series.times or (run.started,) * len(steps)
        found += [Point(mlflow_name(name), *point) for point in zip(series.values, steps, times, strict=True)]
    return tuple(found)


def whole_steps(series: Series) -> list[int]:
    """The steps as trackers take them: whole numbers; where they are none, the points are counted."""
    whole = all(step == int(step) and abs(step) < 2**62 for step in series.steps)
    return [int(step) for step in series.steps] if whole else [*range(len(series.steps))]


def parameters(experiment: Experiment, tracked: TrackedRun, folder: Path | None) -> dict[str, JsonValue]:
    """What the run was started with, over what its code or autologging logged of itself."""
    run = tracked.run
    logged: Mapping[str, JsonValue] = logged_params(folder) if folder else {}
    changed = {change.name: change.before if run.arm == "baseline" else change.after for change in experiment.proposal.parameters}
    tried = tracked.trial.params if tracked.trial else {}
    return {**logged, **run.params, **changed, **tried, "seed": run.seed, "arm": run.arm}


def _params(experiment: Experiment, tracked: TrackedRun, folder: Path | None) -> dict[str, str]:
    return {mlflow_name(name): _cut(_value_text(value), PARAM_LIMIT) for name, value in parameters(experiment, tracked, folder).items()}


def _value_text(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _parent_tags(experiment: Experiment, head: str) -> dict[str, str]:
    proposal, approval, comparison = experiment.proposal, experiment.approval, experiment.comparison
    conclusion = experiment.conclusion
    tags = {
        "mlflow.note.content": "\n\n".join(part for part in (proposal.hypothesis, proposal.methodology) if part),
        "mlflow.source.name": proposal.command,
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": proposal.commit,
        "mltui.proposal_id": proposal.id,
        "mltui.proposal_hash": proposal.hash,
        "mltui.kind": proposal.kind,
        "mltui.state": experiment.state,
        "mltui.author": proposal.author,
        "mltui.session_id": proposal.session_id or "",
        "mltui.base_commit": proposal.base_commit,
        "mltui.decision": approval.answer if approval else "",
        "mltui.decided_by": approval.by if approval else "",
        "mltui.approved_by": approval.by if approval and approval.answer == "approve" else "",
        "mltui.reason": approval.reason if approval else "",
        "mltui.message": experiment.message,
        "mltui.verdict": comparison.verdict if comparison else "",
        "mltui.summary": comparison.summary if comparison else "",
        "mltui.guardrails": "\n".join(guardrail.summary for guardrail in experiment.guardrails),
        "mltui.interpretation": conclusion.interpretation if conclusion else "",
        "mltui.recommendation": conclusion.recommendation if conclusion else "",
        "mltui.concluded_by": conclusion.by if conclusion else "",
        "mltui.accepted_by": (experiment.decided_by or "") if experiment.state == "accepted" else "",
        "mltui.discarded_by": (experiment.decided_by or "") if experiment.state == "discarded" else "",
        "mltui.sweep": proposal.sweep.method if proposal.sweep else "",
        "mltui.confirmed_by": experiment.confirmation or "",
        "mltui.confirms": proposal.selected.words if proposal.selected else "",
        "mltui.journal_head": head,
    }
    return _kept(tags)


def _kept(tags: Mapping[str, str]) -> dict[str, str]:
    return {name: _cut(value, TAG_LIMIT) for name, value in tags.items() if value}


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    note = "… (cut; all of it is in mltui/proposal.md and mltui/report.md)"
    return text[: limit - len(note)] + note


def compared(history: History) -> dict[str, float]:
    """The comparisons under the names that MLflow 3.18 gives its own."""
    experiment, metrics = history.experiment, dict[str, float]()
    for comparison in (experiment.comparison, *experiment.guardrails):
        if comparison is None or comparison.n == 0:
            continue
        numbers = _numbers(comparison)
        if comparison is experiment.comparison and history.p_adjusted is not None:
            numbers |= {"p_adjusted": history.p_adjusted, "family_size": float(history.family)}
        prefix = f"compare/{experiment.proposal.base_commit[:8]}/{comparison.metric.name}"
        metrics |= {f"{prefix}/{name}": value for name, value in numbers.items() if math.isfinite(value)}
    return metrics


def _numbers(comparison: Comparison) -> dict[str, float]:
    numbers: dict[str, float | None] = {
        "diff": comparison.diff,
        "ci_low": comparison.ci_low if comparison.n > 1 else None,
        "ci_high": comparison.ci_high if comparison.n > 1 else None,
        "p_value": comparison.p_value,
        "effect_size": comparison.effect_size,
        "n_paired": float(comparison.n),
    }
    return {name: value for name, value in numbers.items() if value is not None}


def _parent_artifacts(experiment: Experiment) -> dict[str, str]:
    artifacts = {
        "mltui/proposal.md": proposal_text(experiment.proposal),
        "mltui/diff.patch": experiment.proposal.patch,
        "mltui/report.md": experiment_report(experiment),
    }
    if experiment.comparison:
        artifacts["mltui/comparison.json"] = experiment.comparison.model_dump_json(indent=2) + "\n"
    if experiment.guardrails:
        artifacts["mltui/guardrails.json"] = json.dumps([one.model_dump(mode="json") for one in experiment.guardrails], indent=2) + "\n"
    return artifacts


def run_logs(folder: Path) -> dict[str, str]:
    """A run's output; a folder that was cleared away since leaves nothing to keep."""
    return {f"logs/{name}": _bounded(folder / name) for name in ("stdout.log", "stderr.log") if (folder / name).is_file()}


def _bounded(path: Path) -> str:
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= LOG_LIMIT:
            return file.read().decode("utf-8", "replace")
        start = file.read(LOG_LIMIT // 5)
        file.seek(-(LOG_LIMIT - LOG_LIMIT // 5), 2)
        end = file.read()
    left_out = size - len(start) - len(end)
    return f"{start.decode('utf-8', 'replace')}\n… {left_out} bytes left out, see {path} …\n{end.decode('utf-8', 'replace')}"


def mlflow_name(name: str) -> str:
    """Returns: a metric's or parameter's name with what MLflow does not take replaced by `_`."""
    text = re.sub(r"[^/\w.\- :]", "_", name).strip()
    text = posixpath.normpath(text).lstrip("/") if text else "_"
    text = text.replace("..", "_")[:NAME_LIMIT].rstrip("/")
    return text if text not in {"", "."} else "_"
