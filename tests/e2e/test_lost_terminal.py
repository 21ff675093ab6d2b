"""The real program on real terminals that are taken away: experiments live, and the conversation goes on."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tui.terminals import LONG, PtyApp, mltui

from .project import Project
from .test_coding_task import call

WAITING = """\
import argparse, json, time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, required=True)
seed = parser.parse_args().seed
gate = Path(GATE)
started = gate.with_name("started")
started.touch()
while not gate.exists():
    time.sleep(0.05)
BONUS = 0.0
Path("metrics.json").write_text(json.dumps({"accuracy": 0.8 + BONUS + seed / 1000}))
"""
SCRIPT: list[Any] = [
    {"calls": [call("Read", file_path="train.py"), call("Edit", file_path="train.py", old_string="BONUS = 0.0", new_string="BONUS = 0.1")]},
    {"calls": [call("ProposeExperiment", title="A bonus", hypothesis="A bonus raises accuracy", methodology="two seeds, paired")]},
    "Done.",
]


def until(holds: Callable[[], object], what: str, seconds: float = 2 * LONG) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"{what} did not come"
        time.sleep(0.05)


@pytest.mark.slow
def test_a_job_lives_on_when_its_terminal_is_killed_and_the_session_goes_on(project: Project, tmp_path: Path) -> None:
    gate = tmp_path / "gate" / "open"
    gate.parent.mkdir()
    (project.root / "train.py").write_text(WAITING.replace("GATE", repr(str(gate))))
    config = project.root / ".mltui/config.toml"
    config.write_text(config.read_text().replace("[0, 1, 2, 3, 4, 5]", "[0, 1]") + "[sandbox]\nenabled = false\n")
    project.git("-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qam", "Wait")
    environ = project.environ()
    try:
        with PtyApp(mltui(SCRIPT, tmp_path), project.root, environ, size=(120, 40)) as app:
            app.until_text("scripted")
            app.type("try a bonus\r")
            app.until_text("May this experiment run?")
            app.until_text("Esc hold")  # the pane takes keys now
            app.type("y")
            until(gate.with_name("started").exists, "the first run")
            app.hang_up()
            assert app.wait() == 129
    finally:
        gate.touch()
    with PtyApp(mltui(["Again."], tmp_path, "--continue"), project.root, environ, size=(120, 40)) as app:
        app.until_text("try a bonus")
        app.type("\x1bOQ")  # F2
        app.until(
            lambda: "A bonus" in app.text() and "compared" in app.text(),
            "the result",
        )
        app.type("\x03\x03")
        assert app.wait() == 0


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Runs a command of a tmux server of the test's own."""
    if shutil.which("tmux") is None:
        pytest.skip("there is no tmux")
    base = ["tmux", "-S", str(tmp_path / "tmux"), "-f", os.devnull]
    clean = {name: value for name, value in os.environ.items() if name not in ("TMUX", "TMUX_PANE", "STY")}

    def run(*arguments: str) -> str:
        return subprocess.run([*base, *arguments], env=clean, capture_output=True, text=True, check=True).stdout

    yield run
    subprocess.run([*base, "kill-server"], env=clean, capture_output=True, check=False)


def test_in_tmux_it_is_detached_and_attached_again_and_typed_into(tmux: Callable[..., str], tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    arguments = shlex.join([sys.executable, *mltui(["hello there", "and again"], tmp_path)])
    tmux("new-session", "-d", "-s", "one", "-x", "90", "-y", "28", "-c", str(project), f"MLTUI_HOME={tmp_path / 'home'} {arguments}")

    def screen() -> str:
        return tmux("capture-pane", "-p", "-t", "one")

    until(lambda: "script.json" in screen(), "the app")
    outer = {"TERM": "xterm-256color"}
    attach = ["-c", f"import os; os.execvp('tmux', ['tmux', '-S', {str(tmp_path / 'tmux')!r}, 'attach', '-t', 'one'])"]
    with PtyApp(attach, project, outer, size=(90, 28)) as first:
        first.until_text("script.json")  # before it draws, tmux drops what is typed
        first.type("hi\r")
        until(lambda: "hello there" in screen(), "the answer")
        first.type("\x02d")  # Ctrl+B d
        assert first.wait() == 0
    assert "hello there" in screen()  # it lives where nobody looks
    with PtyApp(attach, project, outer, size=(60, 20)) as again:
        again.until_text("hello there")
        until(lambda: len(screen().splitlines()[0]) <= 60 and "hello there" in screen(), "the smaller screen")
        again.type("more\r")
        until(lambda: "and again" in screen(), "the second answer")
        again.hang_up()  # the terminal around tmux is killed
    assert "and again" in screen()
    tmux("send-keys", "-t", "one", "C-c", "C-c")
    until(lambda: not (tmp_path / "tmux").exists() or "one" not in sessions(tmp_path), "the end")


def sessions(folder: Path) -> str:
    """The sessions of the test's tmux server."""
    return subprocess.run(["tmux", "-S", str(folder / "tmux"), "ls"], capture_output=True, text=True, check=False).stdout
