"""From a conversation to the text that a model reads, through its own chat template.

What a template can do is found out by rendering sentinels through it: whether it takes a system
message, whether it lists tools, and whether it writes calls in the Hermes syntax that `markup`
reads. What it cannot do is put into plain messages in that same syntax.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from mltui.models.local.jsontypes import JsonObject, JsonValue
from mltui.models.local.markup import CALL, CALL_END
from mltui.models.local.template import CHATML, CHATML_END, ChatTemplate, TemplateError

_SENTINEL = "mltui_probe_7f3a"

_TOOL_TEXT = """# Tools

You may call one or more functions. The functions, with JSON schemas of their arguments, are:
<tools>
{tools}
</tools>

For each call, write a JSON object with the function's name and arguments between these tags:
<tool_call>
{{"name": "function-name", "arguments": {{"argument": "value"}}}}
</tool_call>"""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A request as the worker gets it: `core.messages` as JSON."""

    system: str
    messages: Sequence[JsonObject]
    tools: Sequence[JsonObject]


@dataclass(frozen=True, slots=True)
class Abilities:
    system: bool
    tools: bool


class Prompter:
    """Writes prompts for one model.

    Args:
        source: the template of the GGUF file, or None.
        variables: the texts of the special tokens.

    Attributes:
        note: why the model's own template is not used, or empty.
    """

    def __init__(self, source: str | None, variables: dict[str, str]) -> None:
        self._variables = variables
        self.note = ""
        if source is None:
            self._use_chatml("The model has no chat template; ChatML is used")
            return
        try:
            self._template = ChatTemplate(source, variables)
            self._abilities = _probe(self._template)
        except TemplateError as error:
            self._use_chatml(f"The model's chat template is broken ({error}); ChatML is used")

    @property
    def stop_text(self) -> str:
        """The text that ends an answer where the template is not the model's own, or nothing."""
        return CHATML_END if self.note else ""

    @property
    def tool_syntax(self) -> str:
        return "template" if self._abilities.tools else "generic"

    def render(self, conversation: Conversation) -> str:
        """The prompt. A template that fails on this conversation is given up for good, with a `note`."""
        try:
            return self._render(conversation)
        except TemplateError as error:
            self._use_chatml(f"The model's chat template failed ({error}); ChatML is used")
            return self._render(conversation)

    def _use_chatml(self, note: str) -> None:
        self.note = note
        self._template = ChatTemplate(CHATML, self._variables)
        self._abilities = Abilities(system=True, tools=False)

    def _render(self, conversation: Conversation) -> str:
        if self._abilities.tools:
            messages = [_native(message) for message in conversation.messages]
        else:
            system = "\n\n".join(text for text in (conversation.system, _tool_text(conversation.tools)) if text)
            conversation = replace(conversation, system=system)
            messages = _merged([_plain(message) for message in conversation.messages])
        if conversation.system and self._abilities.system:
            messages.insert(0, {"role": "system", "content": conversation.system})
        elif conversation.system:
            messages = _merged([{"role": "user", "content": conversation.system}, *messages])
        tools = [_function(tool) for tool in conversation.tools] if self._abilities.tools else []
        return self._template.render(messages, tools or None)


def _probe(template: ChatTemplate) -> Abilities:
    user: JsonObject = {"role": "user", "content": "a question"}
    if "a question" not in template.render([user], None):
        raise TemplateError("it leaves out what the user says")
    try:
        system = _SENTINEL in template.render([{"role": "system", "content": _SENTINEL}, user], None)
    except TemplateError:
        system = False
    try:
        tools = _writes_hermes(template, user)
    except TemplateError:
        tools = False
    return Abilities(system=system, tools=tools)


def _writes_hermes(template: ChatTemplate, user: JsonObject) -> bool:
    """Whether tools, calls and results all come out, the call as JSON after `<tool_call>`."""
    name, result = f"{_SENTINEL}_tool", f"{_SENTINEL}_result"
    tool = _function({"name": name, "description": "d", "parameters": {"type": "object", "properties": {}}})
    call: JsonObject = {"id": "call00001", "name": name, "arguments": {"x": 1}}
    assistant: JsonObject = {"role": "assistant", "parts": [{"type": "tool_call", **call}]}
    answer: JsonObject = {"role": "tool", "call_id": "call00001", "name": name, "content": result}
    text = template.render([user, _native(assistant), _native(answer)], [tool])
    listed = name in template.render([user], [tool])
    _, found, rest = text.rpartition(CALL + "\n")
    try:
        written = json.loads(rest.partition(CALL_END)[0]) if found else None
    except ValueError:
        return False
    return listed and result in text and written == {"name": name, "arguments": {"x": 1}}


def _function(tool: JsonObject) -> JsonObject:
    return {"type": "function", "function": {key: tool.get(key, "") for key in ("name", "description", "parameters")}}


def _parts(message: JsonObject) -> list[JsonObject]:
    parts = message.get("parts")
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def _joined(message: JsonObject, kind: str) -> str:
    return "".join(str(part.get("text", "")) for part in _parts(message) if part.get("type") == kind)


def _native(message: JsonObject) -> JsonObject:
    """The message as templates with tools expect it; arguments are objects, not text."""
    match message.get("role"):
        case "assistant":
            calls: list[JsonValue] = [
                {"id": call.get("id"), "type": "function", "function": {"name": call.get("name"), "arguments": call.get("arguments", {})}}
                for call in _parts(message)
                if call.get("type") == "tool_call"
            ]
            native: JsonObject = {"role": "assistant", "content": _joined(message, "text")}
            if thought := _joined(message, "thinking"):
                native["reasoning_content"] = thought
            if calls:
                native["tool_calls"] = calls
            return native
        case "tool":
            return {
                "role": "tool",
                "content": message.get("content"),
                "name": message.get("name"),
                "tool_call_id": message.get("call_id"),
            }
        case _:
            return {"role": "user", "content": message.get("text")}


def _plain(message: JsonObject) -> JsonObject:
    """The message with calls and results written out as text."""
    match message.get("role"):
        case "assistant":
            text = _joined(message, "text")
            for part in _parts(message):
                if part.get("type") == "tool_call":
                    call = _dump({"name": part.get("name"), "arguments": part.get("arguments", {})})
                    text += f"{'' if not text or text.endswith(chr(10)) else chr(10)}{CALL}\n{call}\n{CALL_END}"
            return {"role": "assistant", "content": text}
        case "tool":
            return {"role": "user", "content": f"<tool_response>\n{message.get('content')}\n</tool_response>"}
        case _:
            return {"role": "user", "content": message.get("text")}


def _merged(messages: list[JsonObject]) -> list[JsonObject]:
    """Neighbours of the same role as one message: many templates insist on turns."""
    merged: list[JsonObject] = []
    for message in messages:
        if merged and merged[-1]["role"] == message["role"]:
            merged[-1] = {**message, "content": f"{merged[-1]['content']}\n\n{message['content']}"}
        else:
            merged.append(message)
    return merged


def _tool_text(tools: Sequence[JsonObject]) -> str:
    return _TOOL_TEXT.format(tools="\n".join(_dump(cast(JsonValue, _function(tool))) for tool in tools)) if tools else ""


def _dump(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False)
