"""Roles in a real process: a kept key, the architect for a question of architecture, another provider that takes over."""

from __future__ import annotations

import json

import pytest

from mltui.models import catalogue
from tests.servers.provider import Provider

from .project import Project


@pytest.mark.slow
def test_the_architect_answers_with_a_kept_key_and_the_cost_is_the_sum(project: Project) -> None:
    usage = {"input_tokens": 1000, "output_tokens": 100}
    with Provider([{"text": "Two services.", "usage": usage}]) as provider:
        environ = {"ANTHROPIC_BASE_URL": provider.url, "ANTHROPIC_API_KEY": "", "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
        kept = project.mltui("auth", "login", "anthropic", stdin="sk-kept\n", **environ)
        assert kept.code == 0, kept.err
        question = "Which architecture fits a scorer and a trainer?"
        done = project.mltui("--headless", question, "--trust", "--output-format", "stream-json", **environ)
    assert done.code == 0, done.err
    architect = (catalogue.newest("opus") or "").removeprefix("anthropic/")
    (request,) = provider.requests
    assert request.body["model"] == architect
    assert request.headers["x-api-key"] == "sk-kept"
    lines = [json.loads(line) for line in done.out.splitlines()]
    (change,) = [line for line in lines if line.get("subtype") == "model_changed"]
    assert change["temporary"]
    listed = catalogue.limits(f"anthropic/{architect}")
    assert listed is not None
    assert (change["input_price"], change["output_price"]) == (listed.input_price, listed.output_price)
    cost = (1000 * (listed.input_price or 0) + 100 * (listed.output_price or 0)) / 1e6
    assert done.result["total_cost_usd"] == pytest.approx(cost, abs=1e-9)
    assert "sk-kept" not in done.out + done.err


@pytest.mark.slow
def test_another_provider_takes_over(project: Project) -> None:
    with Provider([{"error": "auth"}, "from openai"]) as provider:
        config = project.root / ".mltui" / "config.toml"
        config.write_text("[model]\nfallback_on_auth = true\n" + config.read_text())
        environ = {
            "ANTHROPIC_BASE_URL": provider.url,
            "ANTHROPIC_API_KEY": "k",
            "OPENAI_BASE_URL": f"{provider.url}/v1",
            "OPENAI_API_KEY": "k",
        }
        done = project.mltui("--headless", "Hello.", "--trust", "--fallback-model", "openai/gpt-4o", "--output-format", "json", **environ)
    assert done.code == 0, done.err
    assert done.result["result"] == "from openai"
    assert list(done.result["modelUsage"]) == ["openai/gpt-4o"]
    assert "openai/gpt-4o" in done.err
