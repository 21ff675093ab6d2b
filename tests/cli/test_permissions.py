"""`mltui permissions`: the rules explained and tested by the command itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mltui.cli.app import run

CONFIG = """\
[permissions]
allow = ["Bash(git status *)", "Edit(src/**)"]
ask = ["Bash(git push *)"]
deny = ["Read(./.env)", "Bash(rm *)"]

[[permissions.tests]]
call = "Bash(git push origin main)"
answer = "ask"

[[permissions.tests]]
call = "Bash(timeout 5 rm -r x)"
answer = "deny"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLTUI_HOME", str(tmp_path / "home"))
    root = tmp_path / "project"
    (root / ".mltui").mkdir(parents=True)
    (tmp_path / "home").mkdir()
    return root


def configured(project: Path, text: str = CONFIG) -> None:
    home = project.parent / "home"
    from mltui.config import paths

    config = paths.config_dir({"MLTUI_HOME": str(home)}) / "config.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(text)


@pytest.mark.parametrize(
    ("call", "answer", "reason"),
    [
        ("Bash(git status -s)", "allow", ""),
        ("Bash(git push)", "ask", "git push"),
        ("Bash(git status && rm x)", "deny", "Bash(rm *)"),
        ("Bash(nohup timeout 5 rm x)", "deny", "Bash(rm *)"),
        ("Bash(bash -c 'rm x')", "deny", ""),
        ("Bash(cat README.md > .git/config)", "deny", ""),
        ("Edit(src/x.py)", "allow", ""),
        ("Edit(other.py)", "ask", "writes a file"),
        ("Read(.env)", "deny", "Read(./.env)"),
        ("WebFetch(https://example.org/x)", "ask", "network"),
        ("Task(reviewer)", "allow", ""),
        ("mcp__files__read", "ask", ""),
    ],
)
def test_a_call_is_explained(project: Path, capsys: pytest.CaptureFixture[str], call: str, answer: str, reason: str) -> None:
    configured(project)
    call = call if call.endswith(")") else f"{call}()"
    assert run(["permissions", "explain", call, "-C", str(project), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["answer"] == answer, found
    assert reason in found["reason"]


@pytest.mark.parametrize(("call", "says"), [("git push", "is not a call"), ("Sing(x)", "no tool Sing"), ("Bash()", "")])
def test_what_is_no_call_is_said(project: Path, capsys: pytest.CaptureFixture[str], call: str, says: str) -> None:
    assert run(["permissions", "explain", call, "-C", str(project)]) != 0
    error = capsys.readouterr().err
    assert says in error and "Traceback" not in error


def test_a_call_that_no_tool_would_make_is_wrong_usage_and_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["permissions", "explain", "Bash(ls)", "Bash(watch rm x)", "-C", str(project)]) == 2
    assert "Bash(watch rm x)" in capsys.readouterr().err
    configured(project, CONFIG.replace("timeout 5 rm -r x", "vim x"))
    assert run(["permissions", "test", "-C", str(project)]) == 52
    error = capsys.readouterr().err
    assert "[[permissions.tests]]" in error and "Bash(vim x)" in error


def test_the_tests_of_the_rules(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configured(project)
    assert run(["permissions", "test", "-C", str(project)]) == 0
    assert "2 of 2 tests pass" in capsys.readouterr().err
    configured(project, CONFIG.replace('answer = "deny"', 'answer = "allow"'))
    assert run(["permissions", "test", "-C", str(project)]) == 1
    assert "the rules say deny (the rule Bash(rm *) denies it), the test wants allow" in capsys.readouterr().err


def test_the_list_says_where_rules_come_from(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configured(project)
    assert run(["permissions", "list", "-C", str(project), "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["mode"] == "default"
    assert {"answer": "deny", "rule": "Bash(rm *)"}.items() <= next(
        rule for rule in listed["rules"] if rule["rule"] == "Bash(rm *)"
    ).items()
    assert all("config.toml" in rule["origin"] for rule in listed["rules"])


@pytest.mark.parametrize("command", [["list"], ["test"], ["explain", "Bash(git status)"]])
def test_rules_that_do_not_hold_before_the_folder_is_trusted_are_named(
    project: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    (project / ".mltui/config.toml").write_text(CONFIG)
    run(["permissions", *command, "-C", str(project)])
    error = capsys.readouterr().err
    assert "`permissions.allow`" in error and "not trusted" in error
