"""Invariants of what is sent, over any history."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mltui.core.messages import AssistantMessage, Image, Message, Text, Thinking, ToolCall, ToolMessage, UserMessage
from mltui.models.base import ModelRequest
from mltui.models.conversation import ITEMS, REDACTED, Dialect, dialect_of, wire_id, wire_messages

CLAUDE = Dialect(cache_marks=True, signed_thinking=True, maker="claude", ids="[A-Za-z0-9_-]{1,64}")
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
    assert dialect_of("bedrock", "bedrock/amazon.nova-pro").maker == "bedrock"
    assert not dialect_of("openai", "openai/gpt-4o").signed_thinking
    assert dialect_of("deepseek", "deepseek/deepseek-reasoner").plain_thinking


PICTURE = Image(media_type="image/png", data="aGVsbG8=")
OPENAI = dialect_of("openai", "openai/gpt-4o")
BLIND = dialect_of("openai", "openai/gpt-3.5-turbo", sees=False)
URL = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVsbG8="}}


@given(st.text(min_size=1, max_size=80), st.sampled_from(["anthropic", "openai", "mistral", "gemini", "xai"]))
def test_every_id_fits_its_provider_and_stays_the_same(id: str, provider: str) -> None:
    dialect = dialect_of(provider, "x")
    sent = wire_id(id, dialect)
    assert dialect.ids is None or re.fullmatch(dialect.ids, sent)
    assert wire_id(id, dialect) == sent
    assert wire_id(sent, dialect) == sent


def test_calls_and_results_keep_together_under_other_ids() -> None:
    call = ToolCall(id="call|with/odd:signs and more than forty characters in it", name="Read")
    for dialect in (CLAUDE, OPENAI, dialect_of("mistral", "mistral/x")):
        _, asked, answered = wire([AssistantMessage(parts=(call,)), ToolMessage(call_id=call.id, name="Read", content="x")], dialect)
        assert asked["tool_calls"][0]["id"] == answered["tool_call_id"] != call.id


def test_sealed_thinking_goes_to_its_maker_alone() -> None:
    items = [{"type": "reasoning", "id": "rs_1", "encrypted_content": "abc"}]
    claude = AssistantMessage(parts=(Thinking(text="a", signature="c2ln", maker="claude"), Text(text="b")))
    openai = AssistantMessage(parts=(Thinking(text="c", signature=ITEMS + json.dumps(items), maker="openai"), Text(text="d")))
    assert [message["content"] for message in wire([claude, openai], OPENAI)[1:]] == ["b", "d"]
    assert [message.get("reasoning_items") for message in wire([claude, openai], OPENAI)[1:]] == [None, items]
    to_claude = wire([claude, openai], CLAUDE)
    assert to_claude[1]["content"][0] == {"type": "thinking", "thinking": "a", "signature": "c2ln"}
    assert to_claude[2]["content"] == [{"type": "text", "text": "d"}]
    assert "abc" not in json.dumps(to_claude)


def test_pictures_of_the_person() -> None:
    message = UserMessage(text="What is this?", images=(PICTURE,))
    assert wire([message], OPENAI)[1]["content"] == [URL, {"type": "text", "text": "What is this?"}]
    marked = wire([message], CLAUDE)[1]["content"]
    assert [("cache_control" in block) for block in marked] == [False, True]
    assert "cannot see it" in wire([message], BLIND)[1]["content"]


def test_pictures_of_results_stand_in_the_result_or_follow_all_results() -> None:
    calls = (ToolCall(id="a", name="Read"), ToolCall(id="b", name="Grep"))
    seen = ToolMessage(call_id="a", name="Read", content="a.png", images=(PICTURE,))
    results = (seen, ToolMessage(call_id="b", name="Grep", content="x"))
    history: list[Message] = [AssistantMessage(parts=calls), *results, UserMessage(text="Go on.")]
    assert wire(history, CLAUDE)[2]["content"] == [{"type": "text", "text": "a.png"}, URL]
    assert [message["role"] for message in wire(history, OPENAI)[2:]] == ["tool", "tool", "user", "user"]
    assert wire(history, OPENAI)[4]["content"] == [{"type": "text", "text": "(pictures from Read)"}, URL]
    assert wire(history[:-1], OPENAI) == wire(history, OPENAI)[:-1]
    assert "cannot see it" in wire(history, BLIND)[2]["content"]
