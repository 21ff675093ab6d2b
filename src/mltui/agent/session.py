"""A conversation with its file: the one thing that front-ends hold."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from mltui.agent.gate import Gate
from mltui.agent.limits import RepeatGuard, TurnLimits
from mltui.agent.loop import Turn, TurnResult
from mltui.agent.policy import Policy
from mltui.agent.store import SessionFile
from mltui.agent.transcript import Transcript
from mltui.config.schema import Limits, PermissionMode
from mltui.core.errors import MltuiError
from mltui.core.events import (
    Emit,
    Event,
    ModeChanged,
    ModelChanged,
    Notice,
    SessionStarted,
    TurnCompleted,
    TurnStarted,
)
from mltui.core.messages import ToolSpec, Usage
from mltui.experiments.service import Experiments
from mltui.models.assembly import whole
from mltui.models.base import Model, ModelInfo
from mltui.tools.base import Todo, Workspace

ModelFactory = Callable[[str], Awaitable[Model]]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a session is made of; `runtime` puts it together.

    Attributes:
        make_model: the model of a name; loading it is its own business.
        notices: what the person should be told when the session opens.
    """

    model: Model
    make_model: ModelFactory
    gate: Gate
    policy: Policy
    experiments: Experiments
    workspace: Workspace
    limits: Limits
    persona_name: str
    theme: str = ""
    notices: tuple[str, ...] = ()


class Session:
    """Runs turns one at a time; each event is appended to the file, folded into the transcript, then shown."""

    def __init__(self, head: SessionStarted, parts: Parts, *, file: SessionFile | None, transcript: Transcript | None = None) -> None:
        """With a `transcript` the session goes on from it; otherwise `head` becomes its first event."""
        self.id = head.session_id
        self.parts = parts
        self.experiments = parts.experiments
        self.workspace = parts.workspace
        self.persona_name = parts.persona_name
        self._head = head
        self._file = file
        self._model = parts.model
        self._turn: asyncio.Task[TurnResult] | None = None
        self.transcript = transcript or Transcript()
        if transcript is None:
            self._take(head)

    @property
    def path(self) -> Path | None:
        return self._file.path if self._file else None

    @property
    def system(self) -> str:
        return self._head.system

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        return self._head.tools

    @property
    def mode(self) -> PermissionMode:
        return self.parts.policy.mode

    @property
    def model_info(self) -> ModelInfo:
        return self._model.info

    @property
    def notices(self) -> tuple[str, ...]:
        return self.parts.notices

    @property
    def sandbox(self) -> str:
        return self.parts.gate.sandbox

    @property
    def theme(self) -> str:
        return self.parts.theme

    @property
    def todos(self) -> tuple[Todo, ...]:
        return self.parts.gate.todos

    @property
    def draft_paths(self) -> tuple[str, ...]:
        """Controlled files that are changed in the draft and not in the tree."""
        return self.experiments.draft(self.id).paths()

    @property
    def busy(self) -> bool:
        return self._turn is not None

    def _take(self, event: Event) -> None:
        if self._file is not None:
            self._file.append(event)
        self.transcript.apply(event)

    async def prompt(
        self, text: str, show: Emit, *, force_tool: str | None = None, tools: tuple[ToolSpec, ...] | None = None, once: bool = False
    ) -> TurnCompleted:
        """Runs one turn to its end and returns its last event.

        Args:
            force_tool: the tool that the first answer must call.
            tools: offered in this turn instead of the session's.
            once: end the turn when the calls of the first answer came back.

        Raises: MltuiError: a turn is running already.
        """
        if self._turn is not None:
            raise MltuiError("A turn is running", hint="Interrupt it first")

        async def emit(event: Event) -> None:
            self._take(event)
            await show(event)

        started = time.monotonic()
        before = self.transcript.usage
        number = self.transcript.turns + 1
        limits = TurnLimits(self.parts.limits, lambda: self.transcript.usage)
        turn = Turn(
            model=self._model,
            gate=self.parts.gate,
            transcript=self.transcript,
            emit=emit,
            limits=limits,
            repeats=RepeatGuard(self.parts.limits.tool_repeats),
            system=self.system,
            tools=self.tools if tools is None else tools,
            force_tool=force_tool,
            once=once,
        )
        result = TurnResult("error", limits.steps)
        try:
            await emit(TurnStarted(turn=number, text=whole(text)))
            self._turn = asyncio.create_task(turn.run())
            result = await self._settle(self._turn)
        except asyncio.CancelledError:
            result = TurnResult("interrupted", limits.steps)
            raise
        except Exception as error:
            result = TurnResult("error", limits.steps, f"{type(error).__name__}: {error}")
            raise
        finally:
            self._turn = None
            end = TurnCompleted(
                turn=number,
                outcome=result.outcome,
                usage=_difference(self.transcript.usage, before),
                steps=limits.steps,
                seconds=time.monotonic() - started,
                error=result.error,
            )
            await emit(end)
        return end

    async def _settle(self, task: asyncio.Task[TurnResult]) -> TurnResult:
        """Waits for the turn; an interrupt ends it with an outcome, a cancellation from outside ends both."""
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                task.cancel()
                await asyncio.wait([task])
                raise
            return TurnResult("interrupted", 0)

    def interrupt(self) -> None:
        """Stops the running turn: the model's stream, the tool and all that it started."""
        if self._turn is not None:
            self._turn.cancel()

    async def notify(self, level: str, text: str, show: Emit) -> None:
        notice = Notice.model_validate({"level": level, "text": text})
        self._take(notice)
        await show(notice)

    async def set_mode(self, mode: PermissionMode, show: Emit) -> None:
        self.parts.policy.mode = mode
        event = ModeChanged(mode=mode)
        self._take(event)
        await show(event)

    async def set_model(self, name: str, show: Emit) -> None:
        """Goes on with another model. Raises: ConfigError, UsageError: there is none of that name."""
        model = await self.parts.make_model(name)
        old, self._model = self._model, model
        await old.close()
        event = ModelChanged(model=model.info.id, reason="chosen")
        self._take(event)
        await show(event)

    async def warm_up(self) -> None:
        """Loads what the first answer needs while the person types."""
        warm = getattr(self._model, "warm_up", None)
        if warm is not None:
            await warm()

    async def close(self) -> None:
        """Ends a running turn, the model and the file. Safe to call twice."""
        task = self._turn
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        await self._model.close()
        await self.parts.gate.close()
        if self._file is not None:
            self._file.close()
            self._file = None


def _difference(after: Usage, before: Usage) -> Usage:
    return Usage(
        input_tokens=after.input_tokens - before.input_tokens,
        output_tokens=after.output_tokens - before.output_tokens,
        cache_read_tokens=after.cache_read_tokens - before.cache_read_tokens,
        cache_write_tokens=after.cache_write_tokens - before.cache_write_tokens,
        cost_usd=None if after.cost_usd is None else after.cost_usd - (before.cost_usd or 0.0),
    )
