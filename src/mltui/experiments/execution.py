"""One run of one arm: checkout, data, command, metrics, and what is to be said about it."""

from __future__ import annotations

import hashlib
import math
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mltui.config.schema import MetricsSource
from mltui.core.data import JsonObject
from mltui.core.errors import ApprovalVoidError
from mltui.core.experiment import Arm, DataVersion, Proposal, Run
from mltui.experiments import metrics as metrics_of
from mltui.experiments.datasets import Digests, difference, versions
from mltui.experiments.git_tree import GitTree
from mltui.experiments.journal import canonical
from mltui.experiments.metrics import MetricsFileError
from mltui.experiments.run_environment import RunEnvironment, RunPlace
from mltui.experiments.runner import Outcome, Runner
from mltui.experiments.tracking import spool

_QUOTED = 6
"""Lines of a failed run's output that its message quotes."""


@dataclass(frozen=True, slots=True)
class Task:
    """Attributes: name: also that of the run's folder."""

    arm: Arm
    seed: int

    @property
    def name(self) -> str:
        return f"{self.arm}-{self.seed}"


@dataclass(frozen=True, slots=True)
class Places:
    """Attributes: root: the project; runs: folder of the runs' folders; worktrees: folder of the checkouts."""

    root: Path
    runs: Path
    worktrees: Path


@dataclass(frozen=True, slots=True)
class _Checkout:
    """Attributes: committed: data files of the checkout itself; linked: those that it borrows from the working tree."""

    folder: Path
    committed: tuple[str, ...]
    linked: tuple[str, ...]


class Execution:
    """Carries out the runs of one proposal. Safe to use from several threads."""

    def __init__(
        self,
        proposal: Proposal,
        places: Places,
        git: GitTree,
        environment: RunEnvironment,
        data_files: Sequence[str],
        source: MetricsSource,
    ) -> None:
        self._proposal = proposal
        self._places = places
        self._git = git
        self._environment = environment
        self._data_files = tuple(data_files)
        self._source = source
        self._digests = Digests(places.root / ".mltui" / "digests.json")
        self._trees = {"baseline": proposal.base_tree, "candidate": proposal.tree}
        self._commits = {"baseline": proposal.base_commit, "candidate": proposal.commit}
        self._files = {arm: frozenset(git.entries(tree)) for arm, tree in self._trees.items()}
        self._borrowed = {arm: versions(places.root, self._linked(arm), self._digests) for arm in self._trees}

    def key(self, task: Task) -> str:
        """What makes the run's result: equal keys may share it."""
        made_of: JsonObject = {
            "tree": self._trees[task.arm],
            "command": self._proposal.command,
            "seed": task.seed,
            "data": [item.digest for item in self._borrowed[task.arm]],
            "environment": self._environment.probe.digest,
            "metrics": self._source.model_dump(mode="json"),
        }
        return hashlib.sha256(canonical(made_of)).hexdigest()

    def needed(self) -> tuple[str, ...]:
        """The metrics that a run must report."""
        return (self._proposal.metric.name, *(guardrail.name for guardrail in self._proposal.guardrails))

    def run(self, task: Task, runner: Runner, seconds: float) -> Run:
        """Runs the task for at most `seconds`. The worktree is gone afterwards, the run's folder stays."""
        folder = self._places.runs / task.name
        folder.mkdir(parents=True, exist_ok=True)
        started = time.time()
        worktree = self._places.worktrees / task.name
        try:
            checkout = self._check_out(task.arm, worktree)
            before = self._committed(checkout)
            moved = difference(self._borrowed[task.arm], self._shared(checkout))
            if moved:
                raise ApprovalVoidError(f"the data is no longer what was approved: {moved}", hint="Propose it again.")
            place = RunPlace(worktree, folder, task.seed)
            stale = self._stamps(place)
            command = self._proposal.command.replace("{seed}", str(task.seed))
            outcome = runner.run(command, cwd=worktree, env=self._environment.variables(place), folder=folder, seconds=seconds)
            problem = difference((*before, *self._borrowed[task.arm]), (*self._committed(checkout), *self._shared(checkout)))
            found, unreadable = self._metrics(place, outcome, stale)
        finally:
            self._git.remove_worktree(worktree)
        message = self._message(outcome, found, seconds, f"the run changed its data: {problem}" if problem else unreadable)
        failed = {"timeout": "timeout", "killed": "killed", "exit": "failed"}[outcome.ended]
        return Run.model_validate(
            {
                "arm": task.arm,
                "seed": task.seed,
                "status": failed if message else "finished",
                "metrics": {name: value for name, value in found.items() if math.isfinite(value)},
                "params": self._params(task),
                "started": started,
                "ended": time.time(),
                "exit_code": outcome.exit_code,
                "message": message,
                "folder": folder.relative_to(self._places.root).as_posix(),
            }
        )

    def _linked(self, arm: str) -> tuple[str, ...]:
        return tuple(name for name in self._data_files if name not in self._files[arm])

    def _check_out(self, arm: Arm, worktree: Path) -> _Checkout:
        self._git.add_worktree(worktree, self._commits[arm])
        linked = self._linked(arm)
        for name in linked:
            target = worktree / name
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(self._places.root / name)
        committed = tuple(name for name in self._data_files if name in self._files[arm])
        return _Checkout(worktree, committed, linked)

    def _committed(self, checkout: _Checkout) -> tuple[DataVersion, ...]:
        present = [name for name in checkout.committed if (checkout.folder / name).is_file()]
        return versions(checkout.folder, present, Digests(None))

    def _shared(self, checkout: _Checkout) -> tuple[DataVersion, ...]:
        present = [name for name in checkout.linked if (self._places.root / name).is_file()]
        return versions(self._places.root, present, self._digests)

    def _stamps(self, place: RunPlace) -> dict[Path, int]:
        """Metrics files that lie in the checkout: as they are, they are not of this run."""
        path = place.worktree / self._source.file if self._source.file else None
        return {path: path.stat().st_mtime_ns} if path and path.is_file() else {}

    def _metrics(self, place: RunPlace, outcome: Outcome, stale: dict[Path, int]) -> tuple[dict[str, float], str]:
        """What the run reported (a file counts over the standard output, that over MLflow), and what could not be read."""
        found: dict[str, float] = spool.read_metrics(place.folder) if self._source.mlflow else {}
        if self._source.stdout:
            found.update(metrics_of.read_stdout(outcome.stdout, self._source.stdout))
        for folder in (place.folder, place.worktree) if self._source.file else ():
            path = folder / (self._source.file or "")
            if path.is_file() and stale.get(path) != path.stat().st_mtime_ns:
                try:
                    found.update(metrics_of.read_metrics_file(path))
                except MetricsFileError as error:
                    return found, f"its metrics cannot be read: {error}"
                break
        return found, ""

    def _message(self, outcome: Outcome, found: dict[str, float], seconds: float, problem: str) -> str:
        """Empty for a run that can be used."""
        if outcome.ended == "killed":
            return "stopped"
        if outcome.ended == "timeout":
            minutes = f"{seconds / 60:g} minutes" if seconds >= 60 else f"{seconds:g} seconds"
            advice = "raise run_timeout_minutes in [experiments], or make the run shorter"
            return f"ended after {minutes}, the time limit: {advice}{_quote(outcome)}"
        if outcome.exit_code != 0:
            return f"{_exit(outcome.exit_code)}{_quote(outcome)}"
        if problem:
            return problem
        wrong = metrics_of.missing(found, self.needed(), self._source)
        return f"{wrong[0].upper()}{wrong[1:]}{_quote(outcome)}" if wrong else ""

    def _params(self, task: Task) -> JsonObject:
        values: JsonObject = {"seed": task.seed}
        for change in self._proposal.parameters:
            values[change.name] = change.before if task.arm == "baseline" else change.after
        return values


def _exit(code: int) -> str:
    number = -code if code < 0 else code - 128 if code > 128 else 0
    if number:
        try:
            name = signal.Signals(number).name
        except ValueError:
            return f"exit code {code}"
        return f"ended by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
    return "command not found (exit code 127)" if code == 127 else f"exit code {code}"


def _quote(outcome: Outcome) -> str:
    text = outcome.stderr.strip() or outcome.stdout.strip()
    lines = [line.rstrip()[:200] for line in text.splitlines() if line.strip()][-_QUOTED:]
    return "; last lines:\n" + "\n".join(f"  {line}" for line in lines) if lines else ""
