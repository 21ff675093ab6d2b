"""Seeded faults around any model, to see that the rest of mltui survives them."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Literal, cast, get_args

from mltui.core.errors import ModelUnavailableError
from mltui.core.messages import AssistantMessage, AssistantPart, ToolCall, Usage
from mltui.models.base import Answer, Model, ModelInfo, ModelRequest, Retry, StreamPart

Fault = Literal["cut", "broken_json", "unknown_tool", "duplicate_call", "retry", "empty"]


class ChaosModel:
    """Does what `inner` does, with a fault in about `rate` of the answers. Same seed, same faults.

    `cut` streams half of the answer and raises ModelUnavailableError; `retry` streams half, yields `Retry` and
    starts over; the others change the answer: arguments that are no JSON, a tool that does not exist, a call
    made twice, nothing at all. A fault that needs a tool call leaves an answer without one as it is.
    """

    def __init__(self, inner: Model, seed: int, *, rate: float = 0.5, faults: tuple[Fault, ...] = get_args(Fault)) -> None:
        self._inner = inner
        self._random = random.Random(seed)  # noqa: S311 (no secret depends on it)
        self._rate = rate
        self._faults = faults
        self.injected: list[Fault] = []
        """The faults so far, in order."""

    @property
    def info(self) -> ModelInfo:
        return self._inner.info

    async def close(self) -> None:
        await self._inner.close()

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamPart]:
        fault = self._random.choice(self._faults) if self._random.random() < self._rate else None
        if fault:
            self.injected.append(fault)
        parts: list[StreamPart] = []
        # The whole answer is taken first, so that one request to a scripted model plays one step whatever happens to it.
        async with aclosing(cast("AsyncGenerator[StreamPart]", self._inner.stream(request))) as stream:
            async for part in stream:
                parts.append(part)
                if fault not in ("cut", "retry", "empty") and not isinstance(part, Answer):
                    yield part
        half = [part for part in parts if not isinstance(part, Answer)][: len(parts) // 2]
        if fault in ("cut", "retry"):
            for part in half:
                yield part
        if fault == "cut":
            raise ModelUnavailableError("the answer was cut in the middle (injected)")
        if fault == "retry":
            yield Retry(attempt=1, delay=0.0, error="the answer was cut in the middle (injected)")
            for part in parts[:-1]:
                yield part
        answer = parts[-1]
        if isinstance(answer, Answer):
            yield self._changed(answer, fault)

    def _changed(self, answer: Answer, fault: Fault | None) -> Answer:
        if fault == "empty":
            return Answer(message=AssistantMessage(), usage=Usage(input_tokens=answer.usage.input_tokens), stop_reason="end_turn")
        calls = answer.message.tool_calls
        if not calls:
            return answer
        victim = self._random.choice(calls)
        parts: list[AssistantPart] = []
        for part in answer.message.parts:
            parts.extend(_faulty(part, fault) if part is victim else (part,))
        return replace(answer, message=AssistantMessage(parts=tuple(parts)))


def _faulty(part: AssistantPart, fault: Fault | None) -> tuple[AssistantPart, ...]:
    if not isinstance(part, ToolCall):
        return (part,)
    if fault == "broken_json":
        return (ToolCall(id=part.id, name=part.name, broken='{"file_path": "unfinis'),)
    if fault == "unknown_tool":
        return (part.model_copy(update={"name": f"{part.name}Plus"}),)
    if fault == "duplicate_call":
        return (part, part.model_copy(update={"id": f"{part.id}_again"}))
    return (part,)
