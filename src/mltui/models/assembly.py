"""Puts an answer together from the chunks of a stream."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from mltui.core.errors import ModelUnavailableError
from mltui.core.messages import AssistantMessage, AssistantPart, StopReason, Text, Thinking, ToolCall
from mltui.models.base import ReasoningPiece, TextPiece
from mltui.models.conversation import ITEMS, REDACTED


class FunctionDelta(Protocol):
    name: str | None
    arguments: str | None


class CallDelta(Protocol):
    index: int | None
    id: str | None
    function: FunctionDelta | None


class Delta(Protocol):
    """What a chunk adds; `reasoning_content` and `thinking_blocks` are absent where there is nothing of the kind."""

    content: str | None
    tool_calls: list[CallDelta] | None


def optional(part: object, name: str) -> Any:
    """Returns: what a chunk or a delta has of that name, else None. Asking pydantic for what is missing costs an exception each time."""
    found = vars(part).get(name)
    if found is not None:
        return found
    extra: dict[str, Any] = getattr(part, "__pydantic_extra__", None) or {}
    return extra.get(name)


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list[str])


@dataclass(slots=True)
class _Prose:
    """Text or thinking that is still growing."""

    thinking: bool
    pieces: list[str] = field(default_factory=list[str])
    signature: str | None = None

    def part(self, maker: str) -> AssistantPart:
        text = whole("".join(self.pieces))
        return Thinking(text=text, signature=self.signature, maker=maker) if self.thinking else Text(text=text)


class Assembler:
    """Takes the deltas of one answer in order; `message` and `stop_reason` are what they come to.

    Args:
        maker: whose thinking it is, as in `Thinking.maker`.
    """

    def __init__(self, maker: str = "") -> None:
        self._maker = maker
        self._prose: list[_Prose] = []
        self._calls: dict[int, _Call] = {}
        self._all_calls: list[_Call] = []
        self._last_index = 0
        self.finish_reason: str | None = None

    def add(self, delta: Delta) -> Iterator[TextPiece | ReasoningPiece]:
        """Takes a delta and returns what of it is to be shown."""
        blocks: Iterable[dict[str, str]] | None = optional(delta, "thinking_blocks")
        reasoning: str | None = optional(delta, "reasoning_content")
        items: Iterable[dict[str, Any]] | None = optional(delta, "reasoning_items")
        if blocks:
            yield from self._add_blocks(blocks)
        elif items:
            self._add_items(items)
        elif reasoning:
            self._open(thinking=True).pieces.append(reasoning)
            yield ReasoningPiece(whole(reasoning))
        if delta.content:
            self._open(thinking=False).pieces.append(delta.content)
            yield TextPiece(whole(delta.content))
        for call in delta.tool_calls or ():
            self._add_call(call)

    def finish(self, reason: str | None) -> None:
        """Notes why the answer ended; the first reason counts, as some streams end with a made-up one."""
        self.finish_reason = self.finish_reason or reason

    @property
    def message(self) -> AssistantMessage:
        """Thinking and text as they came, then the calls in the order they began."""
        parts = [prose.part(self._maker) for prose in self._prose if prose.pieces or prose.signature]
        seen: set[str] = set()
        parts += [_parsed(call, seen) for call in self._all_calls]
        return AssistantMessage(parts=tuple(parts))

    @property
    def stop_reason(self) -> StopReason:
        """Raises: ModelUnavailableError: the stream ended without saying why, so it was cut."""
        match self.finish_reason:
            case None | "":
                raise ModelUnavailableError("the answer was cut in the middle")
            case "length" | "max_tokens":
                return "max_tokens"
            case "content_filter" | "refusal":
                return "refusal"
            case _:
                return "tool_use" if self._all_calls else "end_turn"

    def _open(self, *, thinking: bool) -> _Prose:
        if not self._prose or self._prose[-1].thinking != thinking or self._prose[-1].signature:
            self._prose.append(_Prose(thinking))
        return self._prose[-1]

    def _add_blocks(self, blocks: Iterable[dict[str, str]]) -> Iterator[ReasoningPiece]:
        for block in blocks:
            if block.get("type") == "redacted_thinking":
                self._prose.append(_Prose(thinking=True, signature=REDACTED + block["data"]))
                continue
            prose = self._open(thinking=True)
            if text := block.get("thinking"):
                prose.pieces.append(text)
                yield ReasoningPiece(whole(text))
            prose.signature = block.get("signature") or prose.signature

    def _add_items(self, items: Iterable[dict[str, Any]]) -> None:
        """Encrypted thinking of the Responses protocol, which comes at the end; what could be read of it came before."""
        sealed = [item for item in items if item.get("encrypted_content")]
        if sealed and (prose := next((prose for prose in self._prose if prose.thinking), None)):
            prose.signature = ITEMS + json.dumps(sealed, ensure_ascii=False, sort_keys=True)
        elif sealed:
            self._prose.insert(0, _Prose(thinking=True, signature=ITEMS + json.dumps(sealed, ensure_ascii=False, sort_keys=True)))

    def _add_call(self, delta: CallDelta) -> None:
        # Some servers leave the index out or give every call index 0: a new id then starts a new call.
        index = delta.index if delta.index is not None else self._last_index
        call = self._calls.get(index)
        if call is None or (delta.id and call.id and delta.id != call.id):
            call = self._calls[index] = _Call()
            self._all_calls.append(call)
        self._last_index = index
        call.id = call.id or delta.id or ""
        if delta.function:
            call.name = call.name or delta.function.name or ""
            call.arguments.append(delta.function.arguments or "")


def _parsed(call: _Call, seen: set[str]) -> ToolCall:
    id = call.id if call.id and call.id not in seen else f"call_{uuid.uuid4().hex[:12]}"
    seen.add(id)
    text = whole("".join(call.arguments))
    try:
        # An empty text is how many providers write a call without arguments.
        arguments: Any = json.loads(text) if text.strip() else {}
        if "\\u" in text:
            json.dumps(arguments, ensure_ascii=False).encode()  # an escape may stand for what is no character
        return ToolCall(id=id, name=whole(call.name), arguments=arguments)
    except (ValueError, RecursionError):  # no JSON, no object, too deep, or not Unicode
        return ToolCall(id=id, name=whole(call.name), broken=text)


def whole(text: str) -> str:
    """The text as valid Unicode: surrogates that a stream tore apart are joined, lone ones replaced."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
