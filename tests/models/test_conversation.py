"""Invariants of what is sent, over any history."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mltui.core.messages import AssistantMessage, Message, Text, Thinking, ToolCall, ToolMessage, UserMessage
from mltui.models.base import ModelRequest
from mltui.models.conversation import REDACTED, Dialect, dialect_of, wire_messages

CLAUDE = Dialect(cache_marks=True, signed_thinking=True)
DIALECTS = st.sampled_from([Dialect(), CLAUDE, Dialect(plain_thinking=True)])
words = st.text(max_size=12)
PROSE = st.one_of(st.builds(Text, text=words), st.builds(Thinking, text=words, signature=st.sampled_from([None, "c2ln"])))


@st.composite
def histories(draw: st.DrawFn) -> list[list[Message]]:
    """Turns; each ends where a request may be sent: after a user's message or after all results of an answer."""
    turns: list[list[Message]] = [[UserMessage(text=draw(words))]]
    for turn in range(draw(st.integers(0, 6))):
        prose = st.one_of(
            words.map(lambda text: Text(text=text)), st.builds(Thinking, text=words, signature=st.sampled_from([None, "c2ln"]))
        )
        parts: list[Any] = draw(st.lists(prose, max_size=3))
        calls = [
            ToolCall(
                id=f"c{turn}_{n}", name="Read", arguments={"file_path": draw(words)}, broken=draw(st.sampled_from([None, None, '{"a']))
            )
            for n in range(draw(st.integers(0, 3)))
        ]
        results = [ToolMessage(call_id=call.id, name=call.name, content=draw(words)) for call in draw(st.permutations(calls))]
        follow: list[Message] = [*results] if results else [UserMessage(text=draw(words))]
        turns.append([AssistantMessage(parts=(*parts, *calls)), *follow])
    return turns


def wire(messages: list[Message], dialect: Dialect) -> list[dict[str, Any]]:
    return wire_messages(ModelRequest(system="system", messages=tuple(messages)), dialect)


def bare(value: Any) -> Any:
    """Without marks, and with a block of text in the same form whether it was marked or not."""
    if isinstance(value, dict):
        return {key: bare(inner) for key, inner in value.items() if key != "cache_control"}
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict) and "cache_control" in value[0]:
        return value[0]["text"]
    return [bare(inner) for inner in value] if isinstance(value, list) else value


@given(histories(), DIALECTS)
def test_each_request_begins_with_the_one_before(turns: list[list[Message]], dialect: Dialect) -> None:
    history: list[Message] = []
    before: list[Any] = []
    for turn in turns:
        history += turn
        sent = bare(wire(history, dialect))
        assert sent[: len(before)] == before
        before = sent


@given(histories(), DIALECTS)
def test_every_call_is_valid_and_followed_by_its_result_in_order(turns: list[list[Message]], dialect: Dialect) -> None:
    sent = wire([message for turn in turns for message in turn], dialect)
    for place, message in enumerate(sent):
        ids = [call["id"] for call in message.get("tool_calls", ())]
        assert [later["tool_call_id"] for later in sent[place + 1 : place + 1 + len(ids)]] == ids
        for call in message.get("tool_calls", ()):
            assert isinstance(json.loads(call["function"]["arguments"]), dict)


@given(histories())
def test_claude_gets_at_most_two_marks_in_the_history_and_only_signed_thinking(turns: list[list[Message]]) -> None:
    _, *sent = wire([message for turn in turns for message in turn], CLAUDE)
    assert json.dumps(sent).count('"cache_control"') <= 2
    for message in sent:
        blocks = message["content"] if isinstance(message["content"], list) else []
        assert all(block.get("signature") for block in blocks if block["type"] == "thinking")
        assert all(block["text"] for block in blocks if block["type"] == "text")
        assert message["role"] != "assistant" or message["content"] or message["tool_calls"]


def test_thinking_keeps_its_place_between_texts() -> None:
    parts = (
        Thinking(text="a", signature="1"),
        Text(text="b"),
        Thinking(text="", signature=f"{REDACTED}xyz"),
        Thinking(text="", signature="2"),
        Text(text="c"),
    )
    (_, message) = wire([AssistantMessage(parts=parts)], CLAUDE)
    assert message["content"] == [
        {"type": "thinking", "thinking": "a", "signature": "1"},
        {"type": "text", "text": "b"},
        {"type": "redacted_thinking", "data": "xyz"},
        {"type": "thinking", "thinking": "", "signature": "2"},
        {"type": "text", "text": "c"},
    ]


def test_dialects() -> None:
    assert dialect_of("anthropic", "anthropic/claude-sonnet-4-5") == CLAUDE
    assert dialect_of("bedrock", "bedrock/anthropic.claude-sonnet-4-5") == CLAUDE
    assert dialect_of("bedrock", "bedrock/amazon.nova-pro") == Dialect()
    assert dialect_of("openai", "openai/gpt-4o") == Dialect()
    assert dialect_of("deepseek", "deepseek/deepseek-reasoner").plain_thinking
