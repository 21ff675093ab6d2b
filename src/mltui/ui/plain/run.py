"""The agent as a line-mode conversation: for dumb terminals, screen readers, slow links and pipes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from pathlib import Path

from mltui.core.errors import MltuiError
from mltui.core.events import TurnCompleted
from mltui.ui.commands.sessions import pick
from mltui.ui.first_steps import opening
from mltui.ui.history import PromptHistory, history_file
from mltui.ui.plain.approver import PlainApprover
from mltui.ui.plain.commands import NAMES, PlainConsole, choose, greeting, run_command
from mltui.ui.plain.events import EventPrinter
from mltui.ui.plain.input import EditingReader, Interrupted, Reader, open_reader
from mltui.ui.plain.text import Printer
from mltui.ui.session import AgentSession, OpenSession
from mltui.ui.shell_line import ShellLine, typed

_EXIT_CODES = {
    "completed": 0,
    "auth": 41,
    "max_turns": 53,
    "max_budget_usd": 53,
    "max_tokens": 53,
    "timeout": 53,
    "unavailable": 75,
    "interrupted": 130,
}


async def run_plain(open_session: OpenSession, initial_prompt: str = "", pick_from: Path | None = None) -> int:
    """Holds a conversation until the person leaves or the input ends.

    Args:
        pick_from: the folder of sessions of which the person picks one first; None: they do not.

    Returns:
        The exit code: 0 when a person left; for piped input that of the first turn that did not complete.

    Raises:
        MltuiError: the session cannot be opened.
    """
    if reconfigure := getattr(sys.stdout, "reconfigure", None):
        # A terminal that cannot show a character gets a `?` instead of a crash.
        reconfigure(errors="replace")
    reader, printer = open_reader(os.environ, NAMES), Printer()
    approver = PlainApprover(reader, printer)
    chosen: str | None = None
    try:
        chosen = await pick(pick_from, partial(choose, reader, printer)) if pick_from is not None else None
    except MltuiError as error:
        printer.line(f"{error}: this is a new one.")
    session = await (open_session(approver, chosen) if chosen else open_session(approver))

    async def open_other(session_id: str) -> AgentSession:
        return await open_session(approver, session_id)

    conversation = _PlainConversation(session, reader, printer, open_other, approver)
    try:
        return await conversation.run(initial_prompt)
    except BrokenPipeError:
        # Whoever read along is gone. Without this the interpreter would complain again when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    finally:
        await conversation.session.close()


class _PlainConversation:
    def __init__(
        self,
        session: AgentSession,
        reader: Reader,
        printer: Printer,
        open_other: Callable[[str], Awaitable[AgentSession]],
        approver: PlainApprover,
    ) -> None:
        self._approver = approver
        self._reader = reader
        self._printer = printer
        self._turn: asyncio.Task[TurnCompleted | None] | None = None
        self._interrupts = 0
        self._queued: list[str] = []
        self._console = PlainConsole(
            session, printer, EventPrinter(printer, session.workspace.cwd), reader, self._queue, open_other, approver
        )

    @property
    def session(self) -> AgentSession:
        """The one that is open now."""
        return self._console.session

    async def _queue(self, text: str) -> None:
        self._queued.append(text)

    async def run(self, initial_prompt: str) -> int:
        self._greet()
        exit_code = 0
        warming = asyncio.create_task(self._warm_up())
        try:
            with self._sigint():
                text: str | None = initial_prompt.strip()
                while text is not None:
                    leave = await run_command(text, self._console, self._printer)
                    if leave:
                        break
                    if leave is None and text:
                        self._queued.append(text)
                    while self._queued:
                        turn_code = await self._take_turn(self._queued.pop(0))
                        exit_code = exit_code or turn_code
                    text = await self._next()
        finally:
            warming.cancel()
        here = self.session.workspace.cwd == Path.cwd()
        self._printer.line(f"Go on later with: mltui -r {self.session.id}" + ("" if here else f" -C {self.session.workspace.cwd}"))
        return 0 if self._reader.interactive else exit_code

    def _greet(self) -> None:
        session = self.session
        if isinstance(self._reader, EditingReader):
            self._reader.know(session.files.matches, PromptHistory(history_file(session.workspace.cwd, os.environ)))
            self._reader.vim = session.ui.vim
        self._printer.line(greeting(session))
        found = opening(session)
        self._printer.lines(filter(None, (found.note, *found.warnings, *found.steps)))

    async def _warm_up(self) -> None:
        # What is wrong with the model is told when it is first asked.
        with contextlib.suppress(MltuiError):
            await self.session.warm_up()

    async def _next(self) -> str | None:
        """The next line of the conversation; None to leave: end of input, or Ctrl-C twice in a row."""
        for _ in range(2):
            self._printer.close_line()
            try:
                line = await self._reader.line("> ")
                return None if line is None else typed(line.strip()) if self._reader.interactive else line.strip()
            except Interrupted:
                self._printer.line("Ctrl-C once more leaves, and so does Ctrl-D.")
        return None

    async def _take_turn(self, text: str) -> int:
        self._interrupts = 0
        self._turn = asyncio.create_task(self._prompt(text))
        try:
            completed = await self._turn
        except asyncio.CancelledError:
            if not self._interrupts:
                raise
            self._printer.line("! interrupted")
            return _EXIT_CODES["interrupted"]
        except MltuiError as error:
            self._printer.line(f"error: {error}")
            return error.exit_code
        finally:
            self._turn = None
        return _EXIT_CODES.get(completed.outcome, 1) if completed else 0

    async def _prompt(self, text: str) -> TurnCompleted | None:
        session, events = self.session, self._console.events
        if isinstance(text, ShellLine):
            await session.shell.run(text.command, events.show)
            return None
        completed = await session.prompt(text, events.show)
        if completed.outcome == "completed":
            session.name_itself(events.show)
        return completed

    def _on_sigint(self) -> None:
        """A question that is open is answered by it; else the turn stops: gently first, at once the second time."""
        if self._approver.editing or self._reader.interrupt() or self._turn is None:
            return
        self._interrupts += 1
        if self._interrupts == 1:
            self._printer.line("! stopping")
            self.session.interrupt()
        else:
            self._turn.cancel()

    @contextlib.contextmanager
    def _sigint(self) -> Generator[None]:
        loop = asyncio.get_running_loop()
        try:
            loop.add_signal_handler(signal.SIGINT, self._on_sigint)
        except (NotImplementedError, RuntimeError, ValueError):  # not the main thread, or no signals here
            yield
            return
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGINT)
