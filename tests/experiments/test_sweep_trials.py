"""The making of trials, in this process, by runs that cost nothing: what they come to, and when they end."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.experiments.conftest import Project
from tests.experiments.test_sweep import propose

from mltui.core.experiment import Run, Trial
from mltui.core.sweep import FloatDimension, SweepPlan
from mltui.experiments.budget_clock import BudgetClock
from mltui.experiments.execution import Task
from mltui.experiments.git_tree import GitTree
from mltui.experiments.records import AnyEntry, ExperimentFailed, ExperimentStopped, SweepFinished, TrialFinished
from mltui.experiments.runner import Runner
from mltui.experiments.sweeps import course as course_of
from mltui.experiments.sweeps.conductor import Conductor, Site
from mltui.experiments.sweeps.course import Course
from mltui.experiments.sweeps.study import Asked, Study


class Instant:
    """Stands for `Execution`: a run says what `outcome` makes of its values and its seed, and takes `seconds`."""

    def __init__(self, outcome: Callable[[dict[str, Any], int], float | str], seconds: float = 1.0) -> None:
        self._outcome = outcome
        self._seconds = seconds
        self.values: dict[str, Any] = {}
        self.made: list[tuple[str, int]] = []
        self.ready: list[str] = []

    def with_candidate(self, commit: str, tree: str, parameters: Any) -> Instant:
        other = Instant(self._outcome, self._seconds)
        other.made, other.ready = self.made, self.ready
        other.values = {change.name: change.after for change in parameters}
        return other

    def folder(self, task: Task) -> Path:
        return Path("/nowhere")

    def check_out(self, task: Task) -> str:
        self.ready.append(task.name)
        return task.name

    def run(
        self,
        task: Task,
        runner: Runner,
        limit: float,
        left: float,
        variables: Mapping[str, str],
        ends_early: Callable[[], bool],
        checkout: str | None,
    ) -> Run:
        assert checkout in (task.name, None)
        self.made.append((task.name, task.seed))
        said = self._outcome(self.values, task.seed)
        run = Run(arm="candidate", seed=task.seed, status="finished", started=0.0, ended=self._seconds)
        if isinstance(said, str):
            return run.model_copy(update={"status": "failed", "message": said})
        return run.model_copy(update={"metrics": {"accuracy": said}})


class AtOnce:
    """Stands for `Turns` on a machine where nothing else runs."""

    def __init__(self, minutes: float) -> None:
        self.clock = BudgetClock(minutes * 60)

    @contextmanager
    def turn(self, name: str, over: Callable[[], bool]) -> Generator[dict[str, str] | None]:
        with self.clock.running():
            yield None if over() else {}


@dataclasses.dataclass
class Stage:
    site: Site
    entries: list[AnyEntry]

    def conduct(self) -> AnyEntry:
        return Conductor(self.site).conduct()

    @property
    def trials(self) -> tuple[Trial, ...]:
        return tuple(entry.trial for entry in self.entries if isinstance(entry, TrialFinished))


def stage(project: Project, outcome: Callable[[dict[str, Any], int], float | str], seconds: float = 1.0, **asked: object) -> Stage:
    entries: list[AnyEntry] = []
    proposal = propose(project, **asked)
    site = Site(
        proposal=proposal,
        trials=(),
        execution=Instant(outcome, seconds),  # type: ignore[arg-type]
        git=GitTree(project.root, project.root / ".mltui"),
        runner=Runner(),
        turns=AtOnce(proposal.budget.minutes),  # type: ignore[arg-type]
        limit=60.0,
        confirming_parallel=1,
        record=entries.append,
        over=lambda name, done: None,
        stopping=lambda: False,
        folder=project.root / ".mltui" / "jobs" / proposal.id,
    )
    return Stage(site, entries)


def test_the_best_is_the_best_mean_over_the_seeds(project: Project) -> None:
    shown = stage(project, lambda values, seed: values.get("lr", 0.1) + seed, seeds=[0, 10], trials=6, parallel=3)
    end = shown.conduct()
    assert isinstance(end, SweepFinished)
    best = max(shown.trials, key=lambda trial: trial.value or 0.0)
    assert end.best == best.number and best.value == pytest.approx(float(str(best.params["lr"])) + 5)
    assert sorted(seed for _, seed in shown.site.execution.made) == [0] * 6 + [10] * 6  # type: ignore[attr-defined]


def test_no_better_one_ends_it(project: Project) -> None:
    shown = stage(project, lambda values, seed: 1.0, trials=50, patience=3)
    end = shown.conduct()
    assert isinstance(end, SweepFinished) and len(shown.trials) == 4 and "The last 3 brought nothing better" in end.message


def test_the_confirmation_keeps_its_part_of_the_budget(project: Project) -> None:
    # Four runs of 10 s confirm, with caution 50 s: of a budget of 54 s there is room for trials until 4 s have passed.
    shown = stage(project, lambda values, seed: time.sleep(0.02) or 1.0, 10.0, trials=5000, minutes=0.9)
    (shown.site.folder / "sweep").mkdir(parents=True)
    (shown.site.folder / "sweep" / "seconds").write_text("3.5")  # of a process that was killed
    end = shown.conduct()
    assert isinstance(end, SweepFinished) and "are spent but for what confirms the best" in end.message
    assert 3.5 / 60 < end.minutes < 0.9 and 1 <= len(shown.trials) < 500


def test_failures_are_part_of_a_sweep_unless_all_fail(project: Project) -> None:
    shown = stage(project, lambda values, seed: "out of memory" if values.get("batch", 32) == 64 else 1.0, trials=12, sampler="random")
    assert isinstance(shown.conduct(), SweepFinished)
    assert {trial.state for trial in shown.trials} == {"complete", "failed"} and len(shown.trials) == 12
    broken = stage(project, lambda values, seed: "no such layer", trials=11)
    end = broken.conduct()
    assert isinstance(end, ExperimentFailed) and "the first 3 trials failed; trial 2: no such layer" in end.message


def test_a_stopped_sweep_says_how_to_go_on(project: Project) -> None:
    shown = stage(project, lambda values, seed: 1.0)
    shown.site = dataclasses.replace(shown.site, stopping=lambda: len(shown.trials) >= 2)
    end = shown.conduct()
    assert isinstance(end, ExperimentStopped) and "stopped after 2 of 4 trials" in end.message and "mltui sweep run" in end.message
    rest = dataclasses.replace(shown.site, stopping=lambda: False, trials=shown.trials)
    assert isinstance(Conductor(rest).conduct(), SweepFinished)
    assert [trial.number for trial in shown.trials] == [0, 1, 2, 3]


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_the_next_trial_is_prepared_while_one_runs_where_none_depends_on_another(project: Project, sampler: str) -> None:
    begun: list[int] = []

    def outcome(values: dict[str, Any], seed: int) -> float:
        deadline = time.monotonic() + (20 if sampler == "random" and len(begun) < 3 else 0.2)
        while len(ready) < len(begun) + 2 and time.monotonic() < deadline:
            time.sleep(0.005)
        begun.append(len(ready))
        return 1.0

    shown = stage(project, outcome, trials=4, sampler=sampler)
    ready = shown.site.execution.ready  # type: ignore[attr-defined]
    assert isinstance(shown.conduct(), SweepFinished)
    assert begun == ([2, 3, 4, 4] if sampler == "random" else [1, 2, 3, 4])


def test_a_trial_that_was_prepared_and_not_made_is_made_when_the_sweep_goes_on(project: Project) -> None:
    space = {"lr": {"low": 0.1, "high": 0.4, "step": 0.1, "log": False}}
    shown = stage(project, lambda values, seed: 1.0, space=space, sampler="grid", trials=None)
    shown.site = dataclasses.replace(shown.site, stopping=lambda: len(shown.trials) >= 2)
    assert isinstance(shown.conduct(), ExperimentStopped)
    made = {trial.params["lr"] for trial in shown.trials}
    assert len(made) == 2 and len(shown.site.execution.ready) == 3  # type: ignore[attr-defined]
    rest = dataclasses.replace(shown.site, stopping=lambda: False, trials=shown.trials)
    assert isinstance(Conductor(rest).conduct(), SweepFinished)
    complete = [trial.params["lr"] for trial in shown.trials if trial.state == "complete"]
    assert sorted(map(float, map(str, complete))) == [0.1, 0.2, 0.3, 0.4]
    [lost] = [trial for trial in shown.trials if trial.lost]
    assert "it is made again" in lost.message and lost.params["lr"] not in made


def test_no_trial_leaves_its_space_whatever_the_sampler_says(project: Project) -> None:
    """Somebody puts a trial of other values into Optuna's file: it is refused before anything is made of it."""
    optuna = pytest.importorskip("optuna")
    shown = stage(project, lambda values, seed: 1.0)
    file = shown.site.folder / "sweep" / "optuna.log"
    plan = shown.site.proposal.sweep
    assert plan is not None
    Study(file, plan, "maximize", ())
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(file)))
    optuna.load_study(study_name="sweep", storage=storage).enqueue_trial({"lr": 0.9, "batch": 16})
    with pytest.raises(Exception, match=r"lr = 0\.9 is outside the approved space"):
        shown.conduct()
    assert shown.site.execution.made == []  # type: ignore[attr-defined]


def test_a_poor_course_ends_a_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course_of, "EVERY", 0.0)
    monkeypatch.setattr(course_of, "SHARE", 1e9)
    space = (FloatDimension(name="lr", key="a.yaml:lr", low=0, high=1),)
    plan = SweepPlan(space=space, pruner="median", trials=9, confirm_seeds=(1, 2))
    study = Study(tmp_path / "optuna.log", plan, "maximize", ())

    def written(folder: str, values: list[float]) -> Path:
        (tmp_path / folder).mkdir(exist_ok=True)
        lines = "".join(json.dumps({"step": step, "acc": value}) + "\n" for step, value in enumerate(values))
        (tmp_path / folder / "history.jsonl").write_text(lines)
        return tmp_path / folder

    for number in range(5):
        asked = study.ask()
        good = Course(study, asked, written(f"good{number}", [0.5, 0.6, 0.7]), "acc")
        assert not good.ends()
        good.finish()
        study.tell(asked, Trial(number=asked.number, params=asked.params, state="complete", value=0.7))
    asked = study.ask()
    course = Course(study, asked, written("poor", [0.55]), "acc")
    assert not course.ends() and not course.ends()
    written("poor", [0.55, 0.2])
    assert course.ends() and course.pruned and course.words == "acc 0.2 at step 1 is behind the other trials"
    outcome = Runner().run("sleep 600", cwd=tmp_path, env={"PATH": "/usr/bin:/bin"}, folder=tmp_path, seconds=60, ends_early=course.ends)
    assert outcome.ended == "killed"


def test_a_course_that_is_better_the_other_way_round_is_pruned_that_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course_of, "EVERY", 0.0)
    monkeypatch.setattr(course_of, "SHARE", 1e9)
    space = (FloatDimension(name="lr", key="a.yaml:lr", low=0, high=1),)
    study = Study(tmp_path / "optuna.log", SweepPlan(space=space, pruner="median", trials=9, confirm_seeds=(1, 2)), "maximize", ())

    def course(loss: float) -> tuple[Asked, Course]:
        folder = tmp_path / str(loss)
        folder.mkdir(exist_ok=True)
        (folder / "history.jsonl").write_text("".join(json.dumps({"step": step, "loss": loss}) + "\n" for step in range(3)))
        asked = study.ask()
        return asked, Course(study, asked, folder, "loss", opposite=True)

    for number in range(6):
        asked, made = course(0.5 + number / 100)
        made.finish()
        study.tell(asked, Trial(number=number, params=asked.params, state="complete", value=0.7))
    assert not course(0.1)[1].ends()
    _, high = course(0.9)
    assert high.ends() and "loss 0.9 at step" in high.words
