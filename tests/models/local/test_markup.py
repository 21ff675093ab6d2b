"""Text, thoughts and calls come out the same however the output was cut into pieces."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mltui.models.local.markup import CallEnded, Chunk, MarkupParser, StopText, TextChunk, ThoughtChunk, parse_call

CALL = '<tool_call>\n{"name": "Read", "arguments": {"file_path": "a.py"}}\n</tool_call>'


def parse(pieces: list[str], *, tools: bool = True, thinking: bool = False) -> list[tuple[str, str]]:
    """What came out, neighbours of one kind joined."""
    parser = MarkupParser(tools=tools, thinking=thinking)
    out: list[tuple[str, str]] = []
    for chunk in [*(chunk for piece in pieces for chunk in parser.feed(piece)), *parser.finish()]:
        kind, text = _shown(chunk)
        if kind == "":
            continue
        if out and out[-1][0] == kind and kind in ("text", "thought"):
            out[-1] = (kind, out[-1][1] + text)
        else:
            out.append((kind, text))
    return out


def _shown(chunk: Chunk) -> tuple[str, str]:
    match chunk:
        case TextChunk(text):
            return "text", text
        case ThoughtChunk(text):
            return "thought", text
        case CallEnded(raw, complete):
            return ("call" if complete else "broken"), raw
        case _:
            return "", ""


def body(text: str) -> str:
    return text.removeprefix("<tool_call>\n").removesuffix("\n</tool_call>")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("just text", [("text", "just text")]),
        ("  spaced\n", [("text", "  spaced\n")]),
        (f"Sure.\n{CALL}", [("text", "Sure.\n"), ("call", body(CALL))]),
        (f"{CALL}\n{CALL} done", [("call", body(CALL)), ("call", body(CALL)), ("text", "done")]),
        ("a < b and <tool", [("text", "a < b and <tool")]),
        ("<think>\nhm</think>\n\nYes", [("thought", "\nhm"), ("text", "\n\nYes")]),
        ("so <think> is a word", [("text", "so <think> is a word")]),
        ("<think>never ended", [("thought", "never ended")]),
        (
            '<tool_call>{"name": "W", "arguments": {"t": "</tool_call> }"}}',
            [("call", '{"name": "W", "arguments": {"t": "</tool_call> }"}}')],
        ),
        ('<tool_call>{"name": "W", "arguments": {"t": "\\""}}x', [("call", '{"name": "W", "arguments": {"t": "\\""}}'), ("text", "x")]),
        ('<tool_call>{"name": "W", "argu', [("broken", '{"name": "W", "argu')]),
        ("<tool_call>Read a.py</tool_call> ok", [("broken", "Read a.py"), ("text", " ok")]),
        ("<tool_call>", [("broken", "")]),
    ],
    ids=str,
)
def test_tells_text_thoughts_and_calls_apart(text: str, expected: list[tuple[str, str]]) -> None:
    assert parse([text]) == expected
    assert parse(list(text)) == expected


def test_without_tools_a_call_is_text() -> None:
    assert parse([CALL], tools=False) == [("text", CALL)]


def test_a_prompt_that_opened_a_thought() -> None:
    assert parse(["so", "</thi", "nk>x"], thinking=True) == [("thought", "so"), ("text", "x")]


def test_text_that_cannot_become_a_marker_is_not_held_back() -> None:
    parser = MarkupParser(tools=True)
    assert parser.feed("Hello <") == [TextChunk("Hello ")]
    assert parser.feed("b> <tool_") == [TextChunk("<b> ")]


@given(st.lists(st.sampled_from(["<|im_end|>", "<|im", "_end|>", "<", "|", "text", "é"]), max_size=12), st.data())
def test_a_stop_text_ends_the_output(parts: list[str], data: st.DataObject) -> None:
    whole = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    stop, out = StopText("<|im_end|>"), ""
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        out += stop.feed(whole[start:end])
        if stop.reached:
            break
    assert out + stop.finish() == whole.partition("<|im_end|>")[0]
    assert stop.reached == ("<|im_end|>" in whole)


fragments = st.sampled_from(
    [
        "<tool_call>",
        "</tool_call>",
        "<think>",
        "</think>",
        "<tool",
        "_call>",
        "<",
        ">",
        "{",
        "}",
        '"',
        "\\",
        "[",
        "]",
        "\n",
        " ",
        "é",
        "text",
        CALL,
    ]
)


@given(st.lists(st.one_of(fragments, st.text(max_size=5)), max_size=20), st.data(), st.booleans())
def test_how_it_was_cut_does_not_matter(parts: list[str], data: st.DataObject, thinking: bool) -> None:
    whole = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=12)))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert parse(pieces, thinking=thinking) == parse([whole], thinking=thinking)


values = st.recursive(
    st.none() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=60)
@given(st.dictionaries(st.text(max_size=8), values, max_size=3))
def test_any_arguments_survive(arguments: dict[str, object]) -> None:
    raw = json.dumps({"name": "T", "arguments": arguments})
    assert parse([f"<tool_call>{raw}</tool_call>"]) == [("call", raw)]
    assert parse_call(raw) == ("T", arguments, None)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ('{"name": "T", "parameters": {"a": 1}}', ("T", {"a": 1}, None)),
        ('{"name": "T", "arguments": "{\\"a\\": 1}"}', ("T", {"a": 1}, None)),
        ('{"name": "T"}', ("T", {}, None)),
        ('{"name": "T", "arguments": [1]}', ("T", {}, '{"name": "T", "arguments": [1]}')),
        ('{"name": "T", "arguments": {"a": 1e999}}', ("T", {}, '{"name": "T", "arguments": {"a": 1e999}}')),
        ('{"name": "T", "arguments": {"a": ', ("T", {}, '{"name": "T", "arguments": {"a": ')),
        ("nonsense", ("", {}, "nonsense")),
        ("[" * 100_000, ("", {}, "[" * 100_000)),
    ],
    ids=["parameters", "as-text", "none", "list", "infinite", "cut", "nonsense", "deep"],
)
def test_calls_in_other_spellings_and_broken_ones(raw: str, expected: tuple[str, dict[str, object], str | None]) -> None:
    assert parse_call(raw) == expected
