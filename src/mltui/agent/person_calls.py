"""Calls that a person makes, by a command or by a file that they name: the same gate decides on them."""

from __future__ import annotations

from uuid import uuid4

from mltui.agent.gate import Gate
from mltui.agent.loop import TurnStopped
from mltui.core.data import JsonObject
from mltui.core.errors import MltuiError
from mltui.core.events import ApprovalRequested, ApprovalResolved, Emit, Event, Notice, ToolCompleted
from mltui.core.messages import ToolCall


async def call(gate: Gate, tool: str, arguments: JsonObject, show: Emit) -> ToolCompleted:
    """Has a call decided on and carried out.

    Args:
        show: is told of questions and warnings, not of the call.

    Raises: MltuiError: a person or a hook stopped it.
    """
    completed: list[ToolCompleted] = []

    async def emit(event: Event) -> None:
        if isinstance(event, ToolCompleted):
            completed.append(event)
        elif isinstance(event, ApprovalRequested | ApprovalResolved | Notice):
            await show(event)

    try:
        await gate.execute(ToolCall(id=f"person-{uuid4().hex}", name=tool, arguments=arguments), emit)
    except TurnStopped as stop:
        raise MltuiError(f"Stopped: {stop}") from None
    return completed[0]
