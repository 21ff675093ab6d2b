"""The fold: whatever happened, what the model is sent next is a valid conversation, and it only grows."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mltui.agent.remaining import remaining
from mltui.agent.transcript import INTERRUPTED, PUT_BACK, Transcript, last_answer
from mltui.core.events import (
    ContextCompacted,
    Event,
    MessageCompleted,
    SessionRewound,
    SessionStarted,
    TextDelta,
    ToolCompleted,
    ToolStarted,
    TurnCompleted,
    TurnStarted,
)
from mltui.core.messages import AssistantMessage, Message, Text, ToolCall, ToolMessage, Usage, UserMessage


def message(text: str = "", *calls: str, tokens: int = 10) -> MessageCompleted:
    parts = (*((Text(text=text),) if text else ()), *(ToolCall(id=call, name="Read") for call in calls))
    usage = Usage(input_tokens=tokens, output_tokens=1, cost_usd=0.01)
    return MessageCompleted(message=AssistantMessage(parts=parts), usage=usage, stop_reason="end_turn", model="m")


def done(call: str) -> ToolCompleted:
    return ToolCompleted(call_id=call, name="Read", content=f"result of {call}")


def turn_end(number: int = 1) -> TurnCompleted:
    return TurnCompleted(turn=number, outcome="completed", usage=Usage(), steps=1, seconds=0.0)


def start() -> SessionStarted:
    return SessionStarted(session_id="s", cwd="/p", model="m", persona="p", mode="default", version="0", system="", tools=())


def test_a_whole_turn_becomes_a_conversation() -> None:
    transcript = Transcript.fold([start(), TurnStarted(turn=1, text="hi"), message("look", "a"), done("a"), message("done"), turn_end()])

    assert [m.role for m in transcript.messages] == ["user", "assistant", "tool", "assistant"]
    assert last_answer(transcript) == "done"
    assert transcript.usage == Usage(input_tokens=20, output_tokens=2, cost_usd=0.02)
    assert not transcript.in_turn


def test_a_call_that_never_came_back_is_answered_when_the_next_turn_starts() -> None:
    transcript = Transcript.fold([start(), TurnStarted(turn=1, text="hi"), message("", "a", "b"), done("a")])
    assert [call.id for call in transcript.pending] == ["b"]

    transcript.apply(TurnStarted(turn=2, text="again"))

    assert [m.role for m in transcript.messages] == ["user", "assistant", "tool", "tool", "user"]
    healed = transcript.messages[3]
    assert isinstance(healed, ToolMessage)
    assert (healed.call_id, healed.content, healed.is_error) == ("b", INTERRUPTED, True)


def test_deltas_and_empty_answers_leave_no_trace_in_the_conversation() -> None:
    transcript = Transcript.fold([start(), TurnStarted(turn=1, text="hi"), TextDelta(text="par"), message()])

    assert transcript.messages == [UserMessage(text="hi")]
    assert all(not isinstance(event, TextDelta) for event in transcript.events)


def test_a_result_that_was_not_asked_for_or_comes_twice_is_kept_out() -> None:
    transcript = Transcript.fold([start(), TurnStarted(turn=1, text="x"), message("", "a"), done("a"), done("a"), done("zzz")])

    assert sum(isinstance(m, ToolMessage) for m in transcript.messages) == 1


ids = st.sampled_from("abcdef")
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(lambda n: TurnStarted(turn=n, text="t"), st.integers(1, 9)),
    st.builds(lambda calls: message("x", *calls), st.lists(ids, max_size=3, unique=True)),
    st.builds(done, ids),
    st.builds(turn_end),
    st.builds(lambda: TextDelta(text="d")),
    st.builds(lambda i: ToolStarted(call_id=i, name="Read", arguments={}), ids),
)


def test_going_back_drops_what_came_after_and_a_redo_brings_it_again() -> None:
    def compacted(kept: int) -> ContextCompacted:
        return ContextCompacted(summary="sum", tokens_before=9, tokens_after=1, kept=kept)

    def said(transcript: Transcript) -> list[str]:
        return [entry.text for entry in transcript.messages if isinstance(entry, UserMessage)]

    def back(turn: int, *, code: bool = False, conversation: bool = True, redo: bool = False) -> SessionRewound:
        return SessionRewound(to_turn=turn, code=code, conversation=conversation, redo=redo)

    transcript = Transcript.fold(
        [start(), TurnStarted(turn=1, text="one"), message("a"), TurnStarted(turn=2, text="two"), message("b"), compacted(1)]
    )
    transcript.apply(TurnStarted(turn=3, text="three"))
    transcript.apply(message("c", "call"))
    assert said(transcript) == ["sum", "three"]
    transcript.apply(back(3))
    assert said(transcript) == ["sum"]
    # To before the summary: what it replaced is there again.
    transcript.apply(back(2))
    assert said(transcript) == ["one"]
    transcript.apply(back(2, redo=True))
    transcript.apply(back(3, redo=True))
    assert said(transcript) == ["sum", "three"]
    transcript.apply(back(3, redo=True))
    assert said(transcript) == ["sum", "three"]
    transcript.apply(back(2, code=True))
    transcript.apply(TurnStarted(turn=4, text="four"))
    assert said(transcript) == ["one", "four"]
    transcript.apply(back(4, redo=True))
    assert said(transcript) == ["one", "four"]
    transcript.apply(back(4, code=True, conversation=False))
    transcript.apply(TurnStarted(turn=5, text="five"))
    assert said(transcript) == ["one", "four", f"{PUT_BACK}five"]
    assert len([event for event in transcript.events if isinstance(event, SessionRewound)]) == 8


def assert_valid(messages: list[Message]) -> None:
    """Every call is answered, once, directly after the message that makes it, before anything else is said."""
    waiting: list[str] = []
    for entry in messages:
        if isinstance(entry, ToolMessage):
            assert entry.call_id in waiting
            waiting.remove(entry.call_id)
            continue
        assert not waiting
        if isinstance(entry, AssistantMessage):
            waiting = [call.id for call in entry.tool_calls]
    assert not waiting


going: st.SearchStrategy[Event] = st.one_of(
    events,
    st.builds(
        lambda turn, code, conversation, redo: SessionRewound(to_turn=turn, code=code, conversation=conversation, redo=redo),
        st.integers(0, 9),
        st.booleans(),
        st.booleans(),
        st.booleans(),
    ),
    st.builds(lambda kept: ContextCompacted(summary="s", tokens_before=2, tokens_after=1, kept=kept), st.integers(0, 5)),
)


@given(st.lists(going, max_size=40))
@settings(max_examples=200)
def test_any_history_folds_to_a_valid_conversation(history: list[Event]) -> None:
    transcript = Transcript.fold([start(), *history])
    transcript.apply(TurnStarted(turn=99, text="what next"))

    assert_valid(transcript.messages)


@given(st.lists(st.sampled_from(["turn", "back", "back", "redo"]), max_size=25), st.data())
@settings(max_examples=200)
def test_what_remains_to_be_shown_is_what_the_model_is_sent(kinds: list[str], data: st.DataObject) -> None:
    history: list[Event] = []
    turns = 0
    for kind in kinds:
        if kind == "turn":
            turns += 1
            history += [TurnStarted(turn=turns, text=f"prompt {turns}"), message(f"answer {turns}")]
        else:
            to = data.draw(st.integers(1, turns + 1))
            history.append(SessionRewound(to_turn=to, code=False, conversation=True, redo=kind == "redo"))
    left = [event for event in remaining(history) if not isinstance(event, SessionRewound)]

    assert Transcript.fold(left).messages == Transcript.fold(history).messages


@given(st.lists(events, max_size=30))
def test_the_conversation_only_grows(history: list[Event]) -> None:
    transcript = Transcript.fold([start()])
    before: list[Message] = []
    for event in history:
        transcript.apply(event)
        assert transcript.messages[: len(before)] == before
        before = list(transcript.messages)


@given(st.lists(going, max_size=30), st.integers(0, 30))
def test_folding_in_two_parts_is_folding_at_once(history: list[Event], cut: int) -> None:
    at_once = Transcript.fold(history)
    in_parts = Transcript.fold(history[:cut])
    for event in history[cut:]:
        in_parts.apply(event)

    assert in_parts.messages == at_once.messages
    assert in_parts.usage == at_once.usage
