"""Going back, looking at changes and committing in the line-mode conversation."""

from __future__ import annotations

import io
from pathlib import PurePath

import pytest

from mltui.core.rewind import RewindPlan, RewindPoint
from mltui.ui.plain.approver import PlainApprover
from mltui.ui.plain.commands import PlainConsole, run_command
from mltui.ui.plain.events import EventPrinter
from mltui.ui.plain.text import Printer
from tests.plain.fake_session import FakeSession

POINTS = (RewindPoint(turn=1, text="one", at=0.0, commit="a", files=("a.py",)), RewindPoint(turn=2, text="two\x1b[2J", at=0.0))


class Lines:
    interactive = True

    def __init__(self, *lines: str) -> None:
        self.left = list(lines)

    async def line(self, prompt: str, *, fresh: bool = False) -> str | None:
        return self.left.pop(0) if self.left else None

    def interrupt(self) -> bool:
        return False


async def command(
    text: str, *lines: str, points: tuple[RewindPoint, ...] = POINTS, plan: RewindPlan | None = None
) -> tuple[str, FakeSession]:
    out = io.StringIO()
    printer, reader = Printer(out), Lines(*lines)
    session = FakeSession(PlainApprover(reader, printer))
    session.history.all = points
    session.history.planned = plan or session.history.planned

    async def send(text: str) -> None:
        pass

    async def other(session_id: str) -> FakeSession:
        raise NotImplementedError

    await run_command(text, PlainConsole(session, printer, EventPrinter(printer, PurePath("/p")), reader, send, other), printer)
    assert "\x1b" not in out.getvalue()
    return out.getvalue(), session


@pytest.mark.parametrize(
    ("text", "lines", "calls"),
    [
        ("/rewind", ["2", "1"], [("rewind", 1, True, True, ())]),
        ("/rewind 1", ["2"], [("rewind", 1, False, True, ())]),
        ("/rewind 1", ["3"], [("rewind", 1, True, False, ())]),
        ("/rewind", [""], []),
        ("/undo", [], [("rewind", 2, True, False, ())]),
        ("/redo", [], [("redo", ())]),
        ("/diff 1", [], [("diff", 1)]),
    ],
)
async def test_going_back(text: str, lines: list[str], calls: list[tuple[object, ...]]) -> None:
    shown, session = await command(text, *lines)
    assert session.history.calls == calls
    if text == "/diff 1":
        assert "    -x = 1\n    +x = 2\n" in shown


async def test_mistakes_and_nothing_to_do_are_said() -> None:
    assert "There is no turn 7 in this conversation" in (await command("/rewind 7"))[0]
    assert "'x' is no number of a turn" in (await command("/diff x"))[0]
    assert "nothing to go back to" in (await command("/rewind", points=()))[0]
    assert "No turn changed files" in (await command("/undo", points=()))[0]


async def test_a_rewind_without_files_offers_the_conversation_alone() -> None:
    shown, session = await command("/rewind 1", "1", plan=RewindPlan(commit=""))
    assert "no file changed since" in shown
    assert session.history.calls == [("rewind", 1, False, True, ())]


async def test_commit_with_another_message() -> None:
    shown, session = await command("/commit", "2", r"Say more\n\nBecause.", "1")
    assert session.commits.calls[-1] == ("commit", "Say more\n\nBecause.")
    assert "Not part of it, for git does not know them: new.txt" in shown
    shown, session = await command("/commit", "3", "4")
    assert "+x = 2" in shown
    assert len(session.commits.calls) == 1
