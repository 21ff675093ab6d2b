"""Calls of one session side by side, and a world that moves while a person is asked."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from mltui.agent.self_approval import decides
from mltui.capabilities.training_watch import ASK
from mltui.core.approval import ApprovalRequest, Decision, PermissionRequest, TrustRequest
from mltui.core.effects import Effect
from mltui.core.events import ApprovalRequested, Event, Notice, ToolCompleted
from mltui.core.messages import ToolCall, ToolResult
from mltui.tools.base import Args, Tool, ToolContext, Workspace
from mltui.tools.shell_syntax import simple_commands
from tests.agent.test_extensions import Place, call, hook
from tests.agent.test_gate import Bench
from tests.agent.test_gate import make as make
from tests.agent.test_gate import template as template


@pytest.fixture
async def place(tmp_path: Path) -> Any:
    made = Place(tmp_path)
    yield made
    for session in made.sessions:
        await session.close()


# ── a hook is no person ──────────────────────────────────────────────────────────

SAYS_YES = hook(
    "echo '" + json.dumps({"hookSpecificOutput": {"hookEventName": "PermissionRequest", "decision": {"behavior": "allow"}}}) + "'"
)


async def test_a_hook_that_says_yes_does_not_change_what_mltui_obeys(place: Place) -> None:
    place.hooks(PermissionRequest=SAYS_YES)
    settings = '[tool.mltui.permissions]\nallow = ["Bash"]\n'
    free, obeyed = await place.turn(
        call("Write", file_path="free.txt", content="x\n"),
        call("Write", file_path="pyproject.toml", content=settings),
        "Done.",
        mode="default",
    )
    assert not free.denied, "what a person would be asked about because of the mode alone is a hook's to allow"
    assert obeyed.denied
    assert not (place.root / "pyproject.toml").exists()
    (asked,) = [request for request in place.person.asked if isinstance(request, PermissionRequest)]
    assert "[tool.mltui]" in asked.reason


async def test_a_hook_that_says_yes_starts_no_training(place: Place) -> None:
    config = (place.root / ".mltui/config.toml").read_text()
    place.write(".mltui/config.toml", config.replace("[experiments]\n", '[experiments]\nunplanned_training = "ask"\n'))
    place.hooks(PermissionRequest=SAYS_YES)
    (done,) = await place.turn(call("Bash", command="python train.py"), "Done.", mode="default")
    assert done.denied
    (asked,) = [request for request in place.person.asked if isinstance(request, PermissionRequest)]
    assert "it trains outside a proposal" in asked.reason


async def test_what_a_hook_was_the_first_to_see_is_told(place: Place) -> None:
    place.hooks(PreToolUse=hook("true"))
    session = await place.open(call("Bash", command="true"), "One.", call("Bash", command="true"), "Two.")
    await session.prompt("x", place.show)
    place.write("train.py", "lr = 0.2\n")
    await session.prompt("y", place.show)
    assert place.notices.count("train.py was modified since the last command, not by one: taken as your own work") == 1


# ── the world moves ──────────────────────────────────────────────────────────────


async def test_a_file_that_comes_under_experiment_while_its_write_is_asked_about_is_staged(make: Any) -> None:
    bench: Bench = make(mode="default")

    class Meanwhile:
        async def decide(self, request: ApprovalRequest | TrustRequest) -> Decision:
            (bench.root / "train.py").write_text("import free\nlr = 0.1\n")
            bench.experiments.control.files()  # as a look does a second later
            return Decision(answer="approve", by="somebody")

    bench.use(Meanwhile())
    await bench.call("Read", file_path="free.py")
    done = await bench.call("Write", file_path="free.py", content="x = 2\n")
    assert "draft" in done.content
    assert (bench.root / "free.py").read_text() == "x = 1\n"


class Waits:
    """A tool that asks, once all of its kind are running."""

    name = "Bash"

    class args_model(Args):
        command: str

    def __init__(self, together: int) -> None:
        self.barrier = asyncio.Barrier(together)

    def effects(self, args: Any, workspace: Workspace) -> tuple[Effect, ...]:
        return (Effect(kind="note", target="todos"),)

    async def run(self, args: Any, ctx: ToolContext) -> ToolResult:
        await self.barrier.wait()
        ask = ASK.get()
        assert ask is not None
        await ask(args.command)
        return ToolResult(content="asked")


async def test_calls_side_by_side_ask_for_themselves(make: Any) -> None:
    bench: Bench = make("reject", "reject")
    tool: Tool = Waits(2)
    gate = bench.gate.narrowed([], False, lambda: "model:other (writer)")
    gate.offer([tool])
    calls = [ToolCall(id=f"c{number}", name="Bash", arguments={"command": f"reason {number}"}) for number in range(2)]
    await asyncio.gather(*(gate.execute(call, bench.emit) for call in calls))
    asked = [event.request for event in bench.events if isinstance(event, ApprovalRequested)]
    assert sorted((request.call.id, request.reason) for request in asked if isinstance(request, PermissionRequest)) == [
        ("c0", "reason 0"),
        ("c1", "reason 1"),
    ]


class SlowEdit:
    name = "Edit"
    args_model = Args

    def __init__(self, path: Path) -> None:
        self.path = path
        self.began = asyncio.Event()

    def effects(self, args: Any, workspace: Workspace) -> tuple[Effect, ...]:
        return (Effect(kind="write", target=str(self.path)),)

    async def run(self, args: Any, ctx: ToolContext) -> ToolResult:
        self.began.set()
        await asyncio.sleep(0.2)
        return ToolResult(content=await ctx.files.write(self.path, b"lr = 9\n"))


async def test_a_staged_edit_beside_a_command_stays_staged(make: Any) -> None:
    bench: Bench = make()
    edit = SlowEdit(bench.root / "train.py")
    gate = bench.gate.narrowed([], False, lambda: "model:other (writer)")
    gate.offer([edit])
    editing = asyncio.ensure_future(gate.execute(ToolCall(id="e", name="Edit"), bench.emit))
    await edit.began.wait()
    ran = await bench.call("Bash", command="sleep 0.5")
    await editing
    assert "put back" not in ran.content
    assert bench.experiments.draft("s").read(Path("train.py")) == b"lr = 9\n"


async def test_calls_that_only_look_make_no_checkpoint(make: Any) -> None:
    bench: Bench = make()
    await bench.call("Read", file_path="train.py")
    await bench.call("Grep", pattern="lr")
    assert not (bench.root / ".mltui/snapshots.git").exists()
    await bench.call("Bash", command="ls")
    assert not list((bench.root / ".mltui/snapshots.git/refs").rglob("checkpoints/s/*"))
    await bench.call("Write", file_path="new.txt", content="x\n")
    assert list((bench.root / ".mltui/snapshots.git/refs").rglob("checkpoints/s/*"))


async def test_a_call_that_is_cut_while_its_alarm_is_shown_is_closed(make: Any) -> None:
    bench: Bench = make()
    await bench.call("Bash", command="true")
    (bench.root / "train.py").write_text("lr = 0.2\n")
    shown = asyncio.Event()

    async def emit(event: Event) -> None:
        bench.events.append(event)
        if isinstance(event, Notice):
            shown.set()
            await asyncio.sleep(30)

    running = asyncio.ensure_future(bench.gate.execute(ToolCall(id="cut", name="Bash", arguments={"command": "true"}), emit))
    await shown.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [event.call_id for event in bench.events if isinstance(event, ToolCompleted)][-1] == "cut"


# ── mltui by Bash ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("command", "refused"),
    [
        ("mltui sessions list", False),
        ("mltui sessions search lr", False),
        ("mltui sessions rewind abc --to 1 --yes", True),
        ("mltui sessions delete abc", True),
        ("mltui sessions rename abc x", True),
        ("mltui permissions explain 'Bash(ls)'", False),
        ("mltui mcp list", False),
        ("mltui mcp add docs -- npx x", True),
        ("mltui auth set openai", True),
        ("mltui config show", False),
        ("mltui config show --trust", True),
        ("mltui experiments list", False),
        ("mltui experiments approve P-0001", True),
        ("mltui promote status", False),
        ("mltui promote --from P-0001", True),
        ("mltui try", True),
        ("mltui", True),
    ],
)
def test_mltui_by_bash_only_looks(command: str, refused: bool) -> None:
    assert any(decides(one) for one in simple_commands(command)) is refused
