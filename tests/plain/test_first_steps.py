"""What is said when a session opens, and to whom."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mltui.core.events import TurnStarted
from mltui.tools.base import Workspace
from mltui.ui.first_steps import opening

from .fake_session import FakeSession

DEMO = "no credentials for x: SmolLM2 answers, which can demonstrate but not reason"


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("MLTUI_HOME", str(tmp_path / "home"))
    made: Any = FakeSession(None)  # type: ignore[arg-type]
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    made.workspace = Workspace(folder, (folder,))
    made.model_info = replace(made.model_info, note="")
    made.notices = ()
    return made


def test_who_is_new_in_a_project_is_told_what_to_ask_for(session: Any) -> None:
    (step,) = opening(session).steps
    assert "becomes an experiment that you approve" in step


def test_a_newcomer_without_key_and_git_gets_three_steps_and_nothing_twice(session: Any) -> None:
    (session.workspace.cwd / ".git").rmdir()
    session.model_info = replace(session.model_info, note="135 million weights: it cannot reason")
    session.notices = (DEMO, "another", "another")
    found = opening(session)
    assert (found.note, found.warnings) == ("", (DEMO, "another"))
    assert [word in step for word, step in zip(("mltui auth login", "mltui try", "git init"), found.steps, strict=True)] == [True] * 3


def test_the_note_of_a_model_is_shown_where_no_notice_says_it(session: Any) -> None:
    session.model_info = replace(session.model_info, note="It cannot reason")
    assert opening(session).note == "It cannot reason"


def test_who_goes_on_is_told_nothing_new(session: Any) -> None:
    session.transcript.events = [TurnStarted(turn=1, text="x")]
    assert opening(session).steps == ()
