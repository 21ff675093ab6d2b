"""A resumed conversation is made into items from its end, and nothing of it is lost or shown twice."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mltui.core.events import Event, TurnStarted
from mltui.ui.tui import replaying
from mltui.ui.tui.items import AnswerItem, UserItem
from mltui.ui.tui.replaying import Replay
from mltui.ui.tui.tool_card import ToolCard

from .driving import app_with, running, screen_text, until
from .fake_session import call, said, tool


def turn(number: int, calls: int) -> list[Event]:
    made = [call("Read", f"{number}-{at}", file_path=f"{at}.py") for at in range(calls)]
    ran = [event for one in made for event in tool(one, "text")]
    return [TurnStarted(turn=number, text=f"prompt {number}"), said(f"look {number}", *made), *ran, said(f"answer {number}")]


def shown(events: list[Event]) -> list[tuple[str, str]]:
    """What each item says, from old to new, over all parts."""
    replay = Replay(events, None, {})
    items: list[object] = []
    while replay.more:
        items = [*replay.earlier()[0], *items]
    found: list[tuple[str, str]] = []
    for item in items:
        match item:
            case UserItem():
                found.append(("you", item.state.text))
            case AnswerItem():
                found.append(("agent", item.source))
            case ToolCard():
                found.append(("call", f"{item.state.arguments} {item.state.phase}"))
            case _:
                found.append(("other", ""))
    return found


@given(st.lists(st.integers(0, 12), min_size=1, max_size=12), st.integers(1, 40))
@settings(max_examples=25, deadline=None)
def test_all_parts_together_are_the_whole(calls: list[int], part: int) -> None:
    events = [event for number, count in enumerate(calls, 1) for event in turn(number, count)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replaying, "PART", len(events))
        whole = shown(events)
        patch.setattr(replaying, "PART", part)
        assert shown(events) == whole
    assert sum(kind == "call" for kind, _ in whole) == sum(calls)


async def test_a_long_conversation_comes_back_to_its_first_prompt_key_by_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaying, "PART", 100)
    events = [event for number in range(1, 41) for event in turn(number, 1)]
    app = app_with(events=events)
    async with running(app) as pilot:
        await until(pilot, lambda: "answer 40" in screen_text(app))
        assert app.view.paged < len(events) / 4
        for _ in range(6):
            await pilot.press("f3")
        await until(pilot, lambda: app.view.paged == 0)
        app.view.scroll_home(animate=False)
        await until(pilot, lambda: "prompt 1" in screen_text(app) and "prompt 2" in screen_text(app))
        assert "earlier" not in screen_text(app)
