from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mltui.ui.tui.commands import COMMANDS, complete, parse


def test_commands_are_parsed() -> None:
    command, argument = parse("/mode plan") or pytest.fail("a command")
    assert (command.name, argument) == ("mode", "plan")
    assert (parse("/exit") or pytest.fail("a command"))[0].name == "quit"


@pytest.mark.parametrize("prompt", ["hello", "/home/anna/x.py is broken", "/etc/passwd", "/mode plan\nand more"])
def test_prompts_are_not_commands(prompt: str) -> None:
    assert parse(prompt) is None


@pytest.mark.parametrize(
    ("line", "says"), [("/nonsense", "/help"), ("/mode", "plan"), ("/mode yolo", "accept-edits"), ("/model", "/model NAME")]
)
def test_mistakes_say_what_to_do(line: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse(line)


def test_completion() -> None:
    assert [text for text, _ in complete("/mo")] == ["/mode ", "/model "]
    assert [text for text, _ in complete("/mode a")] == ["/mode accept-edits", "/mode auto"]
    assert len(complete("/")) == len(COMMANDS)
    assert complete("no command") == []


@settings(deadline=None)
@given(st.text())
def test_any_line_is_a_command_a_prompt_or_a_mistake(line: str) -> None:
    complete(line)
    try:
        parse(line)
    except ValueError as error:
        assert str(error)
