"""Can an experiment be run again as it was? What is needed: its commits, its data, its evaluator, its settings, its environment."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from mltui.config.schema import Config
from mltui.config.schema import Experiments as Section
from mltui.core.data import JsonValue
from mltui.core.errors import ExperimentError, ProposalError, UsageError
from mltui.core.experiment import DataVersion, Experiment, Proposal, Run
from mltui.core.reproduction import Again
from mltui.experiments.control import Control
from mltui.experiments.datasets import Digests, versions
from mltui.experiments.execution import Execution, Places, Rules, Task
from mltui.experiments.git_tree import GitTree
from mltui.experiments.jobs import Job
from mltui.experiments.proposals import proposal_hash
from mltui.experiments.run_environment import Probe, RunEnvironment

RECORD = "environment.json"
"""In a run's folder: the machine that it ran on."""
_TOLD = frozenset({"packages", "python", "digest"})
"""What `env.lock` has as well."""
_SHOWN = 6
"""Differences that a message lists; the journal keeps all."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Everything is there.

    Attributes:
        section: the settings that the runs had, so that their numbers are read as they were.
        differences: of the environment, in words.
        notes: what is left out, or cannot be compared.
    """

    tasks: tuple[Task, ...]
    section: Section
    environment: str
    machine: dict[str, str]
    differences: tuple[str, ...]
    notes: tuple[str, ...]


def prepare(experiment: Experiment, again: Again, root: Path, config: Config, git: GitTree) -> Ready:
    """Looks at all that a repetition needs, before anything runs.

    Raises:
        ProposalError: there is no such recorded run.
        ExperimentError: names everything that cannot be had any more, or the differences of the environment.
    """
    proposal, state = experiment.proposal, root / ".mltui"
    tasks, notes = _tasks(experiment, again)
    first = next(run for run in experiment.runs if run.status == "finished")
    section, said = _settings(first, proposal, state, config)
    secrets = [model.api_key_env for model in config.models.values() if model.api_key_env]
    environment = RunEnvironment(root, proposal.id, secrets, cache=state / "environment.json")
    control = Control(root, section)
    now = versions(root, control.data_files(), Digests(state / "digests.json"))
    gone = [*_commits(experiment, git), *data_changes(proposal.data, now)]
    if not gone:
        gone = [*_evaluators(experiment, Execution(proposal, Places(root, state, state), git, environment, _rules(section, control)))]
    if gone:
        raise ExperimentError(
            f"{proposal.id} cannot be run again as it was: {_list(gone)}",
            hint="Restore that, or propose the change anew: it is another experiment.",
        )
    differences, unknown = _packages(first, proposal, root, environment.probe)
    if differences and not again.here:
        raise ExperimentError(
            f"the environment is not the one that {proposal.id} ran in: {_list(differences)}",
            hint="Restore it, or add --here to run it again in this one; the record says so.",
        )
    return Ready(
        tasks, section, environment.probe.digest if environment.probe.version else "", machine(), differences, (*notes, *said, *unknown)
    )


def machine_differences(recorded: Path, now: Path) -> tuple[str, ...]:
    """Returns: what `environment.json` of two run folders tells of different machines, in words; nothing where one has none."""
    before, after = (
        {name: value for name, value in _told(folder / RECORD).items() if name.split()[0] not in _TOLD} for folder in (recorded, now)
    )
    if not before or not after:
        return ()
    names = sorted({name for name in {*before, *after} if before.get(name) != after.get(name)})
    return tuple(f"{name}: {before.get(name, '(none)')} → {after.get(name, '(none)')}" for name in names)


def machine() -> dict[str, str]:
    """Returns: what the standard library knows of this machine."""
    return {"host": platform.node(), "system": platform.platform(), "processor": platform.machine()}


def data_changes(recorded: Sequence[DataVersion], now: Sequence[DataVersion]) -> list[str]:
    """Returns: which data is not what was recorded, by digest."""
    before, after = {item.name: item for item in recorded}, {item.name: item for item in now}
    found = [f"data {name} is gone (it was SHA-256 {item.digest[:12]}…)" for name, item in before.items() if name not in after]
    for name, item in before.items():
        if name in after and after[name].digest != item.digest:
            found.append(f"data {name} changed (SHA-256 {after[name].digest[:12]}…, recorded {item.digest[:12]}…)")
    return found + [f"data {name} is new" for name in after if name not in before]


def _tasks(experiment: Experiment, again: Again) -> tuple[tuple[Task, ...], list[str]]:
    """The recorded runs that are made again. Raises: ProposalError: one that is asked for was not recorded."""
    finished = [run for run in experiment.runs if run.status == "finished"]
    if not finished:
        raise ProposalError(f"{experiment.id} has no finished run that could be made again", hint="Propose it again.")
    seeds, arms = again.seeds or experiment.proposal.seeds, again.arms or experiment.proposal.arms
    there = {(run.arm, run.seed) for run in finished}
    for arm in arms:
        if arm not in experiment.proposal.arms:
            raise UsageError(f"{experiment.id} has no {arm} runs", hint="It measures the baseline alone.")
    for seed in again.seeds:
        if not any((arm, seed) in there for arm in arms):
            known = ", ".join(map(str, sorted({run.seed for run in finished if run.arm in arms})))
            raise UsageError(f"{experiment.id} has no finished run with seed {seed}", hint=f"It has: {known}")
    wanted = [Task(arm, seed) for seed in dict.fromkeys(seeds) for arm in arms]
    left_out = [task.name for task in wanted if (task.arm, task.seed) not in there]
    notes = [f"not finished the first time and so left out: {_list(left_out)}"] if left_out else []
    return tuple(task for task in wanted if (task.arm, task.seed) in there), notes


def _settings(run: Run, proposal: Proposal, state: Path, config: Config) -> tuple[Section, list[str]]:
    """`[experiments]` as the recorded runs had it; the limits of this machine are those of now."""
    now = config.experiments
    job = Path(run.folder).parent.parent.name
    try:
        then = Job(state, job).plan().config.experiments
    except ExperimentError:
        changed = "the job's own folder is gone: numbers are read as [experiments] declares it now"
        return now.model_copy(update={"evaluate": proposal.evaluate}), [changed]
    return then.model_copy(update={"evaluate": proposal.evaluate, "parallel": now.parallel}), []


def _commits(experiment: Experiment, git: GitTree) -> list[str]:
    proposal, approval = experiment.proposal, experiment.approval
    if approval is None or not approval.proposal_hash == proposal.hash == proposal_hash(proposal):
        return ["it is not what was approved: its hash does not fit"]
    found: list[str] = []
    pairs = (("baseline", proposal.base_commit, proposal.base_tree), ("candidate", proposal.commit, proposal.tree))
    for arm, commit, tree in pairs if len(proposal.arms) > 1 else pairs[:1]:
        held = git.tree_of(commit)
        if held is None:
            found.append(f"the {arm} commit {commit[:12]} is gone")
        elif held != tree:
            found.append(f"the {arm} commit {commit[:12]} does not hold what ran")
    return found


def _rules(section: Section, control: Control) -> Rules:
    return Rules(data_files=control.data_files(), source=section.metrics, labels=section.labels, evaluate=section.evaluate)


def _evaluators(experiment: Experiment, execution: Execution) -> list[str]:
    recorded = {run.evaluator for run in experiment.runs if run.status == "finished" and run.evaluator}
    if recorded and recorded != {execution.evaluator}:
        now = f"SHA-256 {execution.evaluator[:12]}…" if execution.evaluator else "there is none"
        return [f"the evaluator or its labels changed ({now}, recorded {', '.join(f'{digest[:12]}…' for digest in sorted(recorded))})"]
    return []


def _packages(run: Run, proposal: Proposal, root: Path, probe: Probe) -> tuple[tuple[str, ...], list[str]]:
    """What differs in interpreter, packages and start-up files, and what cannot be said of it."""
    if not proposal.environment:
        return (), ["the environment of then was not recorded"]
    if proposal.environment == (probe.digest if probe.version else ""):
        return (), []
    try:
        lock = (root / run.folder).parent.parent.joinpath("env.lock").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ("interpreter or packages (their digest is another one; the list of then is gone)",), []
    before, after = _versions(lock), _versions(probe.lock.splitlines())
    found = [
        f"{name} {before.get(name, '(none)')} → {after.get(name, '(none)')}"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]
    return tuple(found) or ("what Python runs at its start (.pth files, sitecustomize)",), []


def _versions(lock: Iterable[str]) -> dict[str, str]:
    """Versions by package of an `env.lock`; the interpreter's stands as `python`."""
    found: dict[str, str] = {}
    for text in lock:
        name, _, version = text.removeprefix("# ").partition(" " if text.startswith("# ") else "==")
        found[name] = version.strip()
    return found


def _told(path: Path) -> dict[str, str]:
    """The leaves of a small JSON object by their path; empty where it cannot be read."""
    try:
        if path.is_symlink() or path.stat().st_size > 1_000_000:
            return {}
        raw = cast("JsonValue", json.loads(path.read_bytes()))
    except (OSError, ValueError, RecursionError):
        return {}
    found: dict[str, str] = {}

    def walk(value: JsonValue, name: str) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, f"{name} {key}".strip())
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                walk(inner, f"{name} {index + 1}".strip())
        else:
            found[name] = str(value)

    walk(raw, "")
    return found


def _list(parts: Sequence[str]) -> str:
    more = f" and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
    return "; ".join(parts[:_SHOWN]) + more
