"""The slash commands, and how a line is read as one."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from mltui.ui.commands.base import Command

MODES = ("plan", "default", "accept-edits", "auto")
COMMANDS: tuple[Command, ...] = (
    Command("help", "keys and commands"),
    Command("experiments", "the experiment log: decide, run, compare, keep", "[ID]", aliases=("log",)),
    Command("review", "all proposals that wait for a decision, in one place", aliases=("pending",), only=frozenset({"tui"})),
    Command("mode", "what may run without asking", "[MODE]", MODES, run="conversation.set_mode"),
    Command("model", "go on with another model", "[NAME]", run="conversation.model"),
    Command("personas", "list the personas", run="conversation.personas"),
    Command("status", "model, context, cost, drafted files", run="conversation.status"),
    Command("clear", "clear the screen (the session goes on)", only=frozenset({"tui"})),
    Command("quit", "end mltui; running experiments go on", aliases=("exit",)),
)
"""In the order of the help page."""


def find(name: str, front_end: str) -> Command | None:
    """The command of a name or an alias in a front-end (`tui`, `plain`), or None."""
    for command in COMMANDS:
        if name in (command.name, *command.aliases) and _offered(command, front_end):
            return command
    return None


def offered(front_end: str) -> tuple[Command, ...]:
    """The commands of a front-end."""
    return tuple(command for command in COMMANDS if _offered(command, front_end))


def _offered(command: Command, front_end: str) -> bool:
    return not command.only or front_end in command.only


def complete(line: str, front_end: str, more: Sequence[Command] = ()) -> list[tuple[str, str]]:
    """Returns: (text to insert, what it does) for each command or value that the line may become; nothing for other lines."""
    if not line.startswith("/") or "\n" in line:
        return []
    name, space, argument = line[1:].partition(" ")
    if not space:
        return [
            (f"/{command.name}" + (" " if command.argument else ""), command.help)
            for command in (*offered(front_end), *more)
            if command.name.startswith(name)
        ]
    command = find(name, front_end)
    return [(f"/{name} {value}", "") for value in command.values if value.startswith(argument)] if command else []


def parse(line: str, front_end: str, more: Sequence[Command] = ()) -> tuple[Command, str] | None:
    """Returns: the command that the line names and its argument; None for a line that is a prompt, such as a path.

    Raises: ValueError: it looks like a command and is none, or its argument is missing or wrong. The text says what to do.
    """
    text = line.strip()
    name, _, argument = text[1:].partition(" ")
    if not text.startswith("/") or "\n" in text or "/" in name or not name:
        return None
    command = find(name, front_end) or next((known for known in more if known.name == name), None)
    if command is None:
        near = difflib.get_close_matches(name, [known.name for known in (*offered(front_end), *more)], n=1)
        raise ValueError(f"There is no command /{name}. " + (f"Did you mean /{near[0]}?" if near else "/help lists them."))
    argument = argument.strip()
    optional = command.argument.startswith("[")
    if command.values and argument not in command.values and (argument or not optional):
        raise ValueError(f"/{name} takes one of: {', '.join(command.values)}")
    if command.argument and not argument and not optional:
        raise ValueError(f"Say which: {command.usage}")
    return command, argument
