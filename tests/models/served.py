"""LiteLLM models connected to a scripted provider on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import pytest

from mltui.config.schema import ModelSettings
from mltui.models.backoff import RetryPolicy
from tests.servers.provider import Provider

Kind = Literal["anthropic", "openai"]
FAST = RetryPolicy(tries=3, first=0.001)
IDS = {"anthropic": "anthropic/claude-sonnet-4-5", "openai": "openai/gpt-4o"}
KEYS = {"ANTHROPIC_API_KEY": "test-key", "OPENAI_API_KEY": "test-key"}
both = pytest.mark.parametrize("kind", ["anthropic", "openai"])


def connect(provider: Provider, kind: Kind, *, settings: dict[str, Any] | None = None, **options: Any) -> Any:
    from mltui.models.litellm_model import LiteLLMModel  # seconds of CPU, which collecting the tests should not cost

    base = provider.url if kind == "anthropic" else f"{provider.url}/v1"
    given = {"id": IDS[kind], "api_base": base} | (settings or {})
    return LiteLLMModel(ModelSettings(**given), **{"environ": KEYS, "retry": FAST} | options)


@asynccontextmanager
async def serving(kind: Kind, script: list[Any], **options: Any) -> AsyncIterator[tuple[Any, Provider]]:
    with Provider(script) as provider:
        model = connect(provider, kind, **options)
        try:
            yield model, provider
        finally:
            await model.close()
