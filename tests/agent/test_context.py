"""The gauge: what providers reported is exact, what was added is estimated, and the cheap bound is never too low."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mltui.agent.context import Gauge
from mltui.agent.context_report import lines, report
from mltui.agent.transcript import Transcript
from mltui.core.events import MessageCompleted, TurnStarted
from mltui.core.messages import AssistantMessage, Text, Thinking, ToolSpec, Usage, UserMessage
from mltui.models import tokens
from mltui.models.base import ModelInfo
from tests.agent.test_transcript import done, message, start

TOOL = ToolSpec(name="Read", description="Reads a file. " * 30, parameters={"type": "object", "properties": {}})


@given(st.text(max_size=400))
@settings(deadline=None)
def test_no_text_has_more_tokens_than_the_bound(text: str) -> None:
    sent = UserMessage(text=text)
    assert tokens.of_message(sent) <= tokens.at_most([sent])


def test_tokens_are_counted_offline_as_the_vocabulary_does() -> None:
    assert tokens.count("hello world") == 2
    assert tokens.count("") == 0


def test_what_the_provider_counted_is_taken_as_it_is_and_what_was_added_is_corrected() -> None:
    gauge = Gauge("system " * 100, (TOOL,))
    transcript = Transcript.fold([start(), TurnStarted(turn=1, text="hi")])
    before = gauge.used(transcript)
    assert before == gauge.fixed + tokens.of_message(transcript.messages[0])
    assert before <= gauge.at_most(transcript)

    transcript.apply(message("look", "a", tokens=2 * before))  # this provider counts about twice as many
    transcript.apply(done("a"))

    used = gauge.used(transcript)
    assert 1.8 < gauge.correction < 2.1
    assert used == transcript.context_tokens + round(gauge.correction * tokens.of_message(transcript.messages[-1]))
    assert used <= gauge.at_most(transcript)


def test_the_report_adds_up_and_names_what_fills_the_window() -> None:
    transcript = Transcript.fold([start(), TurnStarted(turn=1, text="hi " * 50)])
    parts = (Thinking(text="hm " * 40), Text(text="so " * 20))
    usage = Usage(input_tokens=900, output_tokens=100)
    transcript.apply(MessageCompleted(message=AssistantMessage(parts=parts), usage=usage, stop_reason="end_turn", model="m"))
    transcript.apply(message("look", "a", tokens=1_200))
    transcript.apply(done("a"))
    gauge = Gauge("system\n\n# Instructions of this project\n\nalways test", (TOOL,))

    found = report(transcript, gauge, ModelInfo(id="m", context_window=10_000, max_output_tokens=1_000), 0.8)

    whole = [share for share in found.shares if not share.of]
    assert abs(sum(share.tokens for share in whole) - found.used) <= len(whole)
    names = {share.name for share in found.shares}
    assert names >= {"system prompt", "project instructions", "tools", "your prompts", "answers", "thinking", "tool results", "Read"}
    text = "\n".join(lines(found))
    assert "of 10,000" in text
    assert "free" in text
    assert "summed up at 7,200" in text
    assert "not known" in "\n".join(lines(report(transcript, gauge, ModelInfo(id="m"), 0.8)))


def test_a_server_that_does_not_count_what_it_is_sent_is_not_believed() -> None:
    gauge = Gauge("system " * 1_000, (TOOL,))
    transcript = Transcript.fold([start(), TurnStarted(turn=1, text="hi " * 3_000), message("look", "a", tokens=100), done("a")])

    used = gauge.used(transcript)

    assert used > 4_000
    assert gauge.correction == 1.0
    assert gauge.at_most(transcript) >= used
