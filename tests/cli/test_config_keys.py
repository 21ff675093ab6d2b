"""`mltui config set` and `mltui config keys`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mltui.cli.app import run


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLTUI_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def test_a_setting_is_set_and_taken_out(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "set", "limits.max_turns", "40"]) == 0
    assert (home / "config.toml").read_text() == "[limits]\nmax_turns = 40\n"
    assert run(["config", "set", "limits.max_turns", "--unset"]) == 0
    assert "max_turns" not in (home / "config.toml").read_text()
    assert run(["config", "set", "experiments.parallel", "2", "--project"]) == 0
    assert (tmp_path / ".mltui" / "config.toml").read_text() == "[experiments]\nparallel = 2\n"
    assert "it holds from the next session on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["limits.max_turn", "4"], 2, "Did you mean limits.max_turns"),
        (["limits.max_turns", "x"], 52, "must be a whole number"),
        (["limits.max_turns"], 2, "Give a value, or --unset"),
    ],
)
def test_what_is_wrong_is_one_line(arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "set", *arguments]) == code
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_keys_are_listed_as_they_are_mapped(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home.mkdir()
    (home / "keys.toml").write_text('"app.log" = "f9"\n"app.lgo" = "f8"\n"app.help" = "ctrl+b"\n')
    assert run(["config", "keys"]) == 52
    out, err = capsys.readouterr()
    assert any(line.startswith("F9 ") and "Experiment log" in line and line.endswith("app.log") for line in out.splitlines())
    assert f"mltui: error: {home / 'keys.toml'}:2: there is no app.lgo; did you mean app.log?" in err
    assert "mltui: warning: " in err and "tmux takes Ctrl+B" in err
    assert run(["config", "keys", "--json"]) == 52
    rows = {row["id"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["app.log"]["keys"] == ["f9"] and rows["app.log"]["default"] == ["f2"]
    assert run(["config", "keys", "--check"]) == 52
    assert capsys.readouterr().out == ""


def test_a_file_to_start_from_is_printed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "keys", "--default"]) == 0
    out = capsys.readouterr().out
    home.mkdir()
    (home / "keys.toml").write_text(out.replace('# "app.log" = "f2"', '"app.log" = "f9"'))
    assert run(["config", "keys", "--check"]) == 0
