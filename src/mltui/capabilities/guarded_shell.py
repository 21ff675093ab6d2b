"""A shell, and whatever else acts, that cannot leave a changed file under experiment behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

from mltui.capabilities.checkpoints import Checkpoints
from mltui.capabilities.controlled_guard import ControlledGuard
from mltui.capabilities.own_state import OwnState
from mltui.tools.base import Shell, ShellResult

T = TypeVar("T")

CHECKPOINT: ContextVar[Callable[[str], Awaitable[None]] | None] = ContextVar("checkpoint", default=None)
"""Who is told of the checkpoint before whatever acts within this call; None: none is made."""


@dataclass(slots=True)
class Found:
    """What was found after something acted.

    Attributes:
        notes: a line for each, for the model and the person; empty until the block has ended.
        checkpoint: the commit of the state before, if one was made.
    """

    notes: tuple[str, ...] = ()
    checkpoint: str = ""


class BesideLooks(Protocol):
    """Commands that go on beside others. `halt` and `go_on` block."""

    @property
    def running(self) -> bool: ...

    def halt(self) -> None: ...

    def go_on(self) -> None: ...


class GuardedShell:
    """Runs commands between two looks at the tree. One at a time.

    Attributes:
        alarms: what the person has to know of the last command: what it did to mltui's own files, and what changed before it.
        confined: what acts now, or acted last, is a command in a sandbox, which cannot write to the journal.
        sandboxed: commands run in a sandbox.
        beside: the commands in the background. They are halted while a look is taken, so that what they do is always theirs.
    """

    def __init__(
        self,
        shell: Shell,
        guard: ControlledGuard,
        own: OwnState | None = None,
        *,
        sandboxed: bool = False,
        checkpoints: Checkpoints | None = None,
    ) -> None:
        self.alarms: tuple[str, ...] = ()
        self.confined = False
        self.sandboxed = sandboxed
        self.beside: BesideLooks | None = None
        self._unlooked = False
        self._early: tuple[str, ...] = ()
        self._shell = shell
        self._guard = guard
        self._own = own
        self._checkpoints = checkpoints
        self._one_at_a_time = asyncio.Lock()
        self._untold: list[str] = []

    def untold(self) -> tuple[str, ...]:
        """The alarms since this was last asked: of hooks, of servers and of commands side by side too."""
        alarms, self._untold = tuple(self._untold), []
        return alarms

    async def run(
        self,
        command: str,
        timeout: float,
        on_output: Callable[[str], Awaitable[None]],
        folder: Path | None = None,
        *,
        answer: bool = False,
    ) -> ShellResult:
        async with self.acting(sandboxed=self.sandboxed) as found:
            result = await self._shell.run(command, timeout, on_output, folder, answer=answer)
        return replace(result, notes=(*result.notes, *found.notes))

    @asynccontextmanager
    async def acting(self, *, sandboxed: bool = False, checkpoint: bool = False) -> AsyncGenerator[Found]:
        """Holds the guard around whatever acts on the tree (a hook, a server's tool, a subagent), however it ends.

        async with shell.acting() as found:
            ...
        found.notes  # what was moved to the draft, or put back

        Args:
            sandboxed: what acts is confined, so that the journal is none of its work.
            checkpoint: make one first, though no call asks for it.
        """
        async with self._one_at_a_time:
            self.confined = sandboxed
            self.alarms = ()
            tell = CHECKPOINT.get()
            try:
                found = Found(checkpoint=await to_its_end(lambda: self._remember_all(checkpoint or tell is not None)))
            except BaseException:
                # Nothing acts. Marked as acting, this session would make others take the person's edits for a command's.
                await to_its_end(self._guard.stand_down)
                self._untold += self._guard.notices
                raise
            ended = False
            try:
                if found.checkpoint and tell is not None:
                    await tell(found.checkpoint)
                yield found
                ended = True
            finally:
                # An interrupted command must not keep its changes either.
                found.notes = await to_its_end(lambda: self._put_all_back(ended))

    async def checkpoint(self) -> str | None:
        """Makes a checkpoint of what is there now. Returns: its commit, or None."""
        async with self.undisturbed() as commit:
            return commit

    @asynccontextmanager
    async def quiet(self) -> AsyncGenerator[None]:
        """Holds off whatever acts: what it may have done to settings and decisions is found out only when it has ended."""
        async with self._one_at_a_time:
            yield

    @asynccontextmanager
    async def undisturbed(self) -> AsyncGenerator[str | None]:
        """Holds all commands off around what writes without a guard: to the guard, it would be a running command's work.

        Yields: the commit of a checkpoint of the state before, or None.
        """
        async with self._one_at_a_time:
            try:
                await to_its_end(self._look_and_halt)
                yield None if self._checkpoints is None else await to_its_end(self._checkpoints.look_and_record)
            finally:
                await to_its_end(self._let_go_on)

    def went_on(self) -> None:
        """A command begins that goes on when what acts now has ended."""
        self._unlooked = True

    async def look(self) -> tuple[str, ...]:
        """Puts back what commands in the background changed since the last look. Returns a line for each."""
        async with self._one_at_a_time:
            if not self._unlooked:
                return ()
            try:
                notes = await to_its_end(self._look_and_halt)
            finally:
                await to_its_end(self._let_go_on)
            self._early = ()
            return notes

    # Each in one thread: every change of threads costs as much as the look itself.

    def _look_and_halt(self) -> tuple[str, ...]:
        """Halts what runs in the background and puts back what it changed; `_let_go_on` is to follow."""
        if not self._unlooked or self.beside is None:
            return ()
        self.beside.halt()
        # In a sandbox mltui's own files are out of reach: what changed of them is the person's doing, and this session's.
        own = self._own.after(beside=True) if self._own is not None and not self.sandboxed else ()
        notes = (*own, *self._guard.put_back())
        self._untold += (*self._guard.notices, *own)
        self._unlooked = self.beside.running
        self._early += notes
        return notes

    def _let_go_on(self) -> None:
        if self._unlooked and self.beside is not None:
            try:
                self._remember()
            finally:
                self.beside.go_on()

    def _remember(self) -> None:
        self._guard.remember()
        if self._own is not None:
            self._own.before()

    def _remember_all(self, checkpoint: bool) -> str:
        try:
            self._look_and_halt()
            self._remember()
            return (self._checkpoints.record() or "") if checkpoint and self._checkpoints is not None else ""
        finally:
            if self._unlooked and self.beside is not None:
                self.beside.go_on()

    def _put_all_back(self, ended: bool) -> tuple[str, ...]:
        if self._unlooked and self.beside is not None:
            self.beside.halt()
        try:
            return self._put_back(ended)
        finally:
            self._unlooked = self._unlooked and self.beside is not None and self.beside.running
            self._let_go_on()

    def _put_back(self, ended: bool) -> tuple[str, ...]:
        own, notes = (), ()
        try:
            own = self._own.after() if self._own is not None else ()
        finally:
            notes = self._guard.put_back()
        self.alarms = (*self._guard.notices, *own)
        # Where it did not come to its end, no result will carry the notes.
        early, self._early = self._early, ()
        self._untold += (*self.alarms, *(() if ended else (*early, *notes)))
        return (*early, *own, *notes)


async def to_its_end(work: Callable[[], T]) -> T:
    """In a thread, and not left before it has ended: the next command must not begin in the middle of it."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError
    return task.result()
