"""The two protocols of the scripted provider: how a step looks on the wire."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from typing import Protocol as TypingProtocol

from mltui.core.messages import Usage
from mltui.models.scripted import ErrorKind, ScriptedCall, Step, cut

USAGE = Usage(input_tokens=100, output_tokens=10)
FRAGMENT = 7
"""Characters of one fragment of a tool call's arguments; odd, so that JSON is cut in awkward places."""

KIND_OF_STATUS = {400: "request", 401: "auth"}


@dataclass(frozen=True)
class Answer:
    """One answer, as the events of a stream and as one object."""

    events: Iterator[bytes]
    whole: dict[str, Any]


class Protocol(TypingProtocol):
    def answer(self, step: Any, body: dict[str, Any], number: int) -> Answer: ...

    def failure(self, kind: ErrorKind | None, status: int | None, message: str) -> tuple[int, dict[str, Any]]: ...


def arguments_of(call: ScriptedCall) -> str:
    return json.dumps(call.arguments) if call.raw is None else call.raw


def event(data: Any, name: str | None = None) -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data) if not isinstance(data, str) else data}\n\n".encode()


class Anthropic:
    """`/v1/messages`."""

    def answer(self, step: Step, body: dict[str, Any], number: int) -> Answer:
        blocks: list[dict[str, Any]] = []
        if step.thinking or step.signature:
            blocks.append({"type": "thinking", "thinking": step.thinking, "signature": step.signature or ""})
        if step.text:
            blocks.append({"type": "text", "text": step.text})
        for place, call in enumerate(step.calls):
            id = call.id or f"toolu_{number:03d}_{place}"
            blocks.append({"type": "tool_use", "id": id, "name": call.name, "input": arguments_of(call)})
        stop = {"max_tokens": "max_tokens", "refusal": "refusal"}.get(step.stop or "", "tool_use" if step.calls else "end_turn")
        usage = step.usage or USAGE
        message: dict[str, Any] = {
            "id": f"msg_{number:06d}",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {
                "input_tokens": usage.input_tokens,
                "cache_creation_input_tokens": usage.cache_write_tokens,
                "cache_read_input_tokens": usage.cache_read_tokens,
                "output_tokens": 1,
            },
        }
        texts = [block for block in blocks if block["type"] != "tool_use"]
        calls = [block for block in blocks if block["type"] == "tool_use"]
        parsed = [block | {"input": call.arguments} for block, call in zip(calls, step.calls, strict=True)]
        whole = message | {"content": texts + parsed, "stop_reason": stop}
        whole["usage"] = message["usage"] | {"output_tokens": usage.output_tokens}
        return Answer(self._events(message, blocks, stop, usage), whole)

    def _events(self, message: dict[str, Any], blocks: list[dict[str, Any]], stop: str, usage: Usage) -> Iterator[bytes]:
        yield self._named({"type": "message_start", "message": message})
        yield self._named({"type": "ping"})
        for index, block in enumerate(blocks):
            yield from self._block(index, block)
        delta = {"stop_reason": stop, "stop_sequence": None}
        yield self._named({"type": "message_delta", "delta": delta, "usage": {"output_tokens": usage.output_tokens}})
        yield self._named({"type": "message_stop"})

    def _block(self, index: int, block: dict[str, Any]) -> Iterator[bytes]:
        empty = {"text": {"text": ""}, "thinking": {"thinking": "", "signature": ""}, "tool_use": {"input": {}}}[block["type"]]
        yield self._named({"type": "content_block_start", "index": index, "content_block": block | empty})
        deltas: list[dict[str, Any]] = []
        if block["type"] == "text":
            deltas = [{"type": "text_delta", "text": piece} for piece in cut(block["text"])]
        elif block["type"] == "thinking":
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in cut(block["thinking"])]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        elif block["input"] != "{}":  # the real one sends no delta for a call without arguments
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ("", *cut(block["input"], FRAGMENT))]
        for delta in deltas:
            yield self._named({"type": "content_block_delta", "index": index, "delta": delta})
        yield self._named({"type": "content_block_stop", "index": index})

    def _named(self, data: dict[str, Any]) -> bytes:
        return event(data, data["type"])

    def failure(self, kind: ErrorKind | None, status: int | None, message: str) -> tuple[int, dict[str, Any]]:
        name, usual, text = {
            "auth": ("authentication_error", 401, "invalid x-api-key"),
            "context": ("invalid_request_error", 400, "prompt is too long: 250000 tokens > 200000 maximum"),
            "request": ("invalid_request_error", 400, message),
            "unavailable": ("overloaded_error", 529, "Overloaded"),
        }[kind or KIND_OF_STATUS.get(status or 0, "unavailable")]
        if status == 404:
            name, text = "not_found_error", "model: claude-nonesuch"
        if status == 429:
            name, text = "rate_limit_error", "This request would exceed your rate limit"
        return status or usual, {"type": "error", "error": {"type": name, "message": text}}


class OpenAI:
    """`/v1/chat/completions`."""

    def answer(self, step: Any, body: dict[str, Any], number: int) -> Answer:
        usage = step.usage or USAGE
        counted = {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.prompt_tokens + usage.output_tokens,
            "prompt_tokens_details": {"cached_tokens": usage.cache_read_tokens},
        }
        head = {"id": f"chatcmpl-{number:06d}", "created": 1_700_000_000, "model": body["model"]}
        stop = {"max_tokens": "length", "refusal": "content_filter"}.get(step.stop or "", "tool_calls" if step.calls else "stop")
        calls = [self._call(call, place, number, step) for place, call in enumerate(step.calls)]
        message = {"role": "assistant", "content": step.text or None, "tool_calls": calls or None}
        choice = {"index": 0, "message": message, "finish_reason": stop}
        whole = head | {"object": "chat.completion", "choices": [choice], "usage": counted}
        wants_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        return Answer(self._events(head, step, calls, stop, counted if wants_usage else None), whole)

    def _call(self, call: ScriptedCall, place: int, number: int, step: Any) -> dict[str, Any]:
        function = {"name": call.name, "arguments": arguments_of(call)}
        id = None if getattr(step, "no_ids", False) else call.id or f"call_{number:03d}_{place}"
        return {"id": id, "type": "function", "function": function}

    def _events(
        self, head: dict[str, Any], step: Step, calls: list[dict[str, Any]], stop: str, usage: dict[str, Any] | None
    ) -> Iterator[bytes]:
        def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            return event(head | {"object": "chat.completion.chunk", "choices": [choice]})

        yield chunk({"role": "assistant", "content": ""})
        for piece in cut(step.thinking):
            yield chunk({"reasoning_content": piece})
        for piece in cut(step.text):
            yield chunk({"content": piece})
        for index, call in enumerate(calls):
            start = {"index": index, **call, "function": {"name": call["function"]["name"], "arguments": ""}}
            yield chunk({"tool_calls": [start]})
        yield from (chunk({"tool_calls": [delta]}) for delta in self._fragments(calls))
        yield chunk({}, stop)
        if usage:
            yield event(head | {"object": "chat.completion.chunk", "choices": [], "usage": usage})
        yield event("[DONE]")

    def _fragments(self, calls: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """The arguments of all calls in turn, as a provider may interleave them."""
        pieces = [list(cut(call["function"]["arguments"], FRAGMENT)) for call in calls]
        for place in range(max((len(of_call) for of_call in pieces), default=0)):
            for index, of_call in enumerate(pieces):
                if place < len(of_call):
                    yield {"index": index, "function": {"arguments": of_call[place]}}

    def failure(self, kind: ErrorKind | None, status: int | None, message: str) -> tuple[int, dict[str, Any]]:
        code, usual, text = {
            "auth": ("invalid_api_key", 401, "Incorrect API key provided"),
            "context": ("context_length_exceeded", 400, "This model's maximum context length is 8192 tokens, yours has 9000"),
            "request": ("invalid_request", 400, message),
            "unavailable": ("server_overloaded", 503, "The server is overloaded"),
        }[kind or KIND_OF_STATUS.get(status or 0, "unavailable")]
        if status == 404:
            code, text = "model_not_found", "The model `nonesuch` does not exist"
        if status == 429:
            code, text = "rate_limit_exceeded", "Rate limit reached"
        return status or usual, {"error": {"message": text, "type": "invalid_request_error", "param": None, "code": code}}
