"""Going back in a real session: what the model is sent, what lies on the disk, and that the file keeps everything."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mltui.agent.session import Session
from mltui.agent.store import load
from mltui.agent.transcript import PUT_BACK, Transcript
from mltui.cli.sessions import sessions
from mltui.core.approval import ApprovalRequest, Decision, PermissionRequest, TrustRequest
from mltui.core.errors import MltuiError, UsageError
from mltui.core.events import CheckpointCreated, Event, SessionRewound
from mltui.core.experiment import ProposalRequest
from mltui.core.messages import UserMessage
from mltui.runtime import Options, open_session

GIT = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "core.hooksPath=/dev/null"]


class Yes:
    async def decide(self, request: ApprovalRequest | TrustRequest) -> Decision:
        return Decision(answer="approve" if isinstance(request, PermissionRequest | TrustRequest) else "hold", by="somebody")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLTUI_HOME", str(tmp_path / "home"))
    root = (tmp_path / "project").resolve()
    root.mkdir()
    (root / "a.txt").write_text("a\n")
    (root / "train.py").write_text("lr = 0.1\n")
    (root / ".mltui").mkdir()
    (root / ".mltui/config.toml").write_text('[experiments]\ntraining = ["train.py"]\n[tracking]\nenabled = false\n')
    (root / ".mltui/.gitignore").write_text("*\n")
    for command in (["init", "-q", "--template=", "-b", "main"], ["add", "-A"], ["commit", "-qm", "start"]):
        subprocess.run([*GIT, *command], cwd=root, check=True)
    return root


def script(folder: Path, *steps: Mapping[str, Any]) -> str:
    """A model that plays these answers; returns its name."""
    path = folder / f"script-{len(list(folder.iterdir()))}.json"
    path.write_text(json.dumps(steps))
    return f"scripted:{path}"


def bash(command: str) -> dict[str, Any]:
    return {"calls": [{"name": "Bash", "arguments": {"command": command}}]}


def read(path: str) -> dict[str, Any]:
    return {"calls": [{"name": "Read", "arguments": {"file_path": path}}]}


def write(path: str, content: str) -> dict[str, Any]:
    return {"calls": [{"name": "Write", "arguments": {"file_path": path, "content": content}}]}


TURNS = (
    write("b.txt", "b\n"), {"text": "made b"},
    bash("echo more >> b.txt; echo c > c.txt"), {"text": "made c"},
    bash("ls"), {"text": "looked"},
)  # fmt: skip


class Shown:
    def __init__(self) -> None:
        self.events: list[Event] = []

    async def __call__(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@asynccontextmanager
async def opened(project: Path, model: str, **options: Any) -> AsyncGenerator[tuple[Session, Shown]]:
    session = await open_session(Options(project, model=model, trust=True, **options), Yes())
    try:
        yield session, Shown()
    finally:
        await session.close()


def texts(session: Session) -> list[str]:
    return [message.text for message in session.transcript.messages if isinstance(message, UserMessage)]


async def test_undo_redo_and_rewind(project: Path, tmp_path: Path) -> None:
    model = script(tmp_path, *TURNS)
    async with opened(project, model) as (session, show):
        for prompt in ("one", "two", "three"):
            await session.prompt(prompt, show)
        points = await session.history.points()
        assert [(point.turn, point.text, point.files) for point in points] == [
            (1, "one", ("b.txt",)),
            (2, "two", ("b.txt", "c.txt")),
            (3, "three", ()),
        ]
        # One for each call that may act, and one at the end of its turn.
        assert len(show.of(CheckpointCreated)) == 4
        assert session.history.undoable() == 2
        assert (await session.history.plan(2)).outside == ()
        await session.history.rewind(2, show, code=True, conversation=False)
        assert not (project / "c.txt").exists()
        assert (project / "b.txt").read_text() == "b\n"
        assert texts(session) == ["one", "two", "three"]
        assert session.history.undoable() == 1
        await session.history.rewind(1, show, code=True, conversation=False)
        assert not (project / "b.txt").exists()
        await session.history.redo(show)
        await session.history.redo(show)
        assert (project / "c.txt").exists()
        with pytest.raises(UsageError, match="nothing to redo"):
            await session.history.redo(show)
        await session.history.rewind(2, show, code=True, conversation=True)
        assert texts(session) == ["one"]
        assert not (project / "c.txt").exists()
        await session.history.redo(show)
        assert texts(session) == ["one", "two", "three"]
        patch, _ = await session.history.diff(2)
        assert "+++ b/c.txt" in patch
        assert "+++ b/b.txt" in patch
        path, folded = session.path, session.transcript
        assert path is not None
        with pytest.raises(UsageError, match="no turn 9"):
            await session.history.plan(9)
    assert Transcript.fold(load(path).events).messages == folded.messages


def test_going_back_after_the_session_ended(project: Path, tmp_path: Path) -> None:
    model = script(tmp_path, *TURNS)

    async def first() -> str:
        async with opened(project, model) as (session, show):
            for prompt in ("one", "two", "three"):
                await session.prompt(prompt, show)
            return session.id

    async def later() -> None:
        async with opened(project, model, resume=session) as (again, show):
            assert texts(again) == ["one"]
            await again.prompt("four", show)
            assert [point.turn for point in await again.history.points()] == [1, 4]
            assert len([event for event in again.transcript.events if isinstance(event, SessionRewound)]) == 1

    session = asyncio.run(first())
    runner = CliRunner()
    there = ["-C", str(project)]
    listed = runner.invoke(sessions, ["rewind", session, *there])
    assert [line.split()[0] for line in listed.stdout.splitlines()] == ["1", "2", "3"]
    shown = runner.invoke(sessions, ["diff", session, *there])
    assert "+++ b/c.txt" in shown.stdout
    (project / "c.txt").write_text("by hand\n")
    refused = runner.invoke(sessions, ["rewind", session, "--to", "2", *there])
    assert isinstance(refused.exception, UsageError)
    done = runner.invoke(sessions, ["rewind", session, "--to", "2", "--yes", *there])
    assert done.exit_code == 0, done.output
    assert "c.txt" in done.stderr
    assert (project / "c.txt").read_text() == "by hand\n"
    assert (project / "b.txt").read_text() == "b\n"
    asyncio.run(later())
    kept = project / ".mltui/snapshots.git/refs/mltui/checkpoints" / session
    assert kept.exists()
    assert runner.invoke(sessions, ["delete", session, "--yes", *there]).exit_code == 0
    assert not kept.exists()


async def test_the_model_is_told_when_only_the_files_went_back(project: Path, tmp_path: Path) -> None:
    async with opened(project, script(tmp_path, write("b.txt", "b\n"), {"text": "x"}, {"text": "y"})) as (session, show):
        await session.prompt("one", show)
        await session.history.rewind(1, show, code=True, conversation=False)
        await session.prompt("two", show)
        assert texts(session) == ["one", f"{PUT_BACK}two"]


async def test_a_turn_that_runs_is_not_gone_back_from(project: Path, tmp_path: Path) -> None:
    async with opened(project, script(tmp_path, write("b.txt", "b\n"), {"text": "x"})) as (session, show):

        async def meddle(event: Event) -> None:
            if isinstance(event, CheckpointCreated):
                with pytest.raises(MltuiError, match="A turn is running"):
                    await session.history.rewind(1, show, code=True, conversation=True)
                show.events.append(event)

        await session.prompt("one", meddle)
        assert show.events


async def test_staged_edits_go_back_and_the_tree_never_gets_them(project: Path, tmp_path: Path) -> None:
    steps = (write("train.py", "lr = 0.5\n"), {"text": "x"})
    async with opened(project, script(tmp_path, read("train.py"), *steps)) as (
        session,
        show,
    ):
        await session.prompt("one", show)
        assert session.draft_paths == ("train.py",)
        await session.history.rewind(1, show, code=True, conversation=True)
        assert session.draft_paths == ()
        assert (project / "train.py").read_text() == "lr = 0.1\n"
        await session.history.redo(show)
        assert session.draft_paths == ("train.py",)


async def test_what_a_person_kept_is_not_undone_and_the_way_to_undo_it_is_named(project: Path, tmp_path: Path) -> None:
    config = (
        (project / ".mltui/config.toml")
        .read_text()
        .replace("[tracking]", 'entrypoints = ["python train.py"]\nprimary = { name = "a" }\n[tracking]')
    )
    (project / ".mltui/config.toml").write_text(config)
    steps = (read("train.py"), write("train.py", "lr = 0.5\n"), write("b.txt", "b\n"), {"text": "x"})
    async with opened(project, script(tmp_path, *steps)) as (session, show):
        await session.prompt("one", show)
        request = ProposalRequest(title="Higher", hypothesis="A higher rate is better.")
        made = session.experiments.propose(request, session_id=session.id, author="model:x")
        session.experiments.decide(made.id, answer="maintenance", by="anna", reason="so decided")
        assert (project / "train.py").read_text() == "lr = 0.5\n"
        done = await session.history.rewind(1, show, code=True, conversation=False)
        assert (project / "train.py").read_text() == "lr = 0.5\n"
        assert not (project / "b.txt").exists()
        assert session.draft_paths == ()
        (note,) = [note for note in done.notes if "train.py" in note]
        assert f"{made.id} was kept since then" in note
        command = note[note.index("git restore") :].removesuffix(" would").split(" ")
        subprocess.run(command, cwd=project, check=True)
        assert (project / "train.py").read_text() == "lr = 0.1\n"


async def test_where_git_is_not_there_it_is_said_once(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    async with opened(project, script(tmp_path, write("b.txt", "b\n"), write("c.txt", "c\n"), {"text": "x"})) as (session, show):
        await session.prompt("one", show)
        assert show.of(CheckpointCreated) == []
        said = [event.text for event in show.events if event.type == "notice"]
        assert len([text for text in said if "No checkpoint could be made" in text]) == 1
        assert session.history.undoable() == 0
        assert os.path.exists(project / "c.txt")
