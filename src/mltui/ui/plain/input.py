"""Reads lines from a person or a pipe, in a way that Ctrl-C can always end."""

from __future__ import annotations

import asyncio
import os
import select
import sys
import termios
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from mltui.ui.plain.text import printable

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession

    from mltui.ui.history import PromptHistory


class Interrupted(Exception):
    """Ctrl-C was pressed while a line was awaited."""


class Reader(Protocol):
    @property
    def interactive(self) -> bool:
        """Whether a person types, rather than a pipe."""
        ...

    async def line(self, prompt: str, *, fresh: bool = False) -> str | None:
        """The next line, or None at the end of input.

        Args:
            fresh: what a person typed before the prompt was shown does not count: nobody approves unseen.

        Raises:
            Interrupted: Ctrl-C.
        """
        ...

    def interrupt(self) -> bool:
        """Ends the line that is awaited, if one is; says whether one was."""
        ...


def open_reader(environ: Mapping[str, str], words: Sequence[str]) -> Reader:
    """The reader that fits: line editing on a capable terminal, else whole lines.

    Args:
        words: what the Tab key completes.
    """
    if not sys.stdin.isatty():
        return LineReader(interactive=False)
    # The terminal driver's own line editing moves no cursor: right for dumb terminals and screen readers.
    if environ.get("TERM", "dumb") in ("dumb", "unknown", "") or environ.get("NO_COLOR") or not sys.stdout.isatty():
        return LineReader(interactive=True)
    return EditingReader(words)


class LineReader:
    """Whole lines from stdin.

    A thread of its own reads, because a blocking read in the loop's pool would keep mltui from ending.
    """

    def __init__(self, *, interactive: bool) -> None:
        self._interactive = interactive
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._ended = False
        # Held while something is read and handed over, so that nothing is in between when typed lines are dropped.
        self._reading = threading.Lock()
        self._begun = b""  # of a line that has not ended

    @property
    def interactive(self) -> bool:
        return self._interactive

    async def line(self, prompt: str, *, fresh: bool = False) -> str | None:
        self._start()
        if fresh and self._interactive:
            await self._drop_typed()
        if self._ended and self._lines.empty():
            return None
        sys.stdout.write(prompt)
        sys.stdout.flush()
        line: str | None = None
        try:
            line = await self._next()
            self._ended = line is None
        finally:
            # A terminal has shown what was typed, and its line end; a pipe shows nothing.
            if line is None or not self._interactive:
                sys.stdout.write(f"{printable(line or '')}\n")
        return line

    def interrupt(self) -> bool:
        if self._waiting is None or self._waiting.done():
            return False
        self._waiting.set_result(None)
        return True

    async def _drop_typed(self) -> None:
        with self._reading:
            _flush_terminal()
            self._begun = b""
        await asyncio.sleep(0)  # lets in what the thread has handed over
        while not self._lines.empty():
            self._ended = self._lines.get_nowait() is None or self._ended

    async def _next(self) -> str | None:
        self._waiting = asyncio.get_running_loop().create_future()
        getter = asyncio.ensure_future(self._lines.get())
        try:
            await asyncio.wait((getter, self._waiting), return_when=asyncio.FIRST_COMPLETED)
            if not getter.done():
                raise Interrupted
            return getter.result()
        finally:
            getter.cancel()
            self._waiting = None

    def _start(self) -> None:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            threading.Thread(target=self._read, args=(self._loop,), name="stdin", daemon=True).start()

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        # The file descriptor is read directly: a lock of sys.stdin held here would stop the interpreter from ending.
        source = sys.stdin.fileno()
        try:
            while self._hand_over(loop, source):
                pass
        except RuntimeError:  # the loop is closed: mltui is ending
            return

    def _hand_over(self, loop: asyncio.AbstractEventLoop, source: int) -> bool:
        """Waits for input and gives its whole lines to the loop; says whether more may come."""
        try:
            select.select([source], [], [])
            with self._reading:
                if not select.select([source], [], [], 0)[0]:  # dropped meanwhile
                    return True
                data = os.read(source, 65536)
                *whole, self._begun = (self._begun + data).split(b"\n")
                self._give(loop, whole)
        except OSError:
            data = b""
        if data:
            return True
        self._give(loop, [self._begun] if self._begun else [])
        loop.call_soon_threadsafe(self._lines.put_nowait, None)
        return False

    def _give(self, loop: asyncio.AbstractEventLoop, lines: Sequence[bytes]) -> None:
        for line in lines:
            loop.call_soon_threadsafe(self._lines.put_nowait, line.decode(errors="replace").removesuffix("\r"))


class EditingReader:
    """Lines with editing, history and completion, by prompt_toolkit."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = tuple(words)
        self._files: Callable[[str, int], list[str]] = lambda _query, _limit: []
        self._history: PromptHistory | None = None
        self._vim = False
        self._conversation: PromptSession[str] | None = None
        self._answers: PromptSession[str] | None = None
        self._active: PromptSession[str] | None = None

    @property
    def interactive(self) -> bool:
        return True

    async def line(self, prompt: str, *, fresh: bool = False) -> str | None:
        if fresh:
            _flush_terminal()
        session = self._session(fresh)
        self._active = session
        try:
            return await session.prompt_async(prompt, handle_sigint=False)
        except EOFError:
            return None
        except KeyboardInterrupt as error:
            raise Interrupted from error
        finally:
            self._active = None

    def know(self, files: Callable[[str, int], list[str]], history: PromptHistory) -> None:
        """Completes names of files and brings earlier prompts back from now on.

        Args:
            files: names for a query; called in a thread.
        """
        self._files, self._history, self._conversation = files, history, None

    @property
    def vim(self) -> bool:
        """Whether vi's keys are on."""
        return self._vim

    @vim.setter
    def vim(self, on: bool) -> None:
        self._vim, self._conversation = on, None

    def interrupt(self) -> bool:
        if self._active is None or not self._active.app.is_running:
            return False
        self._active.app.exit(exception=KeyboardInterrupt())
        return True

    def _session(self, fresh: bool) -> PromptSession[str]:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.history import InMemoryHistory
        from prompt_toolkit.output.vt100 import Vt100_Output
        from prompt_toolkit.shortcuts import CompleteStyle

        from mltui.ui.plain.typing_help import KeptHistory, PromptCompleter

        if self._conversation is None or self._answers is None:
            # Without asking for the cursor's place a prompt is one line, not the rest of the screen redrawn.
            output = Vt100_Output.from_pty(sys.stdout)
            output.enable_cpr = False
            # Completions are listed as a shell does it: a menu would take lines of the screen for itself.
            self._conversation = PromptSession(
                completer=PromptCompleter(self._words, lambda query, limit: self._files(query, limit)),
                complete_while_typing=False,
                complete_in_thread=True,
                enable_open_in_editor=True,
                tempfile_suffix=".md",
                vi_mode=self._vim,
                complete_style=CompleteStyle.READLINE_LIKE,
                reserve_space_for_menu=0,
                history=KeptHistory(self._history) if self._history else InMemoryHistory(),
                output=output,
            )
            # Answers to questions are no prompts to come back to.
            self._answers = PromptSession(history=InMemoryHistory(), output=output)
        return self._answers if fresh else self._conversation


def _flush_terminal() -> None:
    """Drops what was typed and not read yet."""
    termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
