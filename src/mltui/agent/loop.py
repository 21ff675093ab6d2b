"""One turn: ask the model, do what it asks through the gate, repeat until it has nothing more to ask."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mltui.agent.answers import fit
from mltui.agent.limits import RepeatGuard, TurnLimits
from mltui.agent.transcript import Transcript
from mltui.core.errors import AuthError, ContextOverflowError, LimitError, ModelError, ModelUnavailableError
from mltui.core.events import (
    Emit,
    MessageCompleted,
    ModelChanged,
    ModelRetrying,
    Notice,
    ReasoningDelta,
    TextDelta,
    ToolCompleted,
    TurnOutcome,
    TurnSteered,
)
from mltui.core.messages import AssistantMessage, Text, ToolCall, ToolSpec, Usage, told
from mltui.models.base import Answer, Model, ModelRequest, ReasoningPiece, Retry, Switch, TextPiece

MOST_CALLS = 100
"""Calls of one answer that are run; an answer with more of them is a model that went wrong."""

_LIMIT_OUTCOMES: dict[str, TurnOutcome] = {
    "turns": "max_turns",
    "budget_usd": "max_budget_usd",
    "tokens": "max_tokens",
    "timeout": "timeout",
}


class TurnStopped(Exception):
    """A person or a hook said stop around a call."""


class Executor(Protocol):
    """The gate, as the loop sees it."""

    async def execute(self, call: ToolCall, emit: Emit) -> None:
        """Decides on a call and runs it; emits exactly one `tool.completed`, whatever happens. Raises: TurnStopped."""
        ...

    async def may_repeat(self, call: ToolCall, count: int, emit: Emit) -> bool:
        """Asks whether a call that came back `count` times with the same result may run again."""
        ...

    def side_by_side(self, call: ToolCall) -> bool:
        """Whether a call may run while its neighbours of the same kind do."""
        ...


class Room(Protocol):
    """What makes room in the model's window."""

    async def before_request(self, model: Model, emit: Emit) -> None: ...

    async def after_refusal(self, model: Model, error: ContextOverflowError, emit: Emit) -> None:
        """Raises: ContextOverflowError: there is no room to be made."""
        ...


@dataclass(frozen=True, slots=True)
class TurnResult:
    outcome: TurnOutcome
    steps: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """All that one turn works with. The model and the request's shape stay the same until it ends.

    Attributes:
        force_tool: the tool that the first answer must call.
        once: the turn ends when the calls of the first answer came back.
        room: makes room in the model's window; None: a full window ends the turn.
        steering: what the person says while the turn runs; taken out at the next request.
        heard: what the model gets of such a text, None where it is refused; may raise TurnStopped.
        news: tells of what ended beside the conversation, before each request.
    """

    model: Model
    gate: Executor
    transcript: Transcript
    emit: Emit
    limits: TurnLimits
    repeats: RepeatGuard
    system: str
    tools: tuple[ToolSpec, ...]
    force_tool: str | None = None
    once: bool = False
    room: Room | None = None
    steering: list[str] = field(default_factory=list[str])
    heard: Callable[[str, Emit], Awaitable[TurnSteered | None]] | None = None
    news: Callable[[Emit], Awaitable[None]] | None = None

    async def run(self) -> TurnResult:
        """Runs the turn to its end. Errors end it with an outcome; cancellation passes through, the calls answered."""
        try:
            return await self._steps()
        except TurnStopped as stop:
            return TurnResult("stopped", self.limits.steps, str(stop))
        except LimitError as error:
            return TurnResult(_LIMIT_OUTCOMES[error.limit], self.limits.steps, str(error))
        except AuthError as error:
            return TurnResult("auth", self.limits.steps, str(error))
        except ModelUnavailableError as error:
            return TurnResult("unavailable", self.limits.steps, str(error))
        except ModelError as error:
            return TurnResult("model_error", self.limits.steps, str(error))

    async def _steps(self) -> TurnResult:
        try:
            return await self._until_done()
        except BaseException:
            await self._answer_rest()
            raise

    async def _until_done(self) -> TurnResult:
        force = self.force_tool
        while True:
            if self.news is not None:
                await self.news(self.emit)
            await self._steer()
            if warning := self.limits.before_request():
                await self.emit(Notice(level="warning", text=warning))
            answer = await self._answered(force)
            force = None  # forcing every answer would never let the turn end
            calls = answer.message.tool_calls
            if not calls and (self.once or not await self._steer()):
                if answer.stop_reason == "max_tokens":
                    await self.emit(
                        Notice(level="warning", text="The answer was cut at the model's output limit; say `continue` for the rest")
                    )
                return TurnResult("completed", self.limits.steps)
            await self._all(calls[:MOST_CALLS])
            for call in calls[MOST_CALLS:]:
                content = f"Not run: at most {MOST_CALLS} calls of one answer are. Look at what came back, then go on."
                await self.emit(ToolCompleted(call_id=call.id, name=call.name, content=content, is_error=True))
            if self.once:
                return TurnResult("completed", self.limits.steps)

    async def _steer(self) -> bool:
        """Takes in what the person said meanwhile. Returns: whether the model is to hear of any."""
        said = False
        while self.steering:
            text = self.steering.pop(0)
            try:
                heard = TurnSteered(text=text) if self.heard is None else await self.heard(text, self.emit)
            except asyncio.CancelledError:
                self.steering.insert(0, text)  # nobody had it: it can be the next prompt
                raise
            if heard is not None:
                await self.emit(heard)
                said = True
                if heard.attachments:
                    await self.emit(Notice(level="info", text=told(heard.attachments)))
        return said

    async def _answered(self, force: str | None) -> Answer:
        """The next answer; room for it is made before the window is full, and once more if the model still says that it is."""
        if self.room is None:
            return await self._ask(force)
        await self.room.before_request(self.model, self.emit)
        try:
            return await self._ask(force)
        except ContextOverflowError as error:
            await self.room.after_refusal(self.model, error, self.emit)
            return await self._ask(force)

    async def _ask(self, force: str | None) -> Answer:
        request = ModelRequest(self.system, tuple(self.transcript.messages), self.tools, force)
        started = time.monotonic()
        text: list[str] = []
        answer: Answer | None = None
        stream = self.model.stream(request)
        try:
            async for part in stream:
                match part:
                    case TextPiece(piece):
                        text.append(piece)
                        await self.emit(TextDelta(text=piece))
                    case ReasoningPiece(piece):
                        await self.emit(ReasoningDelta(text=piece))
                    case Retry(attempt, delay, error):
                        text.clear()
                        await self.emit(ModelRetrying(attempt=attempt, delay=delay, error=error))
                    case Switch(info, reason):
                        text.clear()
                        await self.emit(ModelRetrying(attempt=0, delay=0.0, error=reason))
                        await self.emit(ModelChanged(model=info.id, reason=f"until the end of this turn, as {reason}", temporary=True))
                    case Answer():
                        answer = part
        except asyncio.CancelledError:
            await self._keep_partial("".join(text), started)
            raise
        finally:
            close = getattr(stream, "aclose", None)
            if close is not None:
                await close()
        if answer is None:
            raise ModelError("The model's answer ended before it was complete", hint="Try again")
        answer = Answer(fit(answer.message, self.transcript.call_ids), answer.usage, answer.stop_reason)
        await self.emit(
            MessageCompleted(
                message=answer.message,
                usage=answer.usage,
                stop_reason=answer.stop_reason,
                model=self.model.info.id,
                seconds=time.monotonic() - started,
            )
        )
        return answer

    async def _keep_partial(self, text: str, started: float) -> None:
        """What was already read by the person stays in the conversation."""
        if text:
            await self.emit(
                MessageCompleted(
                    message=AssistantMessage(parts=(Text(text=text),)),
                    usage=Usage(),
                    stop_reason="interrupted",
                    model=self.model.info.id,
                    seconds=time.monotonic() - started,
                )
            )

    async def _all(self, calls: Sequence[ToolCall]) -> None:
        """Runs calls in their order; neighbours that may run side by side do."""
        for together, group in itertools.groupby(calls, self.gate.side_by_side):
            if not together:
                for call in group:
                    await self._execute(call)
                continue
            tasks = [asyncio.ensure_future(self._execute(call)) for call in group]
            try:
                await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)

    async def _execute(self, call: ToolCall) -> None:
        if (count := self.repeats.repeated(call)) and not await self.gate.may_repeat(call, count, self.emit):
            if count > self.repeats.limit:
                raise ModelError(f"The model repeats the same {call.name} call", hint="Tell it what to do instead")
            self.repeats.refused()
            advice = f"This call came back {count} times with the same result and was not run again. Do something else, or ask the person."
            await self.emit(ToolCompleted(call_id=call.id, name=call.name, content=advice, is_error=True))
            return
        await self.gate.execute(call, self.emit)
        self.repeats.came_back(call, self.transcript.result_of(call.id))

    async def _answer_rest(self) -> None:
        for call in self.transcript.pending:
            content = "Not run: the turn was interrupted before this call."
            await self.emit(ToolCompleted(call_id=call.id, name=call.name, content=content, is_error=True))
