"""What a sweep may look for: the file that a person writes, the space, and what is refused with a line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.experiments.conftest import Project
from tests.experiments.tracked_project import proposal

from mltui.config.schema import ChoiceParameter, FloatParameter, IntParameter
from mltui.core.errors import MltuiError, ProposalError, UsageError
from mltui.core.experiment import Run, Trial
from mltui.core.sweep import ChoiceDimension, FloatDimension, IntDimension, SweepPlan, SweepRequest
from mltui.experiments.config_files import get_value
from mltui.experiments.proposals import proposal_hash
from mltui.experiments.sweeps.file import example, read_sweep
from mltui.experiments.sweeps.planning import make_plan
from mltui.experiments.sweeps.space import resolve, write_values
from mltui.experiments.sweeps.study import Study, importances
from mltui.experiments.sweeps.summary import best, best_so_far, position

OPTIM = b"lr: 0.1\nbatch: 32\nschedule: cosine\nseed: 1\n"
DECLARED = {
    "lr": FloatParameter(low=1e-5, high=1.0, log=True, key="conf/optim.yaml:lr"),
    "batch": IntParameter(low=1, high=512, key="conf/optim.yaml:batch"),
    "schedule": ChoiceParameter(type="choice", choices=("cosine", "linear"), key="conf/optim.yaml:schedule"),
}


def read(file: str) -> bytes | None:
    return OPTIM if file == "conf/optim.yaml" else None


def test_the_example_can_be_read_with_every_line_switched_on(tmp_path: Path) -> None:
    path = tmp_path / "sweep.toml"
    path.write_text(example())
    assert read_sweep(path).trials == 20
    path.write_text(re.sub(r"^# (?=\w+ = )", "", example(), flags=re.MULTILINE))
    request = read_sweep(path)
    assert request.parallel == 2 and set(request.space) == {"lr", "batch", "dropout", "layers"} and request.confirm_seeds is not None


def test_the_example_of_a_project_has_what_it_declares(tmp_path: Path) -> None:
    path = tmp_path / "sweep.toml"
    path.write_text(example({**DECLARED, "a b\\🎉": DECLARED["schedule"]}))
    request = read_sweep(path)
    assert request.title == "Sweep of lr, batch, schedule, a b\\🎉"
    assert request.space == {
        "lr": {"low": 1e-5, "high": 1.0},
        "batch": {"low": 1, "high": 512},
        "schedule": {"choices": ["cosine", "linear"]},
        "a b\\🎉": {"choices": ["cosine", "linear"]},
    }


BAD = {
    "trails = 3": "trails (line 1): there is no such key — Did you mean trials?",
    "trials = 0": "trials: 0 is not from 1 to 10,000",
    'trials = "many"': "trials (line 1): ",
    "sampler = 'tpe'": "trials: is missing",
    "trials = 3\nsampler = 'simplex'": "sampler (line 2): ",
    "trials = 3\nparallel = 0": "parallel: 0 is not from 1",
    "trials = 3\nminutes = -1": "more than 0 minutes",
    "trials = 3\nseeds = [1]\nconfirm_seeds = [1, 2]": "confirm_seeds: the trials have seed 1",
    "trials = 3\n[space]\nlr = { low = 0.5, high = 0.1 }": "space.lr: low 0.5 is above high 0.1",
    "trials = 3\n[space]\nlr = { lwo = 0.5 }": "space.lr.lwo: there is no such key — Did you mean low?",
    "trials = 3\n[space]\nlr = { high = 2.0 }": "space.lr: 2.0 is outside what the project declares",
    "trials = 3\n[space]\nlr = { low = 0.1, high = 0.1 }": "space.lr: there is one value only",
    "trials = 3\n[space]\nschedule = { choices = ['cosine'] }": "space.schedule.choices: there is one value only",
    "trials = 3\n[space]\nschedule = { choices = ['cosine', 'step'] }": "space.schedule: step is outside",
    "trials = 3\n[space]\nbatch = { low = 'x' }": "space.batch.low: 'x' is no number",
    "trials = 3\n[space]\nmom = { low = 0.1, high = 0.9 }": "space.mom: no parameter of that name is declared",
    "trials = 3\n[space]\nmom = { low = 0.1, high = 0.9, key = 'conf/optim.yaml:mom' }": "space.mom.key: conf/optim.yaml has no key 'mom'",
    "trials = 3\n[space]\nmom = { low = 0.1, high = 0.9, key = 'conf/no.yaml:mom' }": "space.mom.key: conf/no.yaml does not exist",
    "trials = 3\n[space]\nmom = { low = 0.1, high = 0.9, key = '../x.yaml:mom' }": "space.mom.key: ../x.yaml is outside the project",
    "trials = 3\n[space]\nrate = { low = 0.1, high = 0.9, key = 'conf/optim.yaml:lr' }\nlr = {}": "is that of rate already",
    "trials = 3\n[space]\nseed = { low = 1, high = 9, key = 'conf/optim.yaml:seed' }": "the best of many seeds is luck",
    "sampler = 'grid'\n[space]\nlr = {}": "space.lr: a grid over real numbers needs a step",
    "sampler = 'grid'\n[space]\nlr = { low = 0.1, high = 0.5, step = 0.1 }": "space.lr: a log scale has no step",
    "sampler = 'cmaes'\ntrials = 3\n[space]\nlr = {}": "cmaes needs two or more parameters that are numbers",
    "trials = 3\npruner = 'median'\nprune_metric = 'loss'": "prune_direction: is missing, and nothing says whether less or more of loss",
    "trials = 3\nprune_direction = 'down'": "prune_direction (line 2): ",
    "trials = ": "is not valid TOML",
}


@pytest.mark.parametrize("text", BAD)
def test_a_bad_file_is_one_line_that_names_the_key(tmp_path: Path, text: str, project: Project) -> None:
    path = tmp_path / "sweep.toml"
    path.write_text(text)
    with pytest.raises(MltuiError) as raised:
        request = read_sweep(path)
        make_plan(request, project.config.experiments, read, ())
        project.experiments.sweeps.propose(request, session_id=None, author="ann")
    said = str(raised.value)
    assert BAD[text] in said and "\n" not in said and raised.value.hint
    assert not isinstance(raised.value, UsageError) or str(path) in said


def test_a_grid_has_its_points_and_others_what_they_ask_for(project: Project) -> None:
    section = project.config.experiments

    def plan(**asked: object) -> SweepPlan:
        return make_plan(SweepRequest.model_validate({"title": "t", "hypothesis": "h", **asked}), section, read, (3, 40))[0]

    space = {"batch": {"low": 16, "high": 64, "step": 16}, "schedule": {}}
    assert plan(sampler="grid", space=space).trials == 8 and plan(sampler="grid", space=space, trials=5).trials == 5
    steps = {"lr": {"low": 0.1, "high": 0.5, "step": 0.1, "log": False}}
    assert plan(sampler="grid", space=steps).space[0].values() == (0.1, 0.2, 0.3, 0.4, 0.5)
    made = plan(trials=7)
    assert made.trials == 7 and [one.name for one in made.space] == ["lr", "batch", "schedule"]
    # Six pairs at least, above every seed that a run had or may have.
    assert made.confirm_seeds == (41, 42, 43, 44, 45, 46)


def test_an_approval_covers_the_plan_and_old_hashes_hold() -> None:
    old = proposal()
    assert proposal_hash(old) == "fe28f375bb3d3eb37c3c2d5e95d5ef64e3631d18e5f520ead641751290ac9044"  # of versions without sweeps
    plan = SweepPlan(space=(FloatDimension(name="lr", key="a.yaml:lr", low=0, high=1),), trials=3, confirm_seeds=(7, 8))
    hashes = {
        proposal_hash(old),
        *(
            proposal_hash(old.model_copy(update={"sweep": plan.model_copy(update=changed)}))
            for changed in (
                {},
                {"trials": 4},
                {"confirm_seeds": (7, 9)},
                {"sampler": "random"},
                {"space": (plan.space[0].model_copy(update={"high": 2.0}),)},
            )
        ),
    }
    assert len(hashes) == 6


names = st.sampled_from(["lr", "batch", "schedule"])


@given(
    lr=st.one_of(st.floats(), st.floats(1e-3, 0.5)),
    batch=st.one_of(st.integers(-5, 600), st.floats(1, 100), st.booleans()),
    schedule=st.sampled_from(["cosine", "linear", "step", None, True]),
)
def test_no_trial_has_a_value_outside_its_space(lr: float, batch: object, schedule: object) -> None:
    space = resolve({"lr": {"low": 1e-3, "high": 0.5}, "batch": {"low": 8, "high": 64, "step": 8}, "schedule": {}}, DECLARED, read)
    params = {"lr": lr, "batch": batch, "schedule": schedule}
    inside = 1e-3 <= lr <= 0.5 and type(batch) is int and batch in range(8, 65, 8) and schedule in ("cosine", "linear")
    plan = SweepPlan(space=space, trials=1, confirm_seeds=(1, 2))
    assert plan.admits(params) == inside  # type: ignore[arg-type]
    if not inside:
        with pytest.raises(ProposalError, match="outside the approved space"):
            write_values(params, space, read)  # type: ignore[arg-type]
        return
    written = write_values(params, space, read)["conf/optim.yaml"]  # type: ignore[arg-type]
    assert {name: get_value("conf/optim.yaml", written, name) for name in params} == params
    assert get_value("conf/optim.yaml", written, "seed") == 1


def test_a_trial_sets_the_whole_space_and_nothing_else() -> None:
    space = resolve({"lr": {}, "batch": {}}, DECLARED, read)
    for params in ({"lr": 0.5}, {"lr": 0.5, "batch": 8, "schedule": "linear"}, {}):
        with pytest.raises(ProposalError, match="not the approved space"):
            write_values(params, space, read)


SPACE = (
    FloatDimension(name="lr", key="a.yaml:lr", low=1e-4, high=1e-1, log=True),
    IntDimension(name="n", key="a.yaml:n", low=1, high=9, step=2),
    ChoiceDimension(name="c", key="a.yaml:c", choices=("x", True, None)),
)


def complete(number: int, params: dict[str, object], value: float) -> Trial:
    run = Run(arm="candidate", seed=0, status="finished", started=0.0, ended=1.0)
    return Trial.model_validate({"number": number, "params": params, "state": "complete", "value": value, "runs": (run,)})


@pytest.mark.parametrize("sampler", ["random", "tpe", "grid"])
def test_the_sampler_goes_on_where_it_was(tmp_path: Path, sampler: str) -> None:
    space = (SPACE[0].model_copy(update={"low": 0.1, "high": 0.4, "log": False, "step": 0.1}), *SPACE[1:]) if sampler == "grid" else SPACE
    plan = SweepPlan.model_validate({"space": space, "sampler": sampler, "trials": 60, "confirm_seeds": (1, 2), "pruner": "median"})
    study = Study(tmp_path / "optuna.log", plan, "maximize", ())
    known: list[Trial] = []
    for number in range(5):
        asked = study.ask()
        assert asked.number == number and plan.admits(asked.params)
        study.report(asked, 0, float("nan"))
        study.report(asked, 1, 0.5)
        if number == 3:
            left = asked  # its process is killed before it says anything
            continue
        known.append(complete(number, asked.params, float(number)))
        if number != 4:  # recorded and not told
            study.tell(asked, known[-1])
    (tmp_path / "optuna.log.lock").write_text("of a dead process")
    again = Study(tmp_path / "optuna.log", plan, "maximize", known)
    assert [(lost.number, lost.params) for lost in again.lost] == [(3, left.params)]
    asked = again.ask()
    assert (asked.number, asked.params) == (5, left.params)
    # A file that is lost, or says something else, is made again from the journal.
    (tmp_path / "optuna.log").write_text("nonsense\n")
    anew = Study(tmp_path / "optuna.log", plan, "maximize", known)
    asked = anew.ask()
    assert anew.lost == () and asked.number == 5
    if sampler == "grid":
        tried = {str(trial.params) for trial in known} | {str(asked.params)}
        for number in range(6, 25):
            anew.tell(asked, complete(asked.number, asked.params, 1.0))
            asked = anew.ask()
            tried.add(str(asked.params))
            assert asked.number == number
        assert len(tried) == 24  # each point once


def test_what_matters_and_what_is_best() -> None:
    plan = SweepPlan(space=SPACE, trials=40, confirm_seeds=(1, 2))
    trials = [complete(n, {"lr": 10 ** (-4 + 3 * n / 39), "n": 1 + 2 * (n % 5), "c": ("x", True, None)[n % 3]}, n / 39) for n in range(40)]
    shares = importances(plan, trials, "maximize")
    assert set(shares) == {"lr", "n", "c"} and shares["lr"] > 0.8 and next(iter(shares)) == "lr"
    assert importances(plan, trials[:3], "maximize") == {}
    up, down = proposal().metric, proposal().metric.model_copy(update={"direction": "minimize"})
    top, bottom = best(trials, up), best([*trials, complete(40, trials[0].params, 0.0)], down)
    assert top is not None and top.number == 39 and bottom is not None and bottom.number == 0
    assert best([], up) is None and best_so_far(trials, down)[-1] == (40, 0.0)
    assert [position(SPACE[2], value) for value in ("x", True, None)] == [0.0, 0.5, 1.0]
    assert position(SPACE[0], 1e-4) == 0.0 and abs(position(SPACE[0], 10**-2.5) - 0.5) < 1e-9
