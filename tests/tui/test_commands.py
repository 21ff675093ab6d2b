from __future__ import annotations

import inspect

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mltui.ui.commands.table import COMMANDS, complete, offered, parse


def test_commands_are_parsed() -> None:
    command, argument = parse("/mode plan", "tui") or pytest.fail("a command")
    assert (command.name, argument) == ("mode", "plan")
    assert (parse("/exit", "tui") or pytest.fail("a command"))[0].name == "quit"


@pytest.mark.parametrize("prompt", ["hello", "/home/anna/x.py is broken", "/etc/passwd", "/mode plan\nand more"])
def test_prompts_are_not_commands(prompt: str) -> None:
    assert parse(prompt, "tui") is None


@pytest.mark.parametrize(("line", "says"), [("/nonsense", "/help"), ("/statsu", "/status"), ("/mode yolo", "accept-edits")])
def test_mistakes_say_what_to_do(line: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse(line, "tui")


def test_completion() -> None:
    assert [text for text, _ in complete("/mo", "tui")] == ["/mode ", "/model "]
    assert [text for text, _ in complete("/mode a", "tui")] == ["/mode accept-edits", "/mode auto"]
    assert len(complete("/", "tui")) == len(offered("tui"))
    assert complete("no command", "tui") == []


def test_every_command_can_be_carried_out() -> None:
    for command in COMMANDS:
        assert not command.run or inspect.iscoroutinefunction(command.load()), command.name
        assert not command.only - {"tui", "plain"}


@settings(deadline=None)
@given(st.text())
def test_any_line_is_a_command_a_prompt_or_a_mistake(line: str) -> None:
    complete(line, "tui")
    try:
        parse(line, "tui")
    except ValueError as error:
        assert str(error)
