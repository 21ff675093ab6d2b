"""Events as the JSON lines that Claude Code's parsers read, with our own `system` subtypes beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mltui.core.approval import ExperimentRequest
from mltui.core.events import (
    ApprovalRequested,
    ContextCompacted,
    Event,
    ExperimentConcluded,
    ExperimentDecided,
    ExperimentFinished,
    ExperimentProgressed,
    ExperimentProposed,
    ExperimentStarted,
    MessageCompleted,
    ModelChanged,
    ModelRetrying,
    Notice,
    ReasoningDelta,
    SessionStarted,
    TextDelta,
    ToolCompleted,
)
from mltui.core.messages import AssistantPart, Text, Thinking, ToolSpec, Usage

Line = dict[str, Any]


def init(head: SessionStarted, mode: str, sandbox: str, tools: Sequence[ToolSpec], servers: Sequence[tuple[str, str]] = ()) -> Line:
    """Args: tools: what is offered now; servers: name and state of each MCP server."""
    return {
        "type": "system",
        "subtype": "init",
        "session_id": head.session_id,
        "cwd": head.cwd,
        "tools": [tool.name for tool in tools],
        "mcp_servers": [{"name": name, "status": "connected" if state == "ready" else state} for name, state in servers],
        "model": head.model,
        "permissionMode": mode,
        "sandbox": sandbox,
        "persona": head.persona,
        "version": head.version,
    }


def usage(value: Usage) -> Line:
    return {
        "input_tokens": value.input_tokens,
        "output_tokens": value.output_tokens,
        "cache_read_input_tokens": value.cache_read_tokens,
        "cache_creation_input_tokens": value.cache_write_tokens,
    }


def _block(part: AssistantPart) -> Line:
    match part:
        case Text():
            return {"type": "text", "text": part.text}
        case Thinking():
            return {"type": "thinking", "thinking": part.text, "signature": part.signature or ""}
        case _:
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": part.arguments}


def line(event: Event, session_id: str, partial: bool) -> Line | None:
    """The line of an event, or None for an event that has none."""
    body = _conversation(event, partial) or _system(event)
    if body is None:
        return None
    return {**body, "session_id": session_id} | ({"parent_tool_use_id": None} if body["type"] != "system" else {})


def _conversation(event: Event, partial: bool) -> Line | None:
    match event:
        case MessageCompleted():
            return {
                "type": "assistant",
                "message": {
                    "type": "message",
                    "role": "assistant",
                    "model": event.model,
                    "content": [_block(part) for part in event.message.parts],
                    "stop_reason": event.stop_reason,
                    "usage": usage(event.usage),
                },
            }
        case ToolCompleted():
            block = {"type": "tool_result", "tool_use_id": event.call_id, "content": event.content, "is_error": event.is_error}
            return {"type": "user", "message": {"role": "user", "content": [block]}}
        case TextDelta() if partial:
            return _delta({"type": "text_delta", "text": event.text})
        case ReasoningDelta() if partial:
            return _delta({"type": "thinking_delta", "thinking": event.text})
        case _:
            return None


def _delta(delta: Line) -> Line:
    return {"type": "stream_event", "event": {"type": "content_block_delta", "index": 0, "delta": delta}}


def _system(event: Event) -> Line | None:
    match event:
        case ModelRetrying():
            return _named("api_retry", attempt=event.attempt, retry_delay_ms=round(event.delay * 1000), error=event.error)
        case ModelChanged():
            return _named("model_changed", **event.model_dump(mode="json", exclude={"type", "at"}))
        case ExperimentProposed(proposal=proposal):
            return _named("experiment_proposed", experiment=proposal.model_dump(mode="json"))
        case ApprovalRequested(request=ExperimentRequest() as request):
            return _named("approval_required", experiment_id=request.proposal.id, proposal_hash=request.proposal.hash)
        case ExperimentDecided():
            return _named("experiment_decided", experiment_id=event.proposal_id, answer=event.answer, by=event.by, reason=event.reason)
        case ExperimentStarted():
            return _named("job_started", experiment_id=event.proposal_id, job=event.job, runs=event.runs)
        case ExperimentProgressed():
            return _named("experiment_progressed", **event.model_dump(mode="json", exclude={"type", "at"}))
        case ExperimentFinished():
            return _named("job_finished", **event.model_dump(mode="json", exclude={"type", "at"}))
        case ExperimentConcluded():
            return _named("experiment_concluded", **event.model_dump(mode="json", exclude={"type", "at"}))
        case ContextCompacted():
            tokens = {"pre_tokens": event.tokens_before, "post_tokens": event.tokens_after}
            trigger = "manual" if event.trigger == "asked" else "auto"
            return _named("compact_boundary", compact_metadata={"trigger": trigger, **tokens})
        case Notice():
            return _named("notice", level=event.level, text=event.text)
        case _:
            return None


def _named(subtype: str, **fields: Any) -> Line:
    return {"type": "system", "subtype": subtype, **fields}
