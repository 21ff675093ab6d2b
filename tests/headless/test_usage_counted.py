"""The result counts what the session counts: answers, subagents, and requests beside the conversation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltui.agent.transcript import Transcript
from mltui.core.events import Event, MessageCompleted, Notice, Subagent, UsageAdded
from mltui.core.messages import AssistantMessage, Text, Usage
from mltui.ui.headless.result import Tally

counts = st.integers(0, 10**6)
usages = st.builds(
    Usage,
    input_tokens=counts,
    output_tokens=counts,
    cache_read_tokens=counts,
    cache_write_tokens=counts,
    cost_usd=st.none() | st.integers(0, 10**6).map(lambda cents: cents / 100),
)
models = st.sampled_from(["a", "b", "c"])
said = st.builds(
    MessageCompleted,
    message=st.just(AssistantMessage(parts=(Text(text="x"),))),
    usage=usages,
    stop_reason=st.just("end_turn"),
    model=models,
)
beside = st.builds(UsageAdded, source=st.just("title"), model=models, usage=usages)
plain = said | beside | st.just(Notice(level="info", text="x"))
events: st.SearchStrategy[Event] = st.recursive(plain, lambda inner: st.builds(Subagent, call_id=st.just("c"), event=inner), max_leaves=3)


@given(st.lists(events, max_size=12))
def test_both_come_to_the_same(happened: list[Event]) -> None:
    tally = Tally()
    for event in happened:
        tally.take(event)
    counted = Transcript.fold(happened).usage
    assert tally.total.model_dump(exclude={"cost_usd"}) == counted.model_dump(exclude={"cost_usd"})
    assert (tally.total.cost_usd or 0.0) == pytest.approx(counted.cost_usd or 0.0, abs=1e-6)
