"""Sessions on disk: lists, search and previews without loading them; deletion and export."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mltui.agent import export, library, store
from mltui.agent.branches import parts
from mltui.agent.naming import clean_title
from mltui.agent.remaining import remaining
from mltui.core.errors import SessionError, UsageError
from mltui.core.events import (
    Event,
    MessageCompleted,
    ModelChanged,
    SessionRewound,
    SessionStarted,
    SessionTitled,
    ToolCompleted,
    TurnCompleted,
    TurnStarted,
    TurnSteered,
)
from mltui.core.messages import AssistantMessage, Text, ToolCall, Usage


def head(id_: str = "s") -> SessionStarted:
    return SessionStarted(session_id=id_, cwd="/p/ü", model="m", persona="p", mode="default", version="0", system="secret prompt", tools=())


def said(text: str, **arguments: str) -> MessageCompleted:
    call = (ToolCall(id="c1", name="Bash", arguments=dict(arguments)),) if arguments else ()
    return MessageCompleted(message=AssistantMessage(parts=(Text(text=text), *call)), usage=Usage(), stop_reason="end_turn", model="m")


def turn_end(cost: float = 0.5) -> TurnCompleted:
    return TurnCompleted(turn=1, outcome="completed", usage=Usage(cost_usd=cost), steps=1, seconds=1.0)


def write(folder: Path, id_: str, *events: Event) -> Path:
    path = folder / f"{id_}.jsonl"
    file = store.SessionFile(path)
    for event in (head(id_), *events):
        file.append(event)
    file.close()
    return path


def result(content: str) -> ToolCompleted:
    return ToolCompleted(call_id="c1", name="Bash", content=content)


def test_a_list_says_what_there_is_and_what_is_no_session(tmp_path: Path) -> None:
    write(tmp_path, "old", TurnStarted(turn=1, text='say "hé"\nplease\\'), turn_end(), turn_end(0.25))
    os.utime(tmp_path / "old.jsonl", (1, 1))
    write(
        tmp_path,
        "new",
        TurnStarted(turn=1, text="x"),
        ModelChanged(model="n"),
        SessionTitled(title="The title"),
        TurnStarted(turn=2, text="y"),
    )
    (tmp_path / "bad.jsonl").write_text("hello\n")

    found = library.listed(tmp_path)

    rows = {row.id: row for row in found.rows}
    assert [row.id for row in found.rows] == ["new", "old"]
    assert (rows["old"].first, rows["old"].cost_usd, rows["old"].turns, rows["old"].cwd) == ('say "hé" please\\', 0.75, 1, "/p/ü")
    assert (rows["new"].name, rows["new"].turns, rows["new"].model, rows["new"].cost_usd) == ("The title", 2, "n", None)
    assert len(found.problems) == 1
    assert "bad.jsonl" in found.problems[0]
    assert library.listed(tmp_path / "none").rows == ()


@given(st.text(min_size=1, max_size=600))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_first_prompt_is_listed_as_it_begins(tmp_path: Path, text: str) -> None:
    (tmp_path / "s.jsonl").unlink(missing_ok=True)
    write(tmp_path, "s", TurnStarted(turn=1, text=text.encode("utf-8", "replace").decode()))
    row = library.listed(tmp_path).rows[0]
    assert " ".join(text.split()).startswith(row.first[:40].rstrip())
    assert row.first or not text.split() or text.startswith((" ", "\n"))


def test_search_finds_words_wherever_they_were_said_and_nothing_else(tmp_path: Path) -> None:
    place = tmp_path / "project-1"
    write(
        place,
        "a",
        TurnStarted(turn=1, text='why does "LOSS" rise?'),
        said("because", command="grep Überlauf train.py"),
        result("nan at step 7"),
    )
    write(place, "b", TurnStarted(turn=1, text="loss of the validation split"), SessionTitled(title="splits"))

    def found(query: str) -> list[tuple[str, str]]:
        return [(hit.path.stem, hit.who) for hit in library.search(tmp_path, query)]

    assert sorted(found("loss")) == [("a", "you"), ("b", "you")]
    assert found('"loss"') == [("a", "you")]
    assert found("rise loss") == [("a", "you")]
    assert found("überlauf") == [("a", "call")]
    assert found("STEP 7") == [("a", "Bash")]
    assert found("splits") == [("b", "title")]
    assert found("secret") == []
    assert found("turn.started") == []
    assert found("(.*") == []
    with pytest.raises(SessionError, match="nothing to search"):
        found(" ")


def test_the_latest_session_is_found_first_and_no_more_than_asked_for(tmp_path: Path) -> None:
    for number in range(4):
        path = write(tmp_path, f"s{number}", *(TurnStarted(turn=n, text="needle") for n in range(1, 6)))
        os.utime(path, (number, number))

    hits = list(library.search(tmp_path, "needle", limit=4, each=3))

    assert [hit.path.stem for hit in hits] == ["s3", "s3", "s3", "s2"]


def test_an_open_session_is_not_deleted_and_old_ones_are_pruned(tmp_path: Path) -> None:
    path = write(tmp_path, "a")
    other = write(tmp_path, "b")
    long_ago = time.time() - 40 * 86_400
    for old in (path, other):
        os.utime(old, (long_ago, long_ago))
    held = store.SessionFile(path)
    with pytest.raises(SessionError, match="open in another mltui"):
        library.delete(path)
    assert library.prune(tmp_path, 41) == []
    assert library.prune(tmp_path, 30) == [other]
    held.close()
    library.delete(path)
    assert library.files(tmp_path) == []


def test_a_preview_shows_the_end(tmp_path: Path) -> None:
    path = write(
        tmp_path, "a", *(TurnStarted(turn=n, text=f"prompt {n} " + "x" * 9_000) for n in range(1, 30)), said("the answer", command="ls")
    )
    shown = library.preview(path)
    assert "prompt 29" in shown
    assert "the answer" in shown
    assert "● Bash ls" in shown
    assert "prompt 2 " not in shown
    assert "Cannot be read" in library.preview(tmp_path / "none.jsonl")


def back(to_turn: int, **more: bool) -> SessionRewound:
    return SessionRewound(to_turn=to_turn, code=False, conversation=True, **more)


def test_what_a_rewind_took_out_is_neither_listed_nor_found_nor_previewed(tmp_path: Path) -> None:
    events = (
        TurnStarted(turn=1, text="badidea one"),
        said("badidea answered"),
        SessionTitled(title="badidea titled"),
        TurnStarted(turn=2, text="badidea two"),
        back(1),
        TurnStarted(turn=3, text="good start"),
        TurnSteered(text="good and brief"),
        said("good answer"),
    )
    path = write(tmp_path, "s", *events)
    (row,) = library.listed(tmp_path).rows
    assert (row.first, row.turns) == ("good start", 1)
    assert "badidea" not in library.preview(path)
    assert [hit.who for hit in library.search(tmp_path, "badidea")] == ["title"]
    assert [hit.text for hit in library.search(tmp_path, "good brief")] == ["good and brief"]

    path = write(tmp_path, "again", *events[:5], back(1, redo=True))
    row = next(row for row in library.listed(tmp_path).rows if row.id == "again")
    assert (row.first, row.turns) == ("badidea one", 2)
    assert "badidea two" in library.preview(path)
    assert len([hit for hit in library.search(tmp_path, "badidea", each=9) if hit.path == path]) == 4


def test_a_preview_reaches_behind_a_long_way_that_was_taken_back(tmp_path: Path) -> None:
    long = [said("x" * 10_000) for _ in range(20)]
    path = write(tmp_path, "s", TurnStarted(turn=1, text="kept"), said("answer"), TurnStarted(turn=2, text="lost"), *long, back(2))
    assert library.preview(path) == "> kept\n\n  answer"


STEPS = st.lists(st.one_of(st.none(), st.integers(1, 6), st.just(0)), max_size=14)


@given(STEPS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_list_knows_the_turns_that_the_conversation_has(tmp_path: Path, steps: list[int | None]) -> None:
    (tmp_path / "s.jsonl").unlink(missing_ok=True)
    events: list[Event] = []
    for number, step in enumerate(steps):
        event = TurnStarted(turn=1, text=f"prompt{number}") if step is None else back(step, redo=not step)
        events.append(event)
    path = write(tmp_path, "s", *events)
    left = [event.text for event in remaining(events) if isinstance(event, TurnStarted)]
    (row,) = library.listed(tmp_path).rows
    assert (row.turns, row.first) == (len(left), left[0] if left else "")
    assert library.preview(path) == ("\n\n".join(f"> {text}" for text in left[-8:]) or "Nothing was said.")
    lines = path.read_bytes().split(b"\n")
    for part in parts(path):
        assert lines[part.line - 1] == path.read_bytes()[part.start : part.end].split(b"\n")[0]


EVIL = "<script>alert(1)</script> \x1b[31m [x](javascript:alert(1)) ![i](http://h/p.png) ``` \u202e"
EVENTS: tuple[Event, ...] = (
    head(),
    SessionTitled(title=f"T {EVIL}"),
    TurnStarted(turn=1, text=EVIL),
    said(f"**bold** {EVIL}\n\n| a | b |\n|---|---|\n| 1 | 2 |", command=EVIL),
    result(f"{EVIL}\n`````\n"),
    turn_end(),
)


def test_html_needs_nothing_and_runs_nothing() -> None:
    page = export.export(EVENTS, "html")
    assert "<script" not in page
    assert "<img" not in page
    assert 'href="javascript' not in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "default-src 'none'" in page
    assert "<strong>bold</strong>" in page
    assert "<td>1</td>" in page
    assert "alert(1)" in page


def test_markdown_holds_everything_and_a_fence_is_never_closed_from_inside() -> None:
    text = export.export(EVENTS, "markdown")
    assert "## You" in text
    assert "**bold**" in text
    assert "\x1b" not in text
    assert "\n``````text\n" in text
    assert "secret prompt" not in text


def test_json_is_the_events_and_can_be_read_again() -> None:
    document = json.loads(export.export(EVENTS, "json"))
    assert document["session"]["turns"] == 1
    assert [store.event_adapter.validate_python(event).type for event in document["events"]] == [event.type for event in EVENTS]


def test_a_document_replaces_nothing_unasked(tmp_path: Path) -> None:
    path = tmp_path / "x.md"
    export.write(path, "one")
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(UsageError, match="exists"):
        export.write(path, "two")
    export.write(path, "two", replace=True)
    assert path.read_text() == "two"
    assert export.as_format("html") == export.as_format(".HTML") == "html"
    with pytest.raises(UsageError, match="no format"):
        export.as_format("pdf")


def test_titles_are_one_line_of_words() -> None:
    assert clean_title(' "Learning\trate\x1b sweep"\n') == "Learning rate sweep"
    assert len(clean_title("x" * 500)) == 80
    with pytest.raises(UsageError):
        clean_title(" \n ")
