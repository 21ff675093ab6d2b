"""The context of one call: every capability, each limited to what was granted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path

from mltui.capabilities.files import SessionFiles
from mltui.capabilities.outside import Outside
from mltui.capabilities.shell_folder import ShellFolder
from mltui.core.approval import Question
from mltui.core.data import JsonObject
from mltui.core.effects import Effect, Grant
from mltui.core.errors import UndeclaredEffectError
from mltui.core.experiment import ProposalRequest, Recommendation
from mltui.core.messages import ToolResult
from mltui.core.sweep import SweepRequest
from mltui.tools.base import (
    Agents,
    BackgroundOutput,
    BackgroundShells,
    ExperimentDesk,
    Found,
    GrepQuery,
    Notes,
    Questions,
    Search,
    Shell,
    ShellResult,
    Todo,
    ToolContext,
    WebHit,
    WebPage,
    Workspace,
)
from mltui.tools.shell_syntax import command_effects
from mltui.tools.web_fetch import host_of

OnOutput = Callable[[str], Awaitable[None]]
Digest = Callable[[WebPage, str], Awaitable[str | None]]
"""What a small model answers to a question about a page."""


def mint(
    grants: Sequence[Grant],
    *,
    workspace: Workspace,
    folder: ShellFolder | None = None,
    files: SessionFiles,
    search: Search,
    shell: Shell,
    background: BackgroundShells,
    notes: Notes,
    questions: Questions,
    experiments: ExperimentDesk,
    agents: Agents,
    outside: Outside,
    digest: Digest,
    output: OnOutput,
) -> ToolContext:
    """What one call may touch: exactly what was granted. All else raises UndeclaredEffectError.

    Args:
        workspace: as it was when the effects were decided on.
        folder: where the agent's commands start; a `cd` does not last unless given.
    """
    granted = _Granted(grants)
    folder = folder or ShellFolder(workspace)
    return ToolContext(
        workspace=workspace,
        files=files.granted(grants),
        search=_Search(search, granted),
        shell=_Shell(shell, granted, workspace, folder),
        background=_Background(background, granted, workspace, folder),
        notes=_Notes(notes, granted),
        questions=_Questions(questions, granted),
        experiments=_Experiments(experiments, granted),
        agents=_Agents(agents, granted),
        web=_Web(outside, digest, granted),
        mcp=_Mcp(outside, granted),
        skills=_Skills(outside, granted),
        output=output,
    )


class _Granted:
    def __init__(self, grants: Sequence[Grant]) -> None:
        self._effects = frozenset(grant.effect for grant in grants)
        self._kinds = frozenset(effect.kind for effect in self._effects)
        self._readable = tuple(Path(effect.target) for effect in self._effects if effect.kind == "read")

    def need(self, effect: Effect) -> None:
        if effect not in self._effects:
            raise UndeclaredEffectError(f"{effect.kind} of {effect.target!r} was not granted")

    def need_kind(self, kind: str) -> None:
        if kind not in self._kinds:
            raise UndeclaredEffectError(f"no {kind} was granted")

    def need_search(self, root: Path) -> None:
        if not any(root == folder or folder in root.parents for folder in self._readable):
            raise UndeclaredEffectError(f"search of {root} was not granted")


class _Search:
    def __init__(self, search: Search, granted: _Granted) -> None:
        self._search = search
        self._granted = granted

    async def grep(self, query: GrepQuery) -> Found:
        self._granted.need_search(query.root)
        return await self._search.grep(query)

    async def glob(self, pattern: str, root: Path, limit: int) -> Found:
        self._granted.need_search(root)
        return await self._search.glob(pattern, root, limit)


class _Commands:
    """What commands in the foreground and in the background have in common."""

    def __init__(self, granted: _Granted, workspace: Workspace, folder: ShellFolder) -> None:
        self._granted = granted
        self._workspace = workspace
        self._folder = folder

    def need(self, command: str, start: Path | None) -> None:
        """Raises: UndeclaredEffectError: it was not granted; ToolError: it would not start where it was meant to."""
        self._granted.need_kind("exec")
        if start not in (None, self._workspace.start):
            raise UndeclaredEffectError(f"a command in {start} was not granted")
        for effect in command_effects(command, self._workspace.cwd, start):
            self._granted.need(effect)
        if start is not None:
            self._folder.check()

    def ended(self, result: ShellResult, start: Path | None) -> ShellResult:
        """The result, with what there is to say of the folder; the tool's own commands leave that as it is."""
        note = self._folder.ended(result.folder) if start is not None else ""
        return replace(result, notes=(*result.notes, note)) if note else result


class _Shell:
    def __init__(self, shell: Shell, granted: _Granted, workspace: Workspace, folder: ShellFolder) -> None:
        self._shell = shell
        self._commands = _Commands(granted, workspace, folder)

    async def run(
        self, command: str, timeout: float, on_output: OnOutput, folder: Path | None = None, *, answer: bool = False
    ) -> ShellResult:
        self._commands.need(command, folder)
        return self._commands.ended(await self._shell.run(command, timeout, on_output, folder, answer=answer), folder)


class _Background:
    def __init__(self, background: BackgroundShells, granted: _Granted, workspace: Workspace, folder: ShellFolder) -> None:
        self._background = background
        self._granted = granted
        self._commands = _Commands(granted, workspace, folder)

    async def start(self, command: str, folder: Path | None = None) -> tuple[str, tuple[str, ...]]:
        self._commands.need(command, folder)
        return await self._background.start(command, folder)

    async def read(self, job_id: str, pattern: str | None = None) -> BackgroundOutput:
        self._granted.need(Effect(kind="note", target=job_id))
        return await self._background.read(job_id, pattern)

    async def kill(self, job_id: str) -> tuple[str, tuple[str, ...]]:
        self._granted.need(Effect(kind="note", target=job_id))
        return await self._background.kill(job_id)


class _Notes:
    def __init__(self, notes: Notes, granted: _Granted) -> None:
        self._notes = notes
        self._granted = granted

    def set_todos(self, todos: Sequence[Todo]) -> None:
        self._granted.need(Effect(kind="note", target="todos"))
        self._notes.set_todos(todos)


class _Questions:
    def __init__(self, questions: Questions, granted: _Granted) -> None:
        self._questions = questions
        self._granted = granted

    async def ask(self, questions: Sequence[Question]) -> dict[str, str]:
        self._granted.need_kind("ask")
        return await self._questions.ask(questions)


class _Experiments:
    def __init__(self, experiments: ExperimentDesk, granted: _Granted) -> None:
        self._experiments = experiments
        self._granted = granted

    async def propose(self, request: ProposalRequest | SweepRequest) -> ToolResult:
        self._granted.need(Effect(kind="propose", target=request.title))
        return await self._experiments.propose(request)

    async def answer(self, experiment_id: str, answer: str) -> ToolResult:
        self._granted.need(Effect(kind="propose", target=experiment_id))
        return await self._experiments.answer(experiment_id, answer)

    async def status(self, experiment_id: str | None, wait_seconds: float) -> ToolResult:
        self._granted.need(Effect(kind="note", target=experiment_id or "experiments"))
        return await self._experiments.status(experiment_id, wait_seconds)

    async def conclude(self, experiment_id: str, interpretation: str, recommendation: Recommendation) -> ToolResult:
        self._granted.need(Effect(kind="conclude", target=experiment_id))
        return await self._experiments.conclude(experiment_id, interpretation, recommendation)

    async def promote(self, experiment_id: str, alias: str) -> ToolResult:
        self._granted.need(Effect(kind="promote", target=experiment_id))
        return await self._experiments.promote(experiment_id, alias)


class _Agents:
    def __init__(self, agents: Agents, granted: _Granted) -> None:
        self._agents = agents
        self._granted = granted

    async def run(self, persona: str, task: str) -> ToolResult:
        self._granted.need(Effect(kind="delegate", target=persona))
        return await self._agents.run(persona, task)


class _Web:
    def __init__(self, outside: Outside, digest: Digest, granted: _Granted) -> None:
        self._outside = outside
        self._digest = digest
        self._granted = granted

    async def fetch(self, url: str) -> WebPage:
        self._granted.need(Effect(kind="net", target=host_of(url)))
        return await self._outside.pages.fetch(url)

    async def search(self, host: str, query: str, allowed: Sequence[str], blocked: Sequence[str]) -> tuple[WebHit, ...]:
        self._granted.need(Effect(kind="net", target=host))
        return await self._outside.engine.search(query, allowed, blocked)

    async def digest(self, page: WebPage, prompt: str) -> str | None:
        self._granted.need_kind("net")
        return await self._digest(page, prompt)


class _Mcp:
    def __init__(self, outside: Outside, granted: _Granted) -> None:
        self._outside = outside
        self._granted = granted

    async def call(self, server: str, tool: str, arguments: JsonObject, on_output: OnOutput) -> ToolResult:
        self._granted.need(Effect(kind="mcp", target=f"{server}: {tool}"))
        return await self._outside.servers.call(server, tool, arguments, on_output)

    async def resource(self, server: str, uri: str, what: str) -> ToolResult:
        self._granted.need(Effect(kind="mcp", target=f"{server}: {what}"))
        return await self._outside.servers.resource(server, uri, what)


class _Skills:
    def __init__(self, outside: Outside, granted: _Granted) -> None:
        self._outside = outside
        self._granted = granted

    async def load(self, name: str, argument: str = "") -> str:
        self._granted.need(Effect(kind="note", target=f"skill {name}"))
        return await self._outside.skills.load(name, argument)
