from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from textual.message_pump import MessagePump

from mltui.core.errors import AuthError
from mltui.ui.tui.app import MltuiApp
from mltui.ui.tui.decision_pane import DecisionPane

from .driving import app_with, fake, idle, running, screen_text, until
from .fake_session import call, said, streamed, tool
from .test_panes import PERMISSION


async def test_a_session_that_cannot_open_is_explained_and_the_app_can_be_left() -> None:
    async def refuse(approver: Any) -> Any:
        raise AuthError("No key for anthropic [bold]x[/]", hint="Set ANTHROPIC_API_KEY")

    app = MltuiApp(refuse)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.exit_code == 41)
        await pilot.pause(0.1)
        text = screen_text(app)
        assert "No key for anthropic [bold]x[/]" in text
        assert "Set ANTHROPIC_API_KEY" in text
        await pilot.press(*"/status", "enter")
        await until(pilot, lambda: "needs the session" in screen_text(app))
        await pilot.press("f2")
        await pilot.press("ctrl+c", "ctrl+c")
    assert app.return_value == 41


async def test_an_unexpected_error_while_opening_is_shown_too() -> None:
    async def fail(approver: Any) -> Any:
        raise RuntimeError("no such thing")

    app = MltuiApp(fail)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.exit_code == 1)
        await until(pilot, lambda: "RuntimeError: no such thing" in screen_text(app))


async def test_a_turn_that_raises_is_shown_and_the_next_one_runs() -> None:
    async def broken() -> None:
        raise AuthError("the key was refused", hint="Check it")

    app = app_with([broken], [said("fine")], prompt="go")
    async with running(app) as pilot:
        await until(pilot, lambda: "the key was refused" in screen_text(app))
        await pilot.press(*"again", "enter")
        await until(pilot, lambda: "fine" in screen_text(app))


async def test_escape_interrupts_and_the_session_goes_on() -> None:
    app = app_with([30.0], [said("there")], prompt="go")
    async with running(app) as pilot:
        await until(pilot, lambda: "working" in screen_text(app))
        await pilot.press("escape")
        await idle(pilot)
        assert "Interrupted after" in screen_text(app)
        await pilot.press("x", "enter")
        await idle(pilot)
        assert fake(app).prompts == ["go", "x"]


async def test_ctrl_c_clears_then_quits() -> None:
    app = app_with()
    async with running(app) as pilot:
        await pilot.press(*"draft", "ctrl+c")
        assert app.composer.area.text == ""
        assert "Ctrl+C again quits" in screen_text(app)
        await pilot.press("ctrl+c")
    assert app.return_value == 0


async def test_ctrl_c_interrupts_first() -> None:
    app = app_with([30.0], prompt="go")
    async with running(app) as pilot:
        await until(pilot, lambda: fake(app).prompts)
        await pilot.press("ctrl+c")
        await idle(pilot)
        assert "Interrupted after" in screen_text(app)


async def test_shift_tab_goes_through_the_modes() -> None:
    app = app_with()
    async with running(app) as pilot:
        for mode in ("accept-edits", "auto", "plan", "default"):
            await pilot.press("shift+tab")
            await until(pilot, lambda mode=mode: fake(app).mode == mode and mode in screen_text(app).split("\n")[-2])


async def test_the_status_line_counts() -> None:
    made = call("Edit", file_path="train.py")
    app = app_with([said("", made), *tool(made, "ok")])
    async with running(app) as pilot:
        fake(app).draft_paths = ("train.py",)
        await pilot.press("x", "enter")
        await idle(pilot)
        await until(pilot, lambda: "1 drafted" in screen_text(app))
        line = screen_text(app).split("\n")[-2]
        for part in ("default", "claude-sonnet-4-5", "12.5k 6%", "$0.01", "ml-engineer"):
            assert part in line


async def test_commands_that_change_and_tell() -> None:
    app = app_with()
    async with running(app, (100, 60)) as pilot:
        for line, shows in (
            ("/model opus", "Model: opus"),
            ("/model nonesuch", "There is no model nonesuch"),
            ("/status", "/home/anna/digits"),
            ("/nonsense", "There is no command /nonsense"),
            ("/mode yolo", "takes one of"),
        ):
            await pilot.press("ctrl+u", *line, "enter")
            await until(pilot, lambda shows=shows: shows in screen_text(app))


@pytest.mark.parametrize("key", ["f1", "/help"])
async def test_help_opens_and_closes(key: str) -> None:
    app = app_with()
    async with running(app, (40, 20)) as pilot:
        await pilot.press(*([key] if key == "f1" else [*key, "enter"]))
        await until(pilot, lambda: "Keys" in screen_text(app))
        await pilot.press("pagedown", "escape")
        assert len(app.screen_stack) == 1


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (40, 20), (20, 8)])
async def test_every_size_draws_within_its_width(size: tuple[int, int]) -> None:
    made = call("Bash", command="python train.py --epochs 40 --lr 0.05")
    app = app_with(
        [*streamed("A *paragraph* with `code`.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"), said("", made), *tool(made, "x" * 500)],
        prompt="go on " * 10,
    )
    async with running(app, size) as pilot:
        await idle(pilot)
        await pilot.press("tab", "enter")
        await pilot.resize_terminal(max(10, size[0] // 2), size[1])
        await pilot.pause(0.1)
        for item in app.view.live:
            assert all(strip.cell_length <= item.size.width for strip in item.render_lines(item.size.region))


async def test_the_conversation_scrolls_by_page_and_follows_again() -> None:
    app = app_with(streamed("line\n\n" * 100), prompt="go")
    async with running(app, (60, 20)) as pilot:
        await idle(pilot)
        end = app.view.scroll_y
        await pilot.press("pageup", "pageup")
        await pilot.pause(0.1)
        assert app.view.scroll_y < end
        await pilot.press("pagedown", "pagedown", "pagedown")
        await pilot.pause(0.1)
        assert app.view.scroll_y == app.view.max_scroll_y


async def test_no_timer_is_left_when_idle() -> None:
    app = app_with(streamed("some text " * 50), prompt="go")
    async with running(app) as pilot:
        await idle(pilot)
        nodes = [app, app.screen, *app.screen.walk_children()]
        ticking = [timer for node in nodes for timer in node._timers if timer._active.is_set()]
        assert ticking == []


_FIRST_PAINT = """
import sys
from mltui.ui.tui.app import MltuiApp
async def open_session(approver): raise AssertionError
class Probe(MltuiApp):
    def _start(self):
        heavy = {"pydantic", "markdown_it", "pygments", "litellm", "mlflow", "numpy", "scipy", "pandas", "llama_cpp", "git", "httpx"}
        print(sorted(heavy & {name.split(".")[0] for name in sys.modules}), file=sys.stderr)
        self.exit(0)
Probe(open_session).run(headless=True)
"""


def test_nothing_heavy_is_imported_before_the_first_paint() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FIRST_PAINT], capture_output=True, text=True, env={**os.environ, "TERM": "xterm"}, check=False
    )
    assert done.stderr.strip().endswith("[]"), done.stderr


def test_no_color_is_honoured() -> None:
    program = _FIRST_PAINT.replace("heavy = {", "print(self.no_color, file=sys.stderr); heavy = {")
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env={**os.environ, "TERM": "xterm", "NO_COLOR": "1"}, check=False
    )
    assert done.stderr.startswith("True")


async def test_a_process_that_is_held_up_loses_no_call_for_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if every one-shot timer of Textual's had begun to wait too late: it then ends without its call."""
    monkeypatch.setattr(MessagePump, "set_timer", lambda *args, **options: None)
    app = app_with([PERMISSION], prompt="go")
    async with running(app) as pilot:
        await until(pilot, lambda: isinstance(app.screen, DecisionPane) and app.screen.armed)
        await pilot.press("y")
        await until(pilot, lambda: app.approver.asking is None)
