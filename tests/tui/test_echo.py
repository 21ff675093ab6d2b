"""Keys are answered at once: what they did is drawn before all else, and written before the next frame of an answer's."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import weakref
from typing import Any

import pytest
from rich.segment import Segment
from textual._compositor import LayoutUpdate
from textual.geometry import Offset, Region, Size
from textual.strip import Strip

from mltui.ui.terminal.cells import Palette
from mltui.ui.terminal.frames import FrameWriter
from mltui.ui.tui.app import MltuiApp
from mltui.ui.tui.collecting import DUE, LATEST, REST, between_answers, wait_for_rest
from mltui.ui.tui.highlight import _lexer, language  # pyright: ignore[reportPrivateUsage]
from mltui.ui.tui.pacing import AFTER_KEY, Pacer


def take(pacer: Pacer, text: str) -> None:
    """A line is drawn."""
    pacer.take(LayoutUpdate([[Strip([Segment(text.ljust(20))])]], Region(0, 0, 20, 1)), Size(20, 2), Offset(0, 0))


def with_an_answer() -> tuple[Pacer, list[str]]:
    """A pacer of one frame a second that has just written an answer's, and what it wrote."""
    written: list[str] = []
    pacer = Pacer(FrameWriter(Palette(None)), written.append)
    pacer.use_frames(1, slow=False)
    take(pacer, "an answer")
    pacer.flush()
    return pacer, written


async def no_session(*_: Any) -> Any:
    await asyncio.Event().wait()


async def test_a_key_does_not_wait_for_the_frames_of_an_answer() -> None:
    pacer, written = with_an_answer()
    pacer.written()
    take(pacer, "an answer grows")
    assert len(written) == 1  # its turn comes in a second
    take(pacer, "an answer grows x")
    pacer.echo()
    assert len(written) == 2 and "grows x" in written[1]


async def test_a_key_waits_for_the_frame_that_is_on_its_way_and_for_that_alone() -> None:
    pacer, written = with_an_answer()
    take(pacer, "an answer x")
    pacer.echo()
    assert len(written) == 1
    pacer.written()
    assert len(written) == 2


async def test_many_keys_at_once_are_no_more_frames_than_a_terminal_shows() -> None:
    written: list[str] = []
    pacer = Pacer(FrameWriter(Palette(None)), written.append)
    for number in range(20):
        take(pacer, f"key {number}")
        pacer.echo()
        pacer.written()
    assert len(written) == 1
    await asyncio.sleep(0.1)
    assert len(written) == 2 and "19" in written[1]


@pytest.mark.parametrize("typed", [True, False], ids=["a key", "by itself"])
async def test_only_what_a_key_did_is_drawn_without_textuals_clock(typed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    app = MltuiApp(no_session)

    def write(text: str) -> None:
        written.append(text)
        app.frame_written()

    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(AFTER_KEY + 0.1)
        monkeypatch.setattr(app, "_pacer", Pacer(FrameWriter(Palette(None)), write))
        clock: Any = getattr(app.screen, "_update_timer")  # noqa: B009
        monkeypatch.setattr(clock, "_callback", lambda: None)
        if typed:
            app.hurry()
        await pilot.press("z")
        assert app.composer.area.text == "z"
        assert ("z" in "".join(written)) is typed


@pytest.mark.parametrize(
    ("file", "known"),
    [("train.py", "python"), ("CMakeLists.txt", "cmake"), ("a.h", "c"), ("a.sql", "sql"), ("no_such.ending", None), ("a.fs", None)],
)
def test_a_file_is_coloured_by_its_name_and_not_where_that_says_several_things(file: str, known: str | None) -> None:
    lexer = _lexer(file)
    assert (lexer.aliases[0] if lexer else None) == known


class Knot:
    """Refers to itself: only the collector ends it."""

    def __init__(self) -> None:
        self.me = self


def test_everything_is_looked_through_between_answers_but_not_while_somebody_types() -> None:
    before = gc.get_threshold()
    try:
        gc.set_threshold(*before[:2], 1_000_000)
        gc.collect()
        knot = Knot()
        gone = weakref.ref(knot)
        gc.collect(1)  # old by now
        del knot
        made: list[list[int]] = []
        between_answers(since_key=REST)
        assert gone() is not None  # it was not due
        while gc.get_count()[2] < DUE:
            made.append([])
        between_answers(since_key=REST / 2)
        assert gone() is not None
        between_answers(since_key=REST)
        assert gone() is None
    finally:
        gc.set_threshold(*before)


def test_python_waits_longer_by_itself() -> None:
    before = gc.get_threshold()
    try:
        wait_for_rest()
        assert gc.get_threshold() == (before[0], before[1], LATEST)
    finally:
        gc.set_threshold(*before)


def test_no_other_package_is_asked_what_a_language_is() -> None:
    program = "import sys; from mltui.ui.tui.highlight import language; print(language('pyt'), 'mako' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "text False\n"
    assert [language(name) for name in ("Python", "sh", "yaml", "", "no such")] == ["python", "sh", "yaml", "text", "text"]
