"""A shell, and whatever else acts, that cannot leave a changed file under experiment behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from mltui.capabilities.controlled_guard import ControlledGuard
from mltui.capabilities.own_state import OwnState
from mltui.tools.base import Shell, ShellResult


@dataclass(slots=True)
class Found:
    """What was found after something acted.

    Attributes:
        notes: a line for each, for the model and the person; empty until the block has ended.
    """

    notes: tuple[str, ...] = ()


class GuardedShell:
    """Runs commands between two looks at the tree. One at a time.

    Attributes:
        alarms: what the person is told: what the last command did to mltui's own files, and what changed before it.
    """

    def __init__(self, shell: Shell, guard: ControlledGuard, own: OwnState | None = None) -> None:
        self.alarms: tuple[str, ...] = ()
        self._shell = shell
        self._guard = guard
        self._own = own
        self._one_at_a_time = asyncio.Lock()

    async def run(self, command: str, timeout: float, on_output: Callable[[str], Awaitable[None]]) -> ShellResult:
        async with self.acting() as found:
            result = await self._shell.run(command, timeout, on_output)
        return replace(result, notes=(*result.notes, *found.notes))

    @asynccontextmanager
    async def acting(self) -> AsyncGenerator[Found]:
        """Holds the guard around whatever acts on the tree (a hook, a server's tool, a subagent), however it ends.

        async with shell.acting() as found:
            ...
        found.notes  # what was moved to the draft, or put back
        """
        async with self._one_at_a_time:
            self.alarms = ()
            await _to_its_end(self._remember_all)
            found = Found()
            try:
                yield found
            finally:
                # An interrupted command must not keep its changes either.
                found.notes = await _to_its_end(self._put_all_back)

    # Each in one thread: every change of threads costs as much as the look itself.

    def _remember_all(self) -> tuple[str, ...]:
        self._guard.remember()
        if self._own is not None:
            self._own.before()
        return ()

    def _put_all_back(self) -> tuple[str, ...]:
        own = self._own.after() if self._own is not None else ()
        notes = self._guard.put_back()
        self.alarms = (*self._guard.notices, *own)
        return (*own, *notes)


async def _to_its_end(work: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
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
