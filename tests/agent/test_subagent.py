"""Subagents in a real session: own context, same gate, one budget, side by side."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mltui.agent.session import Session
from mltui.agent.store import load
from mltui.agent.transcript import Transcript
from mltui.core.approval import ApprovalRequest, Decision, PermissionRequest, TrustRequest
from mltui.core.events import Event, ExperimentProposed, MessageCompleted, Notice, Subagent, TextDelta, ToolCompleted, TurnCompleted
from mltui.runtime import Options, open_session

PERSONAS = {
    "reader": "---\nname: reader\ndescription: Reads files\ntools: Read, Grep, Glob, Task\n---\nYou read.\n",
    "python-expert": "---\nname: python-expert\ndescription: Knows Python\ntools: Read\n---\nYou know Python.\n",
    "writer": "---\nname: writer\ndescription: Writes files\nmaxTurns: 2\n---\nYou write.\n",
    "planner": "---\nname: planner\ndescription: Plans\npermission-mode: plan\n---\nYou plan.\n",
}


class Person:
    def __init__(self, answer: str = "approve") -> None:
        self.answer = answer
        self.asked: list[PermissionRequest] = []

    async def decide(self, request: ApprovalRequest | TrustRequest) -> Decision:
        assert isinstance(request, PermissionRequest)
        self.asked.append(request)
        return Decision.model_validate({"answer": self.answer, "by": "anna"})


def task(prompt: str, persona: str = "reader") -> dict[str, Any]:
    return {"name": "Task", "arguments": {"description": "a piece of work", "prompt": prompt, "subagent_type": persona}}


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"name": name, "arguments": arguments}


class Run:
    def __init__(self, tmp_path: Path, *steps: Any, person: Person | None = None, **options: Any) -> None:
        self.root = tmp_path / "project"
        folder = self.root / ".mltui" / "personas"
        folder.mkdir(parents=True)
        for name, text in PERSONAS.items():
            (folder / f"{name}.md").write_text(text)
        (self.root / "notes.txt").write_text("the answer is 42\n")
        script = tmp_path / "script.json"
        script.write_text(json.dumps(steps))
        self.person = person or Person()
        self.options = Options(cwd=self.root, model=f"scripted:{script}", trusted=True, **options)
        self.environ = {"MLTUI_HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"}
        self.events: list[Event] = []
        self.session: Session | None = None
        self.path = Path()

    async def __aenter__(self) -> Session:
        self.session = await open_session(self.options, self.person, self.environ)
        self.path = self.session.path or Path()
        return self.session

    async def __aexit__(self, *_: object) -> None:
        assert self.session is not None
        await self.session.close()

    async def show(self, event: Event) -> None:
        self.events.append(event)

    async def prompt(self, text: str = "go") -> TurnCompleted:
        async with self as session:
            return await session.prompt(text, self.show)

    @property
    def results(self) -> list[ToolCompleted]:
        return [event for event in self.events if isinstance(event, ToolCompleted)]

    @property
    def inner(self) -> list[Event]:
        return [event.event for event in self.events if isinstance(event, Subagent)]


async def test_only_the_last_answer_comes_back_and_the_context_stays_apart(tmp_path: Path) -> None:
    run = Run(
        tmp_path,
        {"calls": [task("Find the answer in notes.txt")]},
        {"expect": "Find the answer", "calls": [call("Read", file_path="notes.txt")]},
        {"expect": "42", "text": "It is 42, see notes.txt:1."},
        {"expect": "notes.txt:1", "text": "Done."},
    )
    end = await run.prompt()
    assert end.outcome == "completed"
    (result,) = run.results
    assert result.content == "It is 42, see notes.txt:1." and not result.is_error
    assert result.details["persona"] == "reader"
    assert [event.name for event in run.inner if isinstance(event, ToolCompleted)] == ["Read"]
    assert run.session is not None
    sent = [message for message in run.session.transcript.messages if message.role == "tool"]
    assert [message.name for message in sent] == ["Task"], "the subagent's own calls are no part of the conversation"


async def test_what_it_used_counts_and_is_kept_but_its_deltas_are_not(tmp_path: Path) -> None:
    usage = {"input_tokens": 1000, "output_tokens": 10, "cost_usd": 0.25}
    run = Run(
        tmp_path,
        {"calls": [task("look")], "usage": usage},
        {"expect": "look", "text": "seen", "usage": usage},
        {"text": "Done.", "usage": usage},
    )
    end = await run.prompt()
    assert end.usage.cost_usd == pytest.approx(0.75)
    assert run.session is not None
    events = load(run.path).events
    inner = [event.event for event in events if isinstance(event, Subagent)]
    assert any(isinstance(event, MessageCompleted) for event in inner)
    assert any(isinstance(event, TextDelta) for event in run.inner), "it streams into the parent's view"
    assert not any(isinstance(event, TextDelta) for event in inner)
    assert Transcript.fold(events).usage == run.session.transcript.usage


TRAINING = """\
[experiments]
training = ["train.py"]
configs = ["conf.yaml"]
entrypoints = ["python train.py"]
metrics = { file = "metrics.json" }
primary = { name = "accuracy", direction = "maximize" }
space = { lr = { type = "float", low = 0.01, high = 1.0, key = "conf.yaml:lr" } }
[tracking]
enabled = false
"""


class Later:
    """Decides on no proposal yet."""

    async def decide(self, request: ApprovalRequest | TrustRequest) -> Decision:
        return Decision(answer="hold", by="anna")


async def test_proposals_say_whose_they_are(tmp_path: Path) -> None:
    def propose(lr: float) -> dict[str, Any]:
        return call("ProposeExperiment", title=f"lr {lr}", hypothesis="It learns sooner", methodology="seeds", changes={"lr": lr})

    run = Run(
        tmp_path,
        {"calls": [propose(0.5), task("try it", "writer")]},
        {"expect": "try it", "calls": [propose(0.25)]},
        "It waits.",
        {"calls": [propose(0.125)]},
        "Done.",
    )
    (run.root / ".mltui" / "config.toml").write_text(TRAINING)
    (run.root / "train.py").write_text("")
    (run.root / "conf.yaml").write_text("lr: 0.1\n")
    git = ["git", "-C", str(run.root), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "start"]):
        subprocess.run([*git, *arguments], check=True)
    session = await open_session(run.options, Later(), run.environ)
    await session.prompt("go", run.show)
    await session.close()
    proposed = [event.proposal for event in run.events if isinstance(event, ExperimentProposed)]
    own = session.model_info.author
    assert [proposal.author for proposal in proposed] == [own, f"{own} (writer)", own]


async def test_one_budget_for_all(tmp_path: Path) -> None:
    usage = {"input_tokens": 1000, "output_tokens": 10, "cost_usd": 0.6}
    run = Run(
        tmp_path,
        {"calls": [task("look")], "usage": usage},
        {"expect": "look", "calls": [call("Read", file_path="notes.txt")], "usage": usage},
        {"expect": "42", "text": "never asked"},
        overrides={"limits.max_budget_usd": 1.0},
    )
    end = await run.prompt()
    assert end.outcome == "max_budget_usd"
    assert "max_budget_usd" in run.results[0].content and run.results[0].is_error


async def test_it_is_bound_by_the_same_permissions(tmp_path: Path) -> None:
    run = Run(
        tmp_path,
        {"calls": [task("write it", "writer")]},
        {"expect": "write it", "calls": [call("Bash", command="touch made")]},
        {"expect": "denied", "text": "I may not."},
        person=Person("reject"),
    )
    await run.prompt()
    assert [request.call.name for request in run.person.asked] == ["Bash"]
    assert not (run.root / "made").exists()
    assert run.results[-1].content == "I may not."


@pytest.mark.parametrize(
    ("persona", "asked", "says"),
    [
        ("reader", call("Bash", command="touch made"), "There is no tool"),
        ("reader", task("hand on"), "There is no tool"),
        ("planner", call("Write", file_path="made", content="x"), "plan mode"),
        ("planner", call("Bash", command="touch made"), "plan mode"),
    ],
)
async def test_a_persona_narrows(tmp_path: Path, persona: str, asked: dict[str, Any], says: str) -> None:
    run = Run(
        tmp_path, {"calls": [task("begin", persona)]}, {"expect": "begin", "calls": [asked]}, {"expect": says, "text": "No."}, mode="auto"
    )
    await run.prompt()
    assert run.results[-1].content == "No."
    assert not (run.root / "made").exists()


async def test_it_ends_after_its_persona_s_number_of_turns(tmp_path: Path) -> None:
    looks = [{"expect": "", "text": f"look {number}", "calls": [call("Glob", pattern=f"*{number}")]} for number in range(5)]
    run = Run(tmp_path, {"calls": [task("search", "writer")]}, *looks)
    await run.prompt()
    assert run.results[0].is_error
    assert "max_turns" in run.results[0].content and "look 1" in run.results[0].content


@pytest.mark.parametrize(
    ("name", "says"),
    [("readr", "Did you mean reader?"), ("zzz", "There are"), ("domain-expert", "AskUserQuestion")],
)
async def test_a_persona_that_is_not_there(tmp_path: Path, name: str, says: str) -> None:
    run = Run(tmp_path, {"calls": [task("x", name)]}, "Done.")
    await run.prompt()
    assert run.results[0].is_error and says in run.results[0].content


async def test_a_persona_may_be_called_an_expert(tmp_path: Path) -> None:
    run = Run(tmp_path, {"calls": [task("x", "python-expert")]}, {"expect": "x", "text": "Use a dict."}, "Done.")
    await run.prompt()
    assert run.results[0].content == "Use a dict."


async def test_the_session_s_model_takes_over_where_the_persona_s_cannot_be_had(tmp_path: Path) -> None:
    run = Run(
        tmp_path,
        {"calls": [task("Which architecture?", "senior-ml-engineer")]},
        {"expect": "architecture", "text": "A small one."},
        "Done.",
    )
    await run.prompt()
    assert run.results[0].content == "A small one."
    assert any(isinstance(event, Notice) and "opus" in event.text for event in run.inner)


async def test_neighbours_work_side_by_side(tmp_path: Path) -> None:
    run = Run(
        tmp_path,
        {"calls": [task("first", "writer"), task("second", "writer")]},
        {"expect": "first", "text": "", "delay": 0.3, "calls": [call("Glob", pattern="first*")]},
        {"expect": "second", "text": "", "delay": 0.3, "calls": [call("Glob", pattern="second*")]},
        {"expect": "no file", "text": "one"},
        {"expect": "no file", "text": "two"},
        mode="auto",
    )
    await run.prompt()
    order = [(event.call_id, type(event.event).__name__) for event in run.events if isinstance(event, Subagent)]
    first = order[0][0]
    last_of_first = max(index for index, (id_, _) in enumerate(order) if id_ == first)
    first_of_second = min(index for index, (id_, _) in enumerate(order) if id_ != first)
    assert first_of_second < last_of_first
    assert sorted(result.content for result in run.results) == ["one", "two"]


async def test_an_interrupt_stops_them_and_leaves_a_valid_history(tmp_path: Path) -> None:
    run = Run(tmp_path, {"calls": [task("one"), task("two")]}, {"expect": "one", "delay": 60}, {"expect": "two", "delay": 60})
    async with run as session:
        turn = asyncio.create_task(session.prompt("go", run.show))
        while not any(isinstance(event, Subagent) for event in run.events):
            await asyncio.sleep(0.01)
        session.interrupt()
        end = await turn
    assert end.outcome == "interrupted"
    assert len(run.results) == 2 and all(result.is_error for result in run.results)
    assert not session.transcript.pending


async def test_the_colleagues_are_named_in_the_prompt_and_not_oneself(tmp_path: Path) -> None:
    run = Run(tmp_path, "Done.", persona="writer")
    async with run as session:
        assert "- reader: Reads files" in session.system
        assert "- writer:" not in session.system
        known: Mapping[str, Any] = {tool.name: tool for tool in session.tools}
        assert "Task" in known


async def test_what_is_said_while_it_works_is_in_the_next_request(tmp_path: Path) -> None:
    run = Run(tmp_path, {"calls": [call("Glob", pattern="*.txt")], "delay": 0.5}, {"expect": "only the tests", "text": "Only those."})
    async with run as session:
        turn = asyncio.create_task(session.prompt("go", run.show))
        while not session.steering.say("only the tests"):
            await asyncio.sleep(0.01)
        end = await turn
        assert end.outcome == "completed" and end.steps == 2
        roles = [message.role for message in session.transcript.messages]
        assert roles == ["user", "assistant", "tool", "user", "assistant"]
        assert not session.steering.say("too late") and session.steering.unsaid() == []
    assert Transcript.fold(load(run.path).events).messages == session.transcript.messages


async def test_said_during_the_last_answer_it_goes_on(tmp_path: Path) -> None:
    run = Run(tmp_path, {"text": "Done.", "delay": 0.3}, {"expect": "and the docs", "text": "Those too."})
    async with run as session:
        turn = asyncio.create_task(session.prompt("go", run.show))
        while not session.steering.say("and the docs"):
            await asyncio.sleep(0.01)
        await turn
        assert session.transcript.messages[-1].text == "Those too."  # type: ignore[union-attr]


async def test_a_side_question_leaves_no_trace_in_the_conversation(tmp_path: Path) -> None:
    usage = {"input_tokens": 10, "output_tokens": 1, "cost_usd": 0.5}
    run = Run(
        tmp_path, {"calls": [call("Bash", command="sleep 1")]}, {"expect": "<aside>", "text": "42.", "usage": usage}, "Done.", mode="auto"
    )
    async with run as session:
        turn = asyncio.create_task(session.prompt("go", run.show))
        while not session.transcript.pending:
            await asyncio.sleep(0.01)
        answer, used = await session.aside("What is it?", run.show)
        assert answer == "42." and used.cost_usd == 0.5
        await turn
        assert "aside" not in repr(session.transcript.messages)
        assert session.transcript.usage.cost_usd == pytest.approx(0.5)
