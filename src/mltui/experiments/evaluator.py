"""The evaluator: it measures what a run left, in a process and a checkout that the run had no part in.

Its checkout is of the baseline's tree; of the candidate's, for both arms, where evaluation itself is what a proposal changes.
The labels are there and nowhere else. Of the run's folder it gets a copy of what its command names.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import cast

from mltui.core.data import JsonObject
from mltui.core.errors import ExperimentError
from mltui.core.experiment import DataVersion, Proposal
from mltui.experiments.checkout import Checkouts
from mltui.experiments.datasets import difference
from mltui.experiments.handing_over import CopyRefused, copy_plain
from mltui.experiments.journal import canonical
from mltui.experiments.metrics import numbers
from mltui.experiments.outcomes import failure
from mltui.experiments.run_confinement import RunConfinement
from mltui.experiments.run_environment import RunEnvironment
from mltui.experiments.runner import Runner, launch
from mltui.experiments.storage import write_atomically

RESULT_LIMIT = 200_000_000
"""Bytes of an evaluator's metrics file, scores of single examples included."""

PER_EXAMPLE = "per_example"
_NAMED = re.compile(r"\{run\}((?:/[^\s\"';|&<>(){}$`]+)?)")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Attributes: problem: why there are no metrics, for people; per_example: SHA-256 of the scores of single examples."""

    metrics: dict[str, float] = field(default_factory=dict[str, float])
    problem: str = ""
    per_example: str = ""


class Evaluator:
    """Measures the runs of one proposal. Safe to use from several threads.

    Args:
        folder: of the evaluations' folders; no run can write there.
        worktrees: of the checkouts.
        matters: whether a tracked file must not change while it runs.
    """

    def __init__(
        self,
        command: str,
        proposal: Proposal,
        folder: Path,
        worktrees: Path,
        checkouts: Checkouts,
        environment: RunEnvironment,
        confinement: RunConfinement | None,
        matters: Callable[[str], bool],
    ) -> None:
        own = proposal.kind == "eval"
        self._command = command
        self._commit, self._tree = (proposal.commit, proposal.tree) if own else (proposal.base_commit, proposal.base_tree)
        self._folder = folder
        self._worktrees = worktrees
        self._checkouts = checkouts
        self._environment = environment
        self._confinement = confinement
        self._matters = matters
        self._data = checkouts.borrowed(self._tree, labels=True)

    @property
    def key(self) -> JsonObject:
        """What the metrics depend on besides the run."""
        return {"command": self._command, "tree": self._tree, "data": [item.digest for item in self._data]}

    @property
    def sha256(self) -> str:
        """Of `key`, in hexadecimal: equal ones measured alike."""
        return hashlib.sha256(canonical(self.key)).hexdigest()

    @property
    def data(self) -> tuple[DataVersion, ...]:
        return self._data

    def evaluate(
        self, name: str, run_folder: Path, runner: Runner, seconds: float, variables: Mapping[str, str] = MappingProxyType({})
    ) -> Evaluation:
        """Measures a finished run.

        Args:
            name: of the run, and of the evaluation's folder.
            seconds: that the evaluator may take.
            variables: of its environment, beside the others.
        """
        place = self._folder / name
        shutil.rmtree(place, ignore_errors=True)
        given, out = place / "run", place / "out"
        given.mkdir(parents=True)
        out.mkdir()
        worktree = self._worktrees / f"evaluation-{name}"
        try:
            try:
                _hand_over(self._command, run_folder, given)
            except CopyRefused as refused:
                return Evaluation(problem=f"cannot be evaluated: {refused}")
            checkout = self._checkouts.make(worktree, self._commit, self._tree, labels=True)
            moved = difference(self._data, self._checkouts.borrowed(self._tree, labels=True))
            if moved:
                raise ExperimentError(f"the evaluation's data is no longer what was approved: {moved}", hint="Propose it again.")
            target = out / "metrics.json"
            command = self._command.replace("{run}", shlex.quote(str(given))).replace("{out}", shlex.quote(str(target)))
            launcher = self._confinement.launcher(out, read=(given,)) if self._confinement else launch
            env = {**self._environment.for_evaluation(worktree, out), **variables}
            outcome = runner.run(command, cwd=worktree, env=env, folder=place, seconds=seconds, launcher=launcher)
            meddled = [path for path in self._checkouts.changed(checkout) if self._matters(path)]
            problem = failure(outcome, seconds, who="the evaluator") or (
                f"the evaluator's checkout changed while it ran: {', '.join(meddled[:3])}" if meddled else ""
            )
            return Evaluation(problem=problem) if problem else _results(target, place)
        finally:
            self._checkouts.remove(worktree)
            shutil.rmtree(given, ignore_errors=True)


def _hand_over(command: str, run_folder: Path, given: Path) -> None:
    """Copies what the command names of the run's folder. Raises: CopyRefused: it is not there, or no plain file."""
    named = {match.strip("/") for match in _NAMED.findall(command)}
    if "" in named:
        named = {""}
    for name in sorted(named):
        copy_plain(run_folder, name, given)


def _results(target: Path, place: Path) -> Evaluation:
    try:
        if target.is_symlink() or not target.is_file():
            return Evaluation(problem="the evaluator wrote no metrics: let it write a JSON object to {out}")
        if target.stat().st_size > RESULT_LIMIT:
            return Evaluation(problem=f"the evaluator's metrics are larger than {RESULT_LIMIT // 1_000_000} MB")
        raw: object = json.loads(target.read_bytes())
        if not isinstance(raw, Mapping):
            raise TypeError("not a JSON object")
        values = dict(cast("Mapping[str, object]", raw))
        scores = values.pop(PER_EXAMPLE, None)
        metrics = numbers(values)
    except (OSError, ValueError, TypeError, RecursionError) as error:
        return Evaluation(problem=f"the evaluator's metrics cannot be read: {error or type(error).__name__}")
    return Evaluation(metrics, per_example=_scores(scores, target.parent, place))


def _scores(scores: object, out: Path, place: Path) -> str:
    """Keeps the scores of single examples, a key of the metrics or a file beside them. Returns their SHA-256, or nothing."""
    if scores is not None:
        data = json.dumps(scores).encode()
        write_atomically(place / f"{PER_EXAMPLE}.json", data)
        return hashlib.sha256(data).hexdigest()
    beside = sorted(path for path in out.iterdir() if path.name.startswith(PER_EXAMPLE) and path.is_file() and not path.is_symlink())
    if not beside:
        return ""
    with beside[0].open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    beside[0].replace(place / beside[0].name)
    return digest
