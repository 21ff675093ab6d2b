"""Real requests through LiteLLM to a scripted provider on loopback, in both protocols."""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from mltui.config.schema import ModelSettings
from mltui.core.errors import AuthError, ContextOverflowError, ModelRequestError
from mltui.core.messages import AssistantMessage, Image, Message, Text, Thinking, ToolCall, ToolMessage, UserMessage
from mltui.models.base import Model, ModelRequest
from tests.servers.provider import Provider

from .contract import ASK, READ, ModelContract, answer_of, parts_of
from .served import IDS, KEYS, Kind, both, connect, serving


class LiteLLMContract(ModelContract):
    kind: Kind

    @asynccontextmanager
    async def model(self, script: list[Any]) -> AsyncIterator[Model]:
        async with serving(self.kind, script) as (model, _):
            yield model

    def failing_once(self, text: str) -> dict[str, Any]:
        return {"text": text, "cut_after": 4}


class TestAnthropic(LiteLLMContract):
    kind = "anthropic"


class TestOpenAI(LiteLLMContract):
    kind = "openai"


class TestResponses(LiteLLMContract):
    """OpenAI's Responses protocol, which LiteLLM translates to chat chunks."""

    kind = "openai"

    @asynccontextmanager
    async def model(self, script: list[Any]) -> AsyncIterator[Model]:
        async with serving("openai", script, settings={"id": "openai/responses/gpt-5.1"}) as (model, _):
            yield model


class TestOtherProvider(LiteLLMContract):
    """A provider whose stream goes through LiteLLM's own wrapper."""

    kind = "openai"

    @asynccontextmanager
    async def model(self, script: list[Any]) -> AsyncIterator[Model]:
        with Provider(script) as provider:
            model = connect(provider, "openai", settings={"id": "xai/grok-4"}, environ={})
            yield model
            await model.close()


def conversation(steps: int) -> list[ModelRequest]:
    """The requests of a session in which each answer reads two files, whose results come in the wrong order."""
    messages: list[Message] = [UserMessage(text="Read everything.")]
    requests: list[ModelRequest] = []
    for step in range(steps):
        requests.append(ModelRequest(system="You are an agent.", messages=tuple(messages), tools=ASK.tools))
        calls = [ToolCall(id=f"c{step}_{n}", name="Read", arguments={"file_path": f"{n}.py"}) for n in range(2)]
        thinking = Thinking(text=f"thought {step}", signature="c2ln")
        messages.append(AssistantMessage(parts=(thinking, Text(text=f"Step {step}."), *calls)))
        messages += [ToolMessage(call_id=call.id, name="Read", content=f"content {call.id}") for call in reversed(calls)]
        if step % 3 == 2:
            messages.append(UserMessage(text="Go on."))
    return requests


def without_marks(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_marks(inner) for key, inner in value.items() if key != "cache_control"}
    return [without_marks(inner) for inner in value] if isinstance(value, list) else value


@both
async def test_each_request_only_appends_to_the_one_before(kind: Kind) -> None:
    async with serving(kind, []) as (model, provider):
        for request in conversation(7):
            await parts_of(model, request)
    prompts = [
        json.dumps([body["tools"], body.get("system")]) + "".join(json.dumps(message) for message in body["messages"])
        for body in without_marks(provider.bodies)
    ]
    assert len(prompts) == 7
    for before, after in itertools.pairwise(prompts):
        # The last user message of a request may still be joined by what follows it, so its closing bracket is left out.
        assert after.startswith(before.rstrip("]}"))
        assert len(after) > len(before)
    assert len({request.connection for request in provider.requests}) == 1


async def test_marks_end_the_tools_the_system_prompt_and_the_last_two_requests() -> None:
    async with serving("anthropic", []) as (model, provider):
        for request in conversation(3):
            await parts_of(model, request)
    body = provider.bodies[-1]
    assert [("cache_control" in tool) for tool in body["tools"]] == [False, True]
    assert [("cache_control" in block) for block in body["system"]] == [True]
    marked = [
        (place, block.get("tool_use_id") or block.get("text"))
        for place, message in enumerate(body["messages"])
        for block in message["content"]
        if "cache_control" in block
    ]
    assert marked == [(2, "c0_1"), (4, "c1_1")]
    assert len(marked) + 2 <= 4  # the provider's limit


async def test_openai_gets_no_marks() -> None:
    async with serving("openai", []) as (model, provider):
        await parts_of(model, conversation(2)[-1])
    assert b"cache_control" not in provider.requests[0].raw


async def test_thinking_goes_back_signed_and_in_its_place() -> None:
    step = {"thinking": "first I read", "signature": "c2lnbmF0dXJl", "text": "Reading.", "calls": [{"name": "Read", "arguments": {}}]}
    async with serving("anthropic", [step, "done"]) as (model, provider):
        answer = (await answer_of(model)).message
        (call,) = answer.tool_calls
        unsigned = AssistantMessage(parts=(Thinking(text="from elsewhere"), Text(text="Hello.")))
        result = ToolMessage(call_id=call.id, name="Read", content="x")
        history = (*ASK.messages, unsigned, UserMessage(text="Go on."), answer, result)
        await answer_of(model, ModelRequest(system="", messages=history, tools=ASK.tools))
    sent = without_marks(provider.bodies[-1]["messages"])
    assert sent[1]["content"] == [{"type": "text", "text": "Hello."}]
    assert sent[3]["content"] == [
        {"type": "thinking", "thinking": "first I read", "signature": "c2lnbmF0dXJl"},
        {"type": "text", "text": "Reading."},
        {"type": "tool_use", "id": call.id, "name": "Read", "input": {}},
    ]


@both
async def test_a_broken_call_goes_back_as_valid_arguments(kind: Kind) -> None:
    step = {"calls": [{"name": "Read", "raw": '{"file_path": '}]}
    async with serving(kind, [step, "sorry"]) as (model, provider):
        answer = (await answer_of(model)).message
        result = ToolMessage(call_id=answer.tool_calls[0].id, name="Read", content="not JSON", is_error=True)
        await answer_of(model, ModelRequest(system="", messages=(*ASK.messages, answer, result), tools=ASK.tools))
    assistant = provider.bodies[-1]["messages"][1]
    sent = assistant["content"][-1]["input"] if kind == "anthropic" else json.loads(assistant["tool_calls"][0]["function"]["arguments"])
    assert sent == {"_broken": '{"file_path": '}
    last = provider.bodies[-1]["messages"][-1]["content"]
    said = last[0]["content"] if kind == "anthropic" else last
    assert (said if isinstance(said, str) else said[0]["text"]) == "[error] not JSON"


@both
async def test_results_go_back_in_the_order_of_the_calls(kind: Kind) -> None:
    async with serving(kind, []) as (model, provider):
        await parts_of(model, conversation(2)[-1])
    messages = provider.bodies[0]["messages"]
    if kind == "anthropic":
        assert [block["tool_use_id"] for block in messages[-1]["content"]] == ["c0_0", "c0_1"]
    else:
        assert [message["tool_call_id"] for message in messages[-2:]] == ["c0_0", "c0_1"]


async def test_calls_without_ids_get_some() -> None:
    calls = [{"name": "Read", "arguments": {"file_path": "a"}}, {"name": "Read", "arguments": {"file_path": "b"}}]
    async with serving("openai", [{"calls": calls, "no_ids": True}]) as (model, _):
        made = (await answer_of(model)).message.tool_calls
    assert [call.arguments["file_path"] for call in made] == ["a", "b"]
    assert len({call.id for call in made} - {""}) == 2


@both
async def test_the_forced_tool_is_asked_for(kind: Kind) -> None:
    request = ModelRequest(system="", messages=ASK.messages, tools=ASK.tools, force_tool="Read")
    async with serving(kind, ["ok"], settings={"reasoning_effort": "low"} if kind == "anthropic" else {}) as (model, provider):
        await parts_of(model, request)
    body = provider.bodies[0]
    if kind == "anthropic":
        assert (body["tool_choice"]["type"], body["tool_choice"]["name"]) == ("tool", "Read")
        assert "thinking" not in body  # refused together with a forced tool
    else:
        assert body["tool_choice"] == {"type": "function", "function": {"name": "Read"}}


async def test_thinking_is_asked_for_by_effort() -> None:
    async with serving("anthropic", ["ok"], settings={"reasoning_effort": "low"}) as (model, provider):
        await parts_of(model)
    assert provider.bodies[0]["thinking"]["type"] == "enabled"


@both
async def test_settings_reach_the_request(kind: Kind) -> None:
    settings = {"temperature": 0.25, "max_output_tokens": 777, "extra": {"extra_headers": {"x-team": "ml"}}}
    async with serving(kind, ["ok"], settings=settings) as (model, provider):
        await parts_of(model)
        assert model.info.max_output_tokens == 777
    body = provider.bodies[0]
    assert body["temperature"] == 0.25
    assert 777 in (body.get("max_tokens"), body.get("max_completion_tokens"))
    assert provider.requests[0].headers["x-team"] == "ml"


async def test_cache_tokens_and_cost() -> None:
    usage = {"input_tokens": 1000, "output_tokens": 100, "cache_read_tokens": 5000, "cache_write_tokens": 2000}
    async with serving("anthropic", [{"text": "ok", "usage": usage}]) as (model, _):
        counted = (await answer_of(model)).usage
    assert counted.model_dump(exclude={"cost_usd"}) == usage
    # claude-sonnet-4-5 per million tokens: 3 in, 15 out, 0.30 read from the cache, 3.75 written to it.
    assert counted.cost_usd == pytest.approx((1000 * 3 + 100 * 15 + 5000 * 0.3 + 2000 * 3.75) / 1e6)


async def test_an_unknown_model_has_no_price() -> None:
    async with serving("openai", ["ok"], settings={"id": "openai/my-own-model"}) as (model, _):
        assert (await answer_of(model)).usage.cost_usd is None
        assert model.info.context_window is None


@both
async def test_a_refusal_is_told(kind: Kind) -> None:
    async with serving(kind, [{"text": "I", "stop": "refusal"}]) as (model, _):
        assert (await answer_of(model)).stop_reason == "refusal"


@both
async def test_errors_say_what_to_do(kind: Kind) -> None:
    script = [{"error": "auth"}, {"error": "context"}, {"status": 404}, {"error": "request", "message": "tools.0: bad schema"}]
    async with serving(kind, script) as (model, _):
        with pytest.raises(AuthError, match=f"{kind.upper()}_API_KEY"):
            await parts_of(model)
        with pytest.raises(ContextOverflowError, match="too long"):
            await parts_of(model)
        with pytest.raises(ModelRequestError, match=rf"knows no model {IDS[kind]}.*--model"):
            await parts_of(model)
        with pytest.raises(ModelRequestError, match=r"tools\.0: bad schema") as raised:
            await parts_of(model)
    assert "litellm" not in str(raised.value).lower()
    assert "\n" not in str(raised.value)


@both
async def test_missing_credentials_name_the_variable(kind: Kind) -> None:
    from mltui.models.litellm_model import LiteLLMModel

    model = LiteLLMModel(ModelSettings(id=IDS[kind]), environ={})
    with pytest.raises(AuthError, match=f"set {kind.upper()}_API_KEY"):
        await parts_of(model)
    model = LiteLLMModel(ModelSettings(id=IDS[kind], api_key_env="MY_KEY"), environ=KEYS)
    with pytest.raises(AuthError, match="set MY_KEY"):
        await parts_of(model)


@both
async def test_the_key_and_the_address_come_from_the_environment(kind: Kind) -> None:
    variable = {"anthropic": "ANTHROPIC_BASE_URL", "openai": "OPENAI_BASE_URL"}[kind]
    with Provider(["ok"]) as provider:
        environ = {variable: f"{provider.url}/v1", "MY_KEY": "secret"}
        model = connect(provider, kind, settings={"api_base": None, "api_key_env": "MY_KEY"}, environ=environ)
        await parts_of(model)
        await model.close()
    headers = {name.lower(): value for name, value in provider.requests[0].headers.items()}
    assert "secret" in (headers.get("x-api-key"), headers.get("authorization", "").removeprefix("Bearer "))


async def test_pictures_reach_the_provider() -> None:
    picture = Image(media_type="image/png", data="aGVsbG8=")
    calls = (ToolCall(id="c1", name="Read", arguments={"file_path": "a.png"}),)
    result = ToolMessage(call_id="c1", name="Read", content="a.png", images=(picture,))
    history = (UserMessage(text="Look.", images=(picture,)), AssistantMessage(parts=calls), result)
    request = ModelRequest(system="", messages=history, tools=ASK.tools)
    async with serving("anthropic", ["ok"]) as (model, provider):
        assert model.info.sees
        await parts_of(model, request)
    source = {"type": "base64", "media_type": "image/png", "data": "aGVsbG8="}
    first, _, answered = without_marks(provider.bodies[0]["messages"])
    assert [block.get("source") for block in first["content"]] == [source, None]
    assert answered["content"][0]["content"][1]["source"] == source
    for id in ("openai/gpt-4o", "openai/responses/gpt-5.1"):
        async with serving("openai", ["ok"], settings={"id": id}) as (model, provider):
            await parts_of(model, request)
        assert provider.requests[0].raw.count(b"data:image/png;base64,aGVsbG8=") == 2


async def test_encrypted_thinking_goes_back_to_openai() -> None:
    step = {"thinking": "first I read", "signature": "c2VhbA", "text": "Reading.", "calls": [{"name": "Read", "arguments": {}}]}
    async with serving("openai", [step, "done"], settings={"id": "openai/responses/gpt-5.1"}) as (model, provider):
        answer = (await answer_of(model)).message
        result = ToolMessage(call_id=answer.tool_calls[0].id, name="Read", content="x")
        await answer_of(model, ModelRequest(system="", messages=(*ASK.messages, answer, result), tools=ASK.tools))
    assert provider.bodies[0]["include"] == ["reasoning.encrypted_content"]
    assert provider.bodies[0]["store"] is False
    sent = provider.bodies[1]["input"]
    (item,) = [item for item in sent if item.get("type") == "reasoning"]
    assert item["encrypted_content"] == "c2VhbA"
    kinds = [item.get("type") or item.get("role") for item in sent]
    assert kinds.index("reasoning") < kinds.index("function_call") < kinds.index("function_call_output")


async def test_a_history_may_change_its_provider_with_every_step() -> None:
    """Whatever one provider made is taken by the next: thinking, ids of calls, pictures."""
    step = {"thinking": "hm", "signature": "c2ln", "text": "One.", "calls": [{"name": "Read", "arguments": {}, "id": "call|1+" + "x" * 60}]}
    history: list[Message] = list(ASK.messages)
    kinds: list[tuple[Kind, str]] = [("anthropic", IDS["anthropic"]), ("openai", IDS["openai"]), ("openai", "openai/responses/gpt-5.1")]
    for kind, id in [*kinds, *kinds]:
        async with serving(kind, [step], settings={"id": id}) as (model, provider):
            answer = (await answer_of(model, ModelRequest(system="s", messages=tuple(history), tools=ASK.tools))).message
        history += [answer, ToolMessage(call_id=answer.tool_calls[0].id, name="Read", content="x"), UserMessage(text="Go on.")]
        raw = provider.requests[0].raw
        assert b"call|1+" not in raw
        assert raw.count(b"c2ln") <= len(history) // 6
    assert len(history) == 1 + 3 * 6


async def test_text_that_looks_like_the_end_of_the_stream() -> None:
    text = 'if line == "data: [DONE]": break  # [DONE]'
    async with serving("openai", [text]) as (model, _):
        assert (await answer_of(model)).message.text == text


async def test_requests_at_the_same_time_do_not_mix() -> None:
    async with serving("anthropic", [{"text": f"answer {n} " * 20, "pause": 0.001} for n in range(4)]) as (model, _):
        answers = await asyncio.gather(*(answer_of(model) for _ in range(4)))
    assert sorted({answer.message.text[:8] for answer in answers}) == [f"answer {n}" for n in range(4)]


async def test_no_provider_in_the_id_is_an_error_with_a_hint() -> None:
    from mltui.models.litellm_model import LiteLLMModel

    with pytest.raises(ModelRequestError, match="nonesuch"):
        LiteLLMModel(ModelSettings(id="nonesuch/model"))


@pytest.mark.slow
def test_importing_leaves_stdout_and_the_environment_as_they_were() -> None:
    code = (
        "import os; before = dict(os.environ); import mltui.models.litellm_model\n"
        "print(sorted(name for name in before.keys() | os.environ.keys() if before.get(name) != os.environ.get(name)))"
    )
    environ = {name: value for name, value in os.environ.items() if "LITELLM" not in name and "EXPERIMENTAL" not in name}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, check=True)
    assert done.stdout.strip() == "['EXPERIMENTAL_OPENAI_BASE_LLM_HTTP_HANDLER']"
    assert done.stderr == ""


@pytest.mark.slow
def test_the_vocabulary_is_loaded_when_something_counts_with_it() -> None:
    code = (
        "import asyncio, sys\n"
        "from tests.models.contract import ASK, parts_of\n"
        "from tests.models.served import connect\n"
        "from tests.servers.provider import Provider\n"
        "import litellm\n"
        "with Provider(['ok', 'ok']) as provider:\n"
        "    for kind in ('anthropic', 'openai'):\n"
        "        asyncio.run(parts_of(connect(provider, kind)))\n"
        "asked = 'tiktoken.core' in sys.modules and bool(sys.modules['tiktoken.registry'].ENCODINGS)\n"
        "print(asked, len(litellm.main.encoding.encode('hello world')), litellm.main.encoding.name)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "2", "cl100k_base"]


def test_the_tools_of_the_contract_are_real_schemas() -> None:
    assert READ.parameters["required"] == ["file_path"]


@both
async def test_bodies_that_were_sent_are_not_kept(kind: Kind) -> None:
    """They grow with the conversation, and the collector of garbage seldom looks through all there is."""
    word = f"body-of-{kind}"
    gc.collect()
    gc.disable()
    try:
        async with serving(kind, [{"text": "one"}, {"text": "two"}, {"text": "three"}]) as (model, _):
            for _ in range(3):
                await answer_of(model, ModelRequest(system="s", messages=(UserMessage(text=word),)))
            alive = [request for request in gc.get_objects() if isinstance(request, httpx.Request) and word.encode() in request.content]
            assert not alive
    finally:
        gc.enable()
