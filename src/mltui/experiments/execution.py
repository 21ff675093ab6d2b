"""One run of one arm: checkout, data, command, metrics, and what is to be said about it."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from mltui.config.schema import MetricsSource
from mltui.core.data import JsonObject
from mltui.core.errors import ApprovalVoidError, ExperimentError
from mltui.core.experiment import Arm, ParameterChange, Proposal, Run
from mltui.experiments import capture
from mltui.experiments import metrics as metrics_of
from mltui.experiments.autologging import read_notes
from mltui.experiments.checkout import CODE, Checkout, Checkouts
from mltui.experiments.datasets import Digests, difference
from mltui.experiments.evaluator import Evaluation, Evaluator
from mltui.experiments.git_tree import GitTree
from mltui.experiments.globs import Globs
from mltui.experiments.journal import canonical
from mltui.experiments.kept_models import ModelMissing, keep_model
from mltui.experiments.machine import FILE as ENVIRONMENT
from mltui.experiments.machine import environment_record
from mltui.experiments.outcomes import failure, quote, signal_of
from mltui.experiments.printed_metrics import PrintedMetrics
from mltui.experiments.run_confinement import RunConfinement
from mltui.experiments.run_environment import RunEnvironment, RunPlace
from mltui.experiments.runner import Launcher, Outcome, Runner, launch
from mltui.experiments.storage import write_atomically
from mltui.experiments.system_metrics import SystemMetrics
from mltui.experiments.tracking import spool


@dataclass(frozen=True, slots=True)
class Task:
    """Attributes: label: takes the place of the arm in the name; name: also that of the run's folder."""

    arm: Arm
    seed: int
    label: str = ""

    @property
    def name(self) -> str:
        return f"{self.label or self.arm}-{self.seed}"


@dataclass(frozen=True, slots=True)
class Places:
    """Attributes: root: the project; job: folder of the job, with `runs/`; worktrees: folder of the checkouts."""

    root: Path
    job: Path
    worktrees: Path


@dataclass(frozen=True, slots=True)
class Rules:
    """What a run is held to.

    Attributes:
        data_files: the project's data, labels included.
        labels: patterns of what only the evaluator may read.
        source: where a run says its metrics.
        evaluate: the evaluator's command; empty: what the run says of itself counts.
        artifact: the model that it leaves; empty: none is kept.
        controlled: whether a file is under experiment.
        confinement: None runs commands as they are.
    """

    data_files: tuple[str, ...]
    source: MetricsSource
    labels: tuple[str, ...] = ()
    evaluate: str = ""
    artifact: str = ""
    controlled: Callable[[str], bool] = lambda path: False
    confinement: RunConfinement | None = None


@dataclass(frozen=True, slots=True)
class _Ran:
    """Attributes: found: what the run said of itself; problem: why it cannot be used; model: what was kept, or `missing` and why."""

    outcome: Outcome
    found: dict[str, float]
    problem: str
    changed: list[str]
    model: dict[str, str]


class Execution:
    """Carries out the runs of one proposal. Safe to use from several threads."""

    def __init__(self, proposal: Proposal, places: Places, git: GitTree, environment: RunEnvironment, rules: Rules) -> None:
        self._proposal = proposal
        self._places = places
        self._environment = environment
        self._rules = rules
        self._hidden = Globs.of(rules.labels, "[experiments] labels")
        digests = Digests(places.root / ".mltui" / "digests.json")
        self._checkouts = Checkouts(git, places.root, rules.data_files, self._hidden, digests)
        self._trees = {"baseline": proposal.base_tree, "candidate": proposal.tree}
        self._commits = {"baseline": proposal.base_commit, "candidate": proposal.commit}
        self._borrowed = {arm: self._checkouts.borrowed(tree) for arm, tree in self._trees.items()}
        self._evaluator = self._make_evaluator() if rules.evaluate else None

    def _make_evaluator(self) -> Evaluator:
        return Evaluator(
            self._rules.evaluate,
            self._proposal,
            self._places.job / "evaluations",
            self._places.worktrees,
            self._checkouts,
            self._environment,
            self._rules.confinement,
            self._matters,
        )

    def with_candidate(self, commit: str, tree: str, parameters: tuple[ParameterChange, ...]) -> Execution:
        """One that runs another candidate of the same files, for everything else as this one."""
        other = copy.copy(self)
        other._proposal = self._proposal.model_copy(update={"parameters": parameters})
        other._trees = {**self._trees, "candidate": tree}
        other._commits = {**self._commits, "candidate": commit}
        self._checkouts.same_files(tree, self._proposal.base_tree)
        return other

    def key(self, task: Task) -> str:
        """What makes the run's result: equal keys may share it."""
        made_of: JsonObject = {
            "tree": self._trees[task.arm],
            "command": self._proposal.command,
            "seed": task.seed,
            "data": [item.digest for item in self._borrowed[task.arm]],
            "environment": self._environment.probe.digest,
            "metrics": self._rules.source.model_dump(mode="json"),
        }
        if self._evaluator:
            made_of["evaluator"] = self._evaluator.key
        return hashlib.sha256(canonical(made_of)).hexdigest()

    @property
    def evaluator(self) -> str:
        """SHA-256 of what measures; empty where runs report their own metrics."""
        return self._evaluator.sha256 if self._evaluator else ""

    def needed(self) -> tuple[str, ...]:
        """The metrics that a run must have."""
        return (self._proposal.metric.name, *(guardrail.name for guardrail in self._proposal.guardrails))

    def folder(self, task: Task) -> Path:
        """Where the run leaves what it wants to."""
        return self._places.job / "runs" / task.name

    def check_out(self, task: Task) -> Checkout:
        """Makes the worktree of a run; until the run has it, it is the caller's to remove.

        Raises: ApprovalVoidError: the checkout is not what was approved.
        """
        return self._checkouts.make(self._places.worktrees / task.name, self._commits[task.arm], self._trees[task.arm])

    def run(
        self,
        task: Task,
        runner: Runner,
        limit: float,
        left: float,
        variables: Mapping[str, str] = MappingProxyType({}),
        ends_early: Callable[[], bool] = lambda: False,
        checkout: Checkout | None = None,
    ) -> Run:
        """Runs the task. The worktree is gone afterwards, the run's folder stays.

        Args:
            checkout: by `check_out`; None: it is made now.
            variables: of the environment that this run gets beside the others, and its evaluation: its GPUs.
            limit: seconds that a run may take, and again its evaluation.
            left: seconds of the approved budget, for both.
            ends_early: see `Runner.run`.

        Raises: ApprovalVoidError: data, environment or checkout are not what was approved.
        """
        folder = self.folder(task)
        folder.mkdir(parents=True, exist_ok=True)
        started, clock = time.time(), time.monotonic()
        command = self._proposal.command.replace("{seed}", str(task.seed))
        ran = self._train(task, folder, command, runner, min(limit, left), variables, ends_early, checkout)
        evaluation = Evaluation(ran.found)
        message = ran.problem
        if self._evaluator and not message:
            seconds = max(1.0, min(limit, left - (time.monotonic() - clock)))
            evaluation = self._evaluator.evaluate(task.name, folder, runner, seconds, variables)
            message = evaluation.problem
        if not message:
            wrong = metrics_of.missing(evaluation.metrics, self.needed(), self._rules.source, evaluator=bool(self._evaluator))
            printed = "" if self._evaluator else quote(ran.outcome)
            message = f"{wrong[0].upper()}{wrong[1:].rstrip('.')}{printed or '.'}" if wrong else ""
        # The clock of the machine may be set meanwhile.
        run = self._told(task, folder, ran, evaluation, message, (started, started + (time.monotonic() - clock)))
        self._write_down(run, command, ran, evaluation)
        return run

    def _told(self, task: Task, folder: Path, ran: _Ran, evaluation: Evaluation, message: str, times: tuple[float, float]) -> Run:
        """Args: message: why it is not finished; times: when it started and ended."""
        failed = {"timeout": "timeout", "killed": "killed"}.get(ran.outcome.ended, "failed")
        return Run.model_validate(
            {
                "arm": task.arm,
                "seed": task.seed,
                "status": (("killed" if message == "stopped" else failed) if message else "finished"),
                "metrics": _finite(evaluation.metrics) if not (self._evaluator and ran.problem) else {},
                "self_reported": _finite(ran.found) if self._evaluator else {},
                "model": {} if "missing" in ran.model else ran.model,
                "cpu_seconds": ran.outcome.cpu_seconds,
                "peak_memory": ran.outcome.peak_memory,
                "params": self._params(task),
                "started": times[0],
                "ended": times[1],
                "exit_code": ran.outcome.exit_code,
                "signal": signal_of(ran.outcome.exit_code),
                "message": message,
                "notes": read_notes(folder),
                "folder": folder.relative_to(self._places.root).as_posix(),
                "sandbox": self._rules.confinement.name if self._rules.confinement else "none",
                "evaluator": self.evaluator,
                "per_example": evaluation.per_example,
            }
        )

    def _train(
        self,
        task: Task,
        folder: Path,
        command: str,
        runner: Runner,
        seconds: float,
        variables: Mapping[str, str],
        ends_early: Callable[[], bool],
        checkout: Checkout | None,
    ) -> _Ran:
        worktree = self._places.worktrees / task.name
        try:
            moved = self._environment.changed()
            if moved:
                raise ApprovalVoidError(f"the environment is no longer what was approved: {moved}", hint="Propose it again.")
            checkout = checkout or self.check_out(task)
            committed = self._checkouts.committed(checkout)
            borrowed = self._checkouts.borrowed(checkout.tree)
            moved = difference(self._borrowed[task.arm], borrowed)
            if moved:
                raise ApprovalVoidError(f"the data is no longer what was approved: {moved}", hint="Propose it again.")
            place = RunPlace(worktree, folder, task.seed)
            source = self._rules.source
            captured_at = capture.Place(worktree, folder, capture.before(worktree, source))
            printed = PrintedMetrics(source.stdout) if source.stdout else None
            sampling = SystemMetrics(folder)
            try:
                outcome = runner.run(
                    command,
                    cwd=worktree,
                    env={**self._environment.variables(place), **variables},
                    folder=folder,
                    seconds=seconds,
                    launcher=sampling.launcher(self._launcher(folder)),
                    watch=printed.take if printed else None,
                    ends_early=ends_early,
                )
            finally:
                sampling.stop()
            captured = capture.capture(captured_at, printed.found() if printed else {}, source)
            changed = self._checkouts.changed(checkout)
            data = difference((*committed, *borrowed), (*self._checkouts.committed(checkout), *self._checkouts.borrowed(checkout.tree)))
            problem = failure(outcome, seconds) or self._tampered(checkout, changed, data) or captured.problem
            model = self._keep(task, place) if self._rules.artifact and not problem else {}
        finally:
            self._checkouts.remove(worktree)
        return _Ran(outcome, captured.metrics, problem, changed, model)

    def _launcher(self, folder: Path) -> Launcher:
        if self._rules.confinement is None:
            return launch
        root = self._places.root
        labels = [root / name for name in self._rules.data_files if self._hidden.match(name)]
        # What is tracked could be had from the repository as well.
        tracked = any(self._hidden.match(path) for tree in self._trees.values() for path in self._checkouts.entries(tree))
        return self._rules.confinement.launcher(folder, hidden=[*labels, *([root / ".git"] if tracked else [])])

    def _tampered(self, checkout: Checkout, changed: list[str], data: str | None) -> str:
        """What the run changed that it must not change; other tracked files may be its output."""
        if data:
            return f"the run changed its data: {data}"
        code = [path for path in changed if self._matters(path) and path not in checkout.committed]
        if code:
            return f"the run changed the code that it ran: {', '.join(code[:5])}. Let it write results to $MLTUI_RUN_DIR."
        moved = self._environment.changed()
        return f"the environment changed during the run: {moved}" if moved else ""

    def _matters(self, path: str) -> bool:
        return path != self._rules.source.file and (path.endswith(CODE) or self._rules.controlled(path))

    def _keep(self, task: Task, place: RunPlace) -> dict[str, str]:
        """A run without its model can be compared, and not promoted."""
        target = self._places.job / "models" / task.name
        try:
            logged = spool.logged_models(place.folder).get(self._rules.artifact)
            kept, digest = keep_model(self._rules.artifact, (place.folder, place.worktree), target, logged)
        except (ModelMissing, OSError) as error:
            return {"missing": str(error)}
        return {"path": kept.relative_to(self._places.root).as_posix(), "sha256": digest}

    def _write_down(self, run: Run, command: str, ran: _Ran, evaluation: Evaluation) -> None:
        """What ran, beside what it left; for people, since the journal counts."""
        record: JsonObject = {
            "command": command,
            "seed": run.seed,
            "commit": self._commits[run.arm],
            "tree": self._trees[run.arm],
            "environment": self._environment.probe.digest,
            "sandbox": run.sandbox,
            "exit_code": run.exit_code,
            "signal": run.signal,
            "cpu_seconds": run.cpu_seconds,
            "peak_memory": run.peak_memory,
            "changed_files": list(ran.changed),
            "model": dict(ran.model),
            "data": [item.model_dump(mode="json") for item in self._borrowed[run.arm]],
            "notes": list(run.notes),
        }
        if self._evaluator:
            record["evaluation"] = {
                "command": self._rules.evaluate,
                "sha256": run.evaluator,
                "per_example_sha256": evaluation.per_example,
            }
        folder = self._places.root / run.folder
        if folder.is_symlink() or not folder.is_dir():
            raise ExperimentError(f"the run replaced its folder {run.folder}", hint="Look at what the command does with $MLTUI_RUN_DIR.")
        write_atomically(folder / "run.json", json.dumps(record, indent=1).encode())
        write_atomically(folder / ENVIRONMENT, json.dumps(environment_record(self._environment.probe), indent=1).encode())

    def _params(self, task: Task) -> JsonObject:
        values: JsonObject = {"seed": task.seed}
        for change in self._proposal.parameters:
            values[change.name] = change.before if task.arm == "baseline" else change.after
        return values


def _finite(values: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if math.isfinite(value)}
