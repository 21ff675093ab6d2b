"""The slash commands, as the line-mode conversation carries them out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from mltui.core.errors import MltuiError
from mltui.core.events import Event
from mltui.ui.commands.base import Level
from mltui.ui.commands.table import offered, parse
from mltui.ui.plain.events import EventPrinter
from mltui.ui.plain.experiments import list_line, proposal_lines, result_lines
from mltui.ui.plain.input import Reader
from mltui.ui.plain.text import Printer
from mltui.ui.session import AgentSession

NAMES = tuple(f"/{command.name}" for command in offered("plain"))


class PlainConsole:
    """Implements `ui.commands.base.Console`.

    Args:
        send: takes a text for the agent, to be sent when the command has ended.
    """

    def __init__(
        self, session: AgentSession, printer: Printer, events: EventPrinter, reader: Reader, send: Callable[[str], Awaitable[None]]
    ) -> None:
        self.session = session
        self._printer = printer
        self._events = events
        self._reader = reader
        self._send = send

    def tell(self, level: Level, text: str, hint: str = "") -> None:
        self._printer.line(text if level == "info" else f"{level}: {text}")
        if hint:
            self._printer.line(f"  {hint}")

    async def show(self, event: Event) -> None:
        await self._events.show(event)

    async def choose(self, title: str, options: Sequence[tuple[str, str]]) -> int | None:
        self._printer.line(title)
        for number, (label, description) in enumerate(options, 1):
            self._printer.line(f"  {number}. {label}" + (f"  {description}" if description else ""))
        answer = await self._reader.line("Number, or nothing to leave it: ")
        if answer is None or not answer.strip():
            return None
        if answer.strip().isdecimal() and 1 <= int(answer) <= len(options):
            return int(answer) - 1
        self._printer.line(f"There is no {answer.strip()}.")
        return None

    async def prompt(self, text: str) -> None:
        await self._send(text)


async def run_command(text: str, console: PlainConsole, printer: Printer) -> bool | None:
    """Carries out a command; what goes wrong is printed.

    Returns: whether to leave; None if the line is no command but a prompt.
    """
    try:
        parsed = parse(text, "plain")
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
                printer.line("  Ctrl-C stops the agent; twice at the prompt leaves.")
            case "experiments":
                await _experiments(argument, console.session, printer)
            case _:
                await command.load()(console, argument)
    except MltuiError as error:
        printer.line(f"error: {error}")
    return False


async def _experiments(argument: str, session: AgentSession, printer: Printer) -> None:
    if argument:
        experiment = await asyncio.to_thread(session.experiments.get, argument)
        printer.lines(proposal_lines(experiment.proposal))
        printer.lines(result_lines(experiment))
        return
    experiments = await asyncio.to_thread(session.experiments.list)
    printer.lines(map(list_line, experiments))
    if not experiments:
        printer.line("There are no experiments yet.")
