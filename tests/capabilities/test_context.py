from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from mltui.capabilities.context import mint
from mltui.capabilities.files import SessionFiles
from mltui.capabilities.outside import Outside
from mltui.capabilities.search import RipgrepSearch
from mltui.core.approval import Question
from mltui.core.effects import Effect, Grant
from mltui.core.errors import UndeclaredEffectError
from mltui.core.experiment import ProposalRequest, Recommendation
from mltui.core.messages import ToolResult
from mltui.tools.base import BackgroundShells, GrepQuery, ShellResult, Todo, ToolContext, WebPage, Workspace
from tests.capabilities.conftest import silent, write_files


class Recorder:
    """Every capability that is not files or search: says what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def run(self, command: str, *_: Any, **__: Any) -> ShellResult:
        self.asked.append(command)
        return ShellResult("", 0)

    def set_todos(self, todos: Sequence[Todo]) -> None:
        self.asked.append("todos")

    async def ask(self, questions: Sequence[Question]) -> dict[str, str]:
        self.asked.append("ask")
        return {}

    async def propose(self, request: ProposalRequest) -> ToolResult:
        self.asked.append(request.title)
        return ToolResult(content="")

    async def status(self, experiment_id: str | None, wait_seconds: float) -> ToolResult:
        self.asked.append(f"status {experiment_id}")
        return ToolResult(content="")

    async def conclude(self, experiment_id: str, interpretation: str, recommendation: Recommendation) -> ToolResult:
        self.asked.append(f"conclude {experiment_id}")
        return ToolResult(content="")

    async def answer(self, experiment_id: str, answer: str) -> ToolResult:
        self.asked.append(f"answer {experiment_id}")
        return ToolResult(content="")

    async def promote(self, experiment_id: str, alias: str) -> ToolResult:
        self.asked.append(f"promote {experiment_id}")
        return ToolResult(content="")


class Colleague:
    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    async def run(self, persona: str, task: str) -> ToolResult:
        self.recorder.asked.append(f"task for {persona}")
        return ToolResult(content="")


class Elsewhere:
    """The web, MCP servers and skills in one, each of them a recorder."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    def __getattr__(self, name: str) -> Elsewhere:
        return self

    async def _say(self, *words: object) -> Any:
        self.recorder.asked.append(" ".join(map(str, words)))

    async def fetch(self, url: str) -> Any:
        await self._say("fetch", url)

    async def search(self, *query: object) -> Any:
        await self._say("search", *query)

    async def call(self, server: str, tool: str, *rest: object) -> Any:
        await self._say("mcp", server, tool)

    async def load(self, name: str, argument: str = "") -> Any:
        await self._say("skill", name)


async def no_digest(page: WebPage, prompt: str) -> str | None:
    return None


def context(workspace: Workspace, recorder: Recorder, *effects: Effect) -> ToolContext:
    return mint(
        [Grant(effect=effect) for effect in effects],
        workspace=workspace,
        files=SessionFiles(),
        search=RipgrepSearch(workspace, root=workspace.cwd),
        shell=recorder,
        background=cast("BackgroundShells", recorder),
        notes=recorder,
        questions=recorder,
        experiments=recorder,
        agents=Colleague(recorder),
        outside=cast("Outside", Elsewhere(recorder)),
        digest=no_digest,
        output=silent,
    )


async def test_nothing_is_possible_without_a_grant(workspace: Workspace, root: Path) -> None:
    recorder = Recorder()
    ctx = context(workspace, recorder)
    attempts: list[Callable[[], Awaitable[object]]] = [
        lambda: ctx.files.read(root / "a"),
        lambda: ctx.files.write(root / "a", b""),
        lambda: ctx.files.exists(root / "a"),
        lambda: ctx.search.grep(GrepQuery("x", root)),
        lambda: ctx.search.glob("*", root, 1),
        lambda: ctx.shell.run("true", 1, silent),
        lambda: ctx.shell.run("", 1, silent),
        lambda: ctx.questions.ask([]),
        lambda: ctx.experiments.propose(ProposalRequest(title="t", hypothesis="h")),
        lambda: ctx.experiments.status(None, 0),
        lambda: ctx.experiments.conclude("P-1", "i", "accept"),
        lambda: ctx.experiments.answer("P-1", "a"),
        lambda: ctx.experiments.promote("P-1", "champion"),
        lambda: ctx.agents.run("reviewer", "look"),
        lambda: ctx.web.fetch("https://example.org/"),
        lambda: ctx.web.search("example.org", "q", (), ()),
        lambda: ctx.web.digest(WebPage("https://example.org/", "", "", "text"), "p"),
        lambda: ctx.mcp.call("files", "write", {}, silent),
        lambda: ctx.skills.load("s"),
    ]
    for attempt in attempts:
        with pytest.raises(UndeclaredEffectError):
            await attempt()
    with pytest.raises(UndeclaredEffectError):
        ctx.notes.set_todos([])
    assert recorder.asked == []


async def test_a_grant_of_one_thing_is_none_of_another(workspace: Workspace) -> None:
    recorder = Recorder()
    ctx = context(
        workspace, recorder, Effect(kind="exec", target="git status"), Effect(kind="note", target="P-1"), Effect(kind="propose", target="t")
    )
    await ctx.shell.run("git  status", 1, silent)
    await ctx.experiments.status("P-1", 0)
    await ctx.experiments.propose(ProposalRequest(title="t", hypothesis="h"))
    assert recorder.asked == ["git  status", "status P-1", "t"]
    for command in ("git push", "git status; rm x", "git status > f", "git status $(rm x)"):
        with pytest.raises(UndeclaredEffectError):
            await ctx.shell.run(command, 1, silent)
    with pytest.raises(UndeclaredEffectError):
        await ctx.experiments.status("P-2", 0)
    with pytest.raises(UndeclaredEffectError):
        await ctx.experiments.propose(ProposalRequest(title="u", hypothesis="h"))


async def test_what_lies_outside_is_granted_one_by_one(workspace: Workspace) -> None:
    recorder = Recorder()
    effects = (
        Effect(kind="net", target="example.org"),
        Effect(kind="mcp", target="files: list"),
        Effect(kind="delegate", target="reviewer"),
    )
    ctx = context(workspace, recorder, *effects)
    await ctx.web.fetch("https://example.org/a")
    await ctx.mcp.call("files", "list", {}, silent)
    await ctx.agents.run("reviewer", "look")
    assert recorder.asked == ["fetch https://example.org/a", "mcp files list", "task for reviewer"]
    others: list[Callable[[], Awaitable[object]]] = [
        lambda: ctx.web.fetch("https://example.com/"),
        lambda: ctx.mcp.call("files", "write", {}, silent),
        lambda: ctx.mcp.call("other", "list", {}, silent),
        lambda: ctx.agents.run("writer", "write"),
        lambda: ctx.skills.load("s"),
    ]
    for other in others:
        with pytest.raises(UndeclaredEffectError):
            await other()


async def test_an_opaque_command_needs_the_grant_of_exactly_it(workspace: Workspace) -> None:
    recorder = Recorder()
    plain = context(workspace, recorder, Effect(kind="exec", target="eval ls"))
    with pytest.raises(UndeclaredEffectError):
        await plain.shell.run("eval ls", 1, silent)
    await context(workspace, recorder, Effect(kind="exec", target="eval ls", opaque=True)).shell.run("eval ls", 1, silent)
    assert recorder.asked == ["eval ls"]


async def test_a_search_stays_below_what_was_granted(workspace: Workspace, root: Path) -> None:
    write_files(root, {"src/a.py": "x\n", "b.py": "x\n"})
    ctx = context(workspace, Recorder(), Effect(kind="read", target=str(root / "src")))
    assert (await ctx.search.grep(GrepQuery("x", root / "src"))).lines == ("src/a.py",)
    with pytest.raises(UndeclaredEffectError):
        await ctx.search.grep(GrepQuery("x", root))
