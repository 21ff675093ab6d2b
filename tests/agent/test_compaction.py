"""Making room: what is replaced, what is kept, who writes the summary, and that it never goes in circles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mltui.agent import summary
from mltui.agent.compaction import Compactor, bounded
from mltui.agent.context import Gauge, Window
from mltui.agent.limits import RepeatGuard, TurnLimits
from mltui.agent.loop import Turn, TurnResult
from mltui.agent.transcript import Transcript
from mltui.config.schema import Limits
from mltui.core.errors import ContextOverflowError, MltuiError, ModelRequestError
from mltui.core.events import ContextCompacted, Emit, Event, ToolCompleted, ToolStarted, TurnStarted, UsageAdded
from mltui.core.messages import AssistantMessage, Text, ToolCall, ToolMessage, UserMessage
from mltui.models.base import Model, ModelInfo, ModelRequest
from mltui.models.scripted import ScriptedModel
from tests.agent.test_transcript import assert_valid, done, message, start, turn_end

WORDS = "the loss went down after the learning rate was halved and then stayed where it was "


class SizedModel(ScriptedModel):
    """A scripted model with a window of its own, which refuses what does not fit as a provider does."""

    def __init__(self, script: list[object], window: int | None, *, id: str = "sized:one", really: int | None = None) -> None:
        super().__init__(script, id=id)
        self._info = ModelInfo(id=id, context_window=window, max_output_tokens=window // 8 if window else None)
        self._really = really

    def _next_step(self, request: ModelRequest) -> Any:
        size = len(request.system) + sum(len(sent.model_dump_json()) for sent in request.messages)
        if self._really and size // 4 > self._really:
            raise ContextOverflowError("prompt is too long", hint="compact it")
        return super()._next_step(request)


@dataclass
class Bench:
    """A turn against a model, with a gate whose results have the size that the call asks for."""

    model: SizedModel
    small: Callable[[], Model] | None = None
    events: list[Event] = field(default_factory=list)
    transcript: Transcript = field(default_factory=Transcript)

    def __post_init__(self) -> None:
        self.transcript.apply(start())
        self.room = Compactor(self.transcript, Gauge("You are an agent.", ()), 0.8, self.make_small, lambda: ("train.py",))

    async def make_small(self) -> Model:
        if self.small is None:
            raise ModelRequestError("no small model is named")
        return self.small()

    async def emit(self, event: Event) -> None:
        self.events.append(event)
        self.transcript.apply(event)

    def side_by_side(self, call: ToolCall) -> bool:
        return False

    async def may_repeat(self, call: ToolCall, count: int, emit: Emit) -> bool:
        return True

    async def execute(self, call: ToolCall, emit: Emit) -> None:
        await emit(ToolStarted(call_id=call.id, name=call.name, arguments=call.arguments))
        content = WORDS * int(str(call.arguments["size"]))
        await emit(ToolCompleted(call_id=call.id, name=call.name, content=content))

    async def turn(self, text: str = "find the best learning rate") -> TurnResult:
        await self.emit(TurnStarted(turn=self.transcript.turns + 1, text=text))
        limits = TurnLimits(Limits(), lambda: self.transcript.usage)
        turn = Turn(self.model, self, self.transcript, self.emit, limits, RepeatGuard(99), "You are an agent.", (), room=self.room)
        result = await turn.run()
        await self.emit(turn_end(self.transcript.turns))
        return result

    @property
    def compactions(self) -> list[ContextCompacted]:
        return [event for event in self.events if isinstance(event, ContextCompacted)]


def read(size: int, path: str = "data.csv") -> dict[str, object]:
    return {"calls": [{"name": "Read", "arguments": {"size": size, "file_path": path}}]}


async def test_the_conversation_is_summed_up_before_the_window_is_full_and_the_turn_goes_on() -> None:
    bench = Bench(SizedModel([*[read(100) for _ in range(12)], "done"], 20_000, really=17_500))

    result = await bench.turn()

    assert result.outcome == "completed"
    assert [event.trigger for event in bench.compactions] == ["full"]
    event = bench.compactions[0]
    assert event.tokens_after < event.tokens_before
    assert event.kept > 0
    assert "find the best learning rate" in event.summary
    assert "data.csv (read)" in event.summary
    assert "train.py" in event.summary
    for request in bench.model.requests:
        assert_valid(list(request.messages))


async def test_a_model_that_counts_itself_is_asked_where_an_estimate_is_not_enough() -> None:
    asked: list[ModelRequest] = []

    class CountingModel(SizedModel):
        async def count(self, request: ModelRequest) -> int:
            asked.append(request)
            return 5

    bench = Bench(CountingModel([*[read(100) for _ in range(11)], "done"], 20_000))

    assert (await bench.turn()).outcome == "completed"
    assert bench.compactions == []
    assert asked
    assert len(asked) < len(bench.model.requests)


async def test_a_small_model_writes_the_summary_and_its_usage_counts() -> None:
    small = SizedModel(["GOAL: the best rate. 0.812 ± 0.004"], 50_000, id="sized:small")
    bench = Bench(SizedModel([*[read(100, f"f{n}") for n in range(9)], "done"], 20_000), small=lambda: small)

    await bench.turn()

    assert bench.compactions[0].by == "sized:small"
    assert "0.812 ± 0.004" in bench.compactions[0].summary
    used = [event for event in bench.events if isinstance(event, UsageAdded)]
    assert [(event.source, event.model) for event in used] == [("compaction", "sized:small")]
    assert "<conversation>" in small.requests[0].messages[0].text  # type: ignore[union-attr]
    assert bench.transcript.usage.prompt_tokens > used[0].usage.prompt_tokens


async def test_where_the_small_model_fails_the_sessions_own_writes_it_and_else_none() -> None:
    def broken() -> Model:
        return SizedModel([{"error": "unavailable"}], 50_000, id="sized:small")

    sums_up = {"text": "SUMMED UP", "expect": "<conversation>"}
    own = Bench(SizedModel([sums_up, *[read(100) for _ in range(8)], "done"], 20_000), broken)
    await own.turn()
    assert (own.compactions[0].by, "SUMMED UP" in own.compactions[0].summary) == ("sized:one", True)

    none = Bench(SizedModel([*[read(60) for _ in range(5)], "done"], 8_000), broken)
    await none.turn()
    assert none.compactions[0].by == ""
    assert "results of these calls were dropped" in none.compactions[0].summary


async def test_a_model_that_refuses_gets_one_shorter_request_and_then_the_person_gets_the_error() -> None:
    bench = Bench(SizedModel([*[read(100) for _ in range(8)], "done"], None, really=9_000))
    assert (await bench.turn()).outcome == "completed"
    assert {event.trigger for event in bench.compactions} == {"refused"}

    tiny = Bench(SizedModel([read(100), "done"], None, really=10))
    result = await tiny.turn(WORDS * 20)
    assert result.outcome == "model_error"
    assert "would free too little" in result.error
    assert "new session" in result.error
    assert tiny.compactions == []


async def test_a_window_that_instructions_fill_is_left_to_the_model_and_never_compacted_in_a_loop() -> None:
    bench = Bench(SizedModel([*[read(1) for _ in range(9)], "done"], 4_000))
    bench.room.gauge = Gauge(WORDS * 165, ())
    assert 2_700 < bench.room.gauge.fixed < 3_500

    result = await bench.turn()

    assert result.outcome == "completed"
    assert bench.compactions == []


async def test_a_request_that_is_larger_than_the_window_is_not_sent_where_no_room_can_be_made() -> None:
    bench = Bench(SizedModel(["never"], 2_000))
    bench.room.gauge = Gauge(WORDS * 165, ())

    result = await bench.turn()

    assert (result.outcome, bench.model.requests) == ("model_error", [])
    assert "its window holds 2,000" in result.error


async def test_compaction_by_hand_keeps_what_is_asked_for_and_refuses_where_there_is_nothing() -> None:
    bench = Bench(SizedModel([read(30), "first", read(30), "second", {"text": "SUMMED", "expect": "keep the seeds"}], 100_000))
    with pytest.raises(MltuiError, match="nothing to sum up"):
        await bench.room.asked(bench.model, "", bench.emit)
    await bench.turn("one")
    await bench.turn("two")

    event = await bench.room.asked(bench.model, "keep the seeds", bench.emit)

    assert "SUMMED" in event.summary
    assert event.trigger == "asked"
    assert isinstance(bench.transcript.messages[0], UserMessage)
    assert bench.transcript.messages[0].text == event.summary
    assert any("one" in line for line in event.summary.splitlines())


async def test_plan_proposals_and_todos_survive(tmp_path: object) -> None:
    todo = {"todos": [{"content": "run the seeds", "status": "in_progress"}, {"content": "conclude", "status": "pending"}]}
    script = [{"calls": [{"name": "TodoWrite", "arguments": {**todo, "size": 1}}]}, *[read(100) for _ in range(8)], "done"]
    bench = Bench(SizedModel(script, 20_000))

    await bench.turn()

    assert "- [>] run the seeds" in bench.compactions[0].summary
    assert [item.content for item in summary.todos(bench.transcript.events)] == ["run the seeds", "conclude"]


entries = st.one_of(
    st.builds(lambda n: [message("x " * n, "a"), done("a")], st.integers(0, 400)),
    st.builds(lambda n: [message("y " * n)], st.integers(1, 400)),
    st.builds(lambda n: [turn_end(), TurnStarted(turn=0, text="z " * n)], st.integers(1, 800)),
)


@given(st.lists(entries, max_size=25), st.integers(500, 6_000), st.booleans())
@settings(max_examples=150, deadline=None)
def test_whatever_is_kept_is_valid_fits_and_holds_what_the_person_just_said(parts: list[list[Event]], usable: int, asked: bool) -> None:
    ids = iter(range(10_000))
    events: list[Event] = [start(), TurnStarted(turn=1, text="go")]
    for group in parts:
        number = str(next(ids))
        for event in group:
            text = event.model_dump_json().replace('"a"', f'"{number}"')
            events.append(type(event).model_validate_json(text))
    transcript = Transcript.fold(events)
    compactor = Compactor(transcript, Gauge("system", ()), 0.8, None, tuple)  # type: ignore[arg-type]
    limit = int(usable * 0.8)

    plan = compactor.plan(usable, limit, asked)

    if plan is None:
        return
    assert (*plan.replaced, *plan.kept) == tuple(transcript.messages)
    assert_valid(list(plan.kept))
    assert plan.after < plan.before or asked
    if not asked:
        assert plan.after <= limit
    if isinstance(transcript.messages[-1], UserMessage):
        assert plan.kept[-1] == transcript.messages[-1]
    transcript.apply(ContextCompacted(summary="s", tokens_before=plan.before, tokens_after=plan.after, kept=len(plan.kept)))
    assert transcript.messages == [UserMessage(text="s"), *plan.kept]


@given(st.lists(st.integers(0, 9), max_size=12), st.integers(0, 14))
def test_a_compaction_folds_to_a_valid_conversation_whatever_it_says_it_kept(sizes: list[int], kept: int) -> None:
    events: list[Event] = [start(), TurnStarted(turn=1, text="go")]
    for number, calls in enumerate(sizes):
        ids = [f"{number}-{call}" for call in range(calls % 3)]
        events += [message("x", *ids), *(done(id_) for id_ in ids)]
    events.append(ContextCompacted(summary="s", tokens_before=2, tokens_after=1, kept=kept))

    transcript = Transcript.fold(events)

    assert transcript.messages[0] == UserMessage(text="s")
    assert_valid(transcript.messages)
    assert len(transcript.messages) <= kept + 1


def test_old_files_without_kept_fold_as_before() -> None:
    line = '{"at":1.0,"type":"context.compacted","summary":"s","tokens_before":9,"tokens_after":1}'
    transcript = Transcript.fold([start(), TurnStarted(turn=1, text="go"), message("x"), ContextCompacted.model_validate_json(line)])
    assert transcript.messages == [UserMessage(text="s")]


def test_results_are_bounded_by_the_window() -> None:
    small = ModelInfo(id="m", context_window=8_000)
    text = bounded("a" * 50_000, small)
    assert len(text) < 8_000
    assert "left out" in text
    assert bounded("short", small) == "short"
    assert len(bounded("a" * 500_000, ModelInfo(id="m"))) < 130_000


@given(st.text(max_size=3_000), st.integers(30, 500))
def test_shortened_text_says_what_is_missing(text: str, most: int) -> None:
    short = summary.shortened(text, most)
    assert short == text if len(text) <= most else "characters left out" in short
    assert len(short) <= max(most, 0) + 60


def test_the_reserve_is_the_answers_but_never_most_of_the_window() -> None:
    window = Window.of(ModelInfo(id="m", context_window=200_000, max_output_tokens=64_000), 0.8)
    assert window is not None
    assert (window.reserve, window.usable, window.limit) == (50_000, 150_000, 120_000)
    assert Window.of(ModelInfo(id="m"), 0.8) is None


def test_messages_for_a_summary_hold_no_thinking_and_fit_the_room() -> None:
    messages = [
        UserMessage(text="why " * 500),
        AssistantMessage(parts=(Text(text="t " * 500), ToolCall(id="1", name="Bash", arguments={"command": "ls"}))),
        ToolMessage(call_id="1", name="Bash", content="out " * 9_000),
    ]
    text = summary.script(messages, 5_000)
    assert len(text) <= 5_100
    assert "CALL Bash" in summary.script(messages, 50_000)
