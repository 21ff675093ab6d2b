"""Sessions in the app: picked at the start, changed, copied, summed up; on real files and a model that plays a script."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from mltui.agent import library
from mltui.config import paths
from mltui.ui.tui.app import MltuiApp
from mltui.ui.tui.sessions_screen import SessionsScreen

from .driving import idle, running, until
from .test_real_session import project, shows

SUMMED = {"text": "GOAL: tell a story. The hero is Ada.", "expect": "<conversation>"}


def app_for(root: Path, script: list[object], *, pick: bool = False) -> MltuiApp:
    """An app on a real session of the project; with `pick` the person chooses one first."""
    file = root.parent / "script.json"
    if root.exists():
        file.write_text(json.dumps(script))
    else:
        project(root.parent, script)

    async def open_session(approver: Any, other: str | None = None) -> Any:
        from mltui.runtime import Options, open_session

        return await open_session(Options(cwd=root, model=f"scripted:{file}", trusted=True, resume=other), approver)

    folder = paths.sessions_dir(root, os.environ)
    return MltuiApp(open_session, pick_from=folder if pick else None)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLTUI_HOME", str(tmp_path / "home"))
    return tmp_path / "project"


async def say(app: MltuiApp, pilot: Any, text: str, answer: str) -> None:
    app.send(text)
    await until(pilot, lambda: shows(app, answer))
    await idle(pilot)


async def test_a_session_is_named_copied_left_and_picked_again(root: Path) -> None:
    app = app_for(root, ["Once upon a time.", "never"])
    async with running(app, (120, 40)) as pilot:
        first: Any = app.session
        await say(app, pilot, "tell me a story", "Once upon a time.")
        app.composer.area.post_message(app.composer.area.Sent("/rename the story"))
        await until(pilot, lambda: shows(app, "This session is called the story"))
        app.composer.area.post_message(app.composer.area.Sent("/fork another end"))
        await until(pilot, lambda: app.session is not first and shows(app, "This is a copy", "Once upon a time."))
        copy: Any = app.session
        assert copy.transcript.messages == first.transcript.messages
        assert copy.transcript.title == "another end"
        app.composer.area.post_message(app.composer.area.Sent("/sessions"))
        await until(pilot, lambda: isinstance(app.screen, SessionsScreen) and shows(app, "the story", "1 turn", "> tell me a story"))
        await pilot.press("enter")
        await until(pilot, lambda: app.session is not None and app.session.id == first.id)
        assert shows(app, "Once upon a time.")
    await app.close_session()
    assert {row.name for row in library.listed(paths.sessions_dir(root, os.environ)).rows} == {"the story", "another end"}


async def test_a_session_that_cannot_be_opened_leaves_the_one_that_is(root: Path) -> None:
    app = app_for(root, ["hello"])
    async with running(app) as pilot:
        await say(app, pilot, "hi", "hello")
        before = app.session
        app.composer.area.post_message(app.composer.area.Sent("/sessions zzz"))
        await until(pilot, lambda: shows(app, "There is no session zzz"))
        assert app.session is before
    await app.close_session()


async def test_the_start_offers_the_sessions_and_escape_begins_a_new_one(root: Path) -> None:
    app = app_for(root, ["hello"])
    async with running(app) as pilot:
        await say(app, pilot, "the first prompt", "hello")
        first = app.session
    await app.close_session()
    assert first is not None

    again = app_for(root, ["later"], pick=True)
    async with again.run_test(size=(100, 40)) as pilot:
        await until(pilot, lambda: isinstance(again.screen, SessionsScreen) and shows(again, "the first prompt"))
        await pilot.press("enter")
        await until(pilot, lambda: again.session is not None)
        assert again.session is not None
        assert again.session.id == first.id
    await again.close_session()

    fresh = app_for(root, ["later"], pick=True)
    async with fresh.run_test(size=(100, 40)) as pilot:
        await until(pilot, lambda: isinstance(fresh.screen, SessionsScreen))
        await pilot.press("escape")
        await until(pilot, lambda: fresh.session is not None)
        assert fresh.session is not None
        assert fresh.session.id != first.id
    await fresh.close_session()


async def test_the_window_is_shown_and_the_conversation_summed_up(root: Path) -> None:
    app = app_for(root, [SUMMED, "The story. " * 400, "Another. " * 400])
    async with running(app, (120, 60)) as pilot:
        await say(app, pilot, "tell me a story", "The story.")
        await say(app, pilot, "and another", "Another.")
        app.view.clear()
        app.composer.area.post_message(app.composer.area.Sent("/context"))
        await until(pilot, lambda: shows(app, "system prompt", "answers", "free"))
        app.composer.area.post_message(app.composer.area.Sent("/compact the hero"))
        await until(pilot, lambda: shows(app, "Context compacted"))
        session: Any = app.session
        assert "The hero is Ada" in session.transcript.messages[0].text
        assert "tell me a story" in session.transcript.messages[0].text
    await app.close_session()


async def test_escape_stops_a_summary_and_a_prompt_waits_for_it(root: Path) -> None:
    slow = {**SUMMED, "text": "word " * 2_000, "pause": 0.05}
    app = app_for(root, [slow, SUMMED, "The story. " * 400, "Another. " * 400, "And on."])
    async with running(app, (120, 60)) as pilot:
        await say(app, pilot, "tell me a story", "The story.")
        await say(app, pilot, "and another", "Another.")
        before = list(session_of(app).transcript.messages)
        app.composer.area.post_message(app.composer.area.Sent("/compact"))
        await until(pilot, lambda: session_of(app)._beside is not None)
        await pilot.press("escape")
        await until(pilot, lambda: shows(app, "The summary was interrupted"))
        assert session_of(app).transcript.messages == before
        app.composer.area.post_message(app.composer.area.Sent("/compact"))
        await until(pilot, lambda: session_of(app)._beside is not None or shows(app, "Context compacted"))
        await say(app, pilot, "go on", "And on.")
        assert session_of(app).transcript.compacted
    await app.close_session()


def session_of(app: MltuiApp) -> Any:
    return app.session
