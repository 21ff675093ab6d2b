"""Makes an answer fit for the conversation: ids that occur once, text that can be written down."""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

from mltui.core.data import JsonObject, JsonValue
from mltui.core.messages import AssistantMessage, AssistantPart, ToolCall
from mltui.models.assembly import whole


def fit(message: AssistantMessage, taken: Collection[str]) -> AssistantMessage:
    """The message with call ids that occur once in the whole conversation, since results are matched by id.

    Args:
        taken: the ids of all calls so far.
    """
    used: set[str] = set()  # those of this answer alone: there may be thousands before it
    parts: list[AssistantPart] = []
    for part in message.parts:
        if isinstance(part, ToolCall):
            parts.append(_call(part, taken, used))
        else:
            text = whole(part.text)
            parts.append(part if text == part.text else part.model_copy(update={"text": text}))
    return AssistantMessage(parts=tuple(parts))


def _call(call: ToolCall, taken: Collection[str], used: set[str]) -> ToolCall:
    id_ = whole(call.id) or "call"
    fresh, count = id_, 1
    while fresh in taken or fresh in used:
        count += 1
        fresh = f"{id_}_{count}"
    used.add(fresh)
    try:
        call.model_dump_json()
    except ValueError:
        broken = None if call.broken is None else whole(call.broken)
        return ToolCall(id=fresh, name=whole(call.name), arguments=whole_object(call.arguments), broken=broken)
    return call if fresh == call.id else call.model_copy(update={"id": fresh})


def whole_object(value: JsonObject) -> JsonObject:
    """The object with every text in it as valid Unicode, which alone can be written to a file or sent."""
    return cast(JsonObject, _whole(value))


def _whole(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {whole(key): _whole(item) for key, item in value.items()}
    return value
