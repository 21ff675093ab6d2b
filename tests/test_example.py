"""The packaged example is a working project: its data, its training, its declared space and its policy fit together."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mltui.config import loader
from mltui.experiments import policy as policies

EXAMPLE = Path(__file__).resolve().parent.parent / "src" / "mltui" / "examples" / "digits"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("example") / "digits"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    python(folder, "make_data.py")
    return folder


def python(folder: Path, *args: str) -> str:
    done = subprocess.run([sys.executable, *args], cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def metrics(folder: Path, *args: str) -> dict[str, float]:
    python(folder, "train.py", *args)
    return json.loads((folder / "metrics.json").read_text())


def digest(folder: Path) -> str:
    return hashlib.sha256((folder / "data" / "digits.csv.gz").read_bytes()).hexdigest()


def test_the_data_is_the_same_each_time_it_is_made(project: Path):
    before = digest(project)
    python(project, "make_data.py")
    assert digest(project) == before


def test_the_seed_decides(project: Path):
    first, again, other = (metrics(project, "--seed", seed) for seed in ("0", "0", "1"))
    assert first["log_loss"] == again["log_loss"] != other["log_loss"]
    assert 0.85 < first["accuracy"] < 0.97  # it learns, and leaves something to improve


def test_a_change_inside_the_space_makes_it_better(project: Path):
    text = (project / "conf" / "train.yaml").read_text()
    assert "learning_rate: 0.05" in text
    (project / "conf" / "better.yaml").write_text(text.replace("learning_rate: 0.05", "learning_rate: 0.2"))
    for seed in ("0", "1"):
        assert metrics(project, "--seed", seed, "--config", "conf/better.yaml")["accuracy"] > metrics(project, "--seed", seed)["accuracy"]


def test_its_settings_load_and_every_parameter_exists(project: Path):
    section = loader.load(project, {"MLTUI_HOME": str(project.parent / "home")}, trusted=True).config.experiments
    assert section.primary is not None
    assert section.entrypoints == ("python train.py --seed {seed}",)
    assert set(section.space) == {"learning_rate", "alpha", "hidden", "activation"}
    for parameter in section.space.values():
        file, _, dotted = parameter.key.partition(":")
        value = yaml.safe_load((project / file).read_text())
        for part in dotted.split("."):
            value = value[part]
        if parameter.type == "choice":
            assert value in parameter.choices
        else:
            assert parameter.low <= value <= parameter.high


def test_its_policy_approves_what_it_declares(project: Path):
    policy = policies.load(project / "policy.toml")
    section = loader.load(project, {"MLTUI_HOME": str(project.parent / "home")}, trusted=True).config.experiments
    (rule,) = policy.approve
    assert set(rule.parameters or ()) == set(section.space)
    assert rule.commands == section.entrypoints
    assert rule.max_runs >= 2 * len(section.seeds)
    assert rule.max_minutes >= section.budget_minutes
    assert policy.keep.when == "never"


@pytest.mark.slow
def test_its_own_tests_pass(project: Path):
    assert "3 passed" in python(project, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_train.py")
