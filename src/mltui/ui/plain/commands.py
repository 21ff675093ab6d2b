"""The slash commands, as the line-mode conversation carries them out."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from mltui import __version__
from mltui.config.paths import state_dir
from mltui.core.errors import MltuiError
from mltui.core.events import Event
from mltui.ui.commands.base import Level
from mltui.ui.commands.extensions import more
from mltui.ui.commands.table import offered, parse
from mltui.ui.figures import short_name
from mltui.ui.plain.approver import PlainApprover
from mltui.ui.plain.events import EventPrinter
from mltui.ui.plain.input import EditingReader, Interrupted, Reader
from mltui.ui.plain.text import Printer
from mltui.ui.session import AgentSession
from mltui.ui.terminal.clipboard import copy

_MOST_SHOWN = 40
"""Options of a choice that are listed; the others can still be picked by their number."""
NAMES = tuple(f"/{command.name}" for command in offered("plain"))


class PlainConsole:
    """Implements `ui.commands.base.Console`.

    Args:
        send: takes a text for the agent, to be sent when the command has ended.
        open_other: opens the session of an id, which the conversation goes on with.
        approver: asks the person; by default one of its own.
    """

    def __init__(
        self,
        session: AgentSession,
        printer: Printer,
        events: EventPrinter,
        reader: Reader,
        send: Callable[[str], Awaitable[None]],
        open_other: Callable[[str], Awaitable[AgentSession]],
        approver: PlainApprover | None = None,
    ) -> None:
        self.approver = approver or PlainApprover(reader, printer)
        self.session = session
        self.events = events
        self._printer = printer
        self._reader = reader
        self._send = send
        self._open_other = open_other

    @property
    def size(self) -> tuple[int, int]:
        return shutil.get_terminal_size((100, 24))

    def tell(self, level: Level, text: str, hint: str = "") -> None:
        self._printer.line(text if level == "info" else f"{level}: {text}")
        if hint:
            self._printer.line(f"  {hint}")

    async def show(self, event: Event) -> None:
        await self.events.show(event)

    async def choose(self, title: str, options: Sequence[tuple[str, str]], preview: Callable[[int], str] | None = None) -> int | None:
        return await choose(self._reader, self._printer, title, options, preview)

    async def patch(self, title: str, patch: str) -> None:
        self._printer.line(title)
        self._printer.block(patch)

    def suggest(self, text: str) -> None:
        self._printer.line("The prompt was:")
        self._printer.block(text)

    async def edit(self, title: str, text: str) -> str | None:
        self._printer.line(f"{title}. It was:")
        self._printer.block(text)
        self._printer.line("Type it anew, with \\n where a line ends, or nothing to leave it:")
        answer = await self._reader.line("> ")
        return None if answer is None or not answer.strip() else answer.strip().replace("\\n", "\n")

    async def copy(self, text: str) -> None:
        write: Any = sys.stdout.write if sys.stdout.isatty() else None
        try:
            done = await asyncio.to_thread(copy, text, os.environ, write, state_dir(os.environ), self.session.ui.clipboard)
        except OSError as error:
            raise MltuiError(f"The text could not be copied: {error.strerror or error}") from None
        sys.stdout.flush()
        self._printer.line(done.text)

    async def prompt(self, text: str) -> None:
        await self._send(text)

    def toggle_vim(self) -> str:
        """Turns vi's keys on, or off. Returns: what is so now."""
        if not isinstance(self._reader, EditingReader):
            return "This terminal edits its lines by itself: it has no vi's keys."
        self._reader.vim = not self._reader.vim
        return f"vi's keys are {'on' if self._reader.vim else 'off'}. For good: [ui] vim = true"

    async def switch(self, session_id: str) -> None:
        other = await self._open_other(session_id)
        await self.session.close()
        self.session, self.events = other, EventPrinter(self._printer, other.workspace.cwd)
        self._printer.line(greeting(other))
        if title := other.transcript.title:
            self._printer.line(f"This is: {title}")


async def choose(
    reader: Reader, printer: Printer, title: str, options: Sequence[tuple[str, str]], _preview: Callable[[int], str] | None = None
) -> int | None:
    """Lists the options and reads a number. Returns: the option's index, or None."""
    printer.line(title)
    for number, (label, description) in enumerate(options[:_MOST_SHOWN], 1):
        printer.line(f"  {number}. {label}" + (f"  {description}" if description else ""))
    if len(options) > _MOST_SHOWN:
        printer.line(f"  … and {len(options) - _MOST_SHOWN} more, up to {len(options)}")
    answer = await reader.line("Number, or nothing to leave it: ", fresh=True)
    if answer is None or not answer.strip():
        return None
    if answer.strip().isdecimal() and 1 <= int(answer) <= len(options):
        return int(answer) - 1
    printer.line(f"There is no {answer.strip()}.")
    return None


def greeting(session: AgentSession) -> str:
    """The line that a conversation begins with."""
    sandbox = ", no sandbox" if session.sandbox == "none" else ""
    model = short_name(session.model_info.id)
    return f"mltui {__version__}: {model}, persona {session.persona_name}, mode {session.mode}{sandbox}. /help helps."


async def run_command(text: str, console: PlainConsole, printer: Printer) -> bool | None:
    """Carries out a command; what goes wrong is printed.

    Returns: whether to leave; None if the line is no command but a prompt.
    """
    try:
        parsed = parse(text, "plain", more(console.session))
    except ValueError as error:
        printer.line(str(error))
        return False
    if parsed is None:
        return None
    command, argument = parsed
    try:
        match command.name:
            case "quit":
                return True
            case "help":
                printer.lines(f"  {known.usage:<18} {known.help}" for known in offered("plain"))
                printer.line("  @FILE takes a file along (Tab completes its name), !COMMAND runs in the shell, # LINE goes into AGENTS.md.")
                printer.line("  Ctrl-R searches earlier prompts, Ctrl-X Ctrl-E opens your editor.")
                printer.line("  Ctrl-C stops the agent; twice at the prompt leaves.")
            case "vim":
                printer.line(console.toggle_vim())
            case "experiments":
                from mltui.ui.plain.experiment_deeds import do
                from mltui.ui.plain.experiment_log import show

                if not await do(argument, console, printer):
                    await show(argument, console.session.experiments, printer)
            case _:
                await command.load()(console, argument)
    except MltuiError as error:
        printer.line(f"error: {error}")
    except Interrupted:
        printer.line("Nothing was decided.")
    return False
