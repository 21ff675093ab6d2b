"""What a policy file may say, and which proposals it covers."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.experiments.test_fold import proposal

from mltui.config.schema import ChoiceParameter, FloatParameter
from mltui.config.schema import Experiments as Section
from mltui.core.data import JsonValue
from mltui.core.errors import PolicyFileError
from mltui.core.experiment import Budget, ControlledChange, ParameterChange, Proposal
from mltui.experiments.policy import ApproveRule, Range, Spent, load, objections, rule_words
from mltui.experiments.policy_template import template

RULE = 'kinds = ["hparam"]\nmax_minutes = 30\nmax_runs = 16\n'


def plan(value: JsonValue = 0.2, *files: tuple[str, str], kind: str = "hparam", minutes: float = 10, seeds: int = 2) -> Proposal:
    changed = tuple(ControlledChange.model_validate({"path": path, "kind": of, "reason": "r"}) for path, of in files)
    return proposal().model_copy(
        update={
            "kind": kind,
            "parameters": (ParameterChange(name="lr", key="conf/optim.yaml:lr", before=0.1, after=value),),
            "files": (ControlledChange(path="conf/optim.yaml", kind="hparam", reason="r"), *changed),
            "budget": Budget(minutes=minutes),
            "seeds": tuple(range(seeds)),
        }
    )


def rule(**values: object) -> ApproveRule:
    return ApproveRule.model_validate({"kinds": ["hparam"], "max_minutes": 30, "max_runs": 16, **values})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, ""),
        ({"ranges": {"lr": {"low": 0.1, "high": 0.3}}}, ""),
        ({"ranges": {"lr": {"high": 0.1}}}, "lr = 0.2 is not up to 0.1"),
        ({"ranges": {"lr": {"choices": [0.1, 0.3]}}}, "lr = 0.2 is not one of 0.1, 0.3"),
        ({"parameters": ["batch"]}, "it changes lr"),
        ({"kinds": ["prompt"]}, "kind hparam is not among prompt"),
        ({"commands": ["python other.py"]}, "its command is"),
        ({"min_seeds": 6}, "its 2 seeds are under 6"),
        ({"max_minutes": 5}, "its budget of 10 minutes is over 5"),
        ({"max_runs": 3}, "its 4 runs are over 3"),
        ({"total_minutes": 25}, "10 more minutes are over its total of 25 (20 are given)"),
        ({"total_runs": 11}, "4 more runs are over its total of 11 (8 are given)"),
        ({"max_experiments": 2}, "its 2 experiments are given"),
        ({"expires": "2020-01-01"}, "it has expired"),
    ],
)  # fmt: skip
def test_a_rule_covers_what_it_names_and_no_more(values: dict[str, object], said: str) -> None:
    found = objections(rule(**values), plan(), Spent(experiments=2, runs=8, minutes=20), now=time.time())
    assert found.startswith(said) and bool(found) == bool(said)


@pytest.mark.parametrize(
    ("patterns", "path", "covered"),
    [
        (["src/**"], "src/model.py", True),
        (["src/*.py"], "src/deep/model.py", False),
        (["train.py"], "train.py", True),
        (["train.py"], "Train.py", False),
        (["*.py"], "a\nb.py", True),
        ([], "train.py", False),
    ],
)
def test_files_are_matched_as_patterns(patterns: list[str], path: str, covered: bool) -> None:
    assert (objections(rule(files=patterns), plan(0.2, (path, "train"))) == "") == covered


@pytest.mark.parametrize("kind", ["eval", "data", "infra"])
def test_evaluation_data_and_infrastructure_are_never_covered(kind: str) -> None:
    wide = rule(files=["**"], kinds=["hparam", "train", "prompt"])
    assert "which a person decides on" in objections(wide, plan(0.2, ("evaluate.py", kind)))
    assert objections(ApproveRule.model_validate({"kinds": [kind], "max_minutes": 9, "max_runs": 9}), plan(kind=kind))


@given(st.one_of(st.floats(), st.integers(), st.booleans(), st.text(max_size=3), st.none()))
def test_a_range_admits_only_numbers_inside(value: JsonValue) -> None:
    inside = isinstance(value, int | float) and not isinstance(value, bool) and 0.5 <= value <= 2
    assert Range(low=0.5, high=2).admits(value) == inside


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[approve]]\nkinds = ['eval']\nmax_minutes = 1\nmax_runs = 1\n", r"approves the kind 'eval' \(rule 1\)"),
        (
            f"[[approve]]\n{RULE}max_minute = 3\n",
            r"wrong at approve.1.max_minute \(line 5\): there is no such key — Did you mean max_minutes",
        ),
        (f"[[aprove]]\n{RULE}", r"wrong at aprove \(line 1\): there is no such key — Did you mean approve"),
        (f"[[approve]]\n{RULE}files = ['../x']\n", r"wrong at approve.1.files \(line 5\): '../x' is no pattern of files below the project"),
        (f"[[approve]]\n{RULE}files = ['/etc/passwd']\n", "no pattern of files below"),
        (f"[[approve]]\n{RULE}files = ['!a']\n", "no pattern of files below"),
        (f"[[approve]]\n{RULE}[approve.ranges]\nlr = {{ low = 2, high = 1 }}\n", "low 2 is above high 1"),
        (f"[[approve]]\n{RULE}[approve.ranges]\nlr = {{ }}\n", "needs low, high or choices"),
        ("[[approve]]\nkinds = ['hparam']\nmax_minutes = nan\nmax_runs = 1\n", "max_minutes"),
        (f"[[approve]]\n{RULE}name = 'a'\n[[approve]]\n{RULE}name = 'a'\n", "a rule name twice"),
        (f"[[approve]]\n{RULE}name = '2'\n", "one that is a number"),
        ("kinds = [", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_one_line_that_names_place_and_remedy(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    with pytest.raises(PolicyFileError, match=said) as raised:
        load(path)
    assert "\n" not in str(raised.value) and raised.value.exit_code == 52


def test_what_is_no_readable_file_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    with pytest.raises(PolicyFileError, match="No such file"):
        load(path)
    os.mkfifo(path)
    with pytest.raises(PolicyFileError, match="it is not a file"):
        load(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(PolicyFileError, match="Is a directory"):
        load(path)
    path.rmdir()
    path.write_bytes(b"# ok\n# \xff\n")
    with pytest.raises(PolicyFileError, match="line 2 is not UTF-8"):
        load(path)
    path.write_bytes(b"#" * 10_000_000)
    with pytest.raises(PolicyFileError, match="has 10 MB"):
        load(path)
    with pytest.raises(PolicyFileError, match="Cannot read"):
        load(Path("a\0b"))


def test_the_template_is_a_policy_of_the_declared_space(tmp_path: Path) -> None:
    section = Section(
        entrypoints=("python train.py",),
        seeds=(0, 1, 2),
        space={
            "lr": FloatParameter(low=1e-5, high=1.0, key="conf/optim.yaml:lr"),
            'o"dd': ChoiceParameter(type="choice", choices=("a", True), key="conf/optim.yaml:odd"),
        },
    )
    path = tmp_path / "policy.toml"
    path.write_text(template(section))
    (found,) = load(path).approve
    assert found.parameters == ("lr", 'o"dd') and found.ranges['o"dd'].choices == ("a", True) and found.min_seeds == 3
    path.write_text(template(Section()))
    assert load(path).approve[0].parameters is None


def test_a_rule_in_words() -> None:
    said = "\n".join(rule_words(rule(ranges={"lr": {"low": 0.1, "high": 0.3}}, total_runs=20, expires="2030-01-31"), Spent(runs=4)))
    assert "lr: from 0.1 to 0.3" in said and "4 of 20 runs" in said and "until 2030-01-31 23:59" in said
