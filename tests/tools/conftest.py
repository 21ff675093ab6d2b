from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import cast

import pytest

from mltui.capabilities.context import mint
from mltui.capabilities.files import SessionFiles
from mltui.capabilities.outside import Outside
from mltui.capabilities.search import RipgrepSearch
from mltui.capabilities.shell import CommandShell
from mltui.core.approval import Question
from mltui.core.data import JsonValue
from mltui.core.effects import Grant
from mltui.core.errors import DeniedError
from mltui.core.experiment import ProposalRequest, Recommendation
from mltui.core.messages import ToolResult
from mltui.tools.base import BackgroundShells, Todo, WebPage, Workspace
from mltui.tools.catalog import catalog
from mltui.tools.validation import validate
from tests.capabilities.conftest import FolderDraft


class Person:
    """Answers questions, keeps the todo list, and minds the experiments."""

    def __init__(self) -> None:
        self.answers: dict[str, str] = {}
        self.todos: tuple[Todo, ...] = ()
        self.proposals: list[ProposalRequest] = []
        self.concluded: list[tuple[str, str, str]] = []
        self.waited: list[tuple[str | None, float]] = []

    def set_todos(self, todos: Sequence[Todo]) -> None:
        self.todos = tuple(todos)

    async def ask(self, questions: Sequence[Question]) -> dict[str, str]:
        if not self.answers:
            raise DeniedError("there is no one to ask")
        return {question.question: self.answers[question.question] for question in questions}

    async def propose(self, request: ProposalRequest) -> ToolResult:
        self.proposals.append(request)
        return ToolResult(content="P-0001 waits for a decision")

    async def status(self, experiment_id: str | None, wait_seconds: float) -> ToolResult:
        self.waited.append((experiment_id, wait_seconds))
        return ToolResult(content="running")

    async def run(self, persona: str, task: str) -> ToolResult:
        return ToolResult(content=f"{persona} did it")

    async def conclude(self, experiment_id: str, interpretation: str, recommendation: Recommendation) -> ToolResult:
        self.concluded.append((experiment_id, interpretation, recommendation))
        return ToolResult(content="recorded")


async def _no_digest(page: WebPage, prompt: str) -> str | None:
    return None


class Agent:
    """Calls tools as the gate would: validated, with what they declare granted. Paths under `staged` go to the draft."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root = root
        self.workspace = Workspace(root, (root,))
        self.draft = FolderDraft(root, folder)
        self.files = SessionFiles(self.draft)
        self.person = Person()
        self.staged: set[Path] = set()
        self.output: list[str] = []
        self._search = RipgrepSearch(self.workspace, root=root, draft=self.draft)
        self._shell = CommandShell(root, folder / "output")

    async def call(self, tool: str, **arguments: JsonValue) -> ToolResult:
        chosen = next(candidate for candidate in catalog() if candidate.name == tool)
        args = validate(chosen, arguments)
        effects = chosen.effects(args, self.workspace)

        async def show(text: str) -> None:
            self.output.append(text)

        output: Callable[[str], Awaitable[None]] = show
        context = mint(
            [Grant(effect=effect, staged=effect.kind == "write" and Path(effect.target) in self.staged) for effect in effects],
            workspace=self.workspace,
            files=self.files,
            search=self._search,
            shell=self._shell,
            background=cast("BackgroundShells", None),
            notes=self.person,
            questions=self.person,
            experiments=self.person,
            agents=self.person,
            outside=cast("Outside", None),
            digest=_no_digest,
            output=output,
        )
        return await chosen.run(args, context)


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    root = (tmp_path / "project").resolve()
    root.mkdir()
    return Agent(root, tmp_path / "session")
