"""An experiment as W&B runs: a group for the proposal, a run for each seed of each arm. Pure data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from mltui.core.data import JsonObject
from mltui.core.experiment import Experiment
from mltui.experiments.report import experiment_report
from mltui.experiments.report_files import kept_files
from mltui.experiments.run_records import RunRecord, read_record
from mltui.experiments.tracking.history import History, TrackedRun
from mltui.experiments.tracking.leftovers import left_files
from mltui.experiments.tracking.logged import logged_texts
from mltui.experiments.tracking.mapping import compared, last_values, parameters, run_logs, whole_steps
from mltui.experiments.tracking.place import STATE

TAG_LIMIT = 64
"""Characters that W&B allows in a tag."""


@dataclass(frozen=True)
class WandbRun:
    """What one W&B run holds.

    Attributes:
        id: derived from the journal, so that the same run is found again, here and on the server.
        rows: (step, metrics), the steps ascending; `_timestamp` among them where it was written down.
        summary: the last word of each metric, and the comparison of the experiment that the run belongs to.
        files: content by path.
        failed: the run did not finish.
    """

    id: str
    name: str
    group: str
    job_type: str
    notes: str
    tags: tuple[str, ...]
    config: JsonObject
    rows: tuple[tuple[int, Mapping[str, float]], ...]
    summary: JsonObject
    files: Mapping[str, bytes]
    failed: bool

    def digest(self) -> str:
        """SHA-256 over all of it."""
        text = json.dumps(asdict(self), sort_keys=True, default=lambda data: hashlib.sha256(data).hexdigest())
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def wandb_runs(history: History, root: Path) -> list[WandbRun]:
    """Returns: one W&B run for each seed and arm; `root` is what the runs' folders are relative to."""
    return [_run(history, tracked, root) for tracked in history.runs]


def _run(history: History, tracked: TrackedRun, root: Path) -> WandbRun:
    experiment, run = history.experiment, tracked.run
    proposal = experiment.proposal
    folder = root / run.folder if run.folder else None
    record = read_record(run.arm, run.seed, folder) if folder else RunRecord(run.arm, run.seed)
    texts = {**logged_texts(folder), **run_logs(folder)} if folder else {}
    files = {name: text.encode() for name, text in texts.items()}
    files |= left_files(folder) if folder else {}
    files["mltui/report.md"] = experiment_report(experiment).encode()
    if run.arm == "candidate" and tracked.trial is None:
        files["mltui/diff.patch"] = proposal.patch.encode()
        files |= {f"mltui/{path.name}": path.read_bytes() for path in kept_files(root / STATE, proposal.id)}
    return WandbRun(
        id=f"{proposal.id.lower()}-{run.arm}-{run.seed}-{tracked.event_id[:8]}",
        name=f"{proposal.id} {run.arm if tracked.trial is None else f'trial {tracked.trial.number}'} seed {run.seed}",
        group=f"{proposal.id} {proposal.title}"[:128],
        job_type=run.arm,
        notes="\n\n".join(part for part in (proposal.hypothesis, proposal.methodology) if part),
        tags=tuple(tag[:TAG_LIMIT] for tag in (proposal.kind, experiment.state, _verdict(experiment)) if tag),
        config={**parameters(experiment, tracked, folder), "mltui": _about(history, tracked)},
        rows=_rows(record),
        summary=_summary(history, tracked),
        files=files,
        failed=run.status != "finished",
    )


def _rows(record: RunRecord) -> tuple[tuple[int, Mapping[str, float]], ...]:
    rows: dict[int, dict[str, float]] = {}
    for name, series in record.series.items():
        for index, (step, value) in enumerate(zip(whole_steps(series), series.values, strict=True)):
            if step >= 0:  # W&B knows no others
                row = rows.setdefault(step, {})
                row[name] = value
                if series.times:
                    row["_timestamp"] = series.times[index]
    return tuple(sorted(rows.items()))


def _summary(history: History, tracked: TrackedRun) -> JsonObject:
    experiment = history.experiment
    summary: JsonObject = {**last_values(tracked.run), **compared(history)}
    if experiment.comparison:
        summary |= {"compare/verdict": experiment.comparison.verdict, "compare/summary": experiment.comparison.summary}
    if experiment.conclusion:
        summary["compare/interpretation"] = experiment.conclusion.interpretation
    return summary


def _about(history: History, tracked: TrackedRun) -> JsonObject:
    """What the journal knows of the run and its proposal."""
    experiment, run = history.experiment, tracked.run
    proposal = experiment.proposal
    return {
        "proposal_id": proposal.id,
        "proposal_hash": proposal.hash,
        "state": experiment.state,
        "approved_by": experiment.approval.by if experiment.approval else "",
        "author": proposal.author,
        "event_id": tracked.event_id,
        "reused_from": tracked.reused_from or "",
        "command": proposal.command,
        "commit": proposal.commit if run.arm == "candidate" else proposal.base_commit,
        "data": {version.name: version.digest for version in proposal.data},
        "status": run.status,
        "message": run.message,
        "started": run.started,
        "ended": run.ended,
    }


def _verdict(experiment: Experiment) -> str:
    return experiment.comparison.verdict if experiment.comparison else ""
