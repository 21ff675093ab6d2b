"""Who answers, chosen in the app: by key, by command, and the architect."""

from __future__ import annotations

from typing import Any

from mltui.ui.tui.app import MltuiApp
from mltui.ui.tui.models_screen import ModelsScreen

from .driving import app_with, idle, running, screen_text, until
from .fake_session import FakeSession, said
from .test_real_session import shows


def session_of(app: MltuiApp) -> FakeSession:
    session: Any = app.session
    return session


async def test_f4_lists_the_models_with_their_price_and_picks_one() -> None:
    app = app_with()
    async with running(app, (120, 40)) as pilot:
        await pilot.press("f4")
        await until(pilot, lambda: isinstance(app.screen, ModelsScreen) and app.screen.loaded)
        await until(pilot, lambda: "$3 in, $15 out per million tokens" in screen_text(app))
        assert "no key" in screen_text(app)
        await pilot.press("down", "enter")
        await until(pilot, lambda: session_of(app).model_info.id == "opus")
        await until(pilot, lambda: shows(app, "Model: opus"))


async def test_effort_and_architect() -> None:
    app = app_with([said("Two services.")])
    async with running(app, (120, 40)) as pilot:
        send = app.composer.area.Sent
        app.composer.area.post_message(send("/effort high"))
        await until(pilot, lambda: shows(app, "effort high"))
        assert app.status_line.status.model.endswith(" high")
        app.composer.area.post_message(send("/architect"))
        await until(pilot, lambda: session_of(app).architect)
        app.composer.area.post_message(send("/architect off"))
        await until(pilot, lambda: not session_of(app).architect)
        app.composer.area.post_message(send("/architect Which way is best?"))
        await until(pilot, lambda: shows(app, "Two services."))
        assert session_of(app).asked_architect == ["Which way is best?"]
        assert session_of(app).prompts == ["Which way is best?"]
        await idle(pilot)
