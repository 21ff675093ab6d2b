"""Hands a task to another persona: its own context and model, the same gate, the same limits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from mltui.agent.hooking import CallHooks
from mltui.agent.limits import RepeatGuard, TurnLimits
from mltui.agent.loop import Executor, Room, Turn, TurnResult
from mltui.agent.transcript import Transcript, last_answer
from mltui.config.schema import Limits
from mltui.core.data import JsonObject
from mltui.core.errors import MltuiError, ToolError
from mltui.core.events import (
    Emit,
    Event,
    ExperimentConcluded,
    ExperimentDecided,
    ExperimentFinished,
    ExperimentProgressed,
    ExperimentProposed,
    ExperimentStarted,
    Notice,
    Subagent,
    TurnCompleted,
    TurnStarted,
)
from mltui.core.messages import ToolResult, ToolSpec, Usage
from mltui.models.base import Model

AT_ONCE = 4
"""Subagents that work at the same time; further ones wait."""
MOST_STEPS = 60
"""Requests of one subagent, where its persona names no number."""
LONGEST_ANSWER = 40_000
"""Characters of an answer that reach the one who asked."""

_BESIDE = (ExperimentProposed, ExperimentDecided, ExperimentStarted, ExperimentProgressed, ExperimentFinished, ExperimentConcluded)


@dataclass(frozen=True, slots=True)
class Role:
    """What a subagent of a persona is made of.

    Attributes:
        model: its model, a name; None: the model of the one who asks.
        gate: the session's gate, limited to the persona's tools, for an author: whose name proposals bear, asked at each.
        steps: the most requests, or None where the persona names none.
    """

    name: str
    system: str
    tools: tuple[ToolSpec, ...]
    gate: Callable[[Callable[[], str]], Executor]
    model: str | None = None
    steps: int | None = None


class Roles(Protocol):
    """The personas of a session, as subagents."""

    def role(self, name: str) -> Role:
        """Raises: ToolError: there is none of that name."""
        ...

    async def model(self, name: str) -> Model:
        """Raises: MltuiError: it cannot be had, with what to do."""
        ...


@dataclass(slots=True)
class Subagents:
    """The subagents of one session.

    Attributes:
        parent: the model of the session as it is now.
        spent: what the whole session used so far, subagents included: the budget is one.
        room: what makes room in the window of a subagent with this conversation, system prompt and tools.
    """

    roles: Roles
    limits: Limits
    parent: Callable[[], Model]
    spent: Callable[[], Usage]
    room: Callable[[Transcript, str, tuple[ToolSpec, ...]], Room] | None = None
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def run(self, call_id: str, name: str, task: str, emit: Emit) -> ToolResult:
        """Works on the task to its end. Its events are emitted inside `subagent` events of the call.

        Returns: the last answer as text; an error with what there is if it did not come to an end.
        """
        role = self.roles.role(name)

        async def show(event: Event) -> None:
            # An experiment lives beside the conversation, whoever proposed it.
            await emit(event if isinstance(event, _BESIDE) else Subagent(call_id=call_id, event=event))

        async with self._slots:
            model, own = await self._model(role, show)
            try:
                transcript, result = await self._turn(role, model, task, show)
                if result.outcome in ("auth", "unavailable") and own:
                    await show(
                        Notice(level="warning", text=f"{model.info.id} cannot be used by {name}; {self.parent().info.id} takes over")
                    )
                    transcript, result = await self._turn(role, self.parent(), task, show)
            finally:
                if own:
                    await model.close()
        return _result(name, transcript, result)

    async def _model(self, role: Role, show: Emit) -> tuple[Model, bool]:
        """The model, and whether it is the subagent's own, to be closed by it."""
        if role.model is None:
            return self.parent(), False
        try:
            return await self.roles.model(role.model), True
        except MltuiError as error:
            await show(Notice(level="warning", text=f"{role.name} asks for the model {role.model}: {error.args[0]}; the session's is used"))
            return self.parent(), False

    async def _turn(self, role: Role, model: Model, task: str, show: Emit) -> tuple[Transcript, TurnResult]:
        transcript = Transcript()

        async def emit(event: Event) -> None:
            transcript.apply(event)
            await show(event)

        bounds = self.limits.model_copy(update={"max_turns": role.steps or MOST_STEPS})
        limits = TurnLimits(bounds, self.spent)
        turn = Turn(
            model=model,
            gate=role.gate(lambda: f"{model.info.author} ({role.name})"),
            transcript=transcript,
            emit=emit,
            limits=limits,
            repeats=RepeatGuard(bounds.tool_repeats),
            system=role.system,
            tools=role.tools,
            room=self.room(transcript, role.system, role.tools) if self.room else None,
        )
        await emit(TurnStarted(turn=1, text=task))
        result = TurnResult("interrupted", 0)
        try:
            result = await turn.run()
        finally:
            end = TurnCompleted(turn=1, outcome=result.outcome, usage=transcript.usage, steps=limits.steps, seconds=0.0, error=result.error)
            await emit(end)
        return transcript, result


def _result(name: str, transcript: Transcript, result: TurnResult) -> ToolResult:
    answer = last_answer(transcript)
    if len(answer) > LONGEST_ANSWER:
        answer = answer[:LONGEST_ANSWER] + f"\n… ({len(answer) - LONGEST_ANSWER:,} more characters were left out; ask {name} for less)"
    details: JsonObject = {
        "persona": name,
        "steps": result.steps,
        "tokens": transcript.usage.prompt_tokens + transcript.usage.output_tokens,
    }
    if result.outcome == "completed":
        return ToolResult(content=answer or f"{name} ended without an answer.", is_error=not answer, details=details)
    why = f"{name} did not finish ({result.outcome}{': ' + result.error if result.error else ''})."
    return ToolResult(content=f"{why} Its last words:\n{answer}" if answer else why, is_error=True, details=details)


@dataclass(frozen=True, slots=True)
class Delegation:
    """Implements `tools.base.Agents` for one call."""

    subagents: Subagents | None
    call_id: str
    emit: Emit
    hooks: CallHooks

    async def run(self, persona: str, task: str) -> ToolResult:
        if self.subagents is None:
            raise ToolError("A subagent hands nothing on", hint="Do it yourself, or say in your answer what is left to do")
        task = await self.hooks.subagent_starts(self.call_id, persona, task, self.emit)
        result = await self.subagents.run(self.call_id, persona, task, self.emit)
        return await self.hooks.subagent_stopped(self.call_id, persona, result, self.emit)
