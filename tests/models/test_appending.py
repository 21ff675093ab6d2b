"""A request converted in steps is the one that LiteLLM makes of the whole conversation at once."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mltui.core.messages import AssistantMessage, Image, Message, Text, Thinking, ToolCall, ToolMessage, UserMessage
from mltui.models.appending import MARKER, Appending, NotSplicedError, SentBefore
from mltui.models.base import ModelRequest
from mltui.models.conversation import Dialect, dialect_of

from .contract import BASH, READ, answer_of, parts_of
from .served import IDS, Kind, both, serving
from .test_litellm import conversation

DIALECTS: dict[Kind, Dialect] = {kind: dialect_of(kind, IDS[kind]) for kind in ("anthropic", "openai")}
PICTURE = Image(media_type="image/png", data="aGVsbG8=")
words = st.text(max_size=8)
thoughts = st.builds(Thinking, text=words, signature=st.sampled_from([None, "c2ln", "redacted:x"]), maker=st.sampled_from(["", "openai"]))
OPERATIONS = ["step", "step", "step", "say", "again", "rewind", "compact", "switch", "tools", "system"]


def converted(kind: Kind, appending: Appending, request: ModelRequest) -> dict[str, Any]:
    """The body that goes to the provider, after LiteLLM's own conversion of what it is handed."""
    import litellm

    config: Any = litellm.AnthropicConfig() if kind == "anthropic" else litellm.OpenAIGPTConfig()
    tools = [{"name": tool.name} for tool in request.tools]
    body = config.transform_request(
        model=IDS[kind].partition("/")[2],
        messages=copy.deepcopy(appending.messages),
        optional_params={"tools": tools, "max_tokens": 9} if tools else {"max_tokens": 9},
        litellm_params={},
        headers={},
    )
    sent = appending.body(json.dumps(body))
    assert isinstance(sent, str)
    return json.loads(sent)


@st.composite
def answers(draw: st.DrawFn) -> list[Message]:
    """An answer, which may say nothing that can be sent, and what follows it."""
    parts: list[Any] = draw(st.lists(st.one_of(words.map(lambda text: Text(text=text)), thoughts), max_size=2))
    calls = [
        ToolCall(id=f"c|{draw(st.integers(0, 10**9))}", name="Read", arguments={"a": draw(words)}) for _ in range(draw(st.integers(0, 3)))
    ]
    pictures = st.sampled_from([(), (), (PICTURE,)])
    results = [
        ToolMessage(call_id=call.id, name=call.name, content=draw(words), is_error=draw(st.booleans()), images=draw(pictures))
        for call in draw(st.permutations(calls))
    ]
    return [AssistantMessage(parts=(*parts, *calls)), *(results or [UserMessage(text=draw(words), images=draw(pictures))])]


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(OPERATIONS), answers(), st.integers(0, 20)), min_size=5, max_size=14))
def test_in_steps_or_at_once(operations: list[tuple[str, list[Message], int]]) -> None:
    kind: Kind = "anthropic"
    before = {name: SentBefore(dialect) for name, dialect in DIALECTS.items()}
    history: list[Message] = [UserMessage(text="Start.")]
    tools, system = (READ, BASH), "system"
    for operation, said, number in operations:
        match operation:
            case "step":
                history = [*history, *said]
            case "say":
                history = [*history, UserMessage(text=f"and {number}")]
            case "rewind":
                history = history[: number % len(history) + 1]  # or cut in the middle of an answer
            case "compact":
                history = [UserMessage(text="summary"), *history[-(number % 3) or len(history) :]]
            case "switch":
                kind = "openai" if kind == "anthropic" else "anthropic"
            case "tools":
                tools = ((), (READ,), (READ, BASH))[number % 3]
            case "system":
                system = ("", "system", "another")[number % 3]
            case _:
                pass
        request = ModelRequest(system=system, messages=tuple(history), tools=tools)
        at_once = SentBefore(DIALECTS[kind]).next(request)
        assert converted(kind, before[kind].next(request), request) == converted(kind, at_once, request)


@both
def test_only_the_end_is_converted(kind: Kind) -> None:
    before = SentBefore(DIALECTS[kind])
    for request in conversation(9):
        appending = before.next(request)
        converted(kind, appending, request)
        assert len(appending.messages) <= 7  # system, marker, answer, two results, and at times a message of the person


@both
async def test_the_same_bytes_go_to_the_provider(kind: Kind) -> None:
    requests = conversation(7)
    async with serving(kind, []) as (model, provider):
        for request in [*requests, requests[3]]:
            await parts_of(model, request)
    for place, request in enumerate([*requests, requests[3]]):
        async with serving(kind, []) as (fresh, other):
            await parts_of(fresh, request)
        assert provider.requests[place].body == other.requests[0].body
        assert MARKER.encode() not in provider.requests[place].raw


@both
async def test_a_library_that_goes_another_way_gets_the_whole_conversation(kind: Kind) -> None:
    from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler  # pyright: ignore[reportMissingTypeStubs] (a namespace package)

    first, second, third = conversation(3)
    async with serving(kind, ["one", "from a part", "two", "three"]) as (model, provider):
        await parts_of(model, first)
        own, model._client = model._client, AsyncHTTPHandler()
        assert (await answer_of(model, second)).message.text == "two"
        assert (await answer_of(model, third)).message.text == "three"
        await model._client.close()
        model._client = own
    part, whole, last = provider.requests[1:]
    assert MARKER.encode() in part.raw
    assert MARKER.encode() not in whole.raw + last.raw
    assert len(whole.body["messages"]) > len(part.body["messages"]) - 1


def test_a_body_without_the_marker_is_not_sent() -> None:
    before = SentBefore(DIALECTS["openai"])
    first, second = conversation(2)
    converted("openai", before.next(first), first)
    appending = before.next(second)
    assert not appending.sent
    for messages in ([], [{"role": "user", "content": "x"}], [{"role": "system", "content": "another"}, appending.messages[1]]):
        with pytest.raises(NotSplicedError):
            appending.body(json.dumps({"messages": messages}))
    assert not appending.sent


def test_what_the_conversation_ends_with_is_looked_at_as_a_whole() -> None:
    """LiteLLM strips the end of a last answer, which is no longer the last in the next request."""
    before = SentBefore(DIALECTS["anthropic"])
    history = [UserMessage(text="Hello."), AssistantMessage(parts=(Text(text="Hello. "),)), UserMessage(text="Go on.")]
    for messages in (history[:1], history[:2], history):
        request = ModelRequest(system="", messages=tuple(messages), tools=(READ,))
        at_once = SentBefore(DIALECTS["anthropic"]).next(request)
        assert converted("anthropic", before.next(request), request) == converted("anthropic", at_once, request)
