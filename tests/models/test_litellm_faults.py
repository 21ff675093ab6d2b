"""What goes wrong on the wire: retries, time-outs, cuts, closing."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from mltui.core.errors import ModelUnavailableError
from mltui.models.backoff import RetryPolicy
from mltui.models.base import Answer, Retry, TextPiece
from tests.servers.provider import Provider

from .contract import ASK, parts_of
from .served import FAST, IDS, Kind, both, connect, serving


@both
@pytest.mark.parametrize(
    "fault",
    [
        {"error": "unavailable"},
        {"status": 429},
        {"status": 500},
        {"text": "half of an answer that is lost", "cut_after": 4},
        {"text": "half of an answer that is lost", "cut_after": 4, "clean_cut": True},
        {"text": "answer", "garbage": True},
    ],
    ids=["overloaded", "rate limit", "server error", "cut", "cut in order", "garbage"],
)
async def test_tries_again(kind: Kind, fault: dict[str, Any]) -> None:
    async with serving(kind, [fault, fault, "the answer"]) as (model, provider):
        parts = await parts_of(model)
    assert [part.attempt for part in parts if isinstance(part, Retry)] == [1, 2]
    answer = parts[-1]
    assert isinstance(answer, Answer)
    assert answer.message.text == "the answer"
    assert len(provider.requests) == 3


async def test_an_end_that_the_wrapper_made_up_is_a_cut() -> None:
    fault = {"text": "half of an answer that is lost", "cut_after": 4, "clean_cut": True}
    async with serving("openai", [fault, "the answer"], settings={"id": "xai/grok-4"}) as (model, _):
        parts = await parts_of(model)
    assert sum(isinstance(part, Retry) for part in parts) == 1


@both
async def test_gives_up_after_the_last_try(kind: Kind) -> None:
    async with serving(kind, [{"error": "unavailable"}] * 9) as (model, provider):
        with pytest.raises(ModelUnavailableError, match=kind):
            await parts_of(model)
    assert len(provider.requests) == FAST.tries


@both
async def test_waits_as_long_as_the_provider_asks(kind: Kind) -> None:
    async with serving(kind, [{"status": 429, "retry_after": 0.3}, "ok"]) as (model, provider):
        retry = (await parts_of(model))[0]
    assert isinstance(retry, Retry)
    assert retry.delay >= 0.3
    assert provider.requests[1].at - provider.requests[0].at >= 0.3


@both
async def test_does_not_wait_for_longer_than_the_policy_allows(kind: Kind) -> None:
    async with serving(kind, [{"status": 429, "retry_after": 3600}]) as (model, provider):
        with pytest.raises(ModelUnavailableError) as raised:
            await parts_of(model)
    assert raised.value.retry_after == 3600
    assert len(provider.requests) == 1


@both
async def test_a_silent_stream_ends(kind: Kind) -> None:
    from mltui.models.litellm_model import Timeouts

    options = {"timeouts": Timeouts(idle=0.2), "retry": RetryPolicy(tries=1)}
    async with serving(kind, [{"text": "hello", "hang": 30}], **options) as (model, _):
        with pytest.raises(ModelUnavailableError):
            await parts_of(model)


@both
async def test_a_response_that_never_begins_ends(kind: Kind) -> None:
    from mltui.models.litellm_model import Timeouts

    options = {"timeouts": Timeouts(first=0.2), "retry": RetryPolicy(tries=1)}
    async with serving(kind, [{"text": "hello", "delay": 30}], **options) as (model, _):
        with pytest.raises(ModelUnavailableError, match=r"within 0\.2 s"):
            await parts_of(model)


@both
async def test_no_server_at_all(kind: Kind) -> None:
    with Provider() as provider:
        pass
    model = connect(provider, kind)
    with pytest.raises(ModelUnavailableError):
        await parts_of(model)
    await model.close()


@pytest.mark.parametrize("id", [*IDS.values(), "xai/grok-4", "hosted_vllm/qwen"])
async def test_closing_the_stream_ends_the_request_at_the_provider(id: str) -> None:
    kind: Kind = "anthropic" if id.startswith("anthropic") else "openai"
    async with serving(kind, [{"text": "word " * 400, "pause": 0.01}], settings={"id": id}) as (model, provider):
        async with aclosing(model.stream(ASK)) as stream:
            async for part in stream:
                if isinstance(part, TextPiece):
                    break
        for _ in range(200):
            if provider.disconnects:
                break
            await asyncio.sleep(0.01)
        assert provider.disconnects == 1
