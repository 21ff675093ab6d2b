"""The slash commands, and how a line is read as one."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from mltui.ui.commands.base import Command

MODES = ("plan", "default", "accept-edits", "auto")
COMMANDS: tuple[Command, ...] = (
    Command("help", "keys and commands"),
    Command("experiments", "the experiment log: decide, run, compare, keep; `compare ID ID` too", "[ID|FILTER]", aliases=("log",)),
    Command("review", "all proposals that wait for a decision, in one place", aliases=("pending",), only=frozenset({"tui"})),
    Command("mode", "what may run without asking", "[MODE]", MODES, run="conversation.set_mode"),
    Command("model", "go on with another model", "[NAME]", run="models.model"),
    Command("effort", "how hard a model that reasons should do so", "[EFFORT]", ("low", "medium", "high"), run="models.effort"),
    Command("architect", "let the architect's model answer a question, or all until `off`", "[QUESTION|off]", run="models.architect"),
    Command("rewind", "go back to before a prompt: code, conversation or both", "[TURN]", run="rewind.rewind"),
    Command("undo", "put back the files that the last turn changed", run="rewind.undo"),
    Command("redo", "take the last rewind back", run="rewind.redo"),
    Command("diff", "what changed since the session, or a turn, began", "[TURN]", run="rewind.diff"),
    Command("commit", "commit with a message made from the changes", "[HINT]", run="commit.commit"),
    Command("find", "find text in the whole conversation", "[WORDS]", run="copying.find"),
    Command("copy", "copy the last answer, the one N back, or a block of `code` in it", "[N|code [N]]", run="copying.copy"),
    Command("personas", "the personas, and what one is", "[NAME]", run="conversation.personas"),
    Command("status", "model, context, cost, drafted files", run="conversation.status"),
    Command("btw", "a side question: the conversation does not learn of it", "QUESTION", run="aside.aside"),
    Command("context", "what fills the model's window", run="context.context"),
    Command("budget", "what the session may cost in all, in dollars, or `off`", "[DOLLARS]", run="limits.budget"),
    Command("compact", "sum the conversation up to make room", "[WHAT TO KEEP]", run="context.compact"),
    Command("sessions", "go on with another session; find, rename, copy, delete one", "[ID]", run="sessions.sessions", aliases=("resume",)),
    Command("rename", "name this session", "TITLE", run="sessions.rename"),
    Command("fork", "go on in a copy of this session", "[TITLE]", run="sessions.fork"),
    Command("export", "write this session down: .md, .html or .json", "[FILE]", run="sessions.export"),
    Command("jobs", "what runs, its output, the machine and its GPUs; `stop ID` ends one", "[ID]", run="jobs.jobs"),
    Command("bashes", "commands in the background, and ending one", run="background.bashes"),
    Command("settings", "every setting, where it came from, and changing it", "[WORD]", run="settings.settings"),
    Command(
        "theme",
        "how the app looks: as the terminal, dark, light, or with high contrast",
        "[THEME]",
        ("auto", "dark", "light", "high-contrast", "high-contrast-light"),
        run="theme.theme",
    ),
    Command("permissions", "the rules, and what they say of a call", "[CALL]", run="permissions.permissions"),
    Command("keys", "the keys, and how to change them", run="keys.keys"),
    Command("doctor", "what is installed, what works, and what to do about the rest", run="doctor.doctor"),
    Command("mcp", "MCP servers and their tools", run="extensions.mcp"),
    Command("hooks", "the hooks of this session", run="extensions.hooks"),
    Command("skills", "the skills of this session", run="extensions.skills"),
    Command("remember", "append a line to AGENTS.md; `# LINE` does the same", "LINE", run="extensions.remember"),
    Command("vim", "vi's keys where you type, or no longer"),
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
    if text.startswith("# ") and "\n" not in text:
        text = f"/remember {text[2:].strip()}"
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
