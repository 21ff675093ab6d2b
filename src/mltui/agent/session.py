"""A conversation with its file: the one thing that front-ends hold."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from mltui.agent import aside, naming, summary
from mltui.agent.checkpoints import History, last_checkpoint
from mltui.agent.commit_message import Commits
from mltui.agent.compaction import Compactor, bounded
from mltui.agent.context import Gauge
from mltui.agent.context_report import ContextReport, report
from mltui.agent.experiment_news import tell_news
from mltui.agent.forking import fork
from mltui.agent.limits import RepeatGuard, TurnLimits
from mltui.agent.loop import Turn, TurnResult
from mltui.agent.parts import Asked, Parts
from mltui.agent.person_shell import PersonShell
from mltui.agent.steering import Steering
from mltui.agent.store import SessionFile
from mltui.agent.subagent import Subagents
from mltui.agent.transcript import Transcript, last_answer
from mltui.agent.turn_models import TurnModels
from mltui.config.schema import PermissionMode, Ui
from mltui.core.errors import MltuiError
from mltui.core.events import (
    ContextCompacted,
    Emit,
    Event,
    ModeChanged,
    ModelChanged,
    Notice,
    SessionStarted,
    SessionTitled,
    ToolCompleted,
    TurnCompleted,
    TurnStarted,
    UsageAdded,
)
from mltui.core.messages import Image, ToolSpec, Usage, told
from mltui.models.assembly import whole
from mltui.models.base import Model, ModelInfo
from mltui.models.roles import Effort, ModelOption
from mltui.tools.base import Todo


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
        self.models = TurnModels(parts.model, parts.roles)
        self._busy = False
        self.steering = Steering()
        self._warned: set[str] = set()
        self._turn: asyncio.Task[TurnResult] | None = None
        self._beside: asyncio.Task[ContextCompacted] | None = None
        self._naming: asyncio.Task[None] | None = None
        self.transcript = transcript or Transcript()
        if transcript is None:
            self._take(head)
        parts.gate.subagents = Subagents(
            parts.colleagues, parts.limits, lambda: self.models.answering, lambda: self.transcript.usage, self._room
        )
        self.commits = Commits(parts.gate.committing, partial(parts.make_role_model, "small"), lambda: self.models.own, self._note)
        self.history = History(lambda: self.transcript, parts.gate.rewinding, self._take, lambda: self.busy)
        if earlier := last_checkpoint(self.transcript.events):
            parts.gate.resume_from(earlier)
        self.compactor = self._room(self.transcript, head.system, head.tools)
        self.compactor.announce = parts.border.compacting
        parts.gate.folder.conversation = lambda: self.transcript.messages
        parts.border.begin(self.id, self.path, resumed=transcript is not None)
        self.commands = parts.commands
        self.background = parts.gate.background
        self.files = parts.files
        self.shell = PersonShell(parts.gate, self._note, lambda: self._busy or self._beside is not None, lambda: self.models.info)

    @property
    def path(self) -> Path | None:
        return self._file.path if self._file else None

    @property
    def system(self) -> str:
        return self._head.system

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        return self.transcript.tools or self._head.tools

    @property
    def mode(self) -> PermissionMode:
        return self.parts.policy.mode

    @property
    def rules(self) -> dict[str, tuple[str, ...]]:
        return self.parts.policy.rules

    @property
    def model_info(self) -> ModelInfo:
        """Of the model that answers now: the session's own, or for a turn another one."""
        return self.models.info

    @property
    def architect(self) -> bool:
        """Whether the architect answers every turn."""
        return self.models.architect

    @property
    def notices(self) -> tuple[str, ...]:
        return self.parts.notices

    @property
    def sandbox(self) -> str:
        return self.parts.gate.sandbox

    @property
    def ui(self) -> Ui:
        return self.parts.ui

    @property
    def todos(self) -> tuple[Todo, ...]:
        return summary.todos(self.transcript.events)

    @property
    def draft_paths(self) -> tuple[str, ...]:
        """Controlled files that are changed in the draft and not in the tree."""
        return self.experiments.draft(self.id).paths()

    @property
    def budget(self) -> float | None:
        return self.parts.limits.max_budget_usd

    @property
    def busy(self) -> bool:
        return self._busy or self.shell.task is not None

    def _room(self, transcript: Transcript, system: str, tools: tuple[ToolSpec, ...]) -> Compactor:
        small = partial(self.parts.make_role_model, "small")
        return Compactor(transcript, Gauge(system, tools), self.parts.compact_at, small, lambda: self.draft_paths)

    def _take(self, event: Event) -> None:
        if self._file is not None:
            self._file.append(event)
        self.transcript.apply(event)

    async def prompt(
        self,
        text: str,
        show: Emit,
        *,
        images: tuple[Image, ...] = (),
        force_tool: str | None = None,
        tools: tuple[ToolSpec, ...] | None = None,
        once: bool = False,
    ) -> TurnCompleted:
        """Runs one turn to its end and returns its last event.

        Args:
            images: pictures that belong to the text.
            force_tool: the tool that the first answer must call.
            tools: offered in this turn instead of the session's.
            once: end the turn when the calls of the first answer came back.

        Raises: MltuiError: a turn is running already, the model cannot see the images, or the architect was asked and is not there.
        """
        if self.busy:
            raise MltuiError("A turn is running", hint="Interrupt it first")
        self._busy = True
        try:
            if self._beside is not None:
                await asyncio.wait([self._beside])
            note = partial(self._note, show=show)
            taken = await self.parts.border.cross(text, self.tools, self.models.info, note)
            images += taken.images
            self.compactor.gauge.offer(self.tools)
            model, change = await self.models.begin(self.mode, text, images)
            asked = Asked(taken.text, images, force_tool, self.tools if tools is None else tools, once, taken.attachments)
            end = await self._run(asked, model, change, show)
            while end.outcome == "completed" and (why := await self.parts.border.stopped(last_answer(self.transcript), note)):
                end = await self._run(replace(asked, text=why, images=(), attachments=(), force_tool=None), model, None, show)
            return end
        finally:
            self._busy = False
            await self.models.end()

    async def _run(self, asked: Asked, model: Model, change: ModelChanged | None, show: Emit) -> TurnCompleted:
        async def emit(event: Event) -> None:
            if isinstance(event, ToolCompleted):
                event = event.model_copy(update={"content": bounded(event.content, model.info)})
            elif isinstance(event, (TurnStarted, ModelChanged)):
                self.parts.gate.speaks_for(model.info)
            event = self.parts.gate.guards.kept_back(event)
            self._take(event)
            await show(event)

        started = time.monotonic()
        before = self.transcript.usage
        number = self.transcript.turns + 1
        limits = TurnLimits(self.parts.limits, lambda: self.transcript.usage, warned=self._warned)
        turn = Turn(
            model=model,
            gate=self.parts.gate,
            transcript=self.transcript,
            emit=emit,
            limits=limits,
            repeats=RepeatGuard(self.parts.limits.tool_repeats),
            system=self.system,
            tools=asked.tools,
            force_tool=asked.force_tool,
            once=asked.once,
            room=self.compactor,
            steering=self.steering.said,
            heard=partial(self.parts.border.heard, model.info),
            news=partial(tell_news, self.parts.gate, self.transcript, self.experiments),
        )
        result = TurnResult("error", limits.steps)
        try:
            await emit(TurnStarted(turn=number, text=whole(asked.text), images=asked.images, attachments=asked.attachments))
            if asked.attachments:
                await emit(Notice(level="info", text=told(asked.attachments)))
            if change is not None:
                await emit(change)
            self._turn = asyncio.create_task(turn.run())
            self.steering.open = True
            result = await self._settle(self._turn)
            await self.parts.gate.end_turn(emit)
        except asyncio.CancelledError:
            result = TurnResult("interrupted", limits.steps)
            raise
        except Exception as error:
            result = TurnResult("error", limits.steps, f"{type(error).__name__}: {error}")
            raise
        finally:
            self._turn, self.steering.open = None, False
            end = TurnCompleted(
                turn=number,
                outcome=result.outcome,
                usage=self.transcript.usage - before,
                steps=limits.steps,
                seconds=time.monotonic() - started,
                error=result.error,
            )
            await emit(end)
        return end

    async def _settle(self, task: asyncio.Task[TurnResult]) -> TurnResult:
        """Waits for the turn; an interrupt ends it with an outcome, a cancellation from outside ends both."""
        limit = self.parts.limits.timeout
        try:
            return await asyncio.wait_for(asyncio.shield(task), limit)
        except TimeoutError:
            task.cancel()
            await asyncio.wait([task])
            return TurnResult("timeout", 0, f"Reached the time limit of {limit:g} s")
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                task.cancel()
                await asyncio.wait([task])
                raise
            return TurnResult("interrupted", 0)

    async def aside(self, question: str, show: Emit) -> tuple[str, Usage]:
        """Answers a side question, also while a turn runs. Returns: the answer and what it used. Raises: MltuiError."""
        model = self.models.answering
        answer, usage = await aside.ask(model, self.system, self.tools, self.transcript, whole(question))
        await self._note(UsageAdded(source="aside", model=model.info.id, usage=usage), show)
        return answer, usage

    def interrupt(self) -> None:
        """Stops the running turn: the model's stream, the tool and all that it started."""
        self.parts.border.interrupt()
        for task in (self._turn, self._beside, self.shell.task):
            if task is not None:
                task.cancel()

    async def compact(self, focus: str, show: Emit) -> ContextCompacted:
        """Sums up all but the last turn; a prompt that comes meanwhile waits.

        Args:
            focus: what is to be kept above all.

        Raises: MltuiError: a turn is running, there is nothing to sum up, or it was interrupted.
        """
        if self.busy or self._beside is not None:
            raise MltuiError("A turn is running", hint="Interrupt it first")

        async def emit(event: Event) -> None:
            self._take(event)
            await show(event)

        self._beside = asyncio.create_task(self.compactor.asked(self.models.own, focus, emit))
        try:
            return await self._beside
        except asyncio.CancelledError:
            if (current := asyncio.current_task()) is not None and current.cancelling():
                self._beside.cancel()
                raise
            raise MltuiError("The summary was interrupted", hint="The conversation is as it was") from None
        finally:
            self._beside = None

    async def context(self) -> ContextReport:
        """What fills the model's window."""
        return await asyncio.to_thread(report, self.transcript, self.compactor.gauge, self.models.own.info, self.parts.compact_at)

    async def rename(self, title: str, show: Emit) -> None:
        """Names the session. Raises: UsageError: the title is empty."""
        await self._note(SessionTitled(title=naming.clean_title(title)), show)

    def name_itself(self, show: Emit) -> None:
        """Lets the small model name the session in the background, once, if it has no name yet and there is such a model."""
        if self.parts.titles and self._naming is None and self._file is not None and naming.wants_name(self.transcript):
            small = partial(self.parts.make_role_model, "small")
            self._naming = asyncio.create_task(naming.name_session(self.transcript, small, partial(self._note, show=show)))

    async def fork(self, title: str) -> str:
        """Copies the session as it is, under another title if one is given. Returns: the copy's id.

        Raises: MltuiError: a turn is running, the session keeps no file, or the copy cannot be written.
        """
        if self.busy:
            raise MltuiError("A turn is running", hint="Interrupt it first")
        if self.path is None:
            raise MltuiError("This session keeps no file, so it cannot be copied")
        return await asyncio.to_thread(fork, self.path, self._head, self.experiments, title)

    async def _note(self, event: Event, show: Emit) -> None:
        self._take(event)
        await show(event)

    async def notify(self, level: str, text: str, show: Emit) -> None:
        await self._note(Notice.model_validate({"level": level, "text": text}), show)

    async def set_mode(self, mode: PermissionMode, show: Emit) -> None:
        self.parts.policy.mode = mode
        await self._note(ModeChanged(mode=mode), show)

    def set_budget(self, dollars: float | None) -> None:
        """From now on the session may cost as much in all; None: no limit."""
        limits = self.parts.limits.model_copy(update={"max_budget_usd": dollars})
        self.parts = replace(self.parts, limits=limits)
        if (subagents := self.parts.gate.subagents) is not None:
            subagents.limits = limits

    async def set_model(self, name: str, show: Emit) -> None:
        """Goes on with another model. Raises: ConfigError, UsageError: there is none of that name."""
        await self._note(await self.models.pick(name), show)

    def model_options(self) -> tuple[ModelOption, ...]:
        """Models to choose from. Blocks."""
        return self.parts.roles.options()

    async def set_effort(self, effort: Effort, show: Emit) -> None:
        """Lets models that reason do so as hard from now on. Raises: UsageError: this one does not."""
        await self._note(await self.models.set_effort(effort), show)

    async def set_architect(self, on: bool, show: Emit) -> None:
        """Hands every turn to the architect, or none. Raises: MltuiError: there is none that may be asked."""
        await self._note(await self.models.set_architect(on), show)

    def ask_architect(self, text: str) -> None:
        """The next turn with this prompt goes to the architect. Raises: MltuiError: there is none that may be asked."""
        self.models.ask_architect(text)

    async def warm_up(self) -> None:
        """Loads what the first answer needs while the person types."""
        self.parts.gate.outside.servers.start()
        await self.models.warm_up()

    async def ready(self, show: Emit) -> None:
        """Waits for MCP servers that are starting, and takes their tools in."""
        await self.parts.border.tools(self.tools, partial(self._note, show=show))

    async def close(self) -> None:
        """Ends a running turn or command, the model and the file. Safe to call twice."""
        for task in (self._turn, self._beside, self._naming, self.shell.task):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        await self.parts.border.closed()
        await self.models.close()
        await self.parts.gate.close()
        if self._file is not None:
            self._file.close()
            self._file = None


__all__ = ["Parts", "Session"]
