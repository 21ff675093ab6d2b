"""Keys that were meant for the composer must not decide."""

from __future__ import annotations

import pytest

from mltui.ui.tui.decision_pane import DecisionPane

from .driving import app_with, fake, idle, running, until
from .test_panes import EXPERIMENT, PERMISSION


@pytest.mark.parametrize("request_", [EXPERIMENT, PERMISSION])
async def test_keys_decide_nothing_before_the_pane_was_quiet(request_: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DecisionPane, "quiet", 3600.0)
    app = app_with([0.05, request_], prompt="go")
    async with running(app) as pilot:
        await pilot.press(*"yes yes")
        await until(pilot, lambda: isinstance(app.screen, DecisionPane))
        await pilot.press("y", "enter", "n", "a", "escape", "right", "enter", "y")
        assert isinstance(app.screen, DecisionPane)
        assert not fake(app).decisions


async def test_typing_goes_on_into_nothing_until_it_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(DecisionPane, "quiet", 3600.0)
    monkeypatch.setattr(DecisionPane, "clock", staticmethod(lambda: now[0]))
    app = app_with([EXPERIMENT], prompt="go")
    async with running(app) as pilot:
        await until(pilot, lambda: isinstance(app.screen, DecisionPane))
        pane = app.screen
        assert isinstance(pane, DecisionPane)
        await until(pilot, lambda: pane._timer is not None)
        now[0] += 3000.0
        await pilot.press("y")
        now[0] += 3000.0
        pane._maybe_arm()
        assert not pane.armed
        now[0] += 601.0
        pane._maybe_arm()
        assert pane.armed
        await pilot.press("y")
        await idle(pilot)
        assert fake(app).decisions[0].answer == "approve"
