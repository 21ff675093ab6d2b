"""The gate with everything behind it that is real: whatever a model asks for, what was not decided on does not happen."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mltui.agent.gate import Gate
from mltui.agent.loop import TurnStopped
from mltui.agent.policy import MODES, Policy
from mltui.config.schema import Config, Permissions
from mltui.core.approval import ApprovalRequest, Approver, Decision, PermissionRequest, TrustRequest
from mltui.core.events import ApprovalRequested, ApprovalResolved, Event, ToolCompleted, ToolStarted
from mltui.core.messages import ToolCall
from mltui.experiments.service import Experiments
from mltui.runtime import Options, open_session
from mltui.tools.base import Workspace
from mltui.tools.catalog import catalog

FILES = {
    "project/train.py": "lr = 0.1\n",
    "project/conf/optim.yaml": "lr: 0.1\n",
    "project/prompts/judge.md": "Be strict.\n",
    "project/free.py": "x = 1\n",
    "project/pyproject.toml": "[project]\nname = 'x'\n",
    "project/AGENTS.md": "Say so.\n",
    "project/.mltui/config.toml": "# settings\n",
    "project/.mltui/.gitignore": "*\n",
    "project/.git/hooks/post-checkout": "#!/bin/sh\n",
    "home/config.toml": "# mine\n",
    "outside/note.txt": "n\n",
}
CONTROLLED = ("train.py", "conf", "prompts")
OWN = ("project/.mltui/config.toml", "project/.git/hooks", "home")
CONFIG = Config.model_validate(
    {
        "experiments": {
            "entrypoints": ["python train.py"],
            "training": ["train.py"],
            "configs": ["conf/**"],
            "prompts": ["prompts/**"],
            "metrics": {"file": "metrics.json"},
            "primary": {"name": "accuracy", "direction": "maximize"},
            "space": {"lr": {"type": "float", "low": 0.01, "high": 1.0, "key": "conf/optim.yaml:lr"}},
        },
        "tracking": {"enabled": False},
    }
)


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder).resolve() / "top"
        root = top / "project"
        root.mkdir(parents=True)
        subprocess.run(["git", "init", "-q", "--template=", "-b", "main"], cwd=root, check=True)
        for name, content in FILES.items():
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            (top / name).write_text(content)
        git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "core.hooksPath=/dev/null"]
        subprocess.run([*git, "add", "-A"], cwd=root, check=True)
        subprocess.run([*git, "commit", "-qm", "start"], cwd=root, check=True)
        yield top


@dataclass
class Answers:
    """An approver that answers in turn, and starts no experiment."""

    answers: list[str]
    asked: list[ApprovalRequest | TrustRequest] = field(default_factory=list[Any])

    async def decide(self, request: ApprovalRequest | TrustRequest) -> Decision:
        self.asked.append(request)
        answer = self.answers.pop(0) if self.answers else "reject"
        if not isinstance(request, PermissionRequest) and answer == "approve":
            answer = "hold"
        return Decision.model_validate({"answer": answer, "by": "somebody", "remember": len(self.asked) % 2 == 0})


class Bench:
    """A copy of the template with a gate on it."""

    def __init__(self, template: Path, folder: Path, answers: list[str], mode: str = "default", **rules: list[str]) -> None:
        self.top = folder / "top"
        shutil.copytree(template, self.top, symlinks=True)
        self.root = self.top / "project"
        (self.root / "link.py").symlink_to("train.py")
        (self.root / "linked").symlink_to("conf")
        (self.root / "out").symlink_to("../outside")
        os.link(self.root / "train.py", self.root / "hard.py")
        self.approver = Answers(answers)
        self.events: list[Event] = []
        workspace = Workspace(self.root, (self.root,))
        permissions = Permissions.model_validate(rules)
        policy = Policy.build(permissions, workspace, mode=mode, guarded=[self.top / "home"])  # type: ignore[arg-type]
        self.allow = policy.allow
        self.policy = policy
        self.experiments = Experiments.open(self.root, CONFIG)
        self.use(self.approver)

    def use(self, approver: Approver) -> None:
        """A gate whose questions go to this approver."""
        self.gate = Gate(
            catalog(),
            policy=self.policy,
            approver=approver,
            experiments=self.experiments,
            session_id="s",
            author="model:test",
            environ={"PATH": os.environ["PATH"], "MLTUI_HOME": str(self.top / "home")},
        )

    async def emit(self, event: Event) -> None:
        self.events.append(event)

    async def call(self, name: str, **arguments: Any) -> ToolCompleted:
        """The result; a turn that was stopped is no error here."""
        call = ToolCall(id=f"c{len(self.events)}", name=name, arguments=arguments)
        with contextlib.suppress(TurnStopped):
            await self.gate.execute(call, self.emit)
        (done,) = [event for event in self.events if isinstance(event, ToolCompleted) and event.call_id == call.id]
        return done

    def files(self) -> dict[str, bytes]:
        """Everything but git's objects and what mltui keeps for itself."""
        found: dict[str, bytes] = {}
        for folder, names, files in os.walk(self.top):
            names[:] = [name for name in names if name not in ("objects", "drafts", "tmp", "mltui", "snapshots.git")]
            for name in files:
                path = Path(folder, name)
                if path.name in ("index", "proposals.lock", "journal.lock", "journal.jsonl", "digests.json"):
                    continue
                found[path.relative_to(self.top).as_posix()] = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
        return found


def under(files: dict[str, bytes], *places: str) -> dict[str, bytes]:
    return {name: data for name, data in files.items() if any(name == place or name.startswith(f"{place}/") for place in places)}


telling = st.sampled_from(
    [
        "train.py", "./src/../train.py", "link.py", "hard.py", "prompts/../conf/optim.yaml", "linked/new.yaml", "conf/new.yaml",
        "free.py", ".mltui/config.toml", ".git/hooks/post-checkout", "../home/config.toml", "out/new.txt",
    ]
)  # fmt: skip
odd = st.sampled_from(
    [
        "TRAIN.py", "prompts/judge.md", "new/deep/file.py", "pyproject.toml", "AGENTS.md", ".mltui/journal.jsonl", ".MLTUI/x",
        ".mltui/drafts/s/files/train.py", "../outside/note.txt", "out/note.txt", "", "\0", "a\ud800", "~nobody/x", "x" * 300,
    ]
)  # fmt: skip
paths = st.one_of(telling, odd)
texts = st.sampled_from(["lr = 9\n", "lr", "x = 1", "", "[tool.mltui]\n", "\ud800", "\x1b[2J"])
changing = st.sampled_from(
    [
        "echo evil >> train.py", "echo evil >> hard.py", "sed -i s/0.1/9/ conf/optim.yaml", "rm -rf prompts", "echo x > conf/new.yaml",
        "mv conf old; ln -s old conf", "cp free.py train.py; git add -A", "git checkout -q -b x; echo y > train.py",
        "(sleep 9; echo late >> train.py) &", "echo x > $(echo train.py)",
    ]
)  # fmt: skip
tampering = st.sampled_from(
    [
        "cd .m*; echo evil > config.toml", "echo x > .mltui/config.toml", "cd .g*/hooks; echo evil > post-checkout", "rm -rf .mltu[i]",
        "echo x > ../home/config.toml", "cd ..; cd hom*; echo x > config.toml; echo x > trusted.json",
        "printf '[tool.mltui]\\n' > pyproject.toml",
    ]
)  # fmt: skip
other = st.sampled_from(
    [
        "python train.py", "bash -c 'python train.py'", "mltui experiments approve P-0001", "python -m mltui experiments approve P-0001",
        "echo y > free.py", "ls", "false", "", "\0",
    ]
)  # fmt: skip
objects = st.dictionaries(
    st.sampled_from(["file_path", "command", "x"]), st.one_of(paths, st.integers(), st.none(), st.lists(paths, max_size=2))
)
write = st.tuples(st.just("Write"), st.fixed_dictionaries({"file_path": paths, "content": texts}))
edit = st.tuples(st.just("Edit"), st.fixed_dictionaries({"file_path": paths, "old_string": texts, "new_string": texts}))
bash = st.tuples(st.just("Bash"), st.fixed_dictionaries({"command": st.one_of(changing, tampering, other)}))
experiment = st.one_of(
    st.tuples(st.just("ProposeExperiment"), st.fixed_dictionaries({"title": texts, "hypothesis": texts}, optional={"changes": objects})),
    st.tuples(st.just("ConcludeExperiment"), st.fixed_dictionaries({"experiment_id": paths, "interpretation": texts})),
)
junk = st.tuples(st.sampled_from([*(tool.name for tool in catalog()), "Nothing", "\ud800"]), objects)
calls = st.one_of(write, edit, bash, bash, experiment, junk)
READABLE = ("train.py", "hard.py", "conf/optim.yaml", "free.py", "pyproject.toml", "AGENTS.md")
rules = st.lists(st.sampled_from(["Bash", "Edit", "Edit(./**)", "Read", "Write(train.py)", "Bash(echo *)", "Edit(//**)"]), max_size=2)


@settings(max_examples=100, deadline=None)
@given(
    wanted=st.lists(calls, min_size=1, max_size=5),
    answers=st.lists(st.sampled_from(["approve", "reject", "hold", "stop"]), max_size=5),
    mode=st.sampled_from(MODES),
    allow=rules,
    deny=rules,
)
def test_whatever_is_called_nothing_happens_undecided(
    template: Path, wanted: list[tuple[str, dict[str, Any]]], answers: list[str], mode: str, allow: list[str], deny: list[str]
) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(template, Path(folder).resolve(), answers, mode, allow=allow, deny=deny)
            for path in READABLE:
                await bench.call("Read", file_path=path)
            for name, arguments in wanted:
                before = bench.files()
                seen = len(bench.events)
                done = await bench.call(name, **arguments)
                check(bench, bench.events[seen:], before, done, arguments)
            await bench.gate.close()

    asyncio.run(run())


def check(bench: Bench, events: list[Event], before: dict[str, bytes], done: ToolCompleted, arguments: dict[str, Any]) -> None:
    after = bench.files()
    controlled = [f"project/{name}" for name in CONTROLLED]
    assert under(after, *controlled) == under(before, *controlled)
    assert under(after, *OWN) == under(before, *OWN)

    started = [event for event in events if isinstance(event, ToolStarted)]
    asked = [event.request for event in events if isinstance(event, ApprovalRequested)]
    answers = {event.request_id: event.answer for event in events if isinstance(event, ApprovalResolved)}
    assert len(started) <= 1
    assert [request.id for request in asked] == list(answers)
    permissions = [request for request in asked if request.kind == "permission"]
    if any(answers[request.id] != "approve" for request in permissions):
        assert not started
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    if not started:
        assert not changed
        return
    assert not done.denied or done.name == "AskUserQuestion"
    if done.name in ("Write", "Edit"):
        target = (bench.root / arguments["file_path"]).resolve()
        assert changed <= {target.relative_to(bench.top).as_posix()}
        if changed and not target.is_relative_to(bench.root):
            assert permissions or any(rule.text.startswith("Edit") for rule in bench.allow)
    elif done.name != "Bash":
        assert not changed
    else:
        assert "train" not in arguments["command"] or not arguments["command"].startswith(("python", "bash"))
        assert "approve" not in arguments["command"]


@pytest.fixture
def make(template: Path, tmp_path: Path) -> Any:
    return lambda *answers, mode="auto", **rules: Bench(template, tmp_path.resolve(), list(answers), mode, **rules)


async def test_a_file_that_mltui_obeys_asks_in_every_mode_and_under_every_wide_rule(make: Any) -> None:
    bench = make("reject", "reject", "reject", allow=["Edit", "Edit(./**)"])
    await bench.call("Read", file_path="AGENTS.md")
    for path in ("AGENTS.md", ".claude/agents/x.md", "sub/claude.md"):
        assert (await bench.call("Write", file_path=path, content="obey")).denied
    assert len(bench.approver.asked) == 3


async def test_the_working_folder_by_its_other_name_is_the_same_folder(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = make()
    monkeypatch.chdir(bench.root)
    done = await bench.call("Write", file_path="/proc/self/cwd/conf/new.yaml", content="lr: 9\n")
    assert "draft" in done.content
    assert not (bench.root / "conf/new.yaml").exists()


async def test_a_rule_that_names_such_a_file_is_enough(make: Any) -> None:
    bench = make(allow=["Edit(./AGENTS.md)"])
    await bench.call("Read", file_path="AGENTS.md")
    assert not (await bench.call("Write", file_path="AGENTS.md", content="obey")).is_error


async def test_mltuis_section_of_a_pyproject_asks_and_the_rest_does_not(make: Any) -> None:
    bench = make("reject")
    await bench.call("Read", file_path="pyproject.toml")
    assert not (await bench.call("Edit", file_path="pyproject.toml", old_string="'x'", new_string="'y'")).is_error
    assert (await bench.call("Edit", file_path="pyproject.toml", old_string="name", new_string="[tool.mltui]\nname")).denied
    assert "mltui" not in (bench.root / "pyproject.toml").read_text()


@pytest.mark.parametrize("command", ["rm -r .mltui", "cp x .git/hooks/pre-commit", 'python -c \'open(".mltui/journal.jsonl", "w")\''])
async def test_a_command_that_names_what_is_mltuis_is_denied(make: Any, command: str) -> None:
    bench = make(allow=["Bash"])
    assert (await bench.call("Bash", command=command)).denied
    assert not (await bench.call("Bash", command="ls -a .mltui; echo .mltui; tar cf x.tar --exclude=.mltui conf")).denied


async def test_a_bug_behind_the_gate_is_said_and_raised(make: Any) -> None:
    bench = make()
    bench.gate._tools["Glob"] = object()
    with pytest.raises(AttributeError):
        await bench.call("Glob", pattern="*")
    assert "mltui itself failed" in bench.events[-1].content


@pytest.mark.parametrize("after", range(1, 4))
async def test_a_cut_at_any_event_leaves_no_question_open_and_every_call_answered(make: Any, after: int) -> None:
    bench = make("approve", mode="default")

    async def emit(event: Event) -> None:
        bench.events.append(event)
        if len(bench.events) == after:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await bench.gate.execute(ToolCall(id="c", name="Bash", arguments={"command": "touch made"}), emit)

    kinds = [event.type for event in bench.events]
    assert kinds.count("approval.requested") == kinds.count("approval.resolved") == 1
    assert kinds.count("tool.completed") == 1
    assert kinds[-1] == "tool.completed"
    assert not (bench.root / "made").exists()


@pytest.mark.parametrize("after", range(1, 10))
async def test_a_turn_that_is_cut_at_any_event_is_closed(template: Path, tmp_path: Path, after: int) -> None:
    shutil.copytree(template, tmp_path / "top", symlinks=True)
    script = tmp_path / "script.json"
    calls = [{"name": "Bash", "arguments": {"command": f"touch made{number}"}} for number in range(2)]
    script.write_text(json.dumps([{"text": "t", "calls": calls}, "done"]))
    options = Options(cwd=tmp_path / "top/project", model=f"scripted:{script}", trusted=True)
    session = await open_session(options, Answers(["approve"] * 2), {"PATH": os.environ["PATH"], "MLTUI_HOME": str(tmp_path / "home")})
    seen: list[str] = []

    async def show(event: Event) -> None:
        seen.append(event.type)
        if len(seen) == after:
            session.interrupt() if session.busy else asyncio.current_task().cancel()  # type: ignore[union-attr]
            await asyncio.sleep(0)

    try:
        await session.prompt("go", show)
    except asyncio.CancelledError:
        assert after == 1
    await session.close()

    kept = [event.type for event in session.transcript.events]
    assert kept.count("turn.started") == kept.count("turn.completed") == 1
    assert kept[-1] == "turn.completed"
    assert kept.count("approval.requested") == kept.count("approval.resolved")
    made = [call.id for event in session.transcript.events if event.type == "message.completed" for call in event.message.tool_calls]
    answered = [event.call_id for event in session.transcript.events if event.type == "tool.completed"]
    assert sorted(made) == sorted(answered)
    assert session.transcript.pending == ()
    assert not list((tmp_path / "top/project/.mltui").glob("tmp/copies-*"))


async def test_what_a_person_takes_to_decide_is_no_part_of_a_calls_time(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bench, waited = make("approve", mode="default"), 0.0
    decide = bench.approver.decide

    async def decide_slowly(request: ApprovalRequest | TrustRequest) -> Decision:
        nonlocal waited
        waited += 100.0
        return await decide(request)

    monkeypatch.setattr(bench.approver, "decide", decide_slowly)
    monkeypatch.setattr("mltui.agent.call_clock.monotonic", lambda: time.monotonic() + waited)
    done = await bench.call("Bash", command="touch made")
    assert waited == 100.0 and not done.denied
    assert done.seconds < 100.0
