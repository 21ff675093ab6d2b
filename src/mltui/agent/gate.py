"""The one place where a call becomes an action.

validate → effects → control → policy → approver → run that same object. The loop holds a `Gate`,
never a tool; a tool gets a context minted for one call and limited to what was granted.
"""

from __future__ import annotations

import asyncio
import difflib
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from mltui.agent.answers import whole_object
from mltui.agent.desk import Ask, Desk
from mltui.agent.loop import TurnStopped
from mltui.agent.policy import Policy, Verdict
from mltui.agent.self_approval import decides
from mltui.agent.staging import Staged, staged_writes
from mltui.agent.world import World
from mltui.capabilities.context import mint
from mltui.capabilities.own_state import settings_section
from mltui.core.approval import ApprovalRequest, Approver, Decision, PermissionRequest, Question, QuestionRequest
from mltui.core.effects import Effect, Grant
from mltui.core.errors import DeniedError, MltuiError, ToolError
from mltui.core.events import ApprovalRequested, ApprovalResolved, Emit, Notice, ToolCompleted, ToolOutput, ToolStarted
from mltui.core.messages import ToolCall, ToolResult
from mltui.experiments.records import ChangePassed
from mltui.experiments.service import Experiments
from mltui.models.assembly import whole
from mltui.tools.base import Args, Todo, Tool, ToolContext
from mltui.tools.preview import outcome, preview, target
from mltui.tools.shell_syntax import simple_commands
from mltui.tools.validation import validate


class _Refused(Exception):
    """The call was denied; carries the result for the model."""

    def __init__(self, content: str, *, stop: str = "") -> None:
        super().__init__(content)
        self.stop = stop


class Gate:
    """Decides on calls and runs them."""

    def __init__(
        self,
        tools: Sequence[Tool],
        *,
        policy: Policy,
        approver: Approver,
        experiments: Experiments,
        session_id: str,
        author: str,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._policy = policy
        self._approver = approver
        self._experiments = experiments
        self._session_id = session_id
        self._author = author
        self._workspace = policy.workspace
        self._world = World.open(policy.workspace, experiments, session_id, author, policy, os.environ if environ is None else environ)

    @property
    def sandbox(self) -> str:
        """The kind of sandbox that commands run in: bubblewrap, landlock or none."""
        return self._world.sandbox.name

    @property
    def todos(self) -> tuple[Todo, ...]:
        return self._world.notes.todos

    def doubted(self) -> frozenset[str]:
        """Proposals and grants on which a command of the agent may have decided."""
        return frozenset(self._world.own.doubted)

    async def execute(self, call: ToolCall, emit: Emit) -> None:
        """Decides on a call and runs it.

        Emits `tool.started` only when it may run, and exactly one `tool.completed`, also when it is
        refused, fails or is cancelled.

        Raises:
            TurnStopped: the person ended the turn here.
        """
        started = time.monotonic()
        denied, stop = False, ""
        result = ToolResult(content="Interrupted by the person before it came back.", is_error=True)
        try:
            result = await self._decide_and_run(call, emit)
        except _Refused as refusal:
            result, denied, stop = ToolResult(content=str(refusal), is_error=True), True, refusal.stop
        except DeniedError as error:
            result, denied = ToolResult(content=str(error), is_error=True), True
        except MltuiError as error:
            result = ToolResult(content=str(error), is_error=True)
        except OSError as error:
            result = ToolResult(content=f"The system refused: {error.strerror or error}", is_error=True)
        except Exception as error:
            result = ToolResult(content=f"mltui itself failed here ({type(error).__name__}); whether it ran is unknown.", is_error=True)
            raise
        finally:
            await emit(
                ToolCompleted(
                    call_id=call.id,
                    name=call.name,
                    content=whole(result.content),
                    is_error=result.is_error,
                    denied=denied,
                    details=whole_object(result.details),
                    seconds=time.monotonic() - started,
                )
            )
        if stop:
            raise TurnStopped(stop)

    async def _decide_and_run(self, call: ToolCall, emit: Emit) -> ToolResult:
        tool = self._tools.get(call.name)
        if tool is None:
            near = difflib.get_close_matches(call.name, self._tools, n=1, cutoff=0.5)
            hint = f"Did you mean {near[0]}?" if near else f"Tools: {', '.join(self._tools)}"
            raise ToolError(f"There is no tool {call.name[:100]!r}", hint=hint)
        if call.broken is not None:
            raise ToolError(
                "The arguments were not a JSON object", hint=f"Call {call.name} again with valid JSON. They began: {call.broken[:200]}"
            )
        args = validate(tool, call.arguments)
        effects = tool.effects(args, self._workspace)
        launch = self._refuse_outright(effects)
        staged = await staged_writes(args, effects, self._workspace, self._world.files, self._experiments.control)
        await self._permit(call, args, effects, staged.targets, launch, emit)
        await emit(ToolStarted(call_id=call.id, name=call.name, arguments=call.arguments))
        grants = [Grant(effect=effect, staged=effect.kind == "write" and effect.target in staged.targets) for effect in effects]
        self._world.training.ask = self._scratch(call, effects, emit)
        result = await tool.run(args, self._context(call, grants, emit))
        await self._note_passed(staged, emit)
        if any(effect.kind == "exec" for effect in effects):
            for alarm in self._world.shell.alarms:
                await emit(Notice(level="warning", text=whole(alarm)))
        return result

    async def _note_passed(self, staged: Staged, emit: Emit) -> None:
        """A change of a file under experiment that is no experiment went to disk: the journal and the person are told."""
        for path, reason in staged.passed.items():
            relative = self._experiments.control.relative(Path(path)) or path
            entry = ChangePassed(path=relative, reason=reason, by=self._author)
            await asyncio.to_thread(self._experiments.note, entry, self._author)
            await emit(Notice(level="info", text=f"{whole(relative)} is under experiment and was changed on disk: {reason}"))

    def _refuse_outright(self, effects: Sequence[Effect]) -> str:
        """Refuses to decide for oneself, and training outside a proposal, before anyone is asked: no permission allows them.

        Returns: why the call trains, where the project lets that be asked about; else empty.
        """
        control = self._experiments.control
        unplanned = self._experiments.config.experiments.unplanned_training
        for effect in effects:
            if effect.kind != "exec":
                continue
            commands = simple_commands(effect.target)
            if any(decides(command) for command in commands):
                raise _Refused(f"`{effect.target}` would decide in the person's place. Ask them, and wait for their answer.")
            if unplanned == "record":
                continue
            views = [effect.target, *(command.core_text for command in commands)]
            reason = next((found for view in views if (found := control.launch(view))), None)
            if reason and unplanned == "deny":
                raise _Refused(
                    f"`{effect.target}` starts training ({reason}), which only an approved experiment may do. Put what you want to try "
                    "into the draft by Edit, or into `changes`, and call ProposeExperiment: it runs, logs and compares it."
                )
            if reason:
                return f"it trains outside a proposal ({reason}), which is recorded and can never be compared"
        return ""

    async def _permit(self, call: ToolCall, args: Args, effects: Sequence[Effect], staged: frozenset[str], launch: str, emit: Emit) -> None:
        verdict = self._policy.judge(call.name, effects, staged)
        settings = False
        if verdict.answer == "allow" and launch:
            verdict = Verdict("ask", launch)
        if verdict.answer == "deny":
            raise _Refused(f"{call.name} was denied: {verdict.reason}.")
        if verdict.answer == "allow":
            settings = await self._changes_settings(args, effects)
            if not settings:
                return
            verdict = Verdict("ask", "it changes [tool.mltui], which mltui itself obeys")
        request = PermissionRequest(
            id=uuid4().hex,
            call=call,
            effects=tuple(effects),
            reason=verdict.reason,
            diff=await self._preview(args, effects),
            rule=None if settings or launch else self._policy.suggest(call.name, effects, staged),
        )
        decision = await self._ask(request, emit)
        if decision.answer == "stop":
            raise _Refused(
                f"{decision.by} stopped here{_because(decision.reason)}.", stop=decision.reason or f"{decision.by} stopped the turn"
            )
        if not decision.approved:
            raise _Refused(f"{call.name} was denied by {decision.by}{_because(decision.reason)}.")
        if decision.remember and request.rule is not None:
            self._policy.remember(request.rule)

    async def _preview(self, args: Args, effects: Sequence[Effect]) -> str:
        """The diff that the person decides on. Raises: ToolError: the call would fail anyway, so nobody is asked."""
        if target(args) is None:
            return ""
        for effect in effects:
            if effect.kind == "write":
                path = Path(effect.target)
                files = self._world.files
                current = await files.read(path) if await files.exists(path) else None
                return preview(args, self._workspace.relative(path), current, files.seen(path))
        return ""

    async def _changes_settings(self, args: Args, effects: Sequence[Effect]) -> bool:
        """Whether an edit of a `pyproject.toml` changes what it says to mltui. Raises: ToolError: the call would fail anyway."""
        if target(args) is None:
            return False
        path = next(Path(effect.target) for effect in effects if effect.kind == "write")
        if path.name.lower() != "pyproject.toml":
            return False
        files = self._world.files
        before = await files.read(path) if await files.exists(path) else None
        after = outcome(args, path.name, before)
        return settings_section(before) != settings_section(after)

    async def _ask(self, request: ApprovalRequest, emit: Emit) -> Decision:
        """Puts a request to the approver. If the turn ends meanwhile the question is closed as held."""
        decision = Decision(answer="hold", by="mltui", reason="interrupted")
        try:
            await emit(ApprovalRequested(request=request))
            decision = await self._approver.decide(request)
        finally:
            await emit(
                ApprovalResolved(
                    request_id=request.id, call_id=request.call.id, answer=decision.answer, by=decision.by, reason=decision.reason
                )
            )
        return decision

    def _scratch(self, call: ToolCall, effects: Sequence[Effect], emit: Emit) -> Callable[[str], Awaitable[bool]]:
        """Asks whether a command that trains may go on beyond its scratch time."""

        async def ask(reason: str) -> bool:
            return (await self._ask(PermissionRequest(id=uuid4().hex, call=call, effects=tuple(effects), reason=reason), emit)).approved

        return ask

    def _context(self, call: ToolCall, grants: Sequence[Grant], emit: Emit) -> ToolContext:
        async def output(text: str) -> None:
            await emit(ToolOutput(call_id=call.id, text=text))

        async def ask(request: ApprovalRequest) -> Decision:
            return await self._ask(request, emit)

        kinds = frozenset(grant.effect.kind for grant in grants)
        world = self._world
        return mint(
            grants,
            workspace=self._workspace,
            files=world.files,
            search=world.search,
            shell=world.shell,
            notes=world.notes,
            questions=_Questions(call, ask),
            experiments=Desk(self._experiments, self._session_id, self._author, call, ask, emit, kinds, world.own.doubted),
            output=output,
        )

    async def close(self) -> None:
        await self._world.close()


@dataclass(frozen=True, slots=True)
class _Questions:
    """Implements `tools.base.Questions` for one call."""

    call: ToolCall
    put: Ask

    async def ask(self, questions: Sequence[Question]) -> dict[str, str]:
        decision = await self.put(QuestionRequest(id=uuid4().hex, call=self.call, questions=tuple(questions)))
        if not decision.approved:
            raise DeniedError(f"The question was not answered{_because(decision.reason)}")
        return decision.answers


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""
