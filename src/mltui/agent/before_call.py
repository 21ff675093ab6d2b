"""The checkpoint before a call that may change files."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from mltui.agent.world import World
from mltui.capabilities.guarded_shell import CHECKPOINT
from mltui.core.effects import Effect
from mltui.core.events import CheckpointCreated, Emit, Notice
from mltui.core.messages import ToolResult
from mltui.models.assembly import whole


class BeforeCalls:
    """Makes checkpoints for the calls of one session, and tells of each.

    Commands are looked at by their guard before they run, which is when their checkpoint is made; other calls get a look of
    their own.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._told = ""
        self._made = False

    async def run(self, call_id: str, effects: Sequence[Effect], emit: Emit, act: Callable[[], Awaitable[ToolResult]]) -> ToolResult:
        """Carries the call out behind its checkpoint. Raises: what `act` raises."""
        told = False

        async def tell(commit: str) -> None:
            nonlocal told
            if not told:
                told = self._made = True
                await emit(CheckpointCreated(call_id=call_id, commit=commit))

        written = [Path(effect.target) for effect in effects if effect.kind == "write"]
        if all(effect.kind in ("read", "write") for effect in effects):
            async with self._world.shell.undisturbed() as commit:
                if commit is not None:
                    await tell(commit)
                await self._note_problem(emit)
                try:
                    return await act()
                finally:
                    self._world.checkpoints.wrote(written)
        token = CHECKPOINT.set(tell)
        try:
            return await act()
        finally:
            CHECKPOINT.reset(token)
            self._world.checkpoints.wrote(written)
            await self._note_problem(emit)

    async def end_turn(self, emit: Emit) -> None:
        """The state after a turn, if a call of it had a checkpoint: what changes from here on is no work of the agent."""
        if self._made:
            self._made = False
            commit = await self._world.shell.checkpoint()
            if commit is not None:
                await emit(CheckpointCreated(call_id="", commit=commit))

    async def _note_problem(self, emit: Emit) -> None:
        problem = self._world.checkpoints.problem
        if problem and problem != self._told:
            self._told = problem
            await emit(Notice(level="warning", text=whole(f"No checkpoint could be made ({problem}): this call cannot be undone")))
