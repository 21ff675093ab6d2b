"""Ray Tune as what decides: its searcher's values, its schedulers' ends, killed and gone on. Only where the extra `ray` is installed."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from tests.experiments.conftest import Project
from tests.experiments.test_sweep_trials import stage

from mltui.core.errors import ExperimentError
from mltui.core.experiment import Trial
from mltui.core.sweep import ChoiceDimension, FloatDimension, IntDimension, SweepPlan
from mltui.experiments.records import SweepFinished
from mltui.experiments.sweeps import ray_study
from mltui.experiments.sweeps.ray_study import RayStudy

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="the extra `ray` is not installed")

SPACE = (
    FloatDimension(name="lr", key="a.yaml:lr", low=1e-4, high=1, log=True),
    FloatDimension(name="dropout", key="a.yaml:dropout", low=0, high=0.5, step=0.1),
    IntDimension(name="layers", key="a.yaml:layers", low=1, high=9),
    ChoiceDimension(name="norm", key="a.yaml:norm", choices=("batch", None, True)),
)


def plan(**other: Any) -> SweepPlan:
    return SweepPlan.model_validate({"space": SPACE, "backend": "ray", "trials": 40, "confirm_seeds": (1, 2), **other})


def course(study: RayStudy, quality: float) -> tuple[Trial, int]:
    """One trial that gets better by `quality` each step. Returns: it, and its steps."""
    asked = study.ask()
    for step in range(20):
        study.report(asked, step, quality * (step + 1))
        if study.hopeless(asked):
            break
    state = "pruned" if study.hopeless(asked) else "complete"
    trial = Trial.model_validate({"number": asked.number, "params": asked.params, "state": state, "value": quality})
    study.tell(asked, trial)
    return trial, step + 1


@needs_ray
@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_values_are_of_the_space_and_the_same_again(tmp_path: Path, sampler: str) -> None:
    drawn: list[list[Any]] = []
    for name in ("once", "again"):
        study = RayStudy(tmp_path / name / "optuna.log", plan(sampler=sampler), "maximize", ())
        trials = [course(study, 1.0)[0] for _ in range(15)]
        assert [trial.number for trial in trials] == [*range(15)] and all(plan().admits(trial.params) for trial in trials)
        drawn.append([trial.params for trial in trials])
    assert drawn[0] == drawn[1] and len({json.dumps(params) for params in drawn[0]}) == 15


@needs_ray
@pytest.mark.parametrize(("pruner", "direction"), [("median", "maximize"), ("hyperband", "minimize")])
def test_a_poor_course_ends_and_is_remembered_by_who_goes_on(tmp_path: Path, pruner: str, direction: Any) -> None:
    sign = 1.0 if direction == "maximize" else -1.0
    asked = plan(pruner=pruner)
    study = RayStudy(tmp_path / "optuna.log", asked, direction, ())
    known = [course(study, sign * 1.0) for _ in range(5)]
    assert all(trial.state == "complete" and steps == 20 for trial, steps in known)
    begun = study.ask()  # and then the process is killed
    trials = [trial for trial, _ in known]
    after = RayStudy(tmp_path / "optuna.log", asked, direction, trials)
    assert [lost.number for lost in after.lost] == [begun.number]
    again = after.ask()
    assert again.params == begun.params and again.number == begun.number + 1
    poor, steps = course(after, sign * 0.1)
    assert poor.state == "pruned" and steps < 5
    good, steps = course(after, sign * 2.0)
    assert good.state == "complete" and steps == 20


@needs_ray
def test_a_sweep_through_ray_finds_what_is_good_without_a_cluster(project: Project) -> None:
    import ray  # pyright: ignore[reportMissingImports]

    def accuracy(values: dict[str, Any], seed: int) -> float | str:
        return "out of memory" if values.get("batch") == 64 else float(values.get("lr", 0.1))

    shown = stage(project, accuracy, backend="ray", trials=40)
    end = shown.conduct()
    assert isinstance(end, SweepFinished) and [trial.number for trial in shown.trials] == [*range(40)]
    assert {trial.state for trial in shown.trials} == {"complete", "failed"}
    # TPE learns from what it is told.
    first, last = ([trial.value for trial in half if trial.value is not None] for half in (shown.trials[:20], shown.trials[20:]))
    assert sum(last) / len(last) > sum(first) / len(first)
    assert not ray.is_initialized()


def test_a_ray_that_does_not_load_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> Any:
        raise ImportError("libarrow.so: no such file\n  File …")

    monkeypatch.setattr(ray_study.importlib, "import_module", broken)
    with pytest.raises(ExperimentError, match=r"^Ray Tune does not load: libarrow\.so: no such file") as caught:
        RayStudy(tmp_path / "optuna.log", plan(), "maximize", ())
    assert caught.value.hint is not None and "mltui[ray]" in caught.value.hint and "File" not in str(caught.value)
