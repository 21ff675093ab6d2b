"""Titles: from the small model once, in the background, and never over a person's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mltui.agent.naming import name
from mltui.agent.session import Session
from mltui.agent.transcript import Transcript
from mltui.core.approval import Approver, Decision
from mltui.core.events import Event, SessionTitled, TurnStarted, UsageAdded
from mltui.models.scripted import ScriptedModel
from mltui.runtime import Options, open_session
from tests.agent.test_transcript import message, start


class Nobody:
    async def decide(self, request: Any) -> Decision:
        raise AssertionError("nobody is asked")


async def opened(tmp_path: Path, script: list[object], small: list[object] | None, **options: Any) -> Session:
    """A session on a script; `small` is what the small model says, if there is one."""
    root = tmp_path / "project"
    (root / ".mltui").mkdir(parents=True, exist_ok=True)
    (tmp_path / "script.json").write_text(json.dumps(script))
    config = ""
    if small is not None:
        (tmp_path / "small.json").write_text(json.dumps(small))
        config = f'[model]\nsmall = "scripted:{tmp_path / "small.json"}"\n'
    (root / ".mltui/config.toml").write_text(config)
    approver: Approver = Nobody()
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "MLTUI_HOME": str(tmp_path / "home")}
    return await open_session(Options(cwd=root, model=f"scripted:{tmp_path / 'script.json'}", trusted=True, **options), approver, environ)


async def named(session: Session) -> list[Event]:
    """What the background work of naming shows."""
    shown: list[Event] = []

    async def show(event: Event) -> None:
        shown.append(event)

    session.name_itself(show)
    if session._naming is not None:
        await session._naming
    return shown


async def nothing(_: Event) -> None:
    pass


async def test_the_small_model_names_the_session_once_and_what_it_used_counts(tmp_path: Path) -> None:
    session = await opened(tmp_path, ["hello", "again"], ['"Greeting  an agent"\n', "Another"])
    assert await named(session) == []
    await session.prompt("hi", nothing)
    before = session.transcript.usage.prompt_tokens

    shown = await named(session)
    await named(session)

    assert [type(event) for event in shown] == [UsageAdded, SessionTitled]
    assert session.transcript.title == "Greeting an agent"
    assert session.transcript.usage.prompt_tokens > before
    id_ = session.id
    await session.close()
    again = await opened(tmp_path, ["x"], ["Another"], resume=id_)
    assert again.transcript.title == "Greeting an agent"
    await again.close()


async def test_a_persons_name_stays_and_without_a_small_model_there_is_none(tmp_path: Path) -> None:
    session = await opened(tmp_path, ["hello"], ["No"])
    await session.rename("mine", nothing)
    await session.prompt("hi", nothing)
    assert await named(session) == []
    assert session.transcript.title == "mine"
    await session.close()

    other = await opened(tmp_path, ["hello"], None)
    await other.prompt("hi", nothing)
    assert await named(other) == []
    await other.close()


async def test_a_model_that_fails_or_says_nothing_names_nothing() -> None:
    transcript = Transcript.fold([start(), TurnStarted(turn=1, text="hi"), message("hello")])
    assert await name(ScriptedModel([{"text": "  "}]), transcript) is None
    assert await name(ScriptedModel([{"text": "x", "retries": 2}]), transcript) is None
