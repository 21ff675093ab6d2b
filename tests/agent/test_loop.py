"""The loop against a scripted model and a gate that records: what is emitted, in which order, whatever goes wrong."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mltui.agent.limits import RepeatGuard, TurnLimits
from mltui.agent.loop import Turn, TurnResult, TurnStopped
from mltui.agent.transcript import Transcript
from mltui.config.schema import Limits
from mltui.core.events import Emit, Event, MessageCompleted, ToolCompleted, ToolStarted, TurnStarted
from mltui.core.messages import ToolCall, Usage
from mltui.models.chaos import ChaosModel
from mltui.models.scripted import ScriptedModel


class RecordingGate:
    """Runs nothing; `slow` calls wait for ever, `stop` calls end the turn."""

    def __init__(self) -> None:
        self.calls: list[ToolCall] = []
        self.may = False

    async def may_repeat(self, call: ToolCall, count: int, emit: Emit) -> bool:
        return self.may

    def side_by_side(self, call: ToolCall) -> bool:
        return False

    async def execute(self, call: ToolCall, emit: Emit) -> None:
        self.calls.append(call)
        content = "cancelled"
        try:
            if call.name == "Slow":
                await emit(ToolStarted(call_id=call.id, name=call.name, arguments={}))
                await asyncio.sleep(60)
            content = "ok"
        finally:
            await emit(ToolCompleted(call_id=call.id, name=call.name, content=content))
        if call.name == "Stop":
            raise TurnStopped("enough")


class Bench:
    def __init__(self, model: object, limits: Limits | None = None) -> None:
        self.events: list[Event] = []
        self.gate = RecordingGate()
        self.transcript = Transcript()
        self.transcript.apply(TurnStarted(turn=1, text="go"))
        limits = limits or Limits()
        self.turn = Turn(
            model=model,  # type: ignore[arg-type]
            gate=self.gate,
            transcript=self.transcript,
            emit=self.emit,
            limits=TurnLimits(limits, lambda: self.transcript.usage),
            repeats=RepeatGuard(limits.tool_repeats),
            system="s",
            tools=(),
        )

    async def emit(self, event: Event) -> None:
        self.transcript.apply(event)
        self.events.append(event)

    async def run(self) -> TurnResult:
        return await self.turn.run()


def call(name: str = "Read", **arguments: str) -> dict[str, object]:
    return {"name": name, "arguments": arguments}


async def test_calls_are_run_in_order_and_their_results_sent_back() -> None:
    model = ScriptedModel([{"text": "looking", "calls": [call(x="1"), call(x="2")]}, "done"])
    bench = Bench(model)

    result = await bench.run()

    assert result == TurnResult("completed", 2)
    assert [c.arguments["x"] for c in bench.gate.calls] == ["1", "2"]
    assert [m.role for m in model.requests[1].messages] == ["user", "assistant", "tool", "tool"]
    assert model.requests[1].messages[: len(model.requests[0].messages)] == model.requests[0].messages


async def test_a_cut_by_the_person_answers_every_call_and_keeps_what_was_read() -> None:
    bench = Bench(ScriptedModel([{"text": "x", "calls": [call("Slow"), call("Read")]}]))
    task = asyncio.create_task(bench.run())
    while not any(isinstance(event, ToolStarted) for event in bench.events):
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    completed = [event for event in bench.events if isinstance(event, ToolCompleted)]
    assert [event.content for event in completed] == ["cancelled", "Not run: the turn was interrupted before this call."]
    assert bench.transcript.pending == ()


async def test_text_that_was_streamed_before_an_interrupt_stays() -> None:
    bench = Bench(ScriptedModel([{"text": "a long answer that is cut somewhere", "pause": 0.05}]))
    task = asyncio.create_task(bench.run())
    while len(bench.events) < 2:
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    last = bench.events[-1]
    assert isinstance(last, MessageCompleted)
    assert last.stop_reason == "interrupted"
    assert "a long answer that is cut somewhere".startswith(last.message.text)
    assert last.message.text


async def test_a_stop_ends_the_turn_and_the_calls_after_it_are_not_run() -> None:
    bench = Bench(ScriptedModel([{"calls": [call("Stop"), call("Read")]}, "never"]))

    result = await bench.run()

    assert (result.outcome, result.error) == ("stopped", "enough")
    assert [c.name for c in bench.gate.calls] == ["Stop"]
    assert bench.transcript.pending == ()


async def test_the_same_call_again_and_again_is_refused_and_then_ends_the_turn() -> None:
    bench = Bench(ScriptedModel([{"calls": [call(x="1")]}] * 9), Limits(tool_repeats=3))

    result = await bench.run()

    assert result.outcome == "model_error"
    assert "repeats the same Read call" in result.error
    assert len(bench.gate.calls) == 3
    told = [event.content for event in bench.events if isinstance(event, ToolCompleted)]
    assert "came back 3 times" in told[3]


async def test_a_person_may_let_it_go_on() -> None:
    bench = Bench(ScriptedModel([{"calls": [call(x="1")]}] * 6), Limits(tool_repeats=3))
    bench.gate.may = True
    assert (await bench.run()).outcome == "completed"
    assert len(bench.gate.calls) == 6


async def test_other_calls_and_other_results_do_not_repeat() -> None:
    bench = Bench(ScriptedModel([{"calls": [call(x=str(n % 2))]} for n in range(8)]), Limits(tool_repeats=3))
    assert (await bench.run()).outcome == "completed"
    assert len(bench.gate.calls) == 8

    guard = RepeatGuard(2)
    same = ToolCall(id="1", name="Poll", arguments={})
    for result in ("1 %", "2 %", "3 %", "3 %"):
        assert guard.repeated(same) == 0
        guard.came_back(same, result)
    assert guard.repeated(same) == 2


def test_a_person_is_warned_once_when_a_limit_is_near() -> None:
    spent = [0.0]
    warned: set[str] = set()
    said = []
    for dollars in (0.5, 0.79, 0.81, 0.9):
        spent[0] = dollars
        limits = TurnLimits(Limits(max_budget_usd=1.0), lambda: Usage(cost_usd=spent[0]), warned=warned)
        said.append(limits.before_request())
    assert said[:2] == ["", ""] and said[3] == ""
    assert said[2] == "81% of the budget limit is used ($0.81 of $1)"


@pytest.mark.parametrize(
    ("limits", "outcome"),
    [
        (Limits(max_turns=2), "max_turns"),
        (Limits(max_budget_usd=0.02), "max_budget_usd"),
        (Limits(max_tokens=25), "max_tokens"),
    ],
)
async def test_a_limit_ends_the_turn_with_its_name(limits: Limits, outcome: str) -> None:
    usage = Usage(input_tokens=10, output_tokens=3, cost_usd=0.01).model_dump()
    bench = Bench(ScriptedModel([{"calls": [call(x=str(n))], "usage": usage} for n in range(9)]), limits)

    result = await bench.run()

    assert result.outcome == outcome
    assert len(bench.gate.calls) == 2


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [("auth", "auth"), ("unavailable", "unavailable"), ("context", "model_error"), ("request", "model_error")],
)
async def test_errors_of_the_model_become_outcomes(kind: str, outcome: str) -> None:
    assert (await Bench(ScriptedModel([{"error": kind}])).run()).outcome == outcome


async def test_ids_that_a_model_uses_twice_are_made_distinct() -> None:
    again = {"name": "Read", "arguments": {}, "id": "same"}
    first, second = [again, {**again, "arguments": {"x": 1}}], [{**again, "arguments": {"x": 2}}]
    bench = Bench(ScriptedModel([{"calls": first}, {"calls": second}, "done"]))

    await bench.run()

    assert [c.id for c in bench.gate.calls] == ["same", "same_2", "same_3"]


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_whatever_a_model_does_every_call_is_answered_once(seed: int) -> None:
    script = [{"text": f"step {n}", "calls": [call(x=f"{n}a"), call("Bash", x=f"{n}b")]} for n in range(4)]
    bench = Bench(ChaosModel(ScriptedModel([*script, "done"]), seed), Limits(max_turns=12))

    asyncio.run(bench.run())

    made = [c.id for e in bench.events if isinstance(e, MessageCompleted) for c in e.message.tool_calls]
    answered = [e.call_id for e in bench.events if isinstance(e, ToolCompleted)]
    assert sorted(made) == sorted(answered)
    assert len(set(made)) == len(made)
