"""Commands that people and servers add, and lines for AGENTS.md, in the line-mode conversation."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from mltui.ui.commands.extensions import more
from mltui.ui.commands.table import complete, parse
from mltui.ui.plain.commands import PlainConsole, run_command
from mltui.ui.plain.events import EventPrinter
from mltui.ui.plain.text import Printer
from tests.fake_commands import FakeCommands


class Session:
    """As much of a session as these commands need."""

    def __init__(self, cwd: Path) -> None:
        self.commands = FakeCommands()
        self.workspace = type("Workspace", (), {"cwd": cwd})()


class Reader:
    def __init__(self, *lines: str) -> None:
        self.left = list(lines)

    async def line(self, prompt: str, *, fresh: bool = False) -> str | None:
        return self.left.pop(0) if self.left else None


async def run(text: str, cwd: Path, *lines: str) -> tuple[str, list[str]]:
    out, sent = io.StringIO(), list[str]()

    async def send(prompt: str) -> None:
        sent.append(prompt)

    async def other(_id: str) -> Any:
        raise AssertionError

    printer = Printer(out)
    session: Any = Session(cwd)
    console = PlainConsole(session, printer, EventPrinter(printer, cwd), Reader(*lines), send, other)  # type: ignore[arg-type]
    assert await run_command(text, console, printer) is not True
    return out.getvalue(), sent


async def test_a_command_of_a_file_becomes_a_prompt(tmp_path: Path) -> None:
    assert await run("/explain the loss", tmp_path) == ("", ["Explain the loss."])


async def test_what_there_is_is_listed(tmp_path: Path) -> None:
    assert "testing  ready: add" in (await run("/mcp", tmp_path))[0]
    assert "no hooks" in (await run("/hooks", tmp_path))[0]
    assert "tidy-up" in (await run("/skills", tmp_path))[0]


def test_it_completes_and_parses_beside_mltuis_own(tmp_path: Path) -> None:
    session: Any = Session(tmp_path)
    assert ("/explain ", "Explains something") in complete("/exp", "tui", more(session))
    assert more(None) == ()
    with pytest.raises(ValueError, match="Did you mean /explain"):
        parse("/explan", "plain", more(session))


async def test_a_line_with_a_hash_is_remembered_where_the_person_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLTUI_HOME", str(tmp_path / "home"))
    (tmp_path / ".git").mkdir()
    out, sent = await run("# always use polars", tmp_path, "1")
    assert "this project" in out
    assert (tmp_path / "AGENTS.md").read_text() == "- always use polars\n"
    assert not sent
    await run("/remember test first", tmp_path, "2")
    assert (tmp_path / "home" / "AGENTS.md").read_text() == "- test first\n"
    out, _ = await run("# nothing", tmp_path, "")
    assert "Nothing was noted" in out


@pytest.mark.parametrize("text", ["# A title\nand a text", "#123 is the issue", "#!/bin/sh"])
def test_what_only_begins_with_a_hash_is_a_prompt(text: str) -> None:
    assert parse(text, "plain") is None
