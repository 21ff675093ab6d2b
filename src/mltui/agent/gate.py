"""The one place where a call becomes an action.

validate → effects → control → policy → approver → run that same object. The loop holds a `Gate`,
never a tool; a tool gets a context minted for one call and limited to what was granted.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import difflib
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from mltui.agent.answers import whole_object
from mltui.agent.before_call import BeforeCalls
from mltui.agent.call_clock import CallClock
from mltui.agent.desk import Desk
from mltui.agent.guards import Guards
from mltui.agent.hooking import CallHooks
from mltui.agent.loop import TurnStopped
from mltui.agent.policy import Policy, Verdict
from mltui.agent.previewing import changes_settings, preview_of
from mltui.agent.questions import Questions, because
from mltui.agent.reading import MakeModel, digest
from mltui.agent.refusing import Refused, refuse_outright
from mltui.agent.staging import Staged, staged_writes
from mltui.agent.subagent import Delegation, Subagents
from mltui.agent.world import World
from mltui.capabilities.background import Background
from mltui.capabilities.committing import Committing
from mltui.capabilities.context import mint
from mltui.capabilities.outside import Outside
from mltui.capabilities.rewinding import Rewinding
from mltui.capabilities.shell_folder import ShellFolder
from mltui.capabilities.training_watch import ASK
from mltui.core.approval import ApprovalRequest, Approver, Decision, PermissionRequest
from mltui.core.effects import Effect, Grant
from mltui.core.errors import DeniedError, InvalidArgumentsError, MltuiError, ToolError
from mltui.core.events import ApprovalRequested, ApprovalResolved, Emit, Notice, ToolCompleted, ToolOutput, ToolStarted
from mltui.core.messages import ToolCall, ToolResult
from mltui.experiments.records import ChangePassed
from mltui.experiments.service import Experiments
from mltui.extensions.hook_protocol import HookVerdict
from mltui.extensions.loading import Extensions
from mltui.models.assembly import whole
from mltui.models.base import ModelInfo
from mltui.tools.base import Args, Todo, Tool, ToolContext
from mltui.tools.paths import resolve
from mltui.tools.validation import validate


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
        extensions: Extensions | None = None,
    ) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._policy = policy
        self._approver = approver
        self._experiments = experiments
        self._session_id = session_id
        self._speaker: Callable[[], str] = lambda: author
        self._workspace = policy.workspace
        env = os.environ if environ is None else environ
        self._world = World.open(policy.workspace, experiments, session_id, lambda: self.author, policy, env, extensions or Extensions())
        self._hooks = CallHooks(self._world.outside.hooks)
        self._before = BeforeCalls(self._world)
        self.subagents: Subagents | None = None
        self.guards = Guards(experiments.config.guards)
        self.small_model: MakeModel | None = None

    @property
    def folder(self) -> ShellFolder:
        """Where the agent's commands start."""
        return self._world.folder

    @property
    def outside(self) -> Outside:
        """What the session has of the web, of servers, hooks and skills. Calls get at it through their context alone."""
        return self._world.outside

    @property
    def author(self) -> str:
        """Whose name proposals and what is recorded of calls bear."""
        return self._speaker()

    def speaks_for(self, model: ModelInfo) -> None:
        """This model is the author from now on."""
        self._speaker = lambda: model.author

    def offer(self, tools: Sequence[Tool]) -> None:
        """Takes the tools of servers in, in place of those that it had."""
        kept = {name: tool for name, tool in self._tools.items() if not name.startswith("mcp__")}
        self._tools = {**kept, **{tool.name: tool for tool in tools}}

    def apart(self) -> Gate:
        """This gate for what goes on beside the conversation: commands start in the workspace's folder, and leave its own as it is."""
        apart = copy.copy(self)
        apart._world = replace(self._world, folder=self._world.folder.anew())
        return apart

    def narrowed(self, tools: Sequence[Tool], only_looks: bool, author: Callable[[], str]) -> Gate:
        """This gate for a subagent: the same authority, capabilities and rules, with fewer tools, a shell's folder of its own, and in
        plan mode if it only looks.

        Args:
            author: whose name its proposals bear, asked at each of them.
        """
        narrow = self.apart()
        narrow._speaker = author
        narrow._tools = {tool.name: tool for tool in tools if tool.name in self._tools}
        narrow.subagents = None
        if only_looks:
            narrow._policy = replace(self._policy, mode="plan")
        return narrow

    async def may_repeat(self, call: ToolCall, count: int, emit: Emit) -> bool:
        """Asks whether a call that came back `count` times with the same result may run again."""
        reason = f"it came back {count} times with the same result"
        decision = await self._ask(PermissionRequest(id=uuid4().hex, call=call, effects=(), reason=reason), emit)
        if decision.answer == "stop":
            raise TurnStopped(decision.reason or f"{decision.by} stopped the turn")
        return decision.approved

    def side_by_side(self, call: ToolCall) -> bool:
        """Whether a call may run while its neighbours of the same kind do."""
        return call.name == "Task"

    @property
    def sandbox(self) -> str:
        """The kind of sandbox that commands run in: bubblewrap, landlock or none."""
        return self._world.sandbox.name

    @property
    def todos(self) -> tuple[Todo, ...]:
        return self._world.notes.todos

    @property
    def rewinding(self) -> Rewinding:
        """What puts files back as a checkpoint has them."""
        return self._world.rewinding

    @property
    def committing(self) -> Committing:
        """What commits for the person."""
        return self._world.committing

    async def end_turn(self, emit: Emit) -> None:
        """Records what the files are after a turn that changed some."""
        await self._world.shell.look()
        await self._before.end_turn(emit)
        await self._alarm(emit)

    @property
    def background(self) -> Background:
        """The commands in the background, for the person to see and to end."""
        return self._world.background

    async def tell_news(self, emit: Emit) -> None:
        """Tells of the background commands that ended; the next request says so."""
        for event in self._world.background.finished():
            await emit(event)

    def resume_from(self, checkpoint: str) -> None:
        """The last checkpoint that an earlier process of the session made."""
        self._world.checkpoints.resume(checkpoint)

    def doubted(self) -> frozenset[str]:
        """Proposals and grants on which a command of the agent may have decided."""
        return frozenset(self._world.own.doubted)

    def quiet(self) -> AbstractAsyncContextManager[object]:
        """Entered when nothing acts; nothing does before it is left."""
        return self._world.shell.quiet()

    async def execute(self, call: ToolCall, emit: Emit) -> None:
        """Decides on a call and runs it.

        Emits `tool.started` only when it may run, and exactly one `tool.completed`, also when it is
        refused, fails or is cancelled.

        Raises:
            TurnStopped: the person or a hook ended the turn here.
        """
        clock = CallClock(emit)
        denied, stop = False, ""
        result = ToolResult(content="Interrupted by the person before it came back.", is_error=True)
        try:
            result, stop = await self._decide_and_run(call, clock)
        except Refused as refusal:
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
            try:
                await self._alarm(emit)
            finally:
                await emit(
                    ToolCompleted(
                        call_id=call.id,
                        name=call.name,
                        content=whole(result.content),
                        is_error=result.is_error,
                        denied=denied,
                        details=whole_object(result.details),
                        images=result.images,
                        seconds=clock.seconds,
                    )
                )
        if stop:
            raise TurnStopped(stop)

    async def _decide_and_run(self, call: ToolCall, emit: Emit) -> tuple[ToolResult, str]:
        """Returns: the result, and why a hook ends the turn behind it, or nothing."""
        tool = self._tools.get(call.name)
        if tool is None:
            near = difflib.get_close_matches(call.name, self._tools, n=1, cutoff=0.5)
            hint = f"Did you mean {near[0]}?" if near else f"Tools: {', '.join(self._tools)}"
            raise ToolError(f"There is no tool {call.name[:100]!r}", hint=hint)
        if call.broken is not None:
            raise ToolError(
                "The arguments were not a JSON object", hint=f"Call {call.name} again with valid JSON. They began: {call.broken[:200]}"
            )
        validate(tool, call.arguments)  # no hook is asked about a call that cannot be
        call = await self.guards.restored(call, self._edited(call), self._world.files)
        call, said = await self._hooks.before(call, emit)
        args = validate(tool, call.arguments)
        effects = tool.effects(args, self._world.folder.workspace)
        if said.blocks or said.stop:
            raise Refused(f"{call.name} was denied by a hook{because(said.reason or said.stop)}.", stop=said.stop)
        launch = refuse_outright(effects, self._experiments)
        staged = await staged_writes(args, effects, self._workspace, self._world.files, self._experiments.control)
        await self._permit(call, args, effects, staged.targets, launch, said, emit)
        await emit(ToolStarted(call_id=call.id, name=call.name, arguments=call.arguments))

        async def act() -> ToolResult:
            nonlocal staged
            if any(effect.kind == "write" for effect in effects):
                # A file that was free before the question, and before the command that was waited for, may be under experiment now.
                staged = staged.tightened(await staged_writes(args, effects, self._workspace, self._world.files, self._experiments.control))
            grants = [Grant(effect=effect, staged=effect.kind == "write" and effect.target in staged.targets) for effect in effects]
            return await tool.run(args, self._context(call, grants, emit))

        scratch = ASK.set(self._scratch(call, effects, emit))
        try:
            result = await (self._before.run(call.id, effects, emit, act) if self._policy.acts(effects) else act())
        finally:
            ASK.reset(scratch)
        await self._note_passed(staged, emit)
        result, stop = await self._hooks.after(call, result, emit)
        result = await self.guards.checked(call, result, emit)
        added = f"\n[A hook adds: {said.context}]" if said.context else ""
        return result.model_copy(update={"content": result.content + added}), stop

    async def _alarm(self, emit: Emit) -> None:
        """Tells the person what the guard found that is theirs to know, whichever call or hook it stood around."""
        for event in self._world.background.started():
            await emit(event)
        for alarm in self._world.shell.untold():
            await emit(Notice(level="warning", text=whole(alarm)))

    def _edited(self, call: ToolCall) -> Path | None:
        """The file that a call would write, if its arguments say so."""
        named = call.arguments.get("file_path") or call.arguments.get("notebook_path")
        with contextlib.suppress(InvalidArgumentsError):
            return resolve(self._workspace, named) if isinstance(named, str) else None
        return None

    async def _note_passed(self, staged: Staged, emit: Emit) -> None:
        """A change of a file under experiment that is no experiment went to disk: the journal and the person are told."""
        for path, reason in staged.passed.items():
            relative = self._experiments.control.relative(Path(path)) or path
            entry = ChangePassed(path=relative, reason=reason, by=self.author)
            await asyncio.to_thread(self._experiments.note, entry, entry.by)
            await emit(Notice(level="info", text=f"{whole(relative)} is under experiment and was changed on disk: {reason}"))

    async def _permit(
        self, call: ToolCall, args: Args, effects: Sequence[Effect], staged: frozenset[str], launch: str, said: HookVerdict, emit: Emit
    ) -> None:
        """Raises: Refused: the call may not run."""
        verdict = self._policy.judge(call.name, effects, staged)
        if verdict.answer == "deny":
            raise Refused(f"{call.name} was denied: {verdict.reason}.")
        if verdict.answer == "ask" and said.permission == "allow" and not verdict.firm:
            verdict = Verdict("allow")
        if verdict.answer == "allow" and said.permission == "ask" and not launch:
            verdict = Verdict("ask", said.reason or "a hook wants a person to decide", firm=True)
        weighty = ""
        if verdict.answer == "allow":
            weighty = await self._weighty(call, args, effects, staged, launch, emit)
            if not weighty:
                return
            verdict = Verdict("ask", weighty, firm=True)
        request = PermissionRequest(
            id=uuid4().hex,
            call=call,
            effects=tuple(effects),
            reason=verdict.reason,
            diff=await preview_of(args, effects, self._workspace, self._world.files),
            rule=None if weighty or launch else self._policy.suggest(call.name, effects, staged),
        )
        decision = await self._hooks.asked(call, emit)
        if decision is not None and decision.approved:
            # A hook answers what a rule would; it no more answers for the person than a rule does.
            weighty = verdict.reason if verdict.firm else await self._weighty(call, args, effects, staged, launch, emit)
            if weighty:
                decision = await self._ask(request.model_copy(update={"reason": weighty}), emit)
        decision = decision or await self._ask(request, emit)
        if decision.answer == "stop":
            raise Refused(
                f"{decision.by} stopped here{because(decision.reason)}.", stop=decision.reason or f"{decision.by} stopped the turn"
            )
        if not decision.approved:
            raise Refused(f"{call.name} was denied by {decision.by}{because(decision.reason)}.")
        if decision.remember and request.rule is not None:
            self._policy.remember(request.rule)

    async def _weighty(self, call: ToolCall, args: Args, effects: Sequence[Effect], staged: frozenset[str], launch: str, emit: Emit) -> str:
        """Why a person has to decide on a call that modes, rules and hooks allow, or an empty string."""
        if reason := launch or await self.guards.doubt(call, effects, staged, self._policy, emit):
            return reason
        return "it changes [tool.mltui], which mltui itself obeys" if await changes_settings(args, effects, self._world.files) else ""

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
            workspace=world.folder.workspace,
            folder=world.folder,
            files=world.files,
            search=world.search,
            shell=world.shell,
            background=world.background,
            notes=world.notes,
            questions=Questions(call, ask),
            agents=Delegation(self.subagents, call.id, emit, self._hooks),
            outside=world.outside,
            digest=lambda page, prompt: digest(self.small_model, page, prompt, emit),
            experiments=Desk(
                self._experiments, self._session_id, self.author, call, ask, emit, kinds, world.own.doubted, world.shell.quiet
            ),
            output=output,
        )

    async def close(self) -> None:
        await self._world.close()
