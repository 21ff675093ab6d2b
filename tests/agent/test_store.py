"""Session files: what was written is read again, also after a cut at any byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mltui.agent import store
from mltui.agent.store import SessionFile
from mltui.core.errors import SessionError
from mltui.core.events import Event, Notice, SessionStarted, TextDelta, TurnStarted

HEAD = SessionStarted(session_id="s", cwd="/p", model="m", persona="p", mode="default", version="0", system="ä", tools=())


def write(path: Path, *events: Event) -> None:
    file = SessionFile(path)
    for event in events:
        file.append(event)
    file.close()


def test_events_come_back_in_order_and_deltas_do_not(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    events = (HEAD, TurnStarted(turn=1, text="one\ntwo — ü"), Notice(level="info", text="x"))
    write(path, events[0], events[1], TextDelta(text="gone"), events[2])

    loaded = store.load(path)

    assert loaded.events == events
    assert loaded.problems == ()
    assert path.stat().st_mode & 0o777 == 0o600


@given(st.floats(0, 1))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_cut_at_any_byte_loses_only_the_torn_event(tmp_path: Path, share: float) -> None:
    path = tmp_path / "s.jsonl"
    path.unlink(missing_ok=True)
    events: list[Event] = [HEAD, *(TurnStarted(turn=n, text=f"text {n} ü") for n in range(1, 5))]
    write(path, *events)
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    cut = first + round(share * (len(whole) - first))
    path.write_bytes(whole[:cut])
    kept = whole[:cut].count(b"\n") + (1 if whole[cut : cut + 1] == b"\n" else 0)

    write(path, Notice(level="info", text="after the crash"))
    loaded = store.load(path)

    assert list(loaded.events[:-1]) == events[:kept]
    assert isinstance(loaded.events[-1], Notice)


def test_a_foreign_line_is_reported_with_its_number_and_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    write(path, HEAD, TurnStarted(turn=1, text="x"))
    with path.open("ab") as file:
        file.write(b'{"type":"no.such"}\n')
    write(path, TurnStarted(turn=2, text="y"))

    loaded = store.load(path)

    assert [event.type for event in loaded.events] == ["session.started", "turn.started", "turn.started"]
    assert len(loaded.problems) == 1
    assert ":3 " in loaded.problems[0]


def test_a_session_that_is_open_elsewhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    first = SessionFile(path)
    with pytest.raises(SessionError, match="open in another mltui"):
        SessionFile(path)
    first.close()
    SessionFile(path).close()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a session file"),
        (b"hello\n", "not a session file"),
        (b"\xff\xfe\x00", "not a session file"),
        (b'{"type":"session.started","format":99}\n', "newer mltui"),
        (b'{"type":"session.started","format":1}\n', "broken first line"),
        (TurnStarted(turn=1, text="x", at=1.0).model_dump_json().encode(), "not a session file"),
    ],
)
def test_what_is_no_session_is_refused_in_words(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "s.jsonl"
    path.write_bytes(content)
    with pytest.raises(SessionError, match=words):
        store.load(path)


def test_sessions_are_found_by_the_beginning_of_their_id(tmp_path: Path) -> None:
    for name in ("abc1", "abd2", "nightly.7_b"):
        write(tmp_path / f"{name}.jsonl", HEAD)

    assert store.find(tmp_path, "abc").stem == "abc1"
    assert store.find(tmp_path, "nightly.7").stem == "nightly.7_b"
    with pytest.raises(SessionError, match="2 sessions begin with ab"):
        store.find(tmp_path, "ab")
    with pytest.raises(SessionError, match="no session zzz"):
        store.find(tmp_path, "zzz")
    with pytest.raises(SessionError, match="not a session id"):
        store.find(tmp_path, "../abc1")
