"""Copying says truly what became of the text: through the terminal, through a real tmux, or into a file."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltui.config.schema import Ui
from mltui.core.events import TurnStarted
from mltui.ui.code_blocks import code_blocks
from mltui.ui.terminal.clipboard import LONGEST, copy, osc52, takes_osc52
from mltui.ui.tui.items import AnswerItem, UserItem

from .driving import app_with, idle, running, screen_text, until
from .fake_session import said
from .test_terminal import app_on, quit_app

XTERM = {"TERM": "xterm-256color"}
KITTY = {"TERM": "xterm-kitty"}
ANSWER = "Try this:\n\n```python\nprint(1)\n```\n\nor\n\n```sh\nls -l\n```\n"


@pytest.mark.parametrize(
    ("environ", "takes"),
    [
        (KITTY, "yes"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "yes"),
        ({"TERM": "foot"}, "yes"),
        ({"TERM": "xterm-256color", "WT_SESSION": "1"}, "yes"),
        (XTERM, "perhaps"),
        ({"TERM": "screen", "STY": "1.pts"}, "perhaps"),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7600"}, "no"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, "no"),
        ({"TERM": "linux"}, "no"),
    ],
)
def test_what_is_known_of_terminals(environ: dict[str, str], takes: str) -> None:
    assert takes_osc52(environ) == takes


@given(st.text(max_size=200))
def test_a_terminal_gets_the_text_and_nothing_that_ends_it_early(text: str) -> None:
    sequence = osc52(text, KITTY)
    body = sequence.removeprefix("\x1b]52;c;").removesuffix("\x07")
    assert base64.b64decode(body, validate=True) == text.encode("utf-8", "replace")


def test_copied_is_said_only_where_it_is_known(tmp_path: Path) -> None:
    written: list[str] = []
    assert copy("ab", KITTY, written.append, tmp_path).text == "copied 2 characters"
    assert copy("a", XTERM, written.append, tmp_path).text == "sent 1 character to the terminal; whether it took them it does not say"
    assert len(written) == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "environ", "way", "why"),
    [
        ("x", {"TERM": "linux"}, "auto", ": this terminal takes no OSC 52"),
        ("x" * (LONGEST + 1), KITTY, "auto", ": longer than the 74,994 bytes that the terminal takes"),
        ("ü", KITTY, "file", ""),
        ("x", XTERM | {"TMUX": "/nowhere/socket,1,0"}, "auto", ": tmux did not take it"),
    ],
)
def test_where_nothing_works_it_is_a_file_that_only_the_person_reads(
    text: str, environ: dict[str, str], way: Any, why: str, tmp_path: Path
) -> None:
    written: list[str] = []
    done = copy(text, {"PATH": os.environ["PATH"]} | environ, written.append, tmp_path / "state", way)
    assert done.path is not None and done.path.read_text() == text
    assert done.path.stat().st_mode & 0o077 == 0
    assert done.text.startswith(f"wrote {len(text):,} character") and f"to {done.path}{why}" in done.text
    assert not written


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a pane of a tmux of its own."""
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    environ = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "TMUX_TMPDIR": str(tmp_path), "LC_ALL": "C.UTF-8"}
    run = ["tmux", "-L", "clip", "-f", "/dev/null"]
    subprocess.run([*run, "new-session", "-d", "sleep 60"], env=environ, check=True)
    shown = subprocess.run(
        [*run, "display-message", "-p", "#{socket_path},#{pid},0"], env=environ, check=True, capture_output=True, text=True
    )
    yield environ | {"TMUX": shown.stdout.strip()}
    subprocess.run([*run, "kill-server"], env=environ, check=False)


def _buffer(environ: dict[str, str]) -> str:
    return subprocess.run(["tmux", "show-buffer"], env=environ, check=True, capture_output=True, text=True).stdout


def test_tmux_takes_it_and_its_option_decides_what_is_said(tmux: dict[str, str], tmp_path: Path) -> None:
    assert copy("zwei\nZeilen ü", tmux, None, tmp_path).text == "copied 13 characters through tmux"
    assert _buffer(tmux) == "zwei\nZeilen ü"
    subprocess.run(["tmux", "set-option", "-s", "set-clipboard", "off"], env=tmux, check=True)
    assert copy("other", tmux, None, tmp_path).text == (
        "copied 5 characters to tmux's own buffer: prefix ] pastes it (its option set-clipboard is off)"
    )
    assert _buffer(tmux) == "other"
    assert "too long for the terminal around it" in copy("x" * (LONGEST + 1), tmux, None, tmp_path).text


def test_the_blocks_of_an_answer() -> None:
    assert [tuple(block) for block in code_blocks(ANSWER)] == [("python", "print(1)"), ("sh", "ls -l")]
    assert code_blocks("- a\n\n  ```\n  x\n  ```\n")[0].code == "x"
    assert not code_blocks("none `here`")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLTUI_HOME", str(tmp_path))
    return tmp_path / "copied.txt"


def _app(*texts: str) -> Any:
    app = app_with(events=[event for number, text in enumerate(texts, 1) for event in (TurnStarted(turn=number, text="say"), said(text))])
    app.clipboard_way = "file"
    return app


async def _copied(pilot: Any, home: Path, text: str) -> None:
    await until(pilot, lambda: home.exists() and home.read_text() == text)
    await until(pilot, lambda: f"wrote {len(text)} characters" in screen_text(pilot.app))


def _typed(app: Any, line: str) -> None:
    app.composer.area.put(line)
    app.composer.area.send()


async def test_an_answer_a_block_and_what_has_the_focus_are_copied(home: Path) -> None:
    app = _app("first answer", ANSWER)
    async with running(app) as pilot:
        await until(pilot, lambda: "ls -l" in screen_text(app))
        app.clipboard_way = "file"
        _typed(app, "/copy")
        await _copied(pilot, home, ANSWER)
        _typed(app, "/copy 2")
        await _copied(pilot, home, "first answer")
        _typed(app, "/copy code 2")
        await _copied(pilot, home, "ls -l")
        await pilot.press("tab")
        await pilot.press("up")
        while not isinstance(app.view.focused_item, AnswerItem):
            await pilot.press("up")
        await pilot.press("b")
        await until(pilot, lambda: "Copy a code block" in screen_text(app))
        await pilot.press("enter")
        await _copied(pilot, home, "print(1)")
        while not isinstance(app.view.focused_item, UserItem):
            await pilot.press("k")
        await pilot.press("y")
        await until(pilot, lambda: home.read_text() == "say")


@pytest.mark.parametrize(
    ("line", "said_"),
    [("/copy 9", "There is no answer 9"), ("/copy code", "no code block"), ("/copy x", "'x' is no number")],
)
async def test_what_cannot_be_copied_is_said(line: str, said_: str) -> None:
    app = _app("one")
    async with running(app) as pilot:
        await until(pilot, lambda: "one" in screen_text(app))
        _typed(app, line)
        await until(pilot, lambda: said_ in screen_text(app))


async def test_a_selection_is_copied_and_the_settings_count(home: Path) -> None:
    app = _app("only answer")

    async with running(app) as pilot:
        app.use_settings(Ui(clipboard="file", mouse=False))
        await until(pilot, lambda: "only answer" in screen_text(app) and "mouse off" in screen_text(app))
        app.screen.text_select_all()
        await pilot.press("ctrl+c")
        await until(pilot, lambda: home.exists() and "only answer" in home.read_text())
        await pilot.press("f12")
        await until(pilot, lambda: app.use_mouse and "mouse off" not in screen_text(app))


async def test_a_hint_goes_by_itself_and_leaves_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    from mltui.ui.tui import conversation_app

    monkeypatch.setattr(conversation_app, "HINT_SECONDS", 0.05)
    app = _app("one")
    async with running(app) as pilot:
        await idle(pilot)
        app.hint("for a moment")
        await until(pilot, lambda: "for a moment" in screen_text(app))
        await until(pilot, lambda: "for a moment" not in screen_text(app))


def test_on_a_real_terminal_the_text_goes_out_and_the_mouse_comes_and_goes(tmp_path: Path) -> None:
    with app_on(tmp_path, "a line to copy", environ={"TERM_PROGRAM": "WezTerm"}, arguments=("--no-mouse",)) as app:
        assert b"\x1b[?1000h" not in app.output
        app.type("hello\r")
        app.until_text("a line to copy")
        app.type("/copy\r")
        app.until_text("copied 14 characters")
        assert b"\x1b]52;c;" + base64.b64encode(b"a line to copy") in app.output
        app.type("\x1b[24~")
        app.until(lambda: b"\x1b[?1000h" in app.output)
        app.type("\x1b[24~")
        app.until(lambda: app.output.rfind(b"\x1b[?1000l") > app.output.rfind(b"\x1b[?1000h"))
        assert quit_app(app) == 0
