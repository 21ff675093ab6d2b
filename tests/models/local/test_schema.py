"""A grammar admits what its schema admits, and no number without end."""

from __future__ import annotations

import json
import re
from decimal import Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mltui.models.local import ranges
from mltui.models.local.gbnf import Chars, Choice, Literal, Node, Repeat, Rule, Sequence
from mltui.models.local.schema import SchemaError, arguments_grammar, call_grammar


def regex(node: Node) -> str:
    """The node as a regular expression: a second reader of what the grammar means."""
    match node:
        case Literal(text):
            return re.escape(text)
        case Chars(spec):
            return f"[{spec}]"
        case Sequence(items):
            return "".join(regex(item) for item in items)
        case Choice(items):
            return f"(?:{'|'.join(regex(item) for item in items)})"
        case Repeat(item, low, high):
            return f"(?:{regex(item)}){{{low},{'' if high is None else high}}}"
        case Rule(name):
            raise AssertionError(f"a number needs no rule {name}")


def admits(node: Node, text: str) -> bool:
    return re.fullmatch(regex(node), text) is not None


integers = st.one_of(st.integers(-1200, 1200), st.integers(-(10**12), 10**12))


@given(integers, integers, st.one_of(integers, st.integers(-3, 3)))
def test_integers_of_a_range_and_no_others(low: int, high: int, near: int) -> None:
    low, high = min(low, high), max(low, high)
    node = ranges.integer(low, high)
    assert node is not None
    for number in (low, high, low - 1, high + 1, low + near, high + near, near, 0):
        assert admits(node, str(number)) == (low <= number <= high)
    assert not admits(node, f"0{abs(high)}")
    assert not admits(node, "")


@given(st.integers(0, 999), st.integers(0, 999))
@settings(max_examples=40)
def test_every_integer_of_a_small_range(low: int, high: int) -> None:
    low, high = min(low, high) - 300, max(low, high) - 300
    pattern = re.compile(regex(ranges.integer(low, high) or Literal("")))
    assert [number for number in range(-310, 710) if pattern.fullmatch(str(number))] == list(range(low, high + 1))


def test_an_empty_range_is_no_grammar() -> None:
    assert ranges.integer(3, 2) is None
    assert ranges.decimal(0.5, 0.5, open_low=True, open_high=True) is None


bounds = st.one_of(
    st.floats(-100, 100, allow_nan=False),
    st.sampled_from([0.0, 1e-5, 1e-3, 0.1, 0.5, 0.9, 1.0, 2.5, 10.0, 300.0, -0.25]),
    st.integers(-50, 50).map(float),
)


@settings(max_examples=300)
@given(bounds, bounds, st.decimals(-110, 110, places=4), st.booleans())
def test_decimals_of_a_range_and_no_others(low: float, high: float, number: Decimal, open_low: bool) -> None:
    low, high = min(low, high), max(low, high)
    node = ranges.decimal(low, high, open_low=open_low)
    assume(node is not None)
    assert node is not None
    pattern = re.compile(regex(node))
    places = ranges.EXTRA_PLACES + max(len(f"{Decimal(repr(bound)).normalize():f}".partition(".")[2]) for bound in (low, high))
    for candidate in (number, Decimal(repr(low)), Decimal(repr(high)), Decimal(repr(low)) + Decimal("0.0001"), Decimal(0)):
        text = f"{candidate.normalize():f}"
        inside = (low < float(text) if open_low else low <= float(text)) and float(text) <= high
        if not inside:
            assert not pattern.fullmatch(text), text
        elif len(text.partition(".")[2]) <= min(places, ranges.MAX_PLACES) and text != "-0":
            assert pattern.fullmatch(text), text


@given(bounds, bounds)
def test_a_number_has_no_more_digits_than_its_range_needs(low: float, high: float) -> None:
    node = ranges.decimal(min(low, high), max(low, high))
    assume(node is not None and low != high)
    assert node is not None
    pattern = re.compile(regex(node))
    assert not pattern.fullmatch("1." + "0" * (ranges.MAX_PLACES + 1))
    assert not pattern.fullmatch(f"{low:f}" + "0" * 30)


def test_the_grammar_of_one_change() -> None:
    schema = {
        "type": "object",
        "properties": {"lr": {"type": "number", "minimum": 0.1, "maximum": 0.9}, "optimizer": {"enum": ["adam", "sgd"]}},
        "minProperties": 1,
        "maxProperties": 1,
    }
    grammar = arguments_grammar(schema)
    assert 'root ::= " "? "{" r0 "}"' in grammar
    assert '("\\"lr\\": " "0"' in grammar
    assert '"\\"optimizer\\": " ("\\"adam\\"" | "\\"sgd\\"")' in grammar
    assert "," not in grammar.replace("{0,", "").replace("{1,", "")


def test_calls_are_of_the_tools_and_end_with_the_tag() -> None:
    grammar = call_grammar({"A": {"type": "object", "properties": {"x": {"type": "integer"}}}, "B": {"$ref": "#/nowhere"}})
    assert '"{\\"name\\": \\"A\\", \\"arguments\\": "' in grammar
    assert '"{\\"name\\": \\"B\\", \\"arguments\\": "' in grammar
    assert '"</tool_call>"' in grammar


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "object", "properties": {"a": {"type": "integer", "minimum": 3, "maximum": 2}}}, "no number"),
        ({"type": "object", "properties": {"a": {"enum": []}}}, "empty"),
        ({"type": "object", "properties": {"a": False}}, "admits no value"),
        ({"type": "object", "properties": {"a": {"$ref": "#/$defs/missing"}}}, "leads nowhere"),
        ({"type": "object", "properties": {"a": {"$ref": "https://example.com/s.json"}}}, "outside"),
        ({"$ref": "#"}, "back to itself"),
        ({"type": "object", "properties": {"a": {"type": "string", "minLength": 10**9}}}, "minLength"),
        ({"type": "object", "properties": {"a": {"type": "array", "minItems": 3, "maxItems": 2}}}, "maxItems"),
        ({"type": "object", "properties": {"a": True}, "minProperties": 2}, "as many properties"),
        ({"type": "object", "properties": {str(number): True for number in range(200)}}, "more than 100"),
        (json.loads('{"items": ' * 90 + "{}" + "}" * 90), "nested too deeply"),
    ],
    ids=["range", "enum", "false", "nowhere", "outside", "itself", "minLength", "maxItems", "minProperties", "many", "deep"],
)
def test_a_schema_that_cannot_be_met_is_named(schema: dict[str, object], words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        arguments_grammar(schema)  # pyright: ignore[reportArgumentType]
