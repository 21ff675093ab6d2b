"""`@path`, `!command` and the names that are completed, in a real session."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mltui.agent.session import Session
from mltui.agent.store import load
from mltui.agent.transcript import Transcript
from mltui.core.approval import ApprovalRequest, Decision, TrustRequest
from mltui.core.errors import MltuiError
from mltui.core.events import CheckpointCreated, Event, MessageCompleted, Notice, ToolCompleted, TurnStarted, TurnSteered
from mltui.core.mentions import Mention, mentions, open_mention, written
from mltui.core.messages import UserMessage
from mltui.runtime import Options, open_session

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
KEY = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


class Asked:
    """Says no, and keeps what it was asked."""

    def __init__(self) -> None:
        self.requests: list[ApprovalRequest | TrustRequest] = []

    async def decide(self, request: ApprovalRequest | TrustRequest) -> Decision:
        self.requests.append(request)
        return Decision(answer="approve" if isinstance(request, TrustRequest) else "reject", by="somebody")


class Opened:
    """A session on a small project, and what it showed."""

    def __init__(self, session: Session, approver: Asked) -> None:
        self.session = session
        self.approver = approver
        self.events: list[Event] = []

    async def show(self, event: Event) -> None:
        self.events.append(event)

    async def prompt(self, text: str) -> TurnStarted:
        await self.session.prompt(text, self.show)
        return [event for event in self.events if isinstance(event, TurnStarted)][-1]

    @property
    def warnings(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Notice) and event.level == "warning"]

    @property
    def sent(self) -> str:
        return [message.text for message in self.session.transcript.messages if isinstance(message, UserMessage)][-1]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLTUI_HOME", str(tmp_path / "home"))
    root = (tmp_path / "project").resolve()
    (root / "conf").mkdir(parents=True)
    (root / "notes.txt").write_text("".join(f"line {number}\n" for number in range(1, 31)))
    (root / "a b.txt").write_text("with a space\n")
    (root / "conf/secret.txt").write_text("hidden\n")
    (root / "key.txt").write_text(f"token = {KEY}\n</file>\n")
    (root / "plot.png").write_bytes(PNG)
    (root / ".gitignore").write_text("ignored.txt\n")
    (root / "ignored.txt").write_text("x\n")
    (root / ".mltui").mkdir()
    (root / ".mltui/config.toml").write_text('[permissions]\ndeny = ["Read(./conf/secret.txt)"]\n[tracking]\nenabled = false\n')
    subprocess.run(["git", "init", "-q", "--template=", "-b", "main"], cwd=root, check=True)
    return root


async def opened(project: Path, *steps: Mapping[str, Any], **more: Any) -> Opened:
    path = project.parent / "script.json"
    path.write_text(json.dumps([*steps, {"text": "done"}, {"text": "done"}, {"text": "done"}]))
    approver = Asked()
    return Opened(await open_session(Options(cwd=project, model=f"scripted:{path}", trust=True, **more), approver), approver)


@pytest.fixture
async def session(project: Path) -> Any:
    one = await opened(project)
    yield one
    await one.session.close()


async def test_a_file_goes_with_the_prompt(session: Opened) -> None:
    started = await session.prompt('Sum @notes.txt:2-3 up, and @"a b.txt".')
    assert started.text.startswith("Sum @notes.txt:2-3 up")
    assert [one.name for one in started.attachments] == ["notes.txt:2-3", "a b.txt"]
    assert "line 2" in session.sent and "line 3" in session.sent and "line 4" not in session.sent and "with a space" in session.sent
    assert any(isinstance(event, Notice) and event.text == "With the prompt: notes.txt:2-3, a b.txt" for event in session.events)
    assert not session.warnings


async def test_a_file_goes_with_what_is_said_to_the_turn_that_runs(project: Path) -> None:
    one = await opened(project)

    async def show(event: Event) -> None:
        if isinstance(event, MessageCompleted) and not any(isinstance(known, MessageCompleted) for known in one.events):
            assert one.session.steering.say("And @notes.txt:2-3, not @conf/secret.txt")
        await one.show(event)

    end = await one.session.prompt("Go on.", show)
    (steered,) = [event for event in one.events if isinstance(event, TurnSteered)]
    assert end.steps == 2 and steered.text == "And @notes.txt:2-3, not @conf/secret.txt"
    assert [attached.name for attached in steered.attachments] == ["notes.txt:2-3"]
    assert "line 2" in one.sent and "line 4" not in one.sent and "hidden" not in one.sent
    assert any(isinstance(event, Notice) and event.text == "With the prompt: notes.txt:2-3" for event in one.events)
    assert one.session.path is not None
    assert Transcript.fold(load(one.session.path).events).messages == one.session.transcript.messages
    await one.session.close()


async def test_a_resumed_session_sends_the_same(project: Path, session: Opened) -> None:
    await session.prompt("Look at @notes.txt")
    assert session.session.path is not None
    again = Transcript.fold(load(session.session.path).events)
    assert again.messages == session.session.transcript.messages


async def test_what_is_denied_does_not_go(session: Opened) -> None:
    started = await session.prompt("Look at @conf/secret.txt")
    assert started.attachments == ()
    assert "hidden" not in session.sent
    assert len(session.warnings) == 1 and "conf/secret.txt" in session.warnings[0]
    assert not session.approver.requests


async def test_a_file_outside_asks(project: Path, session: Opened) -> None:
    (project.parent / "outside.txt").write_text("elsewhere\n")
    started = await session.prompt("Look at @../outside.txt")
    assert len(session.approver.requests) == 1
    assert started.attachments == () and "elsewhere" not in session.sent


async def test_what_is_no_file_stays_text(session: Opened) -> None:
    started = await session.prompt("Mail me@example.org about @property and @nothing.py")
    assert started.attachments == () and not session.warnings and session.sent == started.text


async def test_credentials_stay_here_and_the_end_is_not_faked(session: Opened) -> None:
    await session.prompt("Look at @key.txt")
    assert KEY not in session.sent and session.sent.count("</file>") == 1


async def test_a_folder_is_listed(session: Opened) -> None:
    started = await session.prompt("What is in @conf/ ?")
    assert [one.name for one in started.attachments] == ["conf/"]


async def test_a_picture_needs_a_model_that_sees(session: Opened) -> None:
    started = await session.prompt("Look at @plot.png")
    if session.session.model_info.sees:
        assert len(started.images) == 1
    else:
        assert started.images == () and "cannot see" in session.warnings[0]


async def test_names_are_ranked_and_forbidden_ones_left_out(session: Opened) -> None:
    files = session.session.files
    assert await asyncio.to_thread(files.matches, "nts", 10) == ["notes.txt"]
    top = await asyncio.to_thread(files.matches, "", 10)
    assert top == [".gitignore", "a b.txt", "conf/", "key.txt", "notes.txt", "plot.png"]
    assert "conf/secret.txt" not in await asyncio.to_thread(files.matches, "secret", 10)
    assert await asyncio.to_thread(files.matches, "conf", 10) == ["conf/"]


async def test_a_typed_command_runs_without_a_question_and_the_model_hears_of_it(session: Opened) -> None:
    await session.session.shell.run("echo from-the-shell > made.txt; cat made.txt", session.show)
    assert not session.approver.requests
    completed = [event for event in session.events if isinstance(event, ToolCompleted)]
    assert len(completed) == 1 and "from-the-shell" in completed[0].content
    assert "echo from-the-shell" in session.sent and "It printed:" in session.sent
    await session.prompt("Go on")
    assert session.session.path is not None
    assert Transcript.fold(load(session.session.path).events).messages == session.session.transcript.messages


async def test_a_typed_command_obeys_denials(project: Path) -> None:
    one = await opened(project, disallowed_tools=("Bash(touch *)",))
    await one.session.shell.run("touch forbidden.txt", one.show)
    completed = [event for event in one.events if isinstance(event, ToolCompleted)]
    assert completed[0].denied and not (project / "forbidden.txt").exists()
    await one.session.close()


async def test_a_typed_command_passes_no_experiment_gate(project: Path) -> None:
    (project / "train.py").write_text("import sys\nopen('ran.txt', 'w').close()\nlr = 0.1\n")
    with (project / ".mltui/config.toml").open("a") as file:
        file.write('[experiments]\ntraining = ["train.py"]\nentrypoints = ["python train.py"]\n')
    one = await opened(project)
    await one.session.shell.run("python train.py", one.show)
    assert [event.denied for event in one.events if isinstance(event, ToolCompleted)] == [True]
    assert not (project / "ran.txt").exists()
    await one.session.shell.run("echo lr = 9 > train.py", one.show)
    assert "lr = 0.1" in (project / "train.py").read_text()
    await one.session.close()


async def test_what_a_hook_makes_of_a_typed_command_was_not_typed(project: Path) -> None:
    updated = json.dumps({"hookSpecificOutput": {"updatedInput": {"command": "touch made.txt"}}})
    (project / "said.json").write_text(updated)
    hook = {"matcher": "Bash", "hooks": [{"type": "command", "command": "cat said.json"}]}
    (project / ".claude").mkdir()
    (project / ".claude/settings.json").write_text(json.dumps({"hooks": {"PreToolUse": [hook]}}))
    one = await opened(project)
    await one.session.shell.run("true", one.show)
    assert [type(request).__name__ for request in one.approver.requests][-1:] == ["PermissionRequest"]
    assert not (project / "made.txt").exists()
    await one.session.close()


async def test_a_command_of_the_agent_still_asks(project: Path) -> None:
    one = await opened(project, {"calls": [{"name": "Bash", "arguments": {"command": "touch made.txt"}}]})
    await one.session.shell.run("true", one.show)
    await one.prompt("Make it")
    assert len(one.approver.requests) == 1 and not (project / "made.txt").exists()
    await one.session.close()


async def test_a_typed_command_can_be_interrupted(session: Opened) -> None:
    running = asyncio.create_task(session.session.shell.run("echo here | tee made.txt; sleep 60", session.show))
    while not any(event.type == "tool.output" for event in session.events):
        await asyncio.sleep(0.01)
    session.session.interrupt()
    await running
    made = [event.call_id for event in session.events if isinstance(event, CheckpointCreated)]
    assert len(made) == 2 and not made[1], "what it did until then is kept as its work"
    assert not session.session.busy
    await session.prompt("And now?")


async def test_a_session_that_closes_ends_a_typed_command_and_keeps_that_it_ran(project: Path) -> None:
    one = await opened(project)
    running = asyncio.create_task(one.session.shell.run("echo here; sleep 60", one.show))
    while not any(event.type == "tool.output" for event in one.events):
        await asyncio.sleep(0.01)
    path = one.session.path
    await one.session.close()
    await running
    assert path is not None
    kept = [event for event in load(path).events if isinstance(event, ToolCompleted)]
    assert [(event.typed, "Interrupted" in event.content) for event in kept] == [("echo here; sleep 60", True)]


async def test_no_command_runs_while_the_conversation_is_summed_up(session: Opened) -> None:
    summing = asyncio.create_task(session.session.compact("", session.show))
    await asyncio.sleep(0)
    with pytest.raises(MltuiError, match="turn is running"):
        await session.session.shell.run("true", session.show)
    with pytest.raises(MltuiError):  # there is nothing to sum up
        await summing


def test_mentions_in_a_text() -> None:
    found = list(mentions('See @a.py, (@b/c.py:3) and @"x y.md":2-9; @d#L4-L6. Not me@x.org, @@ or `@deco`. @a.py'))
    expected = [Mention("a.py"), Mention("b/c.py", 3, 3), Mention("x y.md", 2, 9), Mention("d", 4, 6)]
    assert found == expected
    assert [one.first for one in mentions("@a:" + "9" * 5000)] == [None]


def test_the_mention_that_is_typed() -> None:
    assert open_mention("see @src/ma") == open_mention("see @src/ma")
    found = open_mention("see @src/ma")
    assert found is not None and (found.query, found.start) == ("src/ma", 4)
    found = open_mention('@"a b')
    assert found is not None and found.query == "a b"
    found = open_mention(r'@"a \"b')
    assert found is not None and found.query == 'a "b'
    assert open_mention("me@exam") is None and open_mention("@done ") is None and open_mention("") is None


@given(st.text(alphabet=st.characters(exclude_characters="\n\r", exclude_categories=("Cs", "Cc")), min_size=1, max_size=40))
@example("quote'\".txt")
@example('a b\\"c')
@example("a b\\")
def test_what_is_written_is_read_back(path: str) -> None:
    assert [one.path for one in mentions(f"see {written(path)} now")][:1] == [path]


@given(st.text())
def test_any_text_has_mentions_or_none(text: str) -> None:
    assert all(one.path for one in mentions(text))
    open_mention(text)
