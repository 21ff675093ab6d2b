"""What happens between turns: servers come and go, and hooks hear of the session, the prompt and the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mltui.agent.gate import Gate
from mltui.agent.hooking import tell
from mltui.agent.loop import TurnStopped
from mltui.agent.mentions import Taken, take
from mltui.agent.policy import Policy
from mltui.core.errors import MltuiError
from mltui.core.events import Emit, Notice, ToolsChanged, TurnSteered
from mltui.core.messages import ToolSpec
from mltui.extensions.hook_files import HookEvent
from mltui.extensions.hook_protocol import NOTHING, HookVerdict
from mltui.models.assembly import whole
from mltui.models.base import ModelInfo

MOST_GO_ONS = 3
"""Times in a row that Stop hooks may send the agent back to work."""


class TurnBorder:
    """Crossed before each turn. The tools of a session change here and nowhere else, so that requests only append.

    Args:
        offers: whether the session offers a tool of that name.
    """

    def __init__(self, gate: Gate, offers: Callable[[str], bool], policy: Policy) -> None:
        self._gate = gate
        self._offers = offers
        self._told: dict[str, str] = {}
        self._policy = policy
        self._source = "startup"
        self._go_ons = 0
        self._context = ""
        self._started = False
        self._failures: set[str] = set()
        self._crossing: asyncio.Future[Taken] | None = None

    def begin(self, session_id: str, path: Path | None, *, resumed: bool) -> None:
        """Says which session it is, for hooks."""
        self._told = {"session_id": session_id, "transcript_path": str(path or "")}
        self._source = "resume" if resumed else "startup"

    async def cross(self, text: str, offered: Sequence[ToolSpec], model: ModelInfo, emit: Emit) -> Taken:
        """All that comes before a turn. Returns: the prompt as the model gets it, with the files that it names.

        Raises: MltuiError: a hook refuses the prompt, or `interrupt` was called meanwhile.
        """
        self._go_ons = 0
        self._crossing = asyncio.ensure_future(self._cross(text, offered, model, emit))
        try:
            return await asyncio.shield(self._crossing)
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                self._crossing.cancel()
                await asyncio.wait([self._crossing])
                raise
            raise MltuiError("Interrupted before the turn began") from None
        finally:
            self._crossing = None

    def interrupt(self) -> None:
        if self._crossing is not None:
            self._crossing.cancel()

    async def _cross(self, text: str, offered: Sequence[ToolSpec], model: ModelInfo, emit: Emit) -> Taken:
        self._gate.guards.begin_turn()
        await self.tools(offered, emit)
        heard = await self.submitted(text, emit)
        return replace(await take(self._gate, self._policy.workspace, model, text, emit), text=heard)

    async def tools(self, offered: Sequence[ToolSpec], emit: Emit) -> None:
        """Waits for servers that are starting, and announces their tools where they differ from what is offered."""
        servers = self._gate.outside.servers
        await servers.ready()
        await servers.refresh()
        for status in servers.statuses():
            if status.state == "failed" and status.name not in self._failures:
                self._failures.add(status.name)
                await emit(Notice(level="warning", text=whole(f"The MCP server {status.name} does not run: {status.error}")))
        tools = [tool for tool in servers.tools if self._offers(tool.name)]
        self._gate.offer(tools)
        wanted = (*(spec for spec in offered if not spec.name.startswith("mcp__")), *(tool.spec() for tool in tools))
        if wanted != tuple(offered):
            await emit(ToolsChanged(tools=wanted, reason="MCP servers"))

    async def submitted(self, text: str, emit: Emit) -> str:
        """What the model gets of a prompt: with what hooks of SessionStart and UserPromptSubmit add.

        Raises: MltuiError: a hook refuses the prompt.
        """
        if not self._started:
            self._started = True
            self._context = (await self._run("SessionStart", emit, self._source, source=self._source)).context
        said = await self._run("UserPromptSubmit", emit, prompt=text)
        if said.blocks or said.stop:
            raise MltuiError(f"A hook refused the prompt: {said.reason or said.stop}")
        context, self._context = self._context, ""
        return _with_context(text, context, said.context)

    async def heard(self, model: ModelInfo, text: str, emit: Emit) -> TurnSteered | None:
        """What the model gets of a text that the person sends to the turn that runs, with the files that it names.

        Returns: None: a hook refuses it, and the person was told.

        Raises: TurnStopped: a hook, or the person who is asked about a file, ends the turn.
        """
        said = await self._run("UserPromptSubmit", emit, prompt=text)
        if said.blocks or said.stop:
            await emit(Notice(level="warning", text=whole(f"A hook refused what you said: {said.reason or said.stop}")))
        if said.stop:
            raise TurnStopped(said.stop)
        if said.blocks:
            return None
        try:
            taken = await take(self._gate, self._policy.workspace, model, text, emit)
        except MltuiError as error:
            raise TurnStopped(str(error)) from error
        return TurnSteered(text=whole(_with_context(text, said.context)), images=taken.images, attachments=taken.attachments)

    async def stopped(self, answer: str, emit: Emit) -> str:
        """Why the agent has to go on although it is done, as hooks of Stop say; empty: it need not."""
        if self._go_ons >= MOST_GO_ONS:
            return ""
        said = await self._run("Stop", emit, stop_hook_active=self._go_ons > 0, last_assistant_message=answer)
        if not said.blocks or said.stop:
            return ""
        self._go_ons += 1
        return f"A hook says that you are not done: {said.reason}"

    async def compacting(self, trigger: str, focus: str, emit: Emit) -> None:
        """Tells hooks of PreCompact. They cannot prevent it: the conversation would not fit."""
        await self._run("PreCompact", emit, trigger, trigger=trigger, custom_instructions=focus)

    async def closed(self) -> None:
        """Tells hooks of SessionEnd, if the session ever began for them."""

        async def nobody(_event: object) -> None:
            return None

        if self._started:
            await self._run("SessionEnd", nobody, reason="other")

    async def _run(self, event: HookEvent, emit: Emit, subject: str = "", **fields: Any) -> HookVerdict:
        runner = self._gate.outside.hooks
        runner.context.update(self._told, permission_mode=self._policy.mode)
        if not runner.any(event, subject):
            return NOTHING
        said = await runner.run(event, fields, subject)
        await tell(said, emit)
        return said


def _with_context(text: str, *contexts: str) -> str:
    added = "\n\n".join(filter(None, contexts))
    return f"{text}\n\n<hook_context>\n{added}\n</hook_context>" if added else text
