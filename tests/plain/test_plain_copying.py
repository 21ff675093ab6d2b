"""Copying and finding in the line-mode conversation."""

from __future__ import annotations

from pathlib import Path

import pytest

from mltui.core.events import TurnStarted
from tests.tui.fake_session import call, said, tool

from . import test_plain_rewind
from .test_plain_rewind import command

MADE = call("Bash", command="ls")
EVENTS = [
    TurnStarted(turn=1, text="first\nneedle here"),
    said("an answer\n\n```python\nprint(1)\n```\n\n```sh\nls\n```\n", MADE),
    *tool(MADE, "nothing\nNeedle\x1b[2J there"),
]


@pytest.fixture(autouse=True)
def said_before(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLTUI_HOME", str(tmp_path))

    class Session(test_plain_rewind.FakeSession):
        def __init__(self, *arguments: object, **kinds: object) -> None:
            super().__init__(*arguments, **kinds)  # type: ignore[arg-type]
            for event in EVENTS:
                self.transcript.apply(event)

    monkeypatch.setattr(test_plain_rewind, "FakeSession", Session)


@pytest.mark.parametrize(
    ("line", "answers", "copied"),
    [
        ("/copy", (), "an answer"),
        ("/copy code 2", (), "ls"),
        ("/copy code", ("1",), "print(1)"),
        ("/copy 2", (), None),
        ("/copy code", ("",), None),
    ],
)
async def test_what_is_copied_without_a_terminal_is_in_a_file(
    line: str, answers: tuple[str, ...], copied: str | None, tmp_path: Path
) -> None:
    shown, _ = await command(line, *answers)
    file = tmp_path / "copied.txt"
    if copied is None:
        assert not file.exists()
    else:
        assert file.read_text().startswith(copied)
        assert f"to {file}" in shown


async def test_finding_lists_the_lines() -> None:
    shown, _ = await command("/find needle")
    assert shown.splitlines() == ["1 you: needle here", "1 Bash: Needle[2J there"]
    assert "Nothing in the conversation has 'zzz'" in (await command("/find zzz"))[0]
    assert "Say what to find" in (await command("/find"))[0]
