"""`!command`: what a person types for the shell, by the same gate that the agent's commands go through."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

from mltui.agent.compaction import bounded
from mltui.agent.gate import Gate
from mltui.agent.hooking import TYPED
from mltui.agent.loop import TurnStopped
from mltui.core.errors import MltuiError
from mltui.core.events import Emit, Event, ToolCompleted
from mltui.core.messages import ToolCall
from mltui.models.base import ModelInfo


class PersonShell:
    """Runs commands between turns. Where a rule would ask, typing it was the answer; denials and the experiment gate hold.

    Args:
        note: keeps an event and shows it.
        busy: whether a turn runs, or the conversation is being summed up.
        model: the one that hears of it with the next prompt.

    Attributes:
        task: of the command that runs.
    """

    def __init__(
        self, gate: Gate, note: Callable[[Event, Emit], Awaitable[None]], busy: Callable[[], bool], model: Callable[[], ModelInfo]
    ):
        self._gate = gate
        self._note = note
        self._busy = busy
        self._model = model
        self.task: asyncio.Task[None] | None = None

    async def run(self, command: str, show: Emit) -> None:
        """Runs one to its end. The next prompt tells the model of the command and of what it printed.

        Raises: MltuiError: a turn or another command runs.
        """
        if self._busy() or self.task is not None:
            raise MltuiError("A turn is running", hint="Interrupt it first")

        async def emit(event: Event) -> None:
            if isinstance(event, ToolCompleted):
                event = event.model_copy(update={"content": bounded(event.content, self._model()), "typed": command})
            await self._note(self._gate.guards.kept_back(event), show)

        task = self.task = asyncio.create_task(self._run(command, emit))
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                task.cancel()
                await asyncio.wait([task])
                raise
        finally:
            self.task = None

    async def _run(self, command: str, emit: Emit) -> None:
        token = TYPED.set(True)
        try:
            await self._gate.apart().execute(ToolCall(id=f"person-{uuid4().hex}", name="Bash", arguments={"command": command}), emit)
        except TurnStopped:
            pass  # there is no turn to stop
        finally:
            TYPED.reset(token)
            await self._gate.end_turn(emit)
