"""`mltui sessions`: what the commands print and change, on session files as the agent writes them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mltui.agent import library, store
from mltui.cli.app import run
from mltui.config import paths
from mltui.core.events import Event, MessageCompleted, SessionRewound, SessionStarted, TurnCompleted, TurnStarted
from mltui.core.messages import AssistantMessage, Text, Usage


def write(folder: Path, id_: str, prompt: str, answer: str) -> Path:
    usage = Usage(input_tokens=1_000, output_tokens=20, cost_usd=0.5)
    said = AssistantMessage(parts=(Text(text=answer),))
    events: tuple[Event, ...] = (
        SessionStarted(
            session_id=id_,
            cwd=str(folder),
            model="scripted:none",
            persona="ml-engineer",
            mode="default",
            version="0",
            system="s" * 400,
            tools=(),
        ),
        TurnStarted(turn=1, text=prompt),
        MessageCompleted(message=said, usage=usage, stop_reason="end_turn", model="m"),
        TurnCompleted(turn=1, outcome="completed", usage=usage, steps=1, seconds=1.0),
    )
    file = store.SessionFile(folder / f"{id_}.jsonl")
    for event in events:
        file.append(event)
    file.close()
    return file.path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the sessions of a project, which is the working folder; there are two of them, and one of another project."""
    monkeypatch.setenv("MLTUI_HOME", str(tmp_path / "home"))
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    here = paths.sessions_dir(Path.cwd(), os.environ)
    write(here, "aaa-1", "why does the \x1b[31mloss rise?", "because of the **rate**")
    write(here, "bbb-2", "train a tree", "done")
    write(paths.state_dir(os.environ) / "sessions" / "other-1", "ccc-3", "elsewhere the loss fell", "ok")
    return here


def test_the_list(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sessions", "list"]) == 0
    shown = capsys.readouterr().out
    assert "why does the  [31mloss rise?" in shown
    assert "ccc-3" not in shown
    assert run(["sessions", "list", "--all", "--json"]) == 0
    rows = {row["id"]: row for row in json.loads(capsys.readouterr().out)}
    assert set(rows) == {"aaa-1", "bbb-2", "ccc-3"}
    assert (rows["aaa-1"]["cost_usd"], rows["aaa-1"]["turns"]) == (0.5, 1)


def test_search(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sessions", "search", "LOSS"]) == 0
    found = capsys.readouterr().out
    assert "aaa-1" in found
    assert "ccc-3" in found
    assert "\x1b" not in found
    assert run(["sessions", "search", "--here", "--json", "loss"]) == 0
    assert [hit["id"] for hit in json.loads(capsys.readouterr().out)] == ["aaa-1"]
    assert run(["sessions", "search", "nowhere"]) == 0
    assert "Nothing was found" in capsys.readouterr().err


def test_what_fills_the_window(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sessions", "show", "aaa", "--context"]) == 0
    shown = capsys.readouterr().out
    assert "1,020 tokens" in shown
    assert "system prompt" in shown


def test_export_to_a_file_and_to_stdout(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sessions", "export", "aaa", "-o", "out.html"]) == 0
    assert "<strong>rate</strong>" in Path("out.html").read_text()
    assert run(["sessions", "export", "aaa", "-o", "out.html"]) == 2
    assert run(["sessions", "export", "aaa", "-o", "out.html", "--force"]) == 0
    assert run(["sessions", "export", "ccc"]) == 0
    assert "## You\n\nelsewhere the loss fell" in capsys.readouterr().out
    assert run(["sessions", "export", "bbb", "-f", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["session"]["id"] == "bbb-2"


@pytest.mark.parametrize("command", [["show", "aaa"], ["export", "aaa"], ["export", "aaa", "-f", "html"]])
def test_what_a_rewind_took_out_is_not_shown(folder: Path, capsys: pytest.CaptureFixture[str], command: list[str]) -> None:
    file = store.SessionFile(folder / "aaa-1.jsonl")
    file.append(TurnStarted(turn=2, text="a dead end"))
    file.append(SessionRewound(to_turn=2, code=False, conversation=True))
    file.close()
    assert run(["sessions", *command]) == 0
    shown = capsys.readouterr().out
    assert "loss rise?" in shown
    assert "ent back to before turn 2" in shown
    assert "a dead end" not in shown


def test_a_file_that_is_no_session_is_never_the_latest(folder: Path) -> None:
    expected = store.latest(folder)
    (folder / "zzz.jsonl").write_text("")
    (folder / "zzy.jsonl").write_text("hello\n")
    assert store.latest(folder) == expected


def test_rename_does_not_make_a_session_the_latest(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.utime(folder / "aaa-1.jsonl", (1, 1))
    assert run(["sessions", "rename", "aaa", "why", "it", "rises"]) == 0
    assert library.listed(folder).rows[-1].name == "why it rises"
    latest = store.latest(folder)
    assert latest is not None
    assert latest.stem == "bbb-2"


def test_delete_asks_and_refuses_an_open_session(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sessions", "delete", "aaa"]) == 2
    assert "--yes" in capsys.readouterr().err
    held = store.SessionFile(folder / "aaa-1.jsonl")
    assert run(["sessions", "delete", "aaa", "--yes"]) == 1
    assert "open in another mltui" in capsys.readouterr().err
    held.close()
    assert run(["sessions", "delete", "aaa", "bbb", "--yes"]) == 0
    assert library.files(folder) == []
    assert run(["sessions", "show", "zzz"]) == 1
    assert "no session zzz" in capsys.readouterr().err


def test_a_session_that_another_process_has_open_is_refused_in_words(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code = (
        "import sys, pathlib; from mltui.agent.store import SessionFile; f = SessionFile(pathlib.Path(sys.argv[1])); "
        "print('open', flush=True); sys.stdin.read()"
    )
    held = subprocess.Popen(
        [sys.executable, "-c", code, str(folder / "bbb-2.jsonl")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert held.stdout is not None
        assert held.stdout.readline() == "open\n"
        Path("script.json").write_text('["hello"]')
        args = ["--headless", "x", "--model", "scripted:script.json", "-r", "bbb", "--trust"]
        assert run(args) == 1
        assert "Close it there, or pass --fork-session" in capfd.readouterr().err
        assert run([*args, "--fork-session"]) == 0
        assert "hello" in capfd.readouterr().out
        assert len(library.files(folder)) == 3
    finally:
        held.kill()
        held.communicate()


def test_old_sessions_go_when_a_person_says_how_long_they_stay(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    long_ago = time.time() - 10 * 86_400
    os.utime(folder / "aaa-1.jsonl", (long_ago, long_ago))
    Path("script.json").write_text('["hello"]')
    args = ["--headless", "x", "--model", "scripted:script.json", "--trust"]
    assert run(args) == 0
    assert (folder / "aaa-1.jsonl").exists()
    home = Path(os.environ["MLTUI_HOME"])
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text("[sessions]\nkeep_days = 5\n")
    assert run(args) == 0
    assert not (folder / "aaa-1.jsonl").exists()
    assert (folder / "bbb-2.jsonl").exists()


def test_resuming_needs_a_person_to_pick_where_no_id_is_given(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--headless", "-r"]) == 2
    assert "mltui sessions list" in capsys.readouterr().err


def test_a_session_that_was_killed_in_the_middle_of_an_answer_goes_on(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for path in library.files(folder):
        path.unlink()
    Path("notes.txt").write_text("one\n")
    read = {"text": "Reading.", "calls": [{"name": "Read", "arguments": {"file_path": "notes.txt"}}]}
    Path("script.json").write_text(json.dumps([read, {"text": "a long answer " * 50, "pause": 0.05}]))
    command = [sys.executable, "-m", "mltui", "--headless", "look", "--model", "scripted:script.json", "--trust"]
    killed = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not any(b"tool.completed" in path.read_bytes() for path in library.files(folder)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        killed.kill()
        killed.wait()
    Path("script.json").write_text('["gone on"]')

    assert run(["--headless", "go on", "--model", "scripted:script.json", "--trust", "-c"]) == 0

    assert "gone on" in capfd.readouterr().out
    (path,) = library.files(folder)
    loaded = store.load(path)
    assert loaded.problems == ()
    assert [event.type for event in loaded.events].count("tool.completed") == 1


@pytest.mark.parametrize(("answer", "says"), [("2", "mltui -r aaa-1"), ("", "mltui -r ")])
def test_the_line_mode_lets_a_person_pick_and_begins_anew_where_they_pick_none(folder: Path, answer: str, says: str) -> None:
    os.utime(folder / "aaa-1.jsonl", (1, 1))
    Path("script.json").write_text('["hello"]')
    command = [sys.executable, "-m", "mltui", "--plain", "-r", "--model", "scripted:script.json", "--trust"]
    done = subprocess.run(command, input=f"{answer}\n/status\n", capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "1. train a tree" in done.stdout
    assert says in done.stdout
    assert ("aaa-1" in done.stdout.partition("session   ")[2]) == (answer == "2")
