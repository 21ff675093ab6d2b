"""The composer's keys: files, history, the queue, pastes, cutting, the editor, vi."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.widgets import Input

from mltui.agent.steering import Steering
from mltui.core.events import TurnSteered
from mltui.core.messages import Image
from mltui.ui.history import PromptHistory, history_file

from .driving import app_with, at_once, fake, idle, running, screen_text, until
from .fake_session import CWD, FakeFiles, FakeSession, said

NAMES = ("train.py", "src/", "src/a b.py", "src/loader.py", "conf/train.yaml")
LONG = "\n".join(f"line {number}" for number in range(42))


def with_files(app: Any) -> Any:
    app.composer.files = FakeFiles(*NAMES).matches
    return app.composer.area


async def paste(pilot: Any, text: str) -> None:
    pilot.app.composer.area.post_message(events.Paste(text))
    await pilot.pause()


async def test_a_file_is_completed_and_a_folder_goes_on() -> None:
    app = app_with([said("x")])
    async with running(app) as pilot:
        area = with_files(app)
        await pilot.press(*"see @lo")
        await until(pilot, lambda: area.completing)
        assert "src/loader.py" in screen_text(app)
        await pilot.press("tab")
        assert area.text == "see @src/loader.py "
        assert not area.completing
        await pilot.press(*"@src")
        await until(pilot, lambda: area.completing)
        await pilot.press("enter")
        assert area.text == "see @src/loader.py @src/"
        await until(pilot, lambda: area.completing)
        await pilot.press("enter")
        assert area.text == 'see @src/loader.py @"src/a b.py" '
        await pilot.press("enter")
        await idle(pilot)
        assert fake(app).prompts == ['see @src/loader.py @"src/a b.py" ']


async def test_escape_closes_the_files_and_an_address_opens_none() -> None:
    app = app_with()
    async with running(app) as pilot:
        area = with_files(app)
        await pilot.press(*"me@train")
        await pilot.pause(0.05)
        assert not area.completing
        await pilot.press("space", *"@train")
        await until(pilot, lambda: area.completing)
        await pilot.press("escape")
        assert not area.completing and area.text == "me@train @train"


async def test_a_command_for_the_shell_is_run_and_marked() -> None:
    app = app_with()
    async with running(app) as pilot:
        await pilot.press("exclamation_mark", *"ls")
        await pilot.pause()
        assert "! !ls" in screen_text(app)
        await pilot.press("enter")
        await until(pilot, lambda: fake(app).shell.commands == ["ls"])
        assert fake(app).prompts == []


async def test_a_prompt_from_elsewhere_is_never_a_command() -> None:
    app = app_with([said("x")], [said("y")], prompt="!touch this")
    async with running(app) as pilot:
        await idle(pilot)
        app.send("!touch that")
        await idle(pilot)
        assert fake(app).prompts == ["!touch this", "!touch that"] and fake(app).shell.commands == []


async def test_history_is_kept_for_the_next_session(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    app = app_with([said("1")])
    async with running(app) as pilot:
        app.composer.area.put(f"use {key} to push")
        await pilot.press("enter")
        await idle(pilot)
    file = history_file(CWD, os.environ)
    assert key not in file.read_text() and stat.S_IMODE(file.stat().st_mode) == 0o600
    app = app_with()
    async with running(app) as pilot:
        await until(pilot, lambda: app.composer.area.sent)
        await pilot.press("up")
        assert app.composer.area.text == "use [github-token] to push"


async def test_ctrl_r_searches_and_takes_or_leaves() -> None:
    app = app_with()
    async with running(app) as pilot:
        area = app.composer.area
        area.sent[:] = ["make the test faster", "write a test", "explain the loss"]
        await pilot.press(*"half", "ctrl+r")
        await until(pilot, lambda: area.text == "" and "explain the loss" in screen_text(app))
        await pilot.press(*"TEST fa")
        await until(pilot, lambda: "make the test faster" in screen_text(app) and "write a test" not in screen_text(app))
        await pilot.press("escape")
        assert area.text == "half" and not area.searching
        await pilot.press("ctrl+r", *"test", "ctrl+r", "enter")
        await until(pilot, lambda: area.text == "make the test faster")
        await pilot.press("ctrl+r", *"nothing of it", "enter")
        assert area.text == "make the test faster"
        assert not area.searching and not area.completing


async def test_queued_prompts_are_edited_removed_and_keep_their_order() -> None:
    app = app_with([30.0], prompt="go")
    async with running(app) as pilot:
        area = app.composer.area
        await until(pilot, lambda: fake(app).prompts == ["go"])
        for word in ("one", "two", "three"):
            await pilot.press(*word, "enter")
        await until(pilot, lambda: area.queue == ["one", "two", "three"])
        await pilot.press("up", "up")
        assert area.text == "two" and area.queue == ["one", "three"]
        await pilot.press("x", "enter")
        await until(pilot, lambda: area.queue == ["one", "twox", "three"])
        await pilot.press("up", "up", "up", "ctrl+u", "down")
        assert area.text == "twox" and area.queue == ["three"]
        await pilot.press("down", "down")
        assert area.text == "" and area.queue == ["twox", "three"]


async def test_a_long_paste_is_folded_sent_whole_and_can_be_opened() -> None:
    app = app_with([said("x")])
    async with running(app) as pilot:
        area = app.composer.area
        await paste(pilot, LONG)
        assert area.text == "[Pasted text #1, 42 lines]"
        await pilot.press("alt+p")
        assert area.text == LONG
        await pilot.press("ctrl+underscore")
        assert area.text == "[Pasted text #1, 42 lines]"
        await pilot.press(*" ok", "enter")
        await idle(pilot)
        assert fake(app).prompts == [f"{LONG} ok"]


async def test_a_paste_is_cleaned_once() -> None:
    app = app_with()
    async with running(app) as pilot:
        await paste(pilot, "a\x1b[31mb\x1b]0;title\x07c\r\nd\x00\te")
        assert app.composer.area.text == "abc\nd\te"


@pytest.mark.parametrize("form", ["{}", "'{}'", "file://{}"])
async def test_the_path_of_a_picture_becomes_a_mention(form: str, tmp_path: Path) -> None:
    picture = tmp_path / "plot 1.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    app = app_with()
    async with running(app) as pilot:
        await paste(pilot, form.format(str(picture).replace(" ", "%20") if "file:" in form else picture))
        assert app.composer.area.text == f'@"{picture}"'
        app.composer.area.put("")
        await paste(pilot, "/no/such.png")
        assert app.composer.area.text == "/no/such.png"


async def test_a_picture_of_the_clipboard_goes_with_the_prompt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "wl-paste"
    program.write_text("#!/bin/sh\nprintf '\\211PNG\\r\\n\\032\\n\\0\\0\\0\\015IHDR\\0\\0\\0\\1\\0\\0\\0\\1....IEND'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    app = app_with([said("x")])
    async with running(app) as pilot:
        await pilot.press("ctrl+v")
        await until(pilot, lambda: app.composer.area.text == "[Picture #1] ")
        await pilot.press("a", "enter")
        await idle(pilot)
        assert fake(app).prompts == ["[Picture #1] a"]
        assert [type(one) for one in fake(app).images] == [Image]


async def test_without_a_program_for_pictures_a_line_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = app_with()
    async with running(app) as pilot:
        monkeypatch.setenv("PATH", str(tmp_path))
        await pilot.press("alt+v")
        await until(pilot, lambda: "No program here reads pictures" in screen_text(app))
        assert "@picture.png" in screen_text(app)


async def test_cutting_and_putting_back() -> None:
    app = app_with()
    async with running(app) as pilot:
        area = app.composer.area
        await pilot.press(*"one two three", "ctrl+w", "ctrl+w")
        assert area.text == "one "
        await pilot.press("ctrl+y")
        assert area.text == "one two three"
        await pilot.press("alt+b", "ctrl+k")
        assert area.text == "one two "
        await pilot.press("ctrl+u")
        assert area.text == ""
        await pilot.press("ctrl+y", "ctrl+a", "alt+f", "alt+b", "alt+d")
        assert area.text == " two three"  # what was cut in a row comes back together
        await pilot.press("alt+z")
        assert area.text == "one two three"
        await pilot.press("alt+y")
        assert area.text == " two three"


@pytest.mark.parametrize("keys", [("ctrl+g",), ("ctrl+x", "ctrl+e")])
async def test_the_editor_changes_the_prompt(keys: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "editor"
    program.write_text('#!/bin/sh\nprintf "%s and more\\n" "$(cat "$1")" > "$1"\n')
    program.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(program))
    app = app_with()
    lent: list[bool] = []

    @contextmanager
    def suspend() -> Generator[None]:  # the terminal of tests cannot be lent
        lent.append(True)
        yield

    monkeypatch.setattr(app, "suspend", suspend)
    async with running(app) as pilot:
        await pilot.press(*"some", *keys)
        await until(pilot, lambda: app.composer.area.text == "some and more")
        assert lent == [True]


async def test_without_an_editor_a_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    app = app_with()
    async with running(app) as pilot:
        await pilot.press("a", "ctrl+g")
        await until(pilot, lambda: "There is no editor to open" in screen_text(app))
        assert app.composer.area.text == "a"


async def test_vi_in_the_composer() -> None:
    app = app_with([said("x")])
    async with running(app) as pilot:
        area = app.composer.area
        area.vim.on = True
        await pilot.press(*"one two", "escape")
        await pilot.pause()
        assert "N one two" in screen_text(app)
        await pilot.press("0", "d", "w")
        assert area.text == "two"
        await pilot.press("u")
        assert area.text == "one two"
        await pilot.press("ctrl+r")
        assert area.text == "two"
        await pilot.press("A", "x", "escape", "v", "h", "d")
        assert area.text == "tw"
        await pilot.press("enter")
        await idle(pilot)
        assert fake(app).prompts == ["tw"]
        await pilot.press("i")
        assert area.text == "i"


async def test_esc_and_a_letter_typed_fast_are_both_vis() -> None:
    app = app_with([said("x")])
    async with running(app) as pilot:
        area = app.composer.area
        area.vim.on = True
        await pilot.press(*"one two", "alt+b", "D")  # what a terminal makes of Esc and b
        await pilot.pause()
        assert area.text == "one " and "N one" in screen_text(app)
        await pilot.press("i", "x")
        assert area.text == "onex "


def test_history_is_bounded_and_survives_rubbish(tmp_path: Path) -> None:
    history = PromptHistory(tmp_path / "h" / "x.jsonl")
    assert history.load() == []
    for number in range(2_100):
        history.add(f"prompt {number}")
    history.add("x" * 30_000)
    history.add("prompt 2000")
    with (tmp_path / "h/x.jsonl").open("ab") as file:
        file.write(b"\xff\xfe not json\n[1]\n")
    loaded = history.load()
    assert len(loaded) == 1_000 and loaded[-1] == "prompt 2000" and loaded.count("prompt 2000") == 1
    assert len((tmp_path / "h/x.jsonl").read_bytes().splitlines()) == 1_000
    assert stat.S_IMODE((tmp_path / "h/x.jsonl").stat().st_mode) == 0o600


async def test_keys_that_come_at_once_take_effect_in_their_order() -> None:
    app = app_with([said("x")])
    async with running(app) as pilot:
        at_once(app, *"one", "left", *"xy", "backspace", "ctrl+j", "z", "ctrl+a", "-", "ctrl+k", *"two", "backspace", "enter")
        await idle(pilot)
        assert fake(app).prompts == ["onx\n-tw"]


async def test_so_they_do_in_a_line_of_input() -> None:
    app = app_with()
    async with running(app) as pilot:
        await pilot.press("ctrl+f")
        line = app.screen.query_one("#find-input", Input)
        await until(pilot, lambda: line.has_focus)
        at_once(app, *"lost", "backspace", "s", "home", "g")
        await until(pilot, lambda: line.value == "gloss")


async def test_what_is_said_to_the_turn_is_shown_until_the_agent_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    steering, asked = Steering(), asyncio.Event()
    steering.open = True
    monkeypatch.setattr(FakeSession, "steering", steering)

    async def next_step() -> None:
        await asked.wait()
        steering.said.clear()

    app = app_with([next_step, TurnSteered(text="mind the seeds"), said("I do")], prompt="go")
    async with running(app) as pilot:
        await until(pilot, lambda: fake(app).prompts == ["go"])
        await pilot.press(*"mind the seeds", "ctrl+s")
        await until(pilot, lambda: "⧖ mind the seeds  said with the next step" in screen_text(app))
        asked.set()
        await until(pilot, lambda: "I do" in screen_text(app))
        assert "❯ mind the seeds" in screen_text(app) and "⧖" not in screen_text(app)
