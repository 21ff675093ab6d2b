"""Tokens in, tokens out, on the real library and the real small model."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

pytestmark = pytest.mark.local


@pytest.fixture(scope="module")
def stop() -> dict[str, bool]:
    return {"now": False}


@pytest.fixture(scope="module")
def engine(smollm2: Path, stop: dict[str, bool]) -> Iterator[Any]:
    pytest.importorskip("llama_cpp.llama_cpp")
    from mltui.models.local.engine import Engine

    engine = Engine(str(smollm2), 1024, 0, lambda: stop["now"], plain=True)
    engine.set_threads(1)
    return engine


def prompt(engine: Any, *parts: tuple[str, bool]) -> list[int]:
    from mltui.models.local.specials import Segment

    return engine.prompt_tokens([Segment(text, literal) for text, literal in parts])


def test_every_piece_is_whole(engine: Any) -> None:
    """Some tokens are long runs of spaces; a short buffer would lose them without a word."""
    indent = "x" + "\n" + " " * 79 + "y"
    tokens = engine.tokenize(indent, special=False)
    assert max(len(engine.piece(token)) for token in tokens) > 32
    assert b"".join(engine.piece(token) for token in tokens).decode() == indent


def test_utf8_over_token_borders(engine: Any) -> None:
    text = "naïve 語彙 🦜 done"
    tokens = engine.tokenize(text, special=False)
    pieces = [engine.piece(token) for token in tokens]
    assert any(_broken(piece) for piece in pieces)
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    assert "".join(decoder.decode(piece) for piece in pieces) == text


def _broken(piece: bytes) -> bool:
    try:
        piece.decode()
    except UnicodeDecodeError:
        return True
    return False


def test_control_tokens_only_where_the_template_wrote_them(engine: Any) -> None:
    (end,) = engine.tokenize("<|im_end|>", special=True)
    assert engine.is_control(end) and engine.is_end(end)
    assert end in prompt(engine, ("hi<|im_end|>", False))
    assert end not in prompt(engine, ("hi", False), ("<|im_end|>", True))


def test_only_new_tokens_are_computed(engine: Any) -> None:
    first = prompt(engine, ("<|im_start|>user\nCount: one two three<|im_end|>\n", False))
    engine.prefill(first)
    longer = prompt(engine, ("<|im_start|>user\nCount: one two three<|im_end|>\n<|im_start|>assistant\n", False))
    assert longer[: len(first)] == first
    assert engine.prefill(longer) == len(first)
    assert engine.prefill(longer) == len(longer) - 1
    assert engine.cached_tokens == len(longer)


def test_sampled_tokens_are_kept_as_they_were_sampled(engine: Any) -> None:
    """`Hel` + `lo` was sampled; the text `Hello` alone would be one token."""
    start = prompt(engine, ("<|im_start|>assistant\n", False))
    sampled = engine.tokenize("H", special=False) + engine.tokenize("ello", special=False)
    assert engine.tokenize("Hello", special=False) != sampled
    engine.prefill(start)
    for token in sampled:
        engine.advance(token)
    following = prompt(engine, ("<|im_start|>assistant\nHello<|im_end|>\n", False))
    assert following[: len(start) + len(sampled)] == [*start, *sampled]
    assert engine.prefill(following) == len(start) + len(sampled)


def test_an_aborted_prefill_leaves_a_usable_cache(engine: Any, stop: dict[str, bool]) -> None:
    from mltui.models.local.engine import Aborted

    tokens = prompt(engine, ("one two three four " * 60, False))
    stop["now"] = True
    with pytest.raises(Aborted):
        engine.prefill(tokens)
    stop["now"] = False
    assert engine.prefill(tokens) < len(tokens)
    assert engine.cached_tokens == len(tokens)


def fields(required: list[str], **properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


NODE = fields(["v"], v={"type": "integer"}, kids={"type": "array", "items": {"$ref": "#/$defs/Node"}, "maxItems": 2})
SCHEMAS: dict[str, dict[str, Any]] = {
    "one change of a space": fields(
        [],
        lr={"type": "number", "minimum": 0.001, "maximum": 0.5},
        layers={"type": "integer", "minimum": 8, "maximum": 256},
        optimizer={"enum": ["adam", "é\n", None, 3]},
    )
    | {"minProperties": 1, "maxProperties": 1},
    "numbers": fields(
        ["a", "b", "c"],
        a={"type": "number"},
        b={"type": "integer"},
        c={"type": "number", "exclusiveMinimum": -1.5, "exclusiveMaximum": 0},
    ),
    "nested": fields(
        ["tree", "tags"],
        tree={"$ref": "#/$defs/Node"},
        tags={"type": "array", "items": {"type": "string", "maxLength": 8}, "minItems": 2, "maxItems": 3},
    )
    | {"$defs": {"Node": NODE}},
    "either": {
        "type": "object",
        "properties": {"lr": {"type": "number", "minimum": 1e-6, "maximum": 1e-2}, "n": {"type": "integer", "minimum": 1}},
        "oneOf": [{"required": ["lr"]}, {"required": ["n"]}],
    },
    "map": {"type": "object", "additionalProperties": {"type": ["integer", "null"]}, "minProperties": 1, "maxProperties": 2},
    "anything": fields(["x", "y"], x={}, y={"type": "string", "minLength": 3}),
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_what_a_grammar_lets_through_is_valid(engine: Any, name: str) -> None:
    """Hot sampling, many seeds: validity must come from the grammar, not from the model."""
    from mltui.models.local.sampler import Sampler
    from mltui.models.local.schema import arguments_grammar

    schema = SCHEMAS[name]
    grammar = arguments_grammar(schema)
    start = prompt(engine, ("JSON:", False))
    for seed in range(4):
        engine.prefill(start)
        sampler = Sampler(engine, 0.0 if seed == 0 else 1.5, seed)
        sampler.constrain(grammar)
        written = b""
        for step in range(120):
            token = sampler.sample(closing=step >= 12)
            if engine.is_end(token):
                break
            written += engine.piece(token)
            engine.advance(token)
        else:
            pytest.fail(f"no end in sight: {written!r}")
        sampler.close()
        jsonschema.validate(json.loads(written), schema)


def test_a_bad_grammar_is_an_error_not_a_crash(engine: Any) -> None:
    from mltui.models.local.sampler import GrammarError, Sampler

    sampler = Sampler(engine, 0.0, 0)
    for grammar in ("root ::= missing\n", "root ::= root root\n", "nothing at all ("):
        with pytest.raises(GrammarError):
            sampler.constrain(grammar)
    assert not sampler.constrained
    sampler.close()
