"""What the fake sessions of the front-ends do in the same way."""

from __future__ import annotations

from typing import Any, ClassVar

from mltui.agent.context import Window
from mltui.agent.context_report import ContextReport, Share
from mltui.agent.steering import Steering
from mltui.config.schema import PermissionMode
from mltui.core.events import ContextCompacted, Emit, ModeChanged, SessionTitled, ToolCompleted, ToolStarted


class FakeShell:
    """Keeps what is run."""

    def __init__(self) -> None:
        self.commands: list[str] = []

    async def run(self, command: str, show: Emit) -> None:
        self.commands.append(command)
        await show(ToolStarted(call_id="person-1", name="Bash", arguments={"command": command}))
        await show(ToolCompleted(call_id="person-1", name="Bash", content="out", typed=command))


class FakeFiles:
    """Names that hold the query."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def matches(self, query: str, limit: int) -> list[str]:
        return [name for name in self.names if query in name][:limit]


class FakeManners:
    transcript: Any
    mode: PermissionMode = "default"
    rules: ClassVar[dict[str, tuple[str, ...]]] = {}
    budget: float | None = None
    architect = False
    named = False

    def __init__(self) -> None:
        self.asked_architect: list[str] = []

    def set_budget(self, dollars: float | None) -> None:
        self.budget = dollars

    @property
    def steering(self) -> Steering:
        return Steering()

    async def set_mode(self, mode: PermissionMode, show: Emit) -> None:
        self.mode = mode
        await show(ModeChanged(mode=mode))

    def ask_architect(self, text: str) -> None:
        self.asked_architect.append(text)

    async def compact(self, focus: str, show: Emit) -> ContextCompacted:
        event = ContextCompacted(summary=f"kept {focus}", tokens_before=9_000, tokens_after=900)
        await show(event)
        return event

    async def context(self) -> ContextReport:
        window = Window(size=10_000, reserve=1_000, compact_at=0.8)
        return ContextReport(
            "fake:one", (Share("answers", 400), Share("tool results", 600), Share("Read", 600, "tool results")), 1_000, True, window
        )

    async def rename(self, title: str, show: Emit) -> None:
        self.transcript.title = title
        await show(SessionTitled(title=title))

    async def fork(self, title: str) -> str:
        return f"copy-{title}"

    def name_itself(self, show: Emit) -> None:
        self.named = True
