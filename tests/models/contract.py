"""What every model must do, run against each implementation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from mltui.core.errors import AuthError, ContextOverflowError, ModelRequestError
from mltui.core.messages import AssistantMessage, ToolMessage, ToolSpec, UserMessage
from mltui.models.base import Answer, Model, ModelRequest, ReasoningPiece, Retry, StreamPart, TextPiece

READ = ToolSpec(
    name="Read",
    description="Reads a file.",
    parameters={"type": "object", "properties": {"file_path": {"type": "string"}}, "required": ["file_path"]},
)
BASH = ToolSpec(name="Bash", description="Runs a command.", parameters={"type": "object", "properties": {"command": {"type": "string"}}})
ASK = ModelRequest(system="You are an agent.", messages=(UserMessage(text="Read a.py and b.py."),), tools=(READ, BASH))
TWO_READS = [{"name": "Read", "arguments": {"file_path": "a.py"}}, {"name": "Read", "arguments": {"file_path": "b – ü.py"}}]


async def parts_of(model: Model, request: ModelRequest = ASK) -> list[StreamPart]:
    return [part async for part in model.stream(request)]


async def answer_of(model: Model, request: ModelRequest = ASK) -> Answer:
    answer = (await parts_of(model, request))[-1]
    assert isinstance(answer, Answer)
    return answer


class ModelContract:
    @asynccontextmanager
    async def model(self, script: list[Any]) -> AsyncIterator[Model]:
        """The model under test, answering with the script."""
        raise NotImplementedError
        yield

    async def test_streams_text_in_pieces_and_ends_with_the_whole_answer(self) -> None:
        text = "Here is a longer answer, with ümlauts and 漢字, in several pieces."
        async with self.model([text]) as model:
            *pieces, answer = await parts_of(model)
        assert len(pieces) > 2
        assert "".join(piece.text for piece in pieces if isinstance(piece, TextPiece)) == text
        assert isinstance(answer, Answer)
        assert answer.message.text == text
        assert answer.stop_reason == "end_turn"

    async def test_tool_calls_in_parallel(self) -> None:
        async with self.model([{"text": "Reading.", "calls": TWO_READS}]) as model:
            answer = await answer_of(model)
        calls = answer.message.tool_calls
        assert [(call.name, call.arguments) for call in calls] == [("Read", call["arguments"]) for call in TWO_READS]
        assert len({call.id for call in calls}) == 2
        assert all(call.id for call in calls)
        assert answer.stop_reason == "tool_use"
        assert answer.message.text == "Reading."

    async def test_a_call_without_arguments(self) -> None:
        async with self.model([{"calls": [{"name": "Bash", "arguments": {}}]}]) as model:
            (call,) = (await answer_of(model)).message.tool_calls
        assert (call.arguments, call.broken) == ({}, None)

    async def test_arguments_that_are_no_object_arrive_as_broken(self) -> None:
        for raw in ('{"file_path": "a.p', "[1, 2]"):
            async with self.model([{"calls": [{"name": "Read", "raw": raw}]}]) as model:
                (call,) = (await answer_of(model)).message.tool_calls
            assert (call.arguments, call.broken) == ({}, raw)

    async def test_usage_is_counted(self) -> None:
        usage = {"input_tokens": 70, "output_tokens": 12, "cache_read_tokens": 30}
        async with self.model([{"text": "ok", "usage": usage}, "ok"]) as model:
            first = (await answer_of(model)).usage
            second = (await answer_of(model)).usage
        assert (first.input_tokens, first.output_tokens, first.cache_read_tokens) == (70, 12, 30)
        assert first.prompt_tokens == 100
        assert second.prompt_tokens > 0
        assert second.output_tokens > 0

    async def test_a_cut_answer_says_so(self) -> None:
        async with self.model([{"text": "and then", "stop": "max_tokens"}]) as model:
            assert (await answer_of(model)).stop_reason == "max_tokens"

    async def test_thinking_comes_apart_from_text(self) -> None:
        async with self.model([{"thinking": "let me think about it", "signature": "c2ln", "text": "done"}]) as model:
            *pieces, answer = await parts_of(model)
        assert "".join(piece.text for piece in pieces if isinstance(piece, ReasoningPiece)) == "let me think about it"
        assert isinstance(answer, Answer)
        assert [part.type for part in answer.message.parts] == ["thinking", "text"]
        assert answer.message.text == "done"

    async def test_closing_the_stream_stops_it_and_the_model_goes_on_working(self) -> None:
        long = {"text": "word " * 200, "pause": 0.01}
        async with self.model([long, "next"]) as model:
            async with aclosing(model.stream(ASK)) as stream:  # type: ignore[type-var]
                assert isinstance(await anext(stream), TextPiece)
            assert (await answer_of(model)).message.text == "next"

    async def test_cancelling_the_task_stops_it(self) -> None:
        async with self.model([{"text": "word " * 200, "pause": 0.01}, "next"]) as model:
            started = asyncio.Event()

            async def consume() -> None:
                async for _ in model.stream(ASK):
                    started.set()

            task = asyncio.create_task(consume())
            await started.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await answer_of(model)).message.text == "next"

    async def test_a_forced_tool_is_called(self) -> None:
        request = ModelRequest(system=ASK.system, messages=ASK.messages, tools=ASK.tools, force_tool="Bash")
        async with self.model([{"calls": [{"name": "Bash", "arguments": {"command": "ls"}}]}]) as model:
            assert [call.name for call in (await answer_of(model, request)).message.tool_calls] == ["Bash"]

    async def test_a_conversation_with_results_goes_on(self) -> None:
        async with self.model([{"calls": TWO_READS}, {"expect": "content of b", "text": "Both read."}]) as model:
            answer = await answer_of(model)
            results = [
                ToolMessage(call_id=call.id, name=call.name, content=f"content of {letter}", is_error=False)
                for call, letter in zip(answer.message.tool_calls, "ab", strict=True)
            ]
            request = ModelRequest(system=ASK.system, messages=(*ASK.messages, answer.message, *results), tools=ASK.tools)
            assert (await answer_of(model, request)).message == AssistantMessage.model_validate(
                {"parts": [{"type": "text", "text": "Both read."}]}
            )

    @pytest.mark.parametrize(("kind", "error"), [("auth", AuthError), ("context", ContextOverflowError), ("request", ModelRequestError)])
    async def test_errors_that_no_retry_mends(self, kind: str, error: type[Exception]) -> None:
        async with self.model([{"error": kind}, "never asked for"]) as model:
            with pytest.raises(error):
                await parts_of(model)

    async def test_a_retry_voids_what_was_shown(self) -> None:
        async with self.model([self.failing_once("A first answer that is lost."), "The answer."]) as model:
            parts = await parts_of(model)
        retry = next(place for place, part in enumerate(parts) if isinstance(part, Retry))
        shown = "".join(part.text for part in parts[retry:] if isinstance(part, TextPiece))
        answer = parts[-1]
        assert isinstance(answer, Answer)
        assert shown == answer.message.text

    def failing_once(self, text: str) -> dict[str, Any]:
        """A step whose first try is lost after some of the text."""
        raise NotImplementedError

    async def test_closing_twice_is_safe(self) -> None:
        async with self.model(["ok"]) as model:
            await answer_of(model)
            await model.close()
            await model.close()
