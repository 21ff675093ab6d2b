"""What an answer cost, against LiteLLM's own table and exact arithmetic."""

from __future__ import annotations

import functools
import json
import re
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mltui.models import catalogue

from .contract import answer_of
from .served import serving

MODELS = (
    ("claude-sonnet-4-5", "claude-sonnet-4-5", "anthropic"),
    ("claude-opus-4-5", "claude-opus-4-5", "anthropic"),
    ("claude-haiku-4-5", "claude-haiku-4-5", "anthropic"),
    ("vertex_ai/claude-sonnet-4-5", "claude-sonnet-4-5", "vertex_ai"),
    ("anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic.claude-sonnet-4-5-20250929-v1:0", "bedrock"),
)
"""Key in the table, name, provider; the last two have a higher price for long prompts."""
counts = st.integers(0, 400_000)


@functools.cache
def table() -> dict[str, Any]:
    return json.loads(catalogue._table())


def entry(model: str) -> dict[str, Any]:
    return table()[model]


def price(of: dict[str, Any], key: str, prompt: int) -> Fraction:
    """Dollars for a token: that of the highest tier that the prompt is above."""
    tiers = [(0, key)]
    for name in of:
        if tier := re.fullmatch(rf"{key}_above_(\d+)k_tokens", name):
            tiers.append((int(tier[1]) * 1000, name))
    _, chosen = max(tier for tier in tiers if tier[0] == 0 or prompt > tier[0])
    return Fraction(str(of.get(chosen) or 0))


def expected(model: str, fresh: int, read: int, short: int, long: int, out: int) -> Fraction:
    of, prompt = entry(model), fresh + read + short + long
    return (
        fresh * price(of, "input_cost_per_token", prompt)
        + read * price(of, "cache_read_input_token_cost", prompt)
        + short * price(of, "cache_creation_input_token_cost", prompt)
        + long * price(of, "cache_creation_input_token_cost_above_1hr", prompt)
        + out * price(of, "output_cost_per_token", prompt)
    )


def reported(model: str, fresh: int, read: int, short: int, long: int, out: int) -> Any:
    """LiteLLM's usage object of a stream with these counts."""
    from litellm.llms.anthropic.chat.handler import ModelResponseIterator

    parser = ModelResponseIterator(streaming_response=None, sync_stream=False)
    counted = {
        "input_tokens": fresh,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": short + long,
        "cache_creation": {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long},
    }
    head = {"id": "m", "role": "assistant", "model": model, "content": [], "usage": counted | {"output_tokens": 1}}
    first = parser.chunk_parser({"type": "message_start", "message": head})
    last = parser.chunk_parser({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": out}})
    return getattr(last, "usage", None) or first.usage  # type: ignore[attr-defined]


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(MODELS), counts, counts, counts, counts, st.integers(1, 64_000))
def test_cost_is_exact(model: tuple[str, str, str], fresh: int, read: int, short: int, long: int, out: int) -> None:
    from mltui.models.litellm_model import usage_of

    key, name, provider = model
    usage = usage_of(reported(name, fresh, read, short, long, out), name, provider)
    assert (usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens, usage.output_tokens) == (fresh, read, short + long, out)
    assert usage.cost_usd == pytest.approx(float(expected(key, fresh, read, short, long, out)), abs=1e-9)


def test_there_is_a_model_with_a_tier_and_one_with_an_hour() -> None:
    assert any(name.endswith("above_200k_tokens") for model, _, _ in MODELS for name in entry(model))
    assert any(name.endswith("above_1hr") for model, _, _ in MODELS for name in entry(model))


async def test_openai_counts_what_was_cached_once() -> None:
    usage = {"input_tokens": 700, "output_tokens": 50, "cache_read_tokens": 300}
    for id in ("openai/gpt-4o", "openai/responses/gpt-5.1"):
        async with serving("openai", [{"text": "ok", "usage": usage}], settings={"id": id}) as (model, _):
            counted = (await answer_of(model)).usage
        of = entry(id.rpartition("/")[2])
        cost = 700 * of["input_cost_per_token"] + 300 * of["cache_read_input_token_cost"] + 50 * of["output_cost_per_token"]
        assert counted.cost_usd == pytest.approx(cost, abs=1e-9)
        assert counted.prompt_tokens == 1000
