"""What can be looked at of an experiment beside its fold: its records, what its runs wrote, where it was promoted to. Decides nothing."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from mltui.core.experiment import Arm, Experiment
from mltui.core.messages import MAX_IMAGE
from mltui.experiments.error_facts import ErrorAnalysis
from mltui.experiments.index import Index
from mltui.experiments.journal import Record
from mltui.experiments.records import JobStarted, PromotionDecided
from mltui.experiments.report_files import errors_of
from mltui.experiments.run_records import RunRecord, read_record, tail


@dataclass(frozen=True, slots=True)
class Trail:
    """Attributes: records: of the journal, oldest first; promotions: what became of it in a registry, oldest first."""

    records: tuple[Record, ...] = ()
    promotions: tuple[PromotionDecided, ...] = ()


class Looking:
    """Its methods block, on disk alone.

    Args:
        root: of the project.
        state: `root/.mltui`.

    Attributes:
        state: the same.
    """

    def __init__(self, root: Path, state: Path) -> None:
        self._root = root
        self.state = state

    @property
    def journal(self) -> Path:
        """The file that changes whenever something is decided, or runs get further."""
        return self.state / "journal.jsonl"

    def trail(self, proposal_id: str) -> Trail:
        """From the index. Raises: JournalError: the journal was changed."""
        with closing(Index(self.state)) as index:
            records = index.records(subject=proposal_id)
            decided = index.records(type_=PromotionDecided.type)
        promotions = [PromotionDecided.model_validate(record.payload) for record in decided]
        return Trail(tuple(records), tuple(entry for entry in promotions if entry.experiment_id == proposal_id))

    def folders(self, experiment: Experiment) -> dict[str, Path]:
        """The folders of its runs by `ARM-SEED`, those that still run included."""
        found = {f"{run.arm}-{run.seed}": self._root / run.folder for run in experiment.runs if run.folder}
        if experiment.state == "running":
            jobs = [
                JobStarted.model_validate(record.payload).job
                for record in self.trail(experiment.id).records
                if record.type == JobStarted.type
            ]
            plan = experiment.proposal
            for arm in plan.arms:
                for seed in plan.seeds:
                    folder = self.state / "jobs" / jobs[-1] / "runs" / f"{arm}-{seed}" if jobs else None
                    if folder is not None and f"{arm}-{seed}" not in found and folder.is_dir():
                        found[f"{arm}-{seed}"] = folder
        return found

    def records(self, experiment: Experiment) -> list[RunRecord]:
        """What its runs wrote over steps, in the order of arms and seeds."""
        folders = self.folders(experiment)
        plan = experiment.proposal
        tasks: list[tuple[Arm, int]] = [(arm, seed) for arm in plan.arms for seed in plan.seeds]
        return [read_record(arm, seed, folders[f"{arm}-{seed}"]) for arm, seed in tasks if f"{arm}-{seed}" in folders]

    def output(self, experiment: Experiment, lines: int = 30) -> tuple[str, list[tuple[str, list[str]]]]:
        """(the run, its output's ends): of the run that goes on, else of the last that failed, else of the last."""
        folders = self.folders(experiment)
        ended = {f"{run.arm}-{run.seed}": run for run in experiment.runs}
        going = [name for name in folders if name not in ended]
        failed = [name for name, run in ended.items() if run.status != "finished" and name in folders]
        chosen = (going or failed or [name for name in ended if name in folders] or [""])[-1]
        return chosen, tail(folders[chosen], lines) if chosen else []

    def pictures(self, experiment: Experiment, most: int = 6) -> list[tuple[str, Path]]:
        """(run, file) of the PNG pictures that its runs left in their folders: the candidate's first, no links."""
        folders = sorted(self.folders(experiment).items(), key=lambda named: (not named[0].startswith("candidate"), named[0]))
        found = [(name, path) for name, folder in folders for path in sorted(folder.rglob("*.png")) if _own(path, folder)]
        return found[:most]

    def prediction_folders(self, experiment: Experiment) -> dict[tuple[Arm, int], list[Path]]:
        """Where each finished run may have left predictions; what its evaluator kept goes first, since that knew the labels."""
        finished = [run for run in experiment.runs if run.status == "finished" and run.folder]
        return {(run.arm, run.seed): [_evaluation(self._root / run.folder), self._root / run.folder] for run in finished}

    def errors(self, experiment: Experiment) -> ErrorAnalysis | None:
        """Where its predictions are wrong; None where none were left."""
        return errors_of(self, experiment)


def _own(path: Path, folder: Path) -> bool:
    """Whether it is a file of the run's own, of a size to look at."""
    return path.is_file() and path.resolve().is_relative_to(folder.resolve()) and path.stat().st_size <= MAX_IMAGE * 3 // 4


def _evaluation(run_folder: Path) -> Path:
    """Where the evaluator kept what it said of a run."""
    return run_folder.parent.parent / "evaluations" / run_folder.name
