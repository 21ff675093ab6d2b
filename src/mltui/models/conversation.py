"""A request in the words of the chat-completions protocol, which LiteLLM translates for every provider.

The order of everything sent is fixed by the request alone, so that each request of a session repeats the bytes of
the one before it and a provider's prompt cache hits.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from mltui.core.messages import AssistantMessage, Image, Message, Text, Thinking, ToolCall, ToolMessage, ToolSpec, UserMessage
from mltui.models.base import ModelRequest

Wire = dict[str, Any]

REDACTED = "redacted:"
"""Prefix of a `Thinking.signature` that carries a whole encrypted block."""

ITEMS = "items:"
"""Prefix of a `Thinking.signature` that carries encrypted items of the Responses protocol, as JSON."""

ERROR = "[error] "
"""In front of a result that came of a failure or a refusal."""

CACHE_MARK: Wire = {"type": "ephemeral"}


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a provider wants said differently.

    Attributes:
        cache_marks: borders of cached prefixes are marked in the request (Claude).
        signed_thinking: thinking is sent back as signed blocks; unsigned thinking is refused (Claude).
        plain_thinking: thinking is sent back as `reasoning_content` (DeepSeek, Moonshot).
        maker: whose sealed thinking it takes, as in `Thinking.maker`.
        sees: takes images; what it may not see is named in a line of text.
        ids: the ids of calls that it takes; others are rewritten. None: any.
    """

    cache_marks: bool = False
    signed_thinking: bool = False
    plain_thinking: bool = False
    maker: str = ""
    sees: bool = True
    ids: str | None = None


_IDS = {"mistral": "[A-Za-z0-9]{9}", "gemini": None, "vertex_ai": None}
"""Where the rule is not the usual one. Gemini's own ids carry its seals."""
_USUAL_IDS = "[A-Za-z0-9_-]{1,40}"


def dialect_of(provider: str, model: str, *, sees: bool = True) -> Dialect:
    """The dialect of a model by its LiteLLM provider; Claude is Claude on the clouds that host it, too."""
    claude = provider == "anthropic" or (provider in ("bedrock", "vertex_ai", "azure_ai") and "claude" in model)
    return Dialect(
        cache_marks=claude,
        signed_thinking=claude,
        plain_thinking=provider in ("deepseek", "moonshot"),
        maker="claude" if claude else provider,
        sees=sees,
        ids="[A-Za-z0-9_-]{1,64}" if claude else _IDS.get(provider, _USUAL_IDS),
    )


def wire_messages(request: ModelRequest, dialect: Dialect) -> list[Wire]:
    """System prompt and history as chat-completions messages."""
    history = _in_order_of_calls(request.messages)
    marked = borders(history) if dialect.cache_marks else frozenset[int]()
    messages: list[Wire] = []
    if request.system:
        messages.append({"role": "system", "content": _text(request.system, dialect.cache_marks)})
    unseen: list[tuple[str, Image]] = []
    for place, message in enumerate(history):
        mark = place in marked
        if unseen and not isinstance(message, ToolMessage):
            messages.append(_pictures(unseen))
            unseen = []
        if isinstance(message, UserMessage):
            messages.append({"role": "user", "content": _content(message.text, message.images, dialect, mark)})
        elif isinstance(message, ToolMessage):
            messages.append(_tool_message(message, dialect, mark))
            if dialect.sees and not dialect.signed_thinking:
                unseen += [(message.name, image) for image in message.images]
        elif wire := _assistant_message(message, dialect):
            messages.append(wire)
    return [*messages, _pictures(unseen)] if unseen else messages


def wire_tools(tools: Iterable[ToolSpec], dialect: Dialect) -> list[Wire]:
    """The tools as functions; the last one carries the mark that ends the cached prefix of tools."""
    wire: list[Wire] = [
        {"type": "function", "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters}}
        for tool in tools
    ]
    if wire and dialect.cache_marks:
        wire[-1]["cache_control"] = CACHE_MARK
    return wire


def borders(messages: Sequence[Message]) -> frozenset[int]:
    """Places after which the prompt may be cached: its end, and the end of the request before it.

    The second one makes a hit certain however many blocks one step added (a provider looks back only so far).
    """
    backwards = range(len(messages) - 1, -1, -1)
    end = next((place for place in backwards if not isinstance(messages[place], AssistantMessage)), None)
    answered = next((place for place in backwards if isinstance(messages[place], AssistantMessage)), 0)
    before = next((place for place in range(answered - 1, -1, -1) if not isinstance(messages[place], AssistantMessage)), None)
    return frozenset(place for place in (end, before) if place is not None)


def says_something(message: Message, dialect: Dialect) -> bool:
    """Whether it is an answer of which anything may be sent."""
    return isinstance(message, AssistantMessage) and _assistant_message(message, dialect) is not None


def _in_order_of_calls(messages: Sequence[Message]) -> list[Message]:
    """All messages, with the results of each answer in the order of its calls."""
    ordered: list[Message] = []
    for are_results, group in itertools.groupby(messages, key=lambda message: isinstance(message, ToolMessage)):
        if are_results:
            rank = {call.id: place for place, call in enumerate(_last_calls(ordered))}
            ordered += sorted(cast("Iterator[ToolMessage]", group), key=lambda result: rank.get(result.call_id, len(rank)))
        else:
            ordered += group
    return ordered


def _last_calls(messages: Sequence[Message]) -> tuple[ToolCall, ...]:
    last = messages[-1] if messages else None
    return last.tool_calls if isinstance(last, AssistantMessage) else ()


def _text(text: str, mark: bool) -> str | list[Wire]:
    # A mark on an empty block is an error at the provider.
    return [{"type": "text", "text": text, "cache_control": CACHE_MARK}] if mark and text else text


def _content(text: str, images: Sequence[Image], dialect: Dialect, mark: bool) -> str | list[Wire]:
    """Text and pictures, or for a model that cannot see a line about each picture."""
    if not images:
        return _text(text, mark)
    if not dialect.sees:
        return _text("\n".join([*([text] if text else []), *(_left_out(image) for image in images)]), mark)
    blocks = [_picture(image) for image in images] + ([{"type": "text", "text": text}] if text else [])
    if mark:
        blocks[-1] = blocks[-1] | {"cache_control": CACHE_MARK}
    return blocks


def _left_out(image: Image) -> str:
    return f"[an {image.media_type} picture was here; this model cannot see it]"


def _picture(image: Image) -> Wire:
    return {"type": "image_url", "image_url": {"url": f"data:{image.media_type};base64,{image.data}"}}


def _pictures(of: Sequence[tuple[str, Image]]) -> Wire:
    """Pictures of results, said by the person: outside Claude's dialect a result is text alone."""
    names = ", ".join(dict.fromkeys(name for name, _ in of))
    return {"role": "user", "content": [{"type": "text", "text": f"(pictures from {names})"}, *(_picture(image) for _, image in of)]}


def _tool_message(message: ToolMessage, dialect: Dialect, mark: bool) -> Wire:
    # LiteLLM's form of a result has no field for this, so the text says it.
    content: str | list[Wire] = f"{ERROR}{message.content}" if message.is_error else message.content
    if message.images and dialect.sees and dialect.signed_thinking:
        content = [*([{"type": "text", "text": content}] if content else []), *(_picture(image) for image in message.images)]
    elif message.images and not dialect.sees:
        content = "\n".join([content, *(_left_out(image) for image in message.images)])
    wire: Wire = {"role": "tool", "tool_call_id": wire_id(message.call_id, dialect), "name": message.name, "content": content}
    return wire | {"cache_control": CACHE_MARK} if mark else wire


def _assistant_message(message: AssistantMessage, dialect: Dialect) -> Wire | None:
    """The message, or None where nothing of it may be sent."""
    wire: Wire = {"role": "assistant", "content": message.text or None}
    if dialect.signed_thinking and any(isinstance(part, Thinking) for part in message.parts):
        # As a list, so that thinking between texts keeps its place: the signature is over what came before.
        wire["content"] = [block for part in message.parts if (block := _signed_block(part))] or None
    thoughts = [part for part in message.parts if isinstance(part, Thinking)]
    if dialect.plain_thinking and (said := "".join(part.text for part in thoughts if part.maker in ("", dialect.maker))):
        wire["reasoning_content"] = said
    if items := [item for part in thoughts if part.maker == dialect.maker for item in _items(part)]:
        wire["reasoning_items"] = items
    if message.tool_calls:
        wire["tool_calls"] = [_tool_call(call, dialect) for call in message.tool_calls]
    return wire if wire["content"] or message.tool_calls else None


def _items(part: Thinking) -> list[Wire]:
    seal = part.signature or ""
    return cast("list[Wire]", json.loads(seal.removeprefix(ITEMS))) if seal.startswith(ITEMS) else []


def _signed_block(part: Text | Thinking | ToolCall) -> Wire | None:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text} if part.text else None
    if isinstance(part, ToolCall) or not part.signature or part.maker not in ("", "claude"):
        return None
    if part.signature.startswith(REDACTED):
        return {"type": "redacted_thinking", "data": part.signature.removeprefix(REDACTED)}
    return {"type": "thinking", "thinking": part.text, "signature": part.signature}


def wire_id(id: str, dialect: Dialect) -> str:
    """The id of a call as the provider takes it: as it is where it may be, else always the same other one."""
    if dialect.ids is None or re.fullmatch(dialect.ids, id):
        return id
    digest = hashlib.sha256(id.encode("utf-8", "surrogatepass")).hexdigest()
    return digest[:9] if re.fullmatch(dialect.ids, digest[:9]) and not re.fullmatch(dialect.ids, digest[:24]) else f"call_{digest[:24]}"


def _tool_call(call: ToolCall, dialect: Dialect) -> Wire:
    # Providers refuse a history with arguments that are not an object; under this key the model still sees what it wrote.
    arguments = call.arguments if call.broken is None else {"_broken": call.broken}
    function = {"name": call.name, "arguments": json.dumps(arguments, ensure_ascii=False)}
    return {"id": wire_id(call.id, dialect), "type": "function", "function": function}
