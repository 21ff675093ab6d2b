"""What the agent needs of a model: messages and tool specs in, a stream of parts out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mltui.core.messages import AssistantMessage, Message, StopReason, ToolSpec, Usage


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is known of a model before it is asked anything.

    Attributes:
        id: as the person or the configuration named it, resolved (`anthropic/claude-sonnet-4-5`, a path, `scripted:demo`).
        context_window: tokens of prompt and answer together, or None when unknown.
        max_output_tokens: the most tokens of one answer, or None when unknown.
        sees: whether it takes images.
        effort: how hard it was told to think; empty: as its maker decides.
        note: what the person should know about it, such as that it cannot reason; or empty.
    """

    id: str
    context_window: int | None = None
    max_output_tokens: int | None = None
    note: str = ""
    sees: bool = False
    effort: str = ""

    @property
    def author(self) -> str:
        """Its name in the journal: `model:ID`, for a file without its folder."""
        return f"model:{Path(self.id).name if self.id.lower().endswith('.gguf') else self.id}"


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One request. Each request of a session only appends to the one before it.

    Attributes:
        force_tool: the name of the tool that the answer must call, or None for a free answer.
    """

    system: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    force_tool: str | None = None


@dataclass(frozen=True, slots=True)
class TextPiece:
    text: str


@dataclass(frozen=True, slots=True)
class ReasoningPiece:
    text: str


@dataclass(frozen=True, slots=True)
class Retry:
    """A try failed, another follows after `delay` seconds; what was streamed of this answer is void."""

    attempt: int
    delay: float
    error: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The whole answer; always the last part of a stream that did not raise."""

    message: AssistantMessage
    usage: Usage
    stop_reason: StopReason


@dataclass(frozen=True, slots=True)
class Switch:
    """Another model answers from here to the end of the turn; what was streamed of this answer is void."""

    info: ModelInfo
    reason: str


StreamPart = TextPiece | ReasoningPiece | Retry | Switch | Answer


class Model(Protocol):
    @property
    def info(self) -> ModelInfo: ...

    def stream(self, request: ModelRequest) -> AsyncIterator[StreamPart]:
        """Streams the answer to a request.

        Closing the iterator (or cancelling the task) stops the generation at once.

        Raises:
            AuthError, ContextOverflowError, ModelRequestError, ModelUnavailableError: see `core.errors`.
        """
        ...

    async def close(self) -> None:
        """Releases connections, processes and memory. Safe to call twice."""
        ...
