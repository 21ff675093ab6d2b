from __future__ import annotations

from mltui.ui.tui.composer import PromptArea

from .driving import app_with, fake, idle, running, until
from .fake_session import said


async def test_enter_sends_and_ctrl_j_makes_a_line() -> None:
    app = app_with([said("hi")])
    async with running(app) as pilot:
        await pilot.press("a", "ctrl+j", "b", "enter")
        await idle(pilot)
        assert fake(app).prompts == ["a\nb"]
        assert app.composer.area.text == ""


async def test_blank_text_is_not_sent() -> None:
    app = app_with()
    async with running(app) as pilot:
        await pilot.press("space", "enter")
        assert fake(app).prompts == []


async def test_history_at_the_edges() -> None:
    app = app_with([said("1")], [said("2")])
    async with running(app) as pilot:
        area = app.composer.area
        for word in ("first", "second"):
            await pilot.press(*word, "enter")
            await idle(pilot)
        await pilot.press("x", "up")
        assert area.text == "second"
        await pilot.press("up")
        assert area.text == "first"
        await pilot.press("up")
        assert area.text == "first"
        await pilot.press("down", "down")
        assert area.text == "x"


async def test_what_is_typed_while_the_agent_works_is_queued() -> None:
    app = app_with([30.0], [said("second")], prompt="go")
    async with running(app) as pilot:
        await until(pilot, lambda: fake(app).prompts == ["go"])
        await pilot.press(*"later", "enter")
        assert fake(app).prompts == ["go"]
        assert app.query_one("#queue").display
        await pilot.press("escape")
        await idle(pilot)
        assert app.composer.area.text == "later"
        assert not app.query_one("#queue").display
        await pilot.press("enter")
        await idle(pilot)
        assert fake(app).prompts == ["go", "later"]


async def test_the_queue_goes_on_by_itself() -> None:
    app = app_with([0.2, said("one")], [said("two")], prompt="go")
    async with running(app) as pilot:
        await pilot.press(*"more", "enter")
        await until(pilot, lambda: fake(app).prompts == ["go", "more"])


async def test_completion_by_tab_and_enter() -> None:
    app = app_with()
    async with running(app) as pilot:
        completions = app.query_one("#completions")
        await pilot.press("slash", "m")
        assert completions.display
        await pilot.press("down", "up", "tab")
        assert app.composer.area.text == "/mode "
        await pilot.press("p", "l")
        await pilot.press("enter")
        await until(pilot, lambda: fake(app).mode == "plan")
        assert app.composer.area.text == ""
        assert not completions.display


async def test_enter_counts_when_it_comes_before_the_list_has_gone() -> None:
    app = app_with()
    async with running(app) as pilot:
        area = app.composer.area
        area.completing = True  # as it still is when the last letter of a command and Enter come in one burst
        area.put("/status")
        area.post_message(PromptArea.Navigate("enter"))
        await until(pilot, lambda: area.text == "")


async def test_escape_closes_the_completions_and_enter_still_sends() -> None:
    app = app_with()
    async with running(app) as pilot:
        await pilot.press("slash", "escape")
        assert not app.query_one("#completions").display
        assert app.composer.area.text == "/"


async def test_keys_typed_before_the_session_opens_are_kept() -> None:
    app = app_with([said("x")])
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("h", "i", "enter")
        await until(pilot, lambda: app.session is not None and fake(app).prompts == ["hi"])
