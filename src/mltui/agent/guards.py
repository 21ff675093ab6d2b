"""What stands between the tools and the model: credentials stay out, and orders in what was read are seen as such."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from mltui.agent.injection import MARK, orders
from mltui.agent.policy import Policy
from mltui.agent.redaction import Redactor
from mltui.config.schema import Guards as Settings
from mltui.core.effects import Effect
from mltui.core.errors import MltuiError
from mltui.core.events import Emit, Event, Notice
from mltui.core.messages import ToolCall, ToolResult
from mltui.models.assembly import whole

_EDITS = ("Edit", "Write", "NotebookEdit")
_OWN_WORDS = frozenset({"AskUserQuestion", "TodoWrite", "Task", "Skill"})
"""Their results are the person's, mltui's or the agent's own words."""


class Reads(Protocol):
    async def exists(self, path: Path) -> bool: ...

    async def read(self, path: Path) -> bytes: ...


class Guards:
    """The guards of one session, subagents included."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._redactor = Redactor()
        self._source = ""

    def begin_turn(self) -> None:
        """The person spoke: what follows is theirs again."""
        self._source = ""

    def kept_back(self, event: Event) -> Event:
        """The event without credentials: as the model, the disk and the screen get it."""
        return self._redactor.event(event) if self._settings.secrets else event

    async def restored(self, call: ToolCall, path: Path | None, files: Reads) -> ToolCall:
        """An edit with its placeholders turned back into what the edited file holds; every other call as it is."""
        if path is None or call.name not in _EDITS or not self._redactor.mentions(call.arguments):
            return call
        try:
            current = (await files.read(path)).decode("utf-8", "replace") if await files.exists(path) else ""
        except MltuiError:
            return call
        return call.model_copy(update={"arguments": self._redactor.restored(call.arguments, current)})

    async def checked(self, call: ToolCall, result: ToolResult, emit: Emit) -> ToolResult:
        """The result, marked if something in it gives the agent orders; the person is told."""
        if self._settings.injection == "off" or call.name in _OWN_WORDS:
            return result
        words = orders(result.content)
        if not words:
            return result
        self._source = f"{call.name}: “{whole(words)}”"
        await emit(Notice(level="warning", text=f"What {call.name} returned speaks to the agent: “{whole(words)}”. It was marked as data."))
        return result.model_copy(update={"content": MARK + result.content})

    async def doubt(self, call: ToolCall, effects: Sequence[Effect], staged: frozenset[str], policy: Policy, emit: Emit) -> str:
        """Why a call that would run without a question is doubtful, or an empty string.

        The first calls that act after such a result are shown to follow it, or asked about, as the settings say.
        """
        unstaged = [effect for effect in effects if effect.target not in staged]
        if not self._source or not (policy.acts(unstaged) or any(effect.kind == "net" for effect in effects)):
            return ""
        reason = f"it follows a result that gives the agent orders ({self._source})"
        if self._settings.injection == "ask":
            return reason
        await emit(Notice(level="warning", text=f"{call.name} runs now; {reason}"))
        self._source = ""
        return ""
