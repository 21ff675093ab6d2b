from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltui.core.errors import ConfigError, ModelRequestError, ModelUnavailableError
from mltui.core.messages import ToolMessage, UserMessage
from mltui.models.base import Answer, Model, ModelRequest, Retry, TextPiece
from mltui.models.chaos import ChaosModel
from mltui.models.scripted import CLOSING_TEXT, ScriptedModel

from .contract import ASK, ModelContract, answer_of, parts_of

CALL = {"text": "I will look at the file.", "calls": [{"name": "Read", "arguments": {"file_path": "a.py"}}]}


class TestScriptedModel(ModelContract):
    @asynccontextmanager
    async def model(self, script: list[Any]) -> AsyncIterator[Model]:
        yield ScriptedModel(script)

    def failing_once(self, text: str) -> dict[str, Any]:
        return {"text": text, "retries": 1}


def after(content: str) -> ModelRequest:
    return ModelRequest(system="", messages=(UserMessage(text="go"), ToolMessage(call_id="1", name="Bash", content=content)))


async def test_the_script_ends_with_a_closing_text() -> None:
    model = ScriptedModel(["one"])
    assert [(await answer_of(model)).message.text for _ in range(3)] == ["one", CLOSING_TEXT, CLOSING_TEXT]


async def test_a_step_waits_for_what_it_expects() -> None:
    model = ScriptedModel([{"expect": "failed", "text": "repair"}, {"expect": "passed", "text": "done"}])
    assert (await answer_of(model, after("2 passed"))).message.text == "done"
    assert (await answer_of(model, after("1 failed"))).message.text == "repair"
    assert [request.messages[-1] for request in model.requests] == [after("2 passed").messages[-1], after("1 failed").messages[-1]]


async def test_no_step_for_a_forced_tool_is_an_error() -> None:
    with pytest.raises(ModelRequestError, match="no further call of Bash"):
        await parts_of(ScriptedModel(["text"]), ModelRequest(system="", messages=ASK.messages, tools=ASK.tools, force_tool="Bash"))


async def test_an_error_comes_after_the_text_of_its_step() -> None:
    shown = []
    with pytest.raises(ModelUnavailableError):
        async for part in ScriptedModel([{"text": "half an ans", "error": "unavailable"}]).stream(ASK):
            shown.append(part)
    assert shown == [TextPiece("half an ans")]


@pytest.mark.parametrize("suffix", [".yaml", ".json"])
async def test_reads_a_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"script{suffix}"
    path.write_text(json.dumps(["hello", CALL]))  # JSON is YAML
    model = ScriptedModel.from_file(path)
    assert (await answer_of(model)).message.text == "hello"
    assert (await answer_of(model)).message.tool_calls[0].arguments == {"file_path": "a.py"}
    assert model.info.id == f"scripted:{path}"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.yaml", "- text: [", "bad script"),
        ("a.json", "{", "bad script"),
        ("a.yaml", "text: hello", "not a list"),
        ("a.yaml", "- txet: hello", "step 0.txet"),
        ("a.yaml", "- text: 3", "step 0.text"),
        ("a.yaml", "", "not a list"),
    ],
)
def test_a_bad_file_is_named_with_what_is_wrong(tmp_path: Path, name: str, content: str, says: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(ConfigError, match=says) as raised:
        ScriptedModel.from_file(path)
    assert str(path) in str(raised.value)
    assert raised.value.hint


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the script"):
        ScriptedModel.from_file(tmp_path / "none.yaml")


async def play(seed: int) -> tuple[list[object], list[str]]:
    """What a consumer sees of ten answers, and the faults behind it."""
    model = ChaosModel(ScriptedModel([CALL] * 10), seed, rate=0.8)
    seen: list[object] = []
    for _ in range(10):
        try:
            seen += await parts_of(model)
        except ModelUnavailableError as error:
            seen.append(str(error))
    return seen, list(model.injected)


@given(st.integers())
async def test_chaos_is_the_same_for_the_same_seed(seed: int) -> None:
    assert await play(seed) == await play(seed)


async def test_chaos_injects_every_fault() -> None:
    faults = [fault for seed in range(10) for fault in (await play(seed))[1]]
    assert set(faults) == {"cut", "broken_json", "unknown_tool", "duplicate_call", "retry", "empty"}


@pytest.mark.parametrize("fault", ["broken_json", "unknown_tool", "duplicate_call", "retry", "empty", "cut"])
async def test_chaos_does_what_the_fault_is_called(fault: Any) -> None:
    model = ChaosModel(ScriptedModel([CALL]), 1, rate=1.0, faults=(fault,))
    if fault == "cut":
        with pytest.raises(ModelUnavailableError):
            await parts_of(model)
        return
    parts = await parts_of(model)
    answer = parts[-1]
    assert isinstance(answer, Answer)
    calls = answer.message.tool_calls
    assert {
        "broken_json": lambda: calls[0].broken is not None,
        "unknown_tool": lambda: calls[0].name == "ReadPlus",
        "duplicate_call": lambda: len(calls) == 2 and calls[0].arguments == calls[1].arguments and calls[0].id != calls[1].id,
        "retry": lambda: any(isinstance(part, Retry) for part in parts) and calls[0].name == "Read",
        "empty": lambda: answer.message.parts == (),
    }[fault]()
