"""Who answers, chosen in the line-mode conversation."""

from __future__ import annotations

import io
from pathlib import PurePath

import pytest

from mltui.core.events import ModelChanged
from mltui.ui.figures import model_change, price
from mltui.ui.plain.commands import PlainConsole, run_command
from mltui.ui.plain.events import EventPrinter
from mltui.ui.plain.text import Printer

from .fake_session import FakeSession
from .test_plain_parts import Lines


async def typed(text: str, *lines: str) -> tuple[str, FakeSession, list[str]]:
    """Returns: what was shown, the session, and what was sent to it."""
    out, sent = io.StringIO(), list[str]()
    printer = Printer(out)
    session = FakeSession(None)  # type: ignore[arg-type]

    async def send(prompt: str) -> None:
        sent.append(prompt)

    async def other(session_id: str) -> FakeSession:
        raise AssertionError(session_id)

    class Anew(Lines):
        async def line(self, prompt: str, *, fresh: bool = False) -> str | None:
            return await super().line(prompt, fresh=True)

    console = PlainConsole(session, printer, EventPrinter(printer, PurePath("/p")), Anew(*lines), send, other)
    await run_command(text, console, printer)
    return out.getvalue(), session, sent


@pytest.mark.parametrize(
    ("text", "lines", "words"),
    [
        ("/model two", (), "= model two"),
        ("/model", ("2",), "= model two"),
        ("/model", ("1",), "$3 in, $15 out per million tokens"),
        ("/effort high", (), "effort high"),
        ("/effort", ("1",), "effort low"),
        ("/effort huge", (), "low, medium, high"),
        ("/architect", (), "= model fake:architect"),
        ("/architect off", (), "architect off"),
    ],
)
async def test_commands(text: str, lines: tuple[str, ...], words: str) -> None:
    shown, _, sent = await typed(text, *lines)
    assert words in shown
    assert not sent


async def test_a_question_for_the_architect() -> None:
    _, session, sent = await typed("/architect Which way?")
    assert session.asked_architect == sent == ["Which way?"]


def test_what_is_said_of_a_change() -> None:
    assert price(3.0, None) == ""
    changed = ModelChanged(model="opus", reason="plan mode", temporary=True, input_price=4.0, output_price=20.0)
    assert model_change(changed) == "opus (for this turn: plan mode; $4 in, $20 out per million tokens)"
    assert model_change(ModelChanged(model="opus", reason="chosen")) == "opus"
