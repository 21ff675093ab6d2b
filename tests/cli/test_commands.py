"""The commands beside the agent: what they print for people and for programs, and what they do with mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mltui.cli.run import split_rules
from tests.e2e.project import CONFIG, Project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project.make(tmp_path_factory.mktemp("cli"))


@pytest.mark.parametrize(
    "args",
    [
        (), ("run",), ("try",), ("experiments",), ("experiments", "approve"), ("data",), ("data", "check"),
        ("data", "fingerprint"), ("data", "split"), ("sessions",), ("personas", "check"), ("config", "show"),
        ("doctor",), ("ui",), ("replay",), ("completion",),
    ],
)  # fmt: skip
def test_help_on_every_level(project: Project, args: tuple[str, ...]) -> None:
    done = project.mltui(*args, "--help")

    assert done.code == 0, done.err
    assert "Usage: mltui" in done.out


def test_the_root_help_names_every_command_and_the_flags_of_the_agent(project: Project) -> None:
    text = project.mltui("--help").out

    for word in ("experiments", "personas", "doctor", "replay", "--headless", "--plain", "--approval-policy", "[PATH]"):
        assert word in text


def test_lists_of_a_fresh_project_are_empty_and_say_what_to_do(project: Project) -> None:
    done = project.mltui("experiments", "list")
    assert (done.code, done.out) == (0, "")
    assert "no experiments yet" in done.err
    assert json.loads(project.mltui("experiments", "list", "--json").out) == []
    assert "no sessions" in project.mltui("sessions", "list").err


def test_what_is_under_experiment_is_explained(project: Project) -> None:
    listed = {row["path"]: row for row in json.loads(project.mltui("experiments", "control", "--json", "-C", ".").out)}
    assert listed["train.py"]["kind"] == "train"
    assert listed["prompts/judge.md"]["kind"] == "prompt"
    assert "src/util.py" not in listed
    assert "free" in project.mltui("experiments", "control", "--explain", "src/util.py").out


@pytest.mark.slow
def test_an_experiment_that_does_not_exist_is_one_line(project: Project) -> None:
    for command in ("show", "approve", "reject", "run", "compare", "accept", "discard", "stop"):
        done = project.mltui("experiments", command, "P-0009")
        assert done.code == 1, command
        assert "no experiment P-0009" in done.err
        assert "Traceback" not in done.err


def test_personas_list_and_check(project: Project, tmp_path: Path) -> None:
    names = {row["name"] for row in json.loads(project.mltui("personas", "list", "--json").out)}
    assert names >= {"ml-engineer", "senior-ml-engineer", "data-scientist", "infrastructure-engineer", "reviewer"}
    assert project.mltui("personas", "check").code == 0
    bad = tmp_path / "bad.md"
    bad.write_text("---\nname: [\n---\n")
    done = project.mltui("personas", "check", str(bad))
    assert done.code == 52
    assert "bad.md:" in done.out


def test_config_says_where_a_value_comes_from(project: Project) -> None:
    project.mltui("--headless", "x", "--model", "scripted:none.json", "--trust")
    rows = json.loads(project.mltui("config", "show", "--json", MLTUI_PERSONA="reviewer").out)
    assert rows["persona"]["origin"].startswith("MLTUI_PERSONA")
    assert ".mltui/config.toml" in rows["experiments.seeds"]["origin"]
    assert project.mltui("config", "check").code == 0


def test_config_check_finds_every_mistake(tmp_path: Path) -> None:
    broken = Project.make(tmp_path)
    (broken.root / ".mltui/config.toml").write_text(CONFIG.replace("seeds =", "sedes =").replace('type = "float"', 'type = "flaot"'))
    done = broken.mltui("config", "check")

    assert done.code == 52
    assert "seeds" in done.out
    assert "config.toml:" in done.out


def test_doctor_says_what_works(project: Project) -> None:
    rows = {row["name"]: row for row in json.loads(project.mltui("doctor", "--json").out)}

    assert {row["status"] for row in rows.values()} <= {"ok", "warn", "fail"}
    assert len(rows) > 10
    assert "sk-" not in str(rows)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(project: Project, shell: str) -> None:
    done = project.mltui("completion", shell)
    assert done.code == 0
    assert "_MLTUI_COMPLETE" in done.out


def test_replay_of_what_is_no_session(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("hello\n")
    done = project.mltui("replay", str(path))
    assert done.code == 1
    assert "not a session file" in done.err


@pytest.mark.parametrize(
    ("values", "rules"),
    [
        (("Bash(git *),Edit",), ("Bash(git *)", "Edit")),
        (("Read Edit", "Bash(a, b)"), ("Read", "Edit", "Bash(a, b)")),
        (("",), ()),
        (("Bash(git *, Edit", "Read"), ("Bash(git *, Edit", "Read")),
    ],
)
def test_rules_are_split_outside_parentheses(values: tuple[str, ...], rules: tuple[str, ...]) -> None:
    assert split_rules(values) == rules
