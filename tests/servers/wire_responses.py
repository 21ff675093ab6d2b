"""OpenAI's Responses protocol, `/v1/responses`: how a step looks on that wire."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mltui.models.scripted import ErrorKind, ScriptedCall, cut

from .wire import FRAGMENT, USAGE, Answer, OpenAI, arguments_of, event


class Responses:
    def answer(self, step: Any, body: dict[str, Any], number: int) -> Answer:
        output: list[dict[str, Any]] = []
        if step.thinking or step.signature:
            summary = [{"type": "summary_text", "text": step.thinking}] if step.thinking else []
            output.append({"type": "reasoning", "id": f"rs_{number:03d}", "summary": summary, "encrypted_content": step.signature})
        if step.text:
            content = [{"type": "output_text", "text": step.text, "annotations": []}]
            output.append({"type": "message", "id": f"msg_{number:03d}", "role": "assistant", "status": "completed", "content": content})
        output += [self._call(call, place, number) for place, call in enumerate(step.calls)]
        usage = step.usage or USAGE
        short = step.stop in ("max_tokens", "refusal")
        reason = {"max_tokens": "max_output_tokens", "refusal": "content_filter"}.get(step.stop or "")
        whole: dict[str, Any] = {
            "id": f"resp_{number:06d}",
            "object": "response",
            "created_at": 1_700_000_000,
            "model": body["model"],
            "status": "incomplete" if short else "completed",
            "incomplete_details": {"reason": reason} if short else None,
            "output": output,
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": {
                "input_tokens": usage.prompt_tokens,
                "input_tokens_details": {"cached_tokens": usage.cache_read_tokens},
                "output_tokens": usage.output_tokens,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": usage.prompt_tokens + usage.output_tokens,
            },
        }
        return Answer(self._events(whole, output), whole)

    def _call(self, call: ScriptedCall, place: int, number: int) -> dict[str, Any]:
        id = call.id or f"call_r{number:03d}_{place}"
        made = {"type": "function_call", "id": f"fc_{number:03d}_{place}", "call_id": id, "name": call.name, "status": "completed"}
        return made | {"arguments": arguments_of(call)}

    def _events(self, whole: dict[str, Any], output: list[dict[str, Any]]) -> Iterator[bytes]:
        place = 0

        def named(kind: str, **fields: Any) -> bytes:
            nonlocal place
            place += 1
            return event({"type": kind, "sequence_number": place, **fields}, kind)

        yield named("response.created", response=whole | {"output": [], "status": "in_progress", "usage": None})
        for index, item in enumerate(output):
            empty = {"message": {"content": []}, "reasoning": {"summary": []}, "function_call": {"arguments": ""}}[item["type"]]
            yield named("response.output_item.added", output_index=index, item=item | empty)
            where = {"output_index": index, "item_id": item["id"]}
            if item["type"] == "message":
                for piece in cut(item["content"][0]["text"]):
                    yield named("response.output_text.delta", **where, content_index=0, delta=piece)
            elif item["type"] == "reasoning":
                for piece in cut("".join(part["text"] for part in item["summary"])):
                    yield named("response.reasoning_summary_text.delta", **where, summary_index=0, delta=piece)
            else:
                for piece in cut(item["arguments"], FRAGMENT):
                    yield named("response.function_call_arguments.delta", **where, delta=piece)
            yield named("response.output_item.done", output_index=index, item=item)
        yield named("response.completed" if whole["status"] == "completed" else "response.incomplete", response=whole)

    def failure(self, kind: ErrorKind | None, status: int | None, message: str) -> tuple[int, dict[str, Any]]:
        return OpenAI().failure(kind, status, message)
