"""A session file cut or broken at any byte: it loads, folds, and what is sent next is a valid conversation."""

from __future__ import annotations

import asyncio
import functools
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mltui.agent import store
from mltui.agent.transcript import Transcript
from mltui.core.errors import SessionError
from mltui.core.events import DELTAS, Event, MessageCompleted, TextDelta, TurnStarted
from tests.agent.test_compaction import Bench, SizedModel, read
from tests.agent.test_transcript import assert_valid, start

SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@functools.cache
def whole() -> tuple[bytes, tuple[Event, ...]]:
    """A session of two turns with calls, an error, a compaction and text beyond ASCII, as bytes and as events."""
    bench = Bench(
        SizedModel([*[read(100, "dätä.csv") for _ in range(10)], "done “ü”", read(5), {"text": "no", "error": "request"}], 20_000)
    )
    asyncio.run(bench.turn("fïrst"))
    asyncio.run(bench.turn("second"))
    assert bench.compactions
    events = (start(), *bench.events)
    lines = [event.model_dump_json().encode() + b"\n" for event in events if not isinstance(event, DELTAS)]
    return b"".join(lines), tuple(event for event in events if not isinstance(event, DELTAS))


def resumed(path: Path) -> Transcript:
    """As a resume does it: open, load, fold, and the next turn begins."""
    file = store.SessionFile(path)
    transcript = Transcript.fold(store.load(path).events)
    event = TurnStarted(turn=transcript.turns + 1, text="go on")
    file.append(event)
    file.append(TextDelta(text="x"))
    transcript.apply(event)
    file.close()
    return transcript


@given(st.floats(0, 1))
@SETTINGS
def test_a_kill_at_any_byte_loses_at_most_the_event_being_written(tmp_path: Path, share: float) -> None:
    data, events = whole()
    first = data.index(b"\n") + 1
    cut = first + round(share * (len(data) - first))
    path = tmp_path / "s.jsonl"
    path.write_bytes(data[:cut])

    transcript = resumed(path)

    assert_valid(transcript.messages)
    complete = data[:cut].count(b"\n") + (data[cut : cut + 1] == b"\n")
    assert tuple(transcript.events[:-1]) == events[:complete]
    again = Transcript.fold(store.load(path).events)
    assert (again.messages, again.usage, again.context_tokens) == (transcript.messages, transcript.usage, transcript.context_tokens)


@given(st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=30)), min_size=1, max_size=6))
@SETTINGS
def test_a_file_with_broken_bytes_loses_the_lines_they_stand_in_and_no_more(tmp_path: Path, wounds: list[tuple[float, bytes]]) -> None:
    data, _ = whole()
    first = data.index(b"\n") + 1
    broken = bytearray(data)
    for share, junk in wounds:
        place = first + round(share * (len(data) - first))
        broken[place : place + len(junk)] = junk
    path = tmp_path / "s.jsonl"
    path.write_bytes(bytes(broken))

    try:
        transcript = resumed(path)
    except SessionError:
        raise AssertionError("only a broken head may stop a resume") from None

    assert_valid(transcript.messages)


def test_answers_of_a_session_are_read_once_each(tmp_path: Path) -> None:
    data, events = whole()
    path = tmp_path / "s.jsonl"
    path.write_bytes(data)
    loaded = store.load(path)
    assert Counter(type(event) for event in loaded.events) == Counter(type(event) for event in events)
    assert any(isinstance(event, MessageCompleted) for event in loaded.events)
