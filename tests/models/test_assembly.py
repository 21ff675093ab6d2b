"""Answers from deltas, in every way that servers cut them."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltui.core.errors import ModelUnavailableError
from mltui.core.messages import Text, Thinking, ToolCall
from mltui.models.assembly import Assembler
from mltui.models.base import ReasoningPiece, TextPiece
from mltui.models.conversation import REDACTED


def delta(**fields: Any) -> Any:
    return SimpleNamespace(**({"content": None, "tool_calls": None} | fields))


def fragment(index: int | None, arguments: str | None, *, id: str | None = None, name: str | None = None) -> Any:
    return delta(tool_calls=[SimpleNamespace(index=index, id=id, function=SimpleNamespace(name=name, arguments=arguments))])


def assembled(*deltas: Any) -> Assembler:
    answer = Assembler()
    for each in deltas:
        list(answer.add(each))
    return answer


json_objects = st.dictionaries(st.text(max_size=5), st.one_of(st.text(max_size=20), st.integers(), st.booleans(), st.none()), max_size=4)


@given(st.lists(json_objects, min_size=1, max_size=4), st.data())
def test_interleaved_fragments_come_to_the_same_calls(calls: list[dict[str, Any]], data: st.DataObject) -> None:
    pieces: list[list[Any]] = []
    for index, arguments in enumerate(calls):
        text = json.dumps(arguments)
        cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(text) - 1)), max_size=4)))
        parts = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        start = [fragment(index, "", id=f"id{index}", name="Read")]
        pieces.append(start + [fragment(index, part) for part in parts])
    deltas = [each.pop(0) for each in pieces]  # calls begin in order, then their fragments mix
    while any(pieces):
        deltas.append(data.draw(st.sampled_from([each for each in pieces if each])).pop(0))
    message = assembled(*deltas).message
    assert [(call.id, call.arguments) for call in message.tool_calls] == [(f"id{n}", arguments) for n, arguments in enumerate(calls)]


def test_servers_that_give_every_call_the_same_index_or_none() -> None:
    for index in (0, None):
        answer = assembled(
            fragment(index, '{"a":', id="x", name="Read"),
            fragment(index, " 1}"),
            fragment(index, '{"b": 2}', id="y", name="Bash"),
        )
        assert [(call.id, call.name, call.arguments) for call in answer.message.tool_calls] == [
            ("x", "Read", {"a": 1}),
            ("y", "Bash", {"b": 2}),
        ]


def test_an_id_that_is_repeated_in_every_fragment_is_one_call() -> None:
    answer = assembled(fragment(0, '{"a":', id="x", name="Read"), fragment(0, " 1}", id="x", name="Read"))
    assert [(call.name, call.arguments) for call in answer.message.tool_calls] == [("Read", {"a": 1})]


def test_two_calls_with_one_id_are_told_apart() -> None:
    calls = assembled(fragment(0, "{}", id="x", name="Read"), fragment(1, "{}", id="x", name="Read")).message.tool_calls
    assert len({call.id for call in calls}) == 2


@pytest.mark.parametrize("text", ["{", "null", "3", '"a"', "[{}]", "{'a': 1}", '{"a": "\\ud800"}', '{"a":' * 5000])
def test_arguments_that_are_no_object(text: str) -> None:
    (call,) = assembled(fragment(0, text, id="x", name="Read")).message.tool_calls
    assert (call.arguments, call.broken) == ({}, text)


@pytest.mark.parametrize("text", ["", "  ", None, "{}"])
def test_no_arguments(text: str | None) -> None:
    (call,) = assembled(fragment(0, text, id="x", name="Read")).message.tool_calls
    assert call == ToolCall(id="x", name="Read")


def test_thinking_blocks_end_with_their_signature() -> None:
    def block(**fields: str) -> Any:
        return delta(thinking_blocks=[{"type": "thinking"} | fields], reasoning_content=fields.get("thinking", ""))

    answer = assembled(
        block(thinking="a"),
        block(thinking="b"),
        block(thinking="", signature="S1"),
        block(thinking="c"),
        block(thinking="", signature="S2"),
        delta(content="text"),
        delta(thinking_blocks=[{"type": "redacted_thinking", "data": "D"}]),
    )
    assert answer.message.parts == (
        Thinking(text="ab", signature="S1"),
        Thinking(text="c", signature="S2"),
        Text(text="text"),
        Thinking(text="", signature=f"{REDACTED}D"),
    )


def test_pieces_are_shown_as_they_come() -> None:
    answer = Assembler()
    shown = [piece for each in (delta(reasoning_content="hm"), delta(content=""), delta(content="yes")) for piece in answer.add(each)]
    assert shown == [ReasoningPiece("hm"), TextPiece("yes")]


def test_a_character_torn_in_two_is_mended() -> None:
    answer = assembled(delta(content="ok \ud83d"), delta(content="\ude00!"), delta(content="\ud800"))
    assert answer.message.text == "ok 😀!�"


@pytest.mark.parametrize(
    ("reason", "call", "expected"),
    [
        ("stop", False, "end_turn"),
        ("stop", True, "tool_use"),
        ("tool_calls", True, "tool_use"),
        ("tool_calls", False, "end_turn"),
        ("length", True, "max_tokens"),
        ("content_filter", False, "refusal"),
    ],
)
def test_stop_reasons(reason: str, call: bool, expected: str) -> None:
    answer = assembled(*([fragment(0, "{}", id="x", name="Read")] if call else []))
    answer.finish(None)
    answer.finish(reason)
    answer.finish("stop")
    assert answer.stop_reason == expected


def test_an_answer_without_an_end_was_cut() -> None:
    with pytest.raises(ModelUnavailableError, match="cut"):
        _ = assembled(delta(content="and th")).stop_reason
