"""Finding in the conversation, going through it by prompts, and looking far back with few widgets."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment
from textual.strip import Strip

from mltui.core.events import Event, TurnStarted
from mltui.ui.tui import replaying
from mltui.ui.tui.find_bar import FindBar
from mltui.ui.tui.items import AnswerItem, UserItem
from mltui.ui.tui.places import offsets, places_in
from mltui.ui.tui.tool_card import ToolCard
from mltui.ui.tui.transcript import MOST_BACK, MOST_LIVE, PAGE

from .driving import app_with, idle, running, screen_text, until
from .fake_session import call, said, tool


def past(turns: int) -> list[Event]:
    events: list[Event] = []
    for number in range(1, turns + 1):
        made = call("Bash", command=f"ls {number}")
        events += [TurnStarted(turn=number, text=f"prompt {number}"), said("", made), *tool(made, f"output\n\nneedle{number} in it")]
        events += [said(f"The **answer** {number}.\n\n" + "words and words\n\n" * 3)]
    return events


def bar(app: Any) -> FindBar:
    return app.query_one(FindBar)


async def find(pilot: Any, text: str) -> None:
    await pilot.press("ctrl+f")
    await until(pilot, lambda: pilot.app.query(FindBar))
    await pilot.press(*("space" if letter == " " else letter for letter in text))
    await pilot.pause(0.05)


async def test_what_is_typed_is_found_counted_and_shown() -> None:
    app = app_with(events=past(6))
    async with running(app, (100, 20)) as pilot:
        await until(pilot, lambda: "The answer 6" in screen_text(app))
        await find(pilot, "answer 2")
        await until(pilot, lambda: "1 of 1" in screen_text(app) and "The answer 2" in screen_text(app))
        item = bar(app).finder.item()
        assert isinstance(item, AnswerItem)
        assert any(segment.style and segment.style.reverse for line in item.render_lines(item.size.region) for segment in line)
        await pilot.press("escape")
        await until(pilot, lambda: "The answer 6" in screen_text(app) and "The answer 2" not in screen_text(app))
        assert app.focused is app.composer.area
        assert not app.query(FindBar)
        assert app.view.scroll_y == app.view.max_scroll_y


async def test_every_place_comes_in_turn_and_round_again() -> None:
    app = app_with(events=past(3))
    async with running(app, (100, 60)) as pilot:
        await until(pilot, lambda: "The answer 3" in screen_text(app))
        await find(pilot, "The answer")
        seen: list[tuple[str, str]] = []
        for _ in range(4):
            await until(pilot, lambda: bar(app).finder.item() is not None)
            seen.append((bar(app).finder.count, cast("Any", bar(app).finder.item()).state.lines.source[:16]))
            await pilot.press("enter")
            await pilot.pause(0.05)
        assert [count for count, _ in seen] == ["1 of 3", "2 of 3", "3 of 3", "1 of 3"]
        assert [text[-1] for _, text in seen] == ["1", "2", "3", "1"]
        await pilot.press("up", "up")
        await until(pilot, lambda: "3 of 3" in screen_text(app))


async def test_with_n_and_capital_n_one_goes_on_from_the_conversation() -> None:
    app = app_with(events=past(4))
    async with running(app, (100, 30)) as pilot:
        await until(pilot, lambda: "The answer 4" in screen_text(app))
        await find(pilot, "answer")
        await pilot.press("tab")
        await until(pilot, lambda: not app.query(FindBar))
        first = app.view.focused_item
        assert first is not None
        await pilot.press("n")
        await until(pilot, lambda: app.view.focused_item not in (None, first))
        await pilot.press("N")
        await until(pilot, lambda: app.view.focused_item is first)
        await pilot.press("escape")
        assert app.focused is first and not app.view.query_text
        await pilot.press("escape")
        assert app.focused is app.composer.area


async def test_a_folded_output_opens_for_what_is_in_it_and_closes_again() -> None:
    app = app_with(events=past(3))
    async with running(app, (100, 30)) as pilot:
        await until(pilot, lambda: "The answer 3" in screen_text(app))
        await find(pilot, "needle1")
        await until(pilot, lambda: "needle1 in it" in screen_text(app))
        card = bar(app).finder.item()
        assert isinstance(card, ToolCard) and card.opened
        await pilot.press("escape")
        await pilot.pause(0.05)
        assert not card.opened


async def test_what_was_paged_out_and_never_loaded_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaying, "PART", 60)
    app = app_with(events=past(200))
    async with running(app, (100, 30)) as pilot:
        await until(pilot, lambda: "The answer 200" in screen_text(app))
        await find(pilot, "prompt 7")
        await until(pilot, lambda: "11 of 11" in screen_text(app) and "❯ prompt 79 " in screen_text(app))
        assert len(app.query("Item")) <= MOST_LIVE + PAGE + MOST_BACK
        assert "later" not in screen_text(app).split("\n")[-4]
        await pilot.press("escape")
        await until(pilot, lambda: "The answer 200" in screen_text(app))
        assert app.view.shows(app.view.live[-1])


async def test_what_is_not_there_is_said() -> None:
    app = app_with(events=past(2))
    async with running(app) as pilot:
        await until(pilot, lambda: "The answer 2" in screen_text(app))
        await find(pilot, "zzz")
        await until(pilot, lambda: "not found" in screen_text(app))
        await pilot.press("enter", "tab", "escape")
        await until(pilot, lambda: not app.query(FindBar))


async def test_the_command_finds_too() -> None:
    app = app_with(events=past(3))
    async with running(app) as pilot:
        await until(pilot, lambda: "The answer 3" in screen_text(app))
        app.composer.area.put("/find needle2")
        app.composer.area.send()
        await until(pilot, lambda: "1 of 1" in screen_text(app))


async def test_from_prompt_to_prompt() -> None:
    app = app_with(events=past(12))
    async with running(app, (80, 20)) as pilot:
        await until(pilot, lambda: "The answer 12" in screen_text(app))

        def top() -> str:
            return next(line for line in screen_text(app).split("\n") if line.strip())

        await pilot.press("alt+up")
        await until(pilot, lambda: "❯ prompt 12" in top() or "❯ prompt 11" in top())
        before = int(top().split("prompt ")[1])
        await pilot.press("alt+up")
        await until(pilot, lambda: f"❯ prompt {before - 1} " in top())
        await pilot.press("alt+down")
        await until(pilot, lambda: f"❯ prompt {before} " in top())
        await pilot.press("tab")
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: isinstance(app.view.focused_item, UserItem))
        await pilot.press("home")
        await until(pilot, lambda: "❯ prompt 1 " in screen_text(app))
        await pilot.press("end")
        await until(pilot, lambda: "The answer 12" in screen_text(app))


async def test_far_back_there_are_few_widgets_and_the_newest_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaying, "PART", 100)
    app = app_with(events=past(300))
    async with running(app, (100, 30)) as pilot:
        await until(pilot, lambda: "The answer 300" in screen_text(app))
        await pilot.press("tab", "g")
        await until(pilot, lambda: "❯ prompt 1 " in screen_text(app))
        assert app.view.paged == 0
        assert len(app.query("Item")) <= MOST_LIVE + PAGE + MOST_BACK
        for _ in range(15):
            await pilot.press("pagedown")
        await pilot.pause(0.1)
        assert len(app.query("Item")) <= MOST_LIVE + PAGE + MOST_BACK
        assert "❯ prompt 1 " not in screen_text(app)
        await pilot.press("G")
        await until(pilot, lambda: "The answer 300" in screen_text(app))


async def test_what_comes_while_one_reads_far_back_is_at_the_end() -> None:
    app = app_with([said("fresh news")], events=past(100))
    async with running(app, (100, 30)) as pilot:
        await until(pilot, lambda: "The answer 100" in screen_text(app))
        app.view.action_edge(-1)
        await until(pilot, lambda: "❯ prompt 1 " in screen_text(app))
        app.tell("info", "said meanwhile")
        await pilot.pause(0.1)
        assert "said meanwhile" not in screen_text(app)
        await pilot.press("x", "enter")
        await idle(pilot)
        await until(pilot, lambda: "fresh news" in screen_text(app))


@given(st.text("abA* `ß中\n", max_size=30), st.text("abA中", min_size=1, max_size=3))
def test_places_are_where_the_text_is(text: str, sought: str) -> None:
    lines = [Strip([Segment(line)]) for line in text.split("\n")]
    for place in places_in(lines, sought):
        assert lines[place.line].crop(place.start, place.end).text.lower() == sought.lower()
    assert len(places_in(lines, sought)) == sum(line.lower().count(sought.lower()) for line in text.split("\n"))


def test_the_signs_of_markdown_are_not_in_the_way() -> None:
    assert offsets("the **bold** word", "bold word") == [4]
    assert len(offsets("the **bold** word", "**")) == 2
