"""Hooks around a call: before it is decided on, when a person would be asked, and when it came back."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

from mltui.core.approval import Decision
from mltui.core.data import JsonObject
from mltui.core.events import Emit, Notice
from mltui.core.messages import ToolCall, ToolResult
from mltui.extensions.hook_files import HookEvent
from mltui.extensions.hook_protocol import NOTHING, HookVerdict
from mltui.models.assembly import whole

TYPED: ContextVar[bool] = ContextVar("TYPED", default=False)
"""Whether a person typed the call: they need not be asked whether they want it. A hook that speaks, or rewrites it, goes first."""


class Runner(Protocol):
    """Runs hooks; `capabilities.hooks_runner` does."""

    context: dict[str, Any]

    def any(self, event: HookEvent, subject: str = "") -> bool: ...

    async def run(self, event: HookEvent, fields: Mapping[str, Any], subject: str = "") -> HookVerdict: ...


@dataclass(frozen=True, slots=True)
class CallHooks:
    """The hooks of one session's calls."""

    runner: Runner

    async def before(self, call: ToolCall, emit: Emit) -> tuple[ToolCall, HookVerdict]:
        """PreToolUse. Returns: the call, with the arguments that a hook put in their place, and what the hooks said."""
        said = await self._run("PreToolUse", call, emit)
        if TYPED.get() and not said.permission and said.updated is None:
            said = replace(said, permission="allow")
        if said.updated is None:
            return call, said
        await emit(Notice(level="info", text=f"A hook changed the arguments of {whole(call.name)}"))
        return call.model_copy(update={"arguments": cast("JsonObject", dict(said.updated))}), said

    async def asked(self, call: ToolCall, emit: Emit) -> Decision | None:
        """PermissionRequest. Returns: a hook's answer in the person's place, or None."""
        said = await self._run("PermissionRequest", call, emit)
        if said.stop:
            return Decision(answer="stop", by="a hook", reason=said.stop)
        if said.permission not in ("allow", "deny"):
            return None
        return Decision(answer="approve" if said.permission == "allow" else "reject", by="hook", reason=said.reason)

    async def after(self, call: ToolCall, result: ToolResult, emit: Emit) -> tuple[ToolResult, str]:
        """PostToolUse. Returns: the result with what the hooks add for the model, and why the turn is to end, or nothing."""
        if not self.runner.any("PostToolUse", call.name):
            return result, ""
        response = {"content": result.content, "is_error": result.is_error, **result.details}
        said = await self._run("PostToolUse", call, emit, tool_response=response)
        added = [f"[A hook objects: {said.reason}]"] if said.blocks else []
        added += [f"[A hook adds: {said.context}]"] if said.context else []
        added += [f"[{note}]" for note in said.notes if note.startswith("a hook of ")]
        return result.model_copy(update={"content": "\n".join([result.content, *added])}), said.stop

    async def subagent_starts(self, call_id: str, persona: str, task: str, emit: Emit) -> str:
        """SubagentStart. Returns: the task with what hooks add to it."""
        said = await self._of_subagent("SubagentStart", call_id, persona, emit)
        return f"{task}\n\n<hook_context>\n{said.context}\n</hook_context>" if said.context else task

    async def subagent_stopped(self, call_id: str, persona: str, result: ToolResult, emit: Emit) -> ToolResult:
        """SubagentStop. Returns: its answer with what hooks object to."""
        said = await self._of_subagent("SubagentStop", call_id, persona, emit, last_assistant_message=result.content)
        return result.model_copy(update={"content": f"{result.content}\n[A hook objects: {said.reason}]"}) if said.blocks else result

    async def _of_subagent(self, event: HookEvent, call_id: str, persona: str, emit: Emit, **more: Any) -> HookVerdict:
        if not self.runner.any(event, persona):
            return NOTHING
        said = await self.runner.run(event, {"agent_id": call_id, "agent_type": persona, **more}, persona)
        await tell(said, emit)
        return said

    async def _run(self, event: HookEvent, call: ToolCall, emit: Emit, **more: Any) -> HookVerdict:
        if not self.runner.any(event, call.name):
            return NOTHING
        fields = {"tool_name": call.name, "tool_input": call.arguments, "tool_use_id": call.id, **more}
        said = await self.runner.run(event, fields, call.name)
        await tell(said, emit)
        return said


async def tell(said: HookVerdict, emit: Emit) -> None:
    """Tells the person what hooks have to say, and which failed."""
    for note in said.notes:
        await emit(Notice(level="warning", text=whole(note)))
