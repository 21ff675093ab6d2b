"""Going back, looking at changes and committing in the app: by keys alone."""

from __future__ import annotations

import pytest

from mltui.core.events import SessionRewound, TurnStarted
from mltui.core.rewind import RewindPlan, RewindPoint
from mltui.ui.tui.app import MltuiApp
from mltui.ui.tui.chooser import Chooser
from mltui.ui.tui.diff_screen import DiffScreen
from mltui.ui.tui.text_screen import TextScreen

from .driving import app_with, fake, running, screen_text, until
from .fake_session import said

POINTS = (
    RewindPoint(turn=1, text="make it \x1b[31mfaster", at=0.0, commit="a", files=("a.py", "b.py")),
    RewindPoint(turn=2, text="and now explain it", at=0.0, commit="b"),
)


def app() -> MltuiApp:
    return app_with()


async def test_esc_twice_picks_a_point_and_what_goes_back() -> None:
    async with running(app()) as pilot:
        shown = pilot.app
        history = fake(app_of(pilot)).history
        history.all = POINTS
        history.notes = ("big.bin cannot be restored",)
        await pilot.press("escape")
        await pilot.pause()
        assert "Esc again goes back" in screen_text(shown)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(shown.screen, Chooser))
        await pilot.pause()
        assert "1970-01-01" in screen_text(shown)
        assert "2 files changed" in screen_text(shown)
        await pilot.press("down", "enter")
        await until(pilot, lambda: "what?" in screen_text(shown))
        await pilot.press("enter")
        await until(pilot, lambda: history.calls)
        assert history.calls == [("rewind", 1, True, True, ())]
        await until(pilot, lambda: not isinstance(shown.screen, Chooser))
        await until(pilot, lambda: "Put back: a.py" in screen_text(shown))
        assert "big.bin cannot be restored" in screen_text(shown)
        assert "Went back to before turn 1: the code (1 file) and the conversation" in screen_text(shown)
        assert "faster" in app_of(pilot).composer.area.text


def app_of(pilot: object) -> MltuiApp:
    found = getattr(pilot, "app", None)
    assert isinstance(found, MltuiApp)
    return found


@pytest.mark.parametrize("resumed", [False, True])
async def test_what_a_rewind_took_out_leaves_the_screen(resumed: bool) -> None:
    past = [
        TurnStarted(turn=1, text="first prompt"),
        said("first answer"),
        TurnStarted(turn=2, text="second prompt"),
        said("second answer"),
    ]
    gone = SessionRewound(to_turn=2, code=False, conversation=True)
    async with running(app_with(events=[*past, gone] if resumed else past)) as pilot:
        shown = app_of(pilot)
        if not resumed:
            await until(pilot, lambda: "second answer" in screen_text(shown))
            history = fake(shown).history
            await history.rewind(2, shown.show, code=False, conversation=True)
        await until(pilot, lambda: "Went back to before turn 2" in screen_text(shown))
        assert "first answer" in screen_text(shown)
        assert "second" not in screen_text(shown)


async def test_esc_with_a_text_or_once_goes_nowhere() -> None:
    async with running(app()) as pilot:
        await pilot.press("x", "escape", "escape")
        await pilot.pause()
        assert not isinstance(pilot.app.screen, Chooser)


@pytest.mark.parametrize(
    ("keys", "overwrite"), [(["enter"], ()), (["down", "enter"], ("b.py",)), (["down", "down", "enter"], None), (["escape"], None)]
)
async def test_files_changed_outside_are_asked_about(keys: list[str], overwrite: tuple[str, ...] | None) -> None:
    async with running(app()) as pilot:
        history = fake(app_of(pilot)).history
        history.all, history.planned = POINTS, RewindPlan(commit="c", restore=("a.py", "b.py"), outside=("b.py",))
        await pilot.press(*"/undo", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, Chooser))
        await pilot.pause()
        assert "Changed outside this session since then: b.py" in screen_text(pilot.app)
        await pilot.press(*keys)
        await until(pilot, lambda: not isinstance(pilot.app.screen, Chooser))
        await pilot.pause()
        assert history.calls == ([] if overwrite is None else [("rewind", 2, True, False, overwrite)])


async def test_a_diff_has_a_page_of_its_own() -> None:
    async with running(app()) as pilot:
        history = fake(app_of(pilot)).history
        await pilot.press(*"/diff", "space", "enter")
        await until(pilot, lambda: "No file changed since the session began" in screen_text(pilot.app))
        history.all = POINTS
        await pilot.press(*"/diff 2", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, DiffScreen))
        await pilot.pause()
        shown = screen_text(pilot.app)
        assert "Changes since turn 2 began" in shown
        assert "x = 2" in shown
        await pilot.press("s", "w", "right_square_bracket", "G", "pageup", "q")
        await until(pilot, lambda: not isinstance(pilot.app.screen, DiffScreen))


async def test_a_commit_message_is_shown_changed_and_used() -> None:
    async with running(app()) as pilot:
        commits = fake(app_of(pilot)).commits
        await pilot.press(*"/commit be short", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, Chooser))
        await pilot.pause()
        assert "Commit as: Change a.py" in screen_text(pilot.app)
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, TextScreen))
        await pilot.press("enter", *"Really.", "ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, Chooser))
        await pilot.press("enter")
        await until(pilot, lambda: len(commits.calls) == 2)
        assert commits.calls == [("message", "be short"), ("commit", "Change a.py\n\nIt was wrong.\nReally.")]
        await until(pilot, lambda: "[main 1234567] Change a.py" in screen_text(pilot.app))


async def test_a_commit_can_be_left_and_a_refusal_is_shown() -> None:
    async with running(app()) as pilot:
        commits = fake(app_of(pilot)).commits
        await pilot.press(*"/commit", "space", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, Chooser))
        await pilot.press("escape")
        await until(pilot, lambda: "Nothing was committed" in screen_text(pilot.app))
        assert commits.calls == [("message", "")]
        commits.refusal = "ruff: 3 errors"
        await pilot.press(*"/commit", "space", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, Chooser))
        await pilot.press("enter")
        await until(pilot, lambda: "ruff: 3 errors" in screen_text(pilot.app))
