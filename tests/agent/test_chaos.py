"""Five hundred turns with faults, interrupts and deaths: after each, the session is valid and goes on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mltui.agent.session import Session
from mltui.agent.store import load
from mltui.agent.transcript import Transcript
from mltui.core.events import Event
from mltui.core.messages import AssistantMessage, Message, ToolMessage
from tests.agent.test_subagent import Run, call, task

TURNS = 100
A_LIFE = 20
"""Turns between two deaths, about."""


def valid(messages: Sequence[Message]) -> None:
    """What every provider demands: each call answered once, before anything else is said; no empty answer."""
    waiting: list[str] = []
    for message in messages:
        if isinstance(message, ToolMessage):
            assert message.call_id in waiting, "an answer without a call"
            waiting.remove(message.call_id)
        else:
            assert not waiting, f"{waiting} was never answered"
            if isinstance(message, AssistantMessage):
                assert message.parts
                waiting = [one.id for one in message.tool_calls]
                assert len(set(waiting)) == len(waiting)
    assert not waiting


def wild(chance: random.Random) -> dict[str, Any]:
    """An answer of a model that may go wrong in every way there is."""
    calls = [
        call("Read", file_path=chance.choice(["notes.txt", "missing.txt", "/etc/shadow", "\u0000", "made.txt"])),
        call("Glob", pattern=chance.choice(["*", "**/*.py", "[", ""])),
        call("Grep", pattern=chance.choice(["answer", "(", "\\"])),
        call("Write", file_path="made.txt", content=f"{chance.random()}\n" * chance.randrange(20)),
        call("Edit", file_path="notes.txt", old_string="42", new_string="42"),
        call("TodoWrite", todos=[{"content": "x", "status": "pending"}]),
        call("Nothing", x=1),
        {"name": "Read", "raw": '{"file_path": "unfinis'},
        {"name": "Read", "arguments": {"file_path": 7}},
        {"name": "Glob", "arguments": {"pattern": "*"}, "id": "the-same-id"},
    ]
    step: dict[str, Any] = {"text": chance.choice(["", "Let me see. ", "é\ud83d\ude00 " * 30])}
    if chance.random() < 0.75:
        step["calls"] = chance.sample(calls, chance.randrange(1, 4))
        if chance.random() < 0.05:
            step["calls"] = [task("a piece", chance.choice(["reader", "nobody"])) for _ in range(chance.randrange(1, 3))]
    if chance.random() < 0.1:
        step["error"] = chance.choice(["request", "unavailable", "context", "auth"])
    if chance.random() < 0.1:
        step["retries"] = 2
    if chance.random() < 0.2:
        step["delay"] = 0.01
    return step


def die(path: Path, chance: random.Random) -> None:
    """What `kill -9` and a lost page leave: any number of bytes less than the last lines held."""
    data = path.read_bytes()
    head = data.index(b"\n") + 1
    path.write_bytes(data[: max(head, len(data) - chance.randrange(3000))])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
async def test_a_session_outlives_faults_and_deaths(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    run = Run(tmp_path, *(wild(chance) for _ in range(TURNS * 4)), mode="auto", session_id="chaos")
    turns = deaths = 0
    outcomes: set[str] = set()
    session: Session | None = None

    async def show(event: Event) -> None:
        del event

    while turns < TURNS:
        if session is None:
            session = await run.__aenter__()
            run.options = _resumed(run)
            valid(session.transcript.messages) if not session.transcript.pending else None
        turn = asyncio.create_task(session.prompt(f"turn {turns}", show))
        if chance.random() < 0.15:
            await asyncio.sleep(chance.random() * 0.03)
            session.interrupt()
        end = await turn
        turns += 1
        outcomes.add(end.outcome)
        valid(session.transcript.messages)
        if chance.random() < 1 / A_LIFE:
            await session.close()
            die(run.path, chance)
            deaths += 1
            session = None
            loaded = load(run.path)
            assert len(loaded.problems) <= deaths, "each death tears one line at most"
            healed = Transcript.fold(loaded.events)
            healed._answer_pending()  # pyright: ignore[reportPrivateUsage]  (what the next turn does first)
            valid(healed.messages)
    if session is not None:
        await session.close()
    assert deaths
    assert {"completed", "interrupted", "unavailable"} <= outcomes


def _resumed(run: Run) -> Any:
    from dataclasses import replace

    return replace(run.options, session_id=None, resume="chaos")


@pytest.mark.slow
def test_killed_at_any_moment_a_headless_session_resumes(tmp_path: Path) -> None:
    steps = [
        {"text": "word " * 40, "pause": 0.002, "calls": [call("Read", file_path="notes.txt"), call("Glob", pattern="*")]}
        for _ in range(400)
    ]
    run = Run(tmp_path, *steps)
    script = tmp_path / "script.json"
    script.write_text(json.dumps(steps))
    environ = {**os.environ, "MLTUI_HOME": str(tmp_path / "home")}
    begin = [sys.executable, "-m", "mltui", "--headless", "go", "-C", str(run.root), "--model", f"scripted:{script}", "--trust"]
    chance = random.Random(4)
    file: Path | None = None
    for life in range(4):
        command = [*begin, "--session-id", "killed"] if life == 0 else [*begin, "--resume", "killed"]
        process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        before = file.stat().st_size if file else 0
        while time.monotonic() < deadline:
            with contextlib.suppress(StopIteration):
                file = next((tmp_path / "home").rglob("killed.jsonl"))
                if file.stat().st_size > before + 2000 and file.read_bytes().count(b'"turn.started"') > life:
                    break
            time.sleep(0.02)
        time.sleep(chance.random() * 0.3)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert file is not None
        transcript = Transcript.fold(load(file).events)
        transcript._answer_pending()  # pyright: ignore[reportPrivateUsage]
        valid(transcript.messages)
        assert transcript.turns == life + 1
