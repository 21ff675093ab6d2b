"""Lines typed at a terminal, read by a thread."""

from __future__ import annotations

import asyncio
import os
import pty
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from mltui.ui.plain import input as plain_input
from mltui.ui.plain.input import LineReader


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The end of a terminal that is typed at; standard input is the other one."""
    typed, terminal = pty.openpty()
    with open(terminal, encoding="utf-8") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield typed
        os.close(typed)
        for thread in threading.enumerate():
            if thread.name == "stdin":
                thread.join(5)


async def test_a_line_on_its_way_to_the_loop_answers_no_question(keyboard: int, monkeypatch: pytest.MonkeyPatch) -> None:
    read = os.read

    def read_and_linger(source: int, size: int) -> bytes:
        data = read(source, size)
        time.sleep(0.2)  # the thread waits for its turn with what it has read
        return data

    monkeypatch.setattr(plain_input.os, "read", read_and_linger)
    reader = LineReader(interactive=True)
    os.write(keyboard, b"hello\n")
    assert await reader.line("> ") == "hello"
    os.write(keyboard, b"y\n")
    await asyncio.sleep(0.1)
    answer = asyncio.ensure_future(reader.line("Allow? ", fresh=True))
    await asyncio.sleep(0.5)
    os.write(keyboard, b"n\n")
    assert await answer == "n"


async def test_a_line_that_was_only_begun_is_no_part_of_an_answer(keyboard: int) -> None:
    reader = LineReader(interactive=True)
    os.write(keyboard, b"hello\n")
    assert await reader.line("> ") == "hello"
    os.write(keyboard, b"y\x04")  # handed over without a line end
    await asyncio.sleep(0.2)
    answer = asyncio.ensure_future(reader.line("Allow? ", fresh=True))
    await asyncio.sleep(0.2)
    os.write(keyboard, b"no\n")
    assert await answer == "no"
