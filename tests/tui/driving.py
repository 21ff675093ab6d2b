"""Driving the app in tests: start it on a fake session, wait for what must come, read what is on screen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from textual import events
from textual.pilot import Pilot

from mltui.ui.tui.app import MltuiApp

from .fake_session import FakeSession, Step

LONG = 60.0
"""Seconds after which something that must come has not come."""


def app_with(*turns: Sequence[Step], prompt: str = "", **kinds: Any) -> MltuiApp:
    """Returns: an app on a `FakeSession` that plays these turns."""

    async def open_session(approver: Any) -> FakeSession:
        return FakeSession(approver, turns, **kinds)

    return MltuiApp(open_session, prompt)


@asynccontextmanager
async def running(app: MltuiApp, size: tuple[int, int] = (100, 40)) -> AsyncIterator[Pilot[int]]:
    """The app with its session open."""
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.session is not None or app.exit_code != 0)
        yield pilot


async def until(pilot: Pilot[int], holds: Callable[[], object]) -> None:
    async with asyncio.timeout(LONG):
        while not holds():
            await pilot.pause(0.01)
    await pilot.pause()


async def idle(pilot: Pilot[int]) -> None:
    """Waits until no turn runs and every frame is drawn."""
    app: Any = pilot.app
    await until(pilot, lambda: app._turn is None)
    await pilot.pause(0.1)


def at_once(app: Any, *keys: str) -> None:
    """Presses keys faster than they are worked off."""
    for key in keys:
        app.post_message(events.Key(key, key if len(key) == 1 else None))


def fake(app: MltuiApp) -> FakeSession:
    assert isinstance(app.session, FakeSession)
    return app.session


def screen_text(app: Any) -> str:
    """Returns: what the top screen shows, line by line."""
    height = app.size.height
    lines = app.screen._compositor.render_strips(app.size)
    return "\n".join("".join(segment.text for segment in line) for line in lines[:height])
