"""One value changes in a configuration file, and nothing else."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mltui.config.schema import ChoiceParameter, FloatParameter, IntParameter, Parameter
from mltui.core.errors import ProposalError
from mltui.experiments.config_files import get_value, set_value
from mltui.experiments.parameters import change_parameters

YAML = b"""\
# optimiser
optim:   {lr: 0.1, betas: [0.9, 0.999]}   # inline
model:
    name: "big"      # quoted
    layers:
        - units: 64
        - units: 32
    dropout:
seed: 1
"""
TOML = b"""\
# optimiser
[optim]
lr = 0.1   # by hand
betas = [0.9, 0.999]

[model]
name = "big"
"""
JSON = b'{\n    "optim": {"lr": 1e-1,   "steps": 10},\n    "name": "big"\n}\n'


@pytest.mark.parametrize(
    ("key", "value", "old", "new"),
    [
        ("optim.lr", 1e-05, b"lr: 0.1,", b"lr: 1.0e-05,"),
        ("optim.betas.1", 0.99, b"0.999]", b"0.99]"),
        ("model.name", "small", b'"big" ', b"small "),
        ("model.name", "yes", b'"big" ', b'"yes" '),
        ("model.layers.0.units", 128, b"units: 64", b"units: 128"),
        ("seed", True, b"seed: 1", b"seed: true"),
    ],
)
def test_yaml_keeps_every_other_byte(key: str, value: Any, old: bytes, new: bytes) -> None:
    changed = set_value("a.yaml", YAML, key, value)
    assert changed == YAML.replace(old, new)
    assert get_value("a.yaml", changed, key) == value
    loaded: Any = yaml.safe_load(changed)
    for part in key.split("."):
        loaded = loaded[int(part) if isinstance(loaded, list) else part]
    assert loaded == value and type(loaded) is type(value)


def test_toml_and_json_keep_the_rest() -> None:
    assert set_value("a.toml", TOML, "optim.lr", 0.01) == TOML.replace(b"lr = 0.1 ", b"lr = 0.01 ")
    assert set_value("a.toml", TOML, "optim.betas.0", 0.8) == TOML.replace(b"[0.9,", b"[0.8,")
    assert set_value("a.json", JSON, "optim.lr", 0.01) == JSON.replace(b"1e-1", b"0.01")
    assert set_value("a.json", JSON, "name", 'sm"all') == JSON.replace(b'"big"', b'"sm\\"all"')


@given(st.one_of(st.integers(), st.booleans(), st.none(), st.text(max_size=20), st.floats(allow_nan=False, allow_infinity=False)))
@settings(max_examples=80, deadline=None)
def test_any_value_reads_back(value: Any) -> None:
    assert get_value("a.json", set_value("a.json", JSON, "name", value), "name") == value
    assert json.loads(set_value("a.json", JSON, "optim.lr", value))["optim"] == {"lr": value, "steps": 10}
    changed = set_value("a.yaml", YAML, "optim.lr", value)
    assert get_value("a.yaml", changed, "optim.lr") == value
    if value is not None and not (isinstance(value, int) and abs(value) > 2**62):
        assert tomllib.loads(set_value("a.toml", TOML, "optim.lr", value).decode())["optim"]["lr"] == value


@pytest.mark.parametrize(
    ("file", "data", "key", "message"),
    [
        ("a.yaml", YAML, "optim.rate", "a.yaml has no key 'optim.rate'. It has: lr, betas."),
        ("a.yaml", YAML, "model.layers.7.units", "no key 'model.layers.7'"),
        ("a.yaml", YAML, "optim", "is not a single value"),
        ("a.yaml", YAML, "model.dropout", "model.dropout in a.yaml is empty. Write its present value"),
        ("a.yaml", b"a: [", "a", "a.yaml cannot be read"),
        ("a.toml", b"a =", "a", "a.toml cannot be read"),
        ("a.json", b"{", "a", "a.json cannot be read"),
        ("a.yaml", b"\xff", "a", "is not UTF-8"),
        ("a.py", b"lr = 1", "lr", "YAML, TOML and JSON files only"),
        ("a.yaml", b"base: &lr 0.1\nother: *lr\n", "other", "cannot be set alone"),
    ],
)
def test_what_cannot_be_set_is_said(file: str, data: bytes, key: str, message: str) -> None:
    with pytest.raises(ProposalError) as error:
        get_value(file, data, key)
        set_value(file, data, key, 5)
    assert message in f"{error.value.args[0]}. {error.value.hint}"


SPACE: dict[str, Parameter] = {
    "lr": FloatParameter(low=1e-5, high=0.1, log=True, key="./a.yaml:optim.lr"),
    "units": IntParameter(low=8, high=256, key="a.yaml:model.layers.0.units"),
    "name": ChoiceParameter(type="choice", choices=("big", "small", True), key="a.yaml:model.name"),
}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("learning_rate", 1, "there is no parameter 'learning_rate'. Declared are: lr, units, name."),
        ("unit", 1, "Did you mean units?"),
        ("lr", 0.5, "lr = 0.5 is out of range. Choose between 1e-05 and 0.1."),
        ("lr", "fast", "lr must be a number, not 'fast'"),
        ("lr", True, "lr must be a number, not True"),
        ("lr", float("nan"), "lr must be a number, not nan"),
        ("lr", 0.1, "lr is 0.1 already: nothing would change"),
        ("units", 12.5, "units must be a whole number, not 12.5"),
        ("name", "tiny", "name cannot be 'tiny'. Choose one of 'big', 'small', True."),
        ("name", 1, "name cannot be 1"),
    ],
)
def test_bad_values_are_refused_with_a_way_out(name: str, value: Any, message: str) -> None:
    with pytest.raises(ProposalError) as error:
        change_parameters({name: value}, SPACE, {"a.yaml": YAML}.get)
    assert message in f"{error.value.args[0]}. {error.value.hint}"


def test_several_parameters_of_one_file() -> None:
    edits = change_parameters({"lr": "0.01", "units": 32.0, "name": "small"}, SPACE, {"a.yaml": YAML}.get)
    assert [(change.name, change.before, change.after) for change in edits.changes] == [
        ("lr", 0.1, 0.01),
        ("units", 64, 32),
        ("name", "big", "small"),
    ]
    assert yaml.safe_load(edits.files["a.yaml"])["model"]["layers"][0] == {"units": 32}
    with pytest.raises(ProposalError, match="which holds lr, does not exist"):
        change_parameters({"lr": 0.01}, SPACE, lambda file: None)
