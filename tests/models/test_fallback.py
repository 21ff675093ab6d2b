"""Models that take over within a turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from mltui.core.errors import AuthError, ConfigError, ModelRequestError, ModelUnavailableError
from mltui.models.base import Answer, Model, Switch
from mltui.models.fallback import FallbackModel
from mltui.models.scripted import ScriptedModel
from tests.servers.provider import Provider

from .contract import ASK, parts_of
from .served import connect


def scripted(id: str, *steps: Any) -> ScriptedModel:
    return ScriptedModel(steps, id=f"scripted:{id}")


class Makes:
    def __init__(self, *models: ScriptedModel) -> None:
        self.models = {model.info.id: model for model in models}
        self.asked: list[str] = []

    async def __call__(self, name: str) -> Model:
        self.asked.append(name)
        if name not in self.models:
            raise ConfigError(f"no model {name}")
        return self.models[name]


def turn(first: ScriptedModel, others: Sequence[ScriptedModel], *, names: Sequence[str] = (), on_auth: bool = False) -> FallbackModel:
    return FallbackModel(first, [*names, *(model.info.id for model in others)], Makes(*others), on_auth=on_auth)


AWAY = {"text": "half of", "error": "unavailable", "message": "overloaded"}


async def test_the_next_model_takes_over_and_stays_for_the_turn() -> None:
    first, second = scripted("a", AWAY, "a is back"), scripted("b", "from b", "again b")
    model = turn(first, [second])
    parts = await parts_of(model)
    (switch,) = [part for part in parts if isinstance(part, Switch)]
    assert (switch.info.id, switch.reason) == ("scripted:b", "overloaded")
    assert isinstance(parts[-1], Answer)
    assert parts[-1].message.text == "from b"
    assert model.info.id == "scripted:b"
    answer = (await parts_of(model))[-1]
    assert isinstance(answer, Answer)
    assert answer.message.text == "again b"
    assert len(first.requests) == 1


async def test_names_that_lead_nowhere_or_were_tried_are_passed_over() -> None:
    model = turn(scripted("a", AWAY), [scripted("b", {"error": "auth"}), scripted("c", "from c")], names=["nonesuch", "scripted:a"])
    parts = await parts_of(model)
    assert [part.info.id for part in parts if isinstance(part, Switch)] == ["scripted:b", "scripted:c"]


async def test_without_another_the_first_error_counts() -> None:
    model = turn(scripted("a", AWAY), [scripted("b", {"error": "unavailable", "message": "b is away"})])
    with pytest.raises(ModelUnavailableError, match="overloaded"):
        await parts_of(model)


@pytest.mark.parametrize(("kind", "error"), [("request", ModelRequestError), ("auth", AuthError)])
async def test_other_errors_are_the_persons_to_mend(kind: str, error: type[Exception]) -> None:
    second = scripted("b", "from b")
    with pytest.raises(error):
        await parts_of(turn(scripted("a", {"error": kind}), [second]))
    assert not second.requests


async def test_refused_credentials_count_where_configured() -> None:
    parts = await parts_of(turn(scripted("a", {"error": "auth"}), [scripted("b", "from b")], on_auth=True))
    assert isinstance(parts[-1], Answer)


async def test_over_the_wire_from_claude_to_openai() -> None:
    script = [{"text": "half of it", "cut_after": 4}, {"status": 529}, {"status": 529}, "from the other"]
    with Provider(script) as provider:
        claude, gpt = connect(provider, "anthropic"), connect(provider, "openai")

        async def make(name: str) -> Model:
            return gpt

        parts = [part async for part in FallbackModel(claude, ["gpt"], make).stream(ASK)]
        await claude.close()
        await gpt.close()
    assert isinstance(parts[-1], Answer)
    assert parts[-1].message.text == "from the other"
    assert [request.path for request in provider.requests] == ["/v1/messages"] * 3 + ["/v1/chat/completions"]
