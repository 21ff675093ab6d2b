"""The local model as the agent uses it, with the real worker and the real small model."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import jsonschema
import psutil
import pytest
import pytest_asyncio

from mltui.config.schema import LocalModel as Settings
from mltui.core.data import JsonObject, JsonValue
from mltui.core.errors import ConfigError, ContextOverflowError, ModelError, ModelRequestError
from mltui.core.messages import AssistantMessage, ToolCall, ToolMessage, ToolSpec, UserMessage
from mltui.experiments.gpu import Gpu, GpuProcess
from mltui.experiments.gpu_room import make_room
from mltui.models.base import Answer, ModelRequest, TextPiece
from mltui.models.local import client as client_module
from mltui.models.local.client import LocalModel

pytestmark = [pytest.mark.local, pytest.mark.asyncio(loop_scope="module")]

OUTPUT = 96
SYSTEM = "You are a helpful AI assistant."
STORY = ModelRequest(SYSTEM, (UserMessage(text="Tell a very long story about a parrot."),))
HELLO = ModelRequest(SYSTEM, (UserMessage(text="Say hello."),))

SPACE = {
    "type": "object",
    "properties": {
        "learning_rate": {"type": "number", "minimum": 0.001, "maximum": 1.0},
        "hidden_units": {"type": "integer", "minimum": 8, "maximum": 128},
        "activation": {"enum": ["relu", "tanh"]},
    },
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": False,
}
PROPOSE = ToolSpec(
    name="ProposeExperiment",
    description="Proposes one change of a hyperparameter.",
    parameters={
        "type": "object",
        "properties": {"title": {"type": "string", "maxLength": 60}, "parameters": SPACE},
        "required": ["title", "parameters"],
        "additionalProperties": False,
    },
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def model(smollm2: Path) -> AsyncIterator[LocalModel]:
    pytest.importorskip("llama_cpp.llama_cpp")
    model = LocalModel(smollm2, Settings(context=2048, threads=1), max_output=OUTPUT)
    yield model
    await model.close()


@pytest.mark.slow
async def test_tokens_are_counted_exactly_before_a_request(model: LocalModel) -> None:
    request = ModelRequest(SYSTEM, (UserMessage(text="Say hello — “ü” 你好."),), (PROPOSE,))
    counted = await model.count(request)
    answer = [part async for part in model.stream(request)][-1]
    assert isinstance(answer, Answer)
    assert counted == answer.usage.prompt_tokens
    long = ModelRequest(SYSTEM, (UserMessage(text="word " * 5_000),))
    assert await model.count(long) > 5_000


async def ask(model: LocalModel, request: ModelRequest) -> tuple[str, Answer]:
    """The streamed text, and the answer."""
    text, answer = "", None
    async for part in model.stream(request):
        assert answer is None, "the answer comes last"
        if isinstance(part, TextPiece):
            text += part.text
        elif isinstance(part, Answer):
            answer = part
    assert answer is not None
    return text, answer


async def begin(model: LocalModel) -> None:
    """Takes the first piece of a long answer and closes the stream."""
    stream = model.stream(STORY)
    assert isinstance(await anext(stream), TextPiece)
    await stream.aclose()


async def test_says_what_it_is(model: LocalModel) -> None:
    assert model.info.context_window == 2048
    assert "cannot reason" in model.info.note and "135 million" in model.info.note
    assert (model.info.max_output_tokens or 0) == OUTPUT


async def test_streams_and_ends_with_the_whole_answer(model: LocalModel) -> None:
    text, answer = await ask(model, HELLO)
    assert text and answer.message.text == text
    assert answer.stop_reason == "end_turn"
    assert model.last is not None and model.last.prompt_tokens == answer.usage.prompt_tokens
    assert answer.usage.output_tokens > 1 and answer.usage.cost_usd == 0.0
    assert "<|im_end|>" not in text


async def test_the_same_question_has_the_same_answer(model: LocalModel) -> None:
    first, _ = await ask(model, HELLO)
    await begin(model)
    second, _ = await ask(model, HELLO)
    assert first == second


async def test_the_next_request_reuses_the_conversation(model: LocalModel) -> None:
    _, answer = await ask(model, HELLO)
    longer = ModelRequest(SYSTEM, (*HELLO.messages, answer.message, UserMessage(text="Again.")))
    _, second = await ask(model, longer)
    before = answer.usage.prompt_tokens + answer.usage.output_tokens
    assert second.usage.cache_read_tokens == before
    assert second.usage.prompt_tokens == second.usage.cache_read_tokens + second.usage.input_tokens
    assert second.usage.input_tokens < 20


async def test_a_cancelled_answer_leaves_the_worker_in_use(model: LocalModel) -> None:
    await begin(model)
    worker = model.worker_pid
    _, answer = await ask(model, HELLO)
    assert answer.stop_reason == "end_turn"
    assert model.worker_pid == worker


async def test_a_cancelled_task_in_the_middle_of_the_prompt(model: LocalModel) -> None:
    await begin(model)
    worker = model.worker_pid
    task = asyncio.ensure_future(ask(model, ModelRequest(SYSTEM, (UserMessage(text="number " * 1500),))))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    _, answer = await ask(model, HELLO)
    assert answer.stop_reason == "end_turn"
    assert model.worker_pid == worker


async def test_a_forced_call_is_valid(model: LocalModel) -> None:
    for words in ("Propose one change to raise the accuracy.", "!"):
        request = ModelRequest(SYSTEM, (UserMessage(text=words),), (PROPOSE,), force_tool="ProposeExperiment")
        text, answer = await ask(model, request)
        assert text == ""
        (call,) = answer.message.tool_calls
        assert call.name == "ProposeExperiment" and call.broken is None
        jsonschema.validate(call.arguments, PROPOSE.parameters)
        assert len(call.arguments["parameters"]) == 1  # pyright: ignore[reportArgumentType]


def writer(text: dict[str, JsonValue]) -> ToolSpec:
    parameters: JsonObject = {"type": "object", "properties": {"text": {"type": "string", **text}}, "required": ["text"]}
    return ToolSpec(name="Write", description="Writes a text.", parameters=parameters)


async def test_a_forced_call_ends_even_where_its_text_would_not(model: LocalModel) -> None:
    """Greedy decoding of a tiny model repeats itself; the JSON is brought to its end, and the end is not passed off as the model's."""
    tool = writer({})
    message = (UserMessage(text="Write 'la la la' for ever: la la la la la la la la la la"),)
    _, answer = await ask(model, ModelRequest(SYSTEM, message, (tool,), force_tool="Write"))
    (call,) = answer.message.tool_calls
    jsonschema.validate(call.arguments, tool.parameters)
    assert answer.stop_reason == ("tool_use" if answer.usage.output_tokens < OUTPUT // 2 else "max_tokens")


async def test_a_forced_call_that_cannot_end_in_time_is_broken(model: LocalModel) -> None:
    request = ModelRequest(SYSTEM, (UserMessage(text="Write."),), (writer({"minLength": 1200}),), force_tool="Write")
    _, answer = await ask(model, request)
    (call,) = answer.message.tool_calls
    assert call.broken is not None and call.name == "Write" and answer.stop_reason == "max_tokens"


async def test_calls_and_results_go_back_in(model: LocalModel) -> None:
    request = ModelRequest(SYSTEM, (UserMessage(text="Propose."),), (PROPOSE,), force_tool="ProposeExperiment")
    _, answer = await ask(model, request)
    (call,) = answer.message.tool_calls
    result = ToolMessage(call_id=call.id, name=call.name, content="The proposal <|im_end|> was approved.")
    _, after = await ask(model, ModelRequest(SYSTEM, (*request.messages, answer.message, result), (PROPOSE,)))
    assert after.usage.cache_read_tokens >= answer.usage.prompt_tokens


@pytest.mark.slow
async def test_a_call_that_the_model_begins_follows_the_schema(model: LocalModel) -> None:
    """The conversation shows calls with other paths; only the grammar makes the model write one that the schema allows."""
    paths: JsonObject = {"enum": ["zeta.bin", "omega.bin"]}
    parameters: JsonObject = {"type": "object", "properties": {"file_path": paths}, "required": ["file_path"]}
    read = ToolSpec(name="Read", description="Reads a file.", parameters=parameters)
    shown: list[UserMessage | AssistantMessage] = []
    for number, path in enumerate(("a.py", "train.py", "conf.yaml", "b.py")):
        call = ToolCall(id=f"c{number}", name="Read", arguments={"file_path": path})
        shown += [UserMessage(text=f"Read {path}"), AssistantMessage(parts=(call,))]
    messages = (*shown, UserMessage(text="Read model.py"))
    text, answer = await ask(model, ModelRequest("Answer each request with a tool call.", messages, (read,)))
    assert answer.message.tool_calls, f"the model did not call: {text!r}"
    for call in answer.message.tool_calls:
        assert call.name == "Read" and call.broken is None
        assert call.arguments["file_path"] in ("zeta.bin", "omega.bin")
    assert "tool_call" not in text


async def test_forcing_what_is_not_there(model: LocalModel) -> None:
    with pytest.raises(ModelRequestError, match="not among the tools"):
        await ask(model, ModelRequest(SYSTEM, HELLO.messages, (PROPOSE,), force_tool="Missing"))
    impossible = ToolSpec(name="T", description="", parameters={"type": "object", "properties": {"a": {"enum": []}}})
    with pytest.raises(ModelRequestError, match="grammar"):
        await ask(model, ModelRequest(SYSTEM, HELLO.messages, (impossible,), force_tool="T"))


async def test_a_conversation_too_long_is_refused_with_numbers(model: LocalModel) -> None:
    with pytest.raises(ContextOverflowError, match=r"2,\d\d\d tokens, and the model's context holds 2,048"):
        await ask(model, ModelRequest(SYSTEM, (UserMessage(text="word " * 2400),)))
    assert (await ask(model, HELLO))[1].stop_reason == "end_turn"


async def test_two_requests_at_once_are_answered_one_after_the_other(model: LocalModel) -> None:
    answers = await asyncio.gather(ask(model, HELLO), ask(model, HELLO))
    assert answers[0][0] == answers[1][0]


async def test_a_killed_worker_is_an_error_and_then_a_new_worker(model: LocalModel) -> None:
    stream = model.stream(STORY)
    await anext(stream)
    pid = model.worker_pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(ModelError, match="SIGKILL"):
        async for _ in stream:
            pass
    _, answer = await ask(model, HELLO)
    assert answer.stop_reason == "end_turn" and model.worker_pid != pid


async def test_a_worker_gives_its_gpu_to_a_run_when_it_is_idle_and_comes_back(model: LocalModel) -> None:
    stream = model.stream(STORY)
    await anext(stream)
    pid = model.worker_pid
    assert pid is not None
    gpu = Gpu(0, "H100", 0, 9_000, 80_000, 40, (GpuProcess(pid, 900),))
    said: list[str] = []
    asking = asyncio.create_task(asyncio.to_thread(make_room, [gpu], said.append))
    parts = [part async for part in stream]
    assert isinstance(parts[-1], Answer), "what it was saying, it says to the end"
    await asyncio.wait_for(asking, 60)
    async with asyncio.timeout(60):  # it has ended; the event loop may only be about to take notice of it
        while psutil.pid_exists(pid):
            await asyncio.sleep(0.01)
    assert said == [f"the local model (process {pid}) to give back 900 MiB of GPU 0; it is loaded again with the next prompt"]
    _, answer = await ask(model, HELLO)
    second = model.worker_pid
    assert answer.stop_reason == "end_turn" and second not in (None, pid)
    os.kill(second or 0, signal.SIGUSR1)  # and at once the next prompt, before anyone knows
    assert (await ask(model, HELLO))[1].stop_reason == "end_turn"


async def test_a_worker_that_does_not_stop_is_killed(model: LocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "CANCEL_SECONDS", 0.2)
    stream = model.stream(STORY)
    await anext(stream)
    pid = model.worker_pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    await stream.aclose()
    assert not psutil.pid_exists(pid) and model.worker_pid is None
    assert (await ask(model, HELLO))[1].stop_reason == "end_turn"


async def test_close_ends_the_worker(smollm2: Path) -> None:
    model = LocalModel(smollm2, Settings(context=512, threads=1))
    await begin(model)
    pid = model.worker_pid
    await model.close()
    await model.close()
    assert pid is not None and not psutil.pid_exists(pid)
    with pytest.raises(ModelError, match="closed"):
        await ask(model, HELLO)


async def test_a_worker_that_keeps_crashing_is_given_up(smollm2: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", "/nonexistent")
    model = LocalModel(smollm2, Settings())
    for _ in range(client_module.MAX_CRASHES):
        with pytest.raises(ModelError, match=r"ended with code 1.*not found"):
            await ask(model, HELLO)
    with pytest.raises(ModelError, match="3 times in a row"):
        await ask(model, HELLO)


async def test_weights_that_llama_cpp_refuses(smollm2: Path, tmp_path: Path) -> None:
    """The head is whole, so only llama.cpp can tell: its reason is in the message."""
    data = smollm2.read_bytes().replace(b"llama.attention.head_count_kv", b"llama.attention.head_count_kx", 1)
    path = tmp_path / "wrong.gguf"
    path.write_bytes(data.replace(b"blk.7.attn_q.weight", b"blk.7.attn_z.weight", 1))
    model = LocalModel(path, Settings(context=512))
    with pytest.raises(ConfigError, match=r"cannot be loaded: llama\.cpp cannot load the model"):
        await ask(model, HELLO)
    await model.close()


async def test_a_processor_without_what_llama_cpp_uses_is_gone_around_once(smollm2: Path) -> None:
    model = LocalModel(smollm2, Settings(context=2048, threads=1), max_output=8)
    try:
        await model.count(HELLO)
        assert "hello" in (await after_an_illegal_instruction(model)).lower()
        assert "AMX" in model.info.note
        with pytest.raises(ModelError) as refused:
            await after_an_illegal_instruction(model)
        assert "compiled for another processor" in refused.value.hint
    finally:
        await model.close()


async def after_an_illegal_instruction(model: LocalModel) -> str:
    """What comes of a request whose worker comes upon one."""
    assert model.worker_pid is not None
    os.kill(model.worker_pid, signal.SIGILL)
    return (await ask(model, HELLO))[0]
