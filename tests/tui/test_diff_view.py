"""Old beside new: what stands in one row, which words are marked, and that nothing is lost at any width."""

from __future__ import annotations

import difflib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.containers import VerticalScroll

from mltui.core.approval import ExperimentRequest
from mltui.ui.tui.decision_pane import DecisionPane
from mltui.ui.tui.diff_lines import DiffLines, changed_words
from mltui.ui.tui.diff_view import DiffView, fold
from mltui.ui.tui.theme import DARK

from .driving import app_with, running, screen_text, until
from .samples import PATCH, reviewed
from .test_panes import CALL

WORDS = ["alpha = 1", "beta = 2", "gamma = 3", "", "    return x", "数字 = 5", "\U0001f600 e\u0301"]


def patch_of(old: list[str], new: list[str]) -> str:
    return "\n".join(difflib.unified_diff(old, new, "a/x.py", "b/x.py", lineterm=""))


def beside(patch: str) -> list[tuple[str | None, str | None]]:
    lines = DiffLines(patch, heads=False)
    return [tuple(lines[at].text if at is not None else None for at in row) for row in lines.rows]  # type: ignore[misc]


class Alone(App[None]):
    """A diff and nothing else."""

    def __init__(self, patch: str, **shown: Any) -> None:
        super().__init__()
        self.register_theme(DARK)
        self.theme = DARK.name
        self.view = DiffView(DiffLines(patch))
        self._shown = shown

    def compose(self) -> ComposeResult:
        yield VerticalScroll(self.view)

    def on_mount(self) -> None:
        self.view.show(**self._shown)


def test_lines_that_are_alike_stand_in_one_row() -> None:
    old = ["a", "lr = 0.1", "b"]
    new = ["a", "# smaller", "# and safer", "lr = 0.05", "b"]
    assert beside(patch_of(old, new)) == [("a", "a"), (None, "# smaller"), (None, "# and safer"), ("lr = 0.1", "lr = 0.05"), ("b", "b")]


def test_changed_words_are_marked_and_rewritten_lines_are_not() -> None:
    old, new = "lr = 0.1  # step", "lr = 0.05  # step"
    left, right = changed_words(old, new)
    assert [old[a:b] for a, b in left] == ["0.1"]
    assert [new[a:b] for a, b in right] == ["0.05"]
    assert changed_words("import os", "def train(config):") == ([], [])


@settings(deadline=None, max_examples=60)
@given(st.text(), st.text())
def test_what_is_not_marked_is_the_same_on_both_sides(old: str, new: str) -> None:
    left, right = changed_words(old, new)
    if left or right:
        kept = [
            "".join(c for at, c in enumerate(text) if not any(a <= at < b for a, b in spans)) for text, spans in ((old, left), (new, right))
        ]
        assert kept[0] == kept[1]


@settings(deadline=None, max_examples=100)
@given(st.lists(st.sampled_from(WORDS), max_size=12), st.lists(st.sampled_from(WORDS), max_size=12))
def test_rows_hold_every_line_once_and_in_order(old: list[str], new: list[str]) -> None:
    lines = DiffLines(patch_of(old, new))
    lefts = [row.left for row in lines.rows if row.left is not None and lines[row.left].kind in " -"]
    rights = [row.right for row in lines.rows if row.right is not None and lines[row.right].kind in " +"]
    assert lefts == [at for at, line in enumerate(lines) if line.kind in " -"]
    assert rights == [at for at, line in enumerate(lines) if line.kind in " +"]


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("ab 数\U0001f600e\u0301")), st.integers(2, 9))
def test_folding_loses_nothing(text: str, room: int) -> None:
    pieces = fold(text, room)
    assert "".join(text[a:b] for a, b in pieces) == text
    assert all(len(text[a:b]) <= room or not text.isascii() for a, b in pieces)


@pytest.mark.parametrize(("size", "layout"), [((130, 20), "beside"), ((100, 20), "below")])
async def test_there_must_be_room_for_two_versions(size: tuple[int, int], layout: str) -> None:
    app = Alone(PATCH)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        assert app.view.beside == (layout == "beside")
        row = next(line for line in screen_text(app).split("\n") if "lr: 0.05" in line and "+" in line)
        assert ("lr: 0.1" in row) == (layout == "beside")


@pytest.mark.parametrize("layout", ["beside", "below"])
@pytest.mark.parametrize("width", [40, 61, 130])
async def test_nothing_is_cut_when_wrapped(layout: str, width: int) -> None:
    app = Alone(PATCH, layout=layout)
    async with app.run_test(size=(width, 60)) as pilot:
        await pilot.pause()
        lines = [line.text for line in app.view.lines_of(app.view.content_size.width)]
        if layout == "beside":
            lines = [line.partition("│ ")[2] or line for line in lines]
        text = "".join("".join(lines).split())
        assert "insteadofjumpingoverit" in text
        assert len(app.view.lines_of(app.view.content_size.width)) == app.view.content_size.height
        assert all(strip.cell_length <= width for strip in app.view.lines_of(app.view.content_size.width))


async def test_long_lines_are_cut_with_a_mark_and_move_sideways() -> None:
    app = Alone(PATCH, layout="below", wrapped=False)
    async with app.run_test(size=(60, 40)) as pilot:
        await pilot.pause()
        line = next(line for line in screen_text(app).split("\n") if "optimizer.scale" in line)
        assert line.rstrip(" ▁▂▃▄▅▆▇█").endswith("…")
        app.view.scroll_sideways(96)
        await pilot.pause()
        assert "jumping over it" in screen_text(app)
        app.view.scroll_sideways(-1000)
        await pilot.pause()
        assert "optimizer.scale" in screen_text(app)


async def test_a_long_diff_is_drawn_only_where_it_is_seen() -> None:
    body = "".join(f"-old line {at}\n+new line {at}\n" for at in range(2500))
    app = Alone(f"--- a/x\n+++ b/x\n@@ -1,2500 +1,2500 @@\n{body}")
    async with app.run_test(size=(130, 40)) as pilot:
        await pilot.pause()
        assert "old line 0" in screen_text(app)
        app.query_one(VerticalScroll).scroll_end(animate=False)
        await pilot.pause()
        assert "new line 2499" in screen_text(app)
        assert len(app.view._made) < 200


@pytest.mark.usefixtures("quick_panes")
async def test_the_diff_takes_the_whole_pane_and_gives_it_back() -> None:
    app = app_with([ExperimentRequest(id="1", call=CALL, proposal=reviewed())], prompt="go")
    async with running(app, (130, 30)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, DecisionPane) and app.screen.armed)
        assert "Hypothesis" in screen_text(app)
        await pilot.press("d")
        await until(pilot, lambda: "s new below old" in screen_text(app))
        assert "Hypothesis" not in screen_text(app)
        await pilot.press("s")
        await until(pilot, lambda: "s new beside old" in screen_text(app))
        await pilot.press("w")
        await until(pilot, lambda: "w wrap" in screen_text(app) and "< > sideways" in screen_text(app))
        await pilot.press("d")
        await until(pilot, lambda: "Hypothesis" in screen_text(app))
        assert isinstance(app.screen, DecisionPane)


@pytest.mark.usefixtures("quick_panes")
async def test_keys_jump_from_change_to_change() -> None:
    far = "--- a/x\n+++ b/x\n@@ -1,100 +1,100 @@\n" + "".join(f"{'-' if at == 80 else ' '}line {at}\n" for at in range(100)) + "+end\n"
    app = app_with([ExperimentRequest(id="1", call=CALL, proposal=reviewed(patch=far))], prompt="go")
    async with running(app, (80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, DecisionPane) and app.screen.armed)
        await pilot.press("d")
        await pilot.pause()
        await pilot.press("right_square_bracket", "right_square_bracket")
        await until(pilot, lambda: "- line 80" in screen_text(app))
        await pilot.press("left_square_bracket", "left_square_bracket")
        await until(pilot, lambda: "line 0" in screen_text(app))
