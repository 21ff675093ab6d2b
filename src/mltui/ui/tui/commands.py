"""The slash commands: their names, what they do, and how a line is read as one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """Attributes: argument: how its argument is called in help, or empty if it takes none; values: what may stand there, if fixed."""

    name: str
    help: str
    argument: str = ""
    values: tuple[str, ...] = ()

    @property
    def usage(self) -> str:
        return f"/{self.name} {self.argument}".rstrip()


MODES = ("plan", "default", "accept-edits", "auto")
COMMANDS = (
    Command("help", "keys and commands"),
    Command("experiments", "the experiment log: decide, run, compare, keep"),
    Command("review", "all proposals that wait for a decision, in one place"),
    Command("mode", "what may run without asking", "MODE", MODES),
    Command("model", "go on with another model", "NAME"),
    Command("personas", "list the personas"),
    Command("status", "model, context, cost, drafted files"),
    Command("clear", "clear the screen (the session goes on)"),
    Command("quit", "end mltui; running experiments go on"),
)
_BY_NAME = {command.name: command for command in COMMANDS} | {"exit": COMMANDS[-1], "log": COMMANDS[1], "pending": COMMANDS[2]}


def complete(line: str) -> list[tuple[str, str]]:
    """Returns: (text to insert, what it does) for each command or value that the line may become; nothing for other lines."""
    if not line.startswith("/") or "\n" in line:
        return []
    name, space, argument = line[1:].partition(" ")
    if not space:
        return [
            (command.usage.split(" ")[0] + (" " if command.argument else ""), command.help)
            for command in COMMANDS
            if command.name.startswith(name)
        ]
    command = _BY_NAME.get(name)
    return [(f"/{name} {value}", "") for value in command.values if value.startswith(argument)] if command else []


def parse(line: str) -> tuple[Command, str] | None:
    """Returns: the command that the line names and its argument; None for a line that is a prompt, such as a path.

    Raises: ValueError: it looks like a command and is none, or its argument is missing or wrong. The text says what to do.
    """
    text = line.strip()
    name, _, argument = text[1:].partition(" ")
    if not text.startswith("/") or "\n" in text or "/" in name:
        return None
    command = _BY_NAME.get(name)
    if command is None:
        raise ValueError(f"There is no command /{name}. /help lists them")
    argument = argument.strip()
    if command.values and argument not in command.values:
        raise ValueError(f"/{name} takes one of: {', '.join(command.values)}")
    if command.argument and not argument:
        raise ValueError(f"Say which: {command.usage}")
    return command, argument
