"""What a tool is: typed arguments, stated effects, one coroutine that acts only through its context."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from mltui.core.approval import Question
from mltui.core.data import JsonObject
from mltui.core.effects import Effect
from mltui.core.experiment import ProposalRequest, Recommendation
from mltui.core.messages import ToolResult, ToolSpec
from mltui.core.sweep import SweepRequest


class Args(BaseModel):
    """Arguments of a tool: frozen once validated, so that what was decided on is what runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where the agent works.

    Attributes:
        cwd: the working folder, absolute and resolved.
        roots: folders that belong to the workspace: `cwd`'s project and every `--add-dir`.
        start: where the agent's next command starts, if not in `cwd`.
    """

    cwd: Path
    roots: tuple[Path, ...]
    start: Path | None = None

    def resolve(self, path: str) -> Path:
        """The absolute path with symlinks resolved, whether or not it exists."""
        return (self.cwd / Path(path).expanduser()).resolve()

    def contains(self, path: Path) -> bool:
        return any(path == root or root in path.parents for root in self.roots)

    def relative(self, path: Path) -> str:
        """The path as people write it: relative to `cwd` where that is shorter."""
        return str(path.relative_to(self.cwd)) if path.is_relative_to(self.cwd) else str(path)


@dataclass(frozen=True, slots=True)
class Page:
    """Lines out of a large file.

    Attributes:
        lines: without their endings, each cut where it is very long.
        more: there are lines after these.
    """

    lines: tuple[str, ...]
    more: bool
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True)
class DataQuestion:
    """Data to check.

    Attributes:
        named: for each set the role (train, val, test, or empty), the path and how it is shown.
        sample: rows in which values are compared.
    """

    named: tuple[tuple[str, Path, str], ...]
    target: str | None = None
    group: str | None = None
    time: str | None = None
    sample: int = 100_000


class Files(Protocol):
    """Reads and writes files; a file in the session's draft is read from there."""

    async def read(self, path: Path) -> bytes:
        """Raises: ToolError: missing, a folder, not readable, or too large (over 50 MB)."""
        ...

    async def size(self, path: Path) -> int:
        """Bytes of the file. Raises: ToolError: missing, a folder, or not readable."""
        ...

    async def page(self, path: Path, first: int, limit: int, most: int) -> Page:
        """Lines of a text file of any size, from `first` (counted from 1), with about `most` characters; it is never held whole.

        Raises: ToolError: it is binary, or has fewer lines.
        """
        ...

    async def extract(self, path: Path, kind: str, pages: str = "") -> str:
        """The text of a PDF, or the schema and first rows of a table or an array, read in a process of its own.

        Args:
            kind: pdf, parquet, csv, tsv, jsonl, npy or npz.
            pages: of a PDF: "3" or "2-5"; empty: from the first on.

        Raises: ToolError: it is broken, encrypted, or takes too long.
        """
        ...

    async def check_data(self, question: DataQuestion) -> tuple[str, JsonObject]:
        """What the data checks find, in lines and as data. In a folder, files that may not be read are left out.

        Raises: ToolError: something cannot be read, there is no such column, or it takes too long.
        """
        ...

    async def write(self, path: Path, data: bytes) -> Literal["written", "staged"]:
        """Writes atomically, keeping the mode; makes missing parent folders. Staged: it went to the draft."""
        ...

    async def exists(self, path: Path) -> bool: ...

    def seen(self, path: Path) -> str | None:
        """The digest that `see` recorded for the path in this session."""
        ...

    def see(self, path: Path, data: bytes) -> None:
        """Records that the model knows this content."""
        ...

    def digest(self, data: bytes) -> str: ...


@dataclass(frozen=True, slots=True)
class GrepQuery:
    """A search by ripgrep; the names are those of its options."""

    pattern: str
    root: Path
    glob: str | None = None
    type: str | None = None
    output_mode: Literal["content", "files_with_matches", "count"] = "files_with_matches"
    ignore_case: bool = False
    line_numbers: bool = True
    before: int = 0
    after: int = 0
    multiline: bool = False
    limit: int = 250


@dataclass(frozen=True, slots=True)
class Found:
    """Lines of a search, best first, as the model reads them, and how many were left out."""

    lines: tuple[str, ...]
    omitted: int = 0


class Search(Protocol):
    """Finds files and text; respects .gitignore and sees the draft."""

    async def grep(self, query: GrepQuery) -> Found: ...

    async def glob(self, pattern: str, root: Path, limit: int) -> Found:
        """Files, the latest changed first."""
        ...


@dataclass(frozen=True, slots=True)
class ShellResult:
    """What a command did.

    Attributes:
        output: stdout and stderr as they came, head and tail when it was long.
        exit_code: negative for a signal; None when it was ended by the time-out.
        spill: where the whole output lies, when `output` is not all of it.
        notes: what else happened that the model must know (controlled files put back, processes ended).
        cpu_seconds: of the command and of what it waited for, user and system; inside a sandbox of all that ran there.
        folder: where a command with a `cd` says that it ended; None where it says nothing.
        answer: what it wrote into the file for that, as untrusted as its output.
    """

    output: str
    exit_code: int | None
    spill: Path | None = None
    notes: tuple[str, ...] = ()
    cpu_seconds: float = field(default=0.0, compare=False)
    folder: Path | None = None
    answer: bytes = field(default=b"", compare=False, repr=False)


class Shell(Protocol):
    async def run(
        self,
        command: str,
        timeout: float,
        on_output: Callable[[str], Awaitable[None]],
        folder: Path | None = None,
        *,
        answer: bool = False,
    ) -> ShellResult:
        """Args:
        folder: where it starts; the workspace's `cwd` unless given.
        answer: it may say more than people are shown, in the file whose descriptor MLTUI_ANSWER names.
        """
        ...


@dataclass(frozen=True, slots=True)
class BackgroundOutput:
    """What a command in the background has said since it was last asked.

    Attributes:
        state: how it stands, in words.
        lost: characters before `text` that were left out.
        spill: where the whole output lies, when it was long.
        notes: what else happened that the model must know.
    """

    text: str
    state: str
    ended: bool
    exit_code: int | None = None
    lost: int = 0
    spill: Path | None = None
    notes: tuple[str, ...] = ()


class BackgroundShells(Protocol):
    """Commands that go on beside the conversation. All methods raise ToolError."""

    async def start(self, command: str, folder: Path | None = None) -> tuple[str, tuple[str, ...]]:
        """Args: folder: where it starts; the workspace's `cwd` unless given. Returns: its id and notes."""
        ...

    async def read(self, job_id: str, pattern: str | None = None) -> BackgroundOutput: ...

    async def kill(self, job_id: str) -> tuple[str, tuple[str, ...]]:
        """Returns: how it ended, and notes."""
        ...


@dataclass(frozen=True, slots=True)
class Todo:
    content: str
    status: Literal["pending", "in_progress", "completed"]


class Notes(Protocol):
    """The session's todo list."""

    def set_todos(self, todos: Sequence[Todo]) -> None: ...


class Questions(Protocol):
    async def ask(self, questions: Sequence[Question]) -> dict[str, str]:
        """Answers by question. Raises: DeniedError: there is no one to ask, or no answer was given."""
        ...


class ExperimentDesk(Protocol):
    """The only way to an experiment from inside a tool."""

    async def propose(self, request: ProposalRequest | SweepRequest) -> ToolResult: ...

    async def answer(self, experiment_id: str, answer: str) -> ToolResult: ...

    async def status(self, experiment_id: str | None, wait_seconds: float) -> ToolResult: ...

    async def conclude(self, experiment_id: str, interpretation: str, recommendation: Recommendation) -> ToolResult: ...

    async def promote(self, experiment_id: str, alias: str) -> ToolResult: ...


class Agents(Protocol):
    """The only way to another agent."""

    async def run(self, persona: str, task: str) -> ToolResult:
        """Hands the task to a subagent of the persona; its answer. Raises: ToolError: there is no such persona."""
        ...


@dataclass(frozen=True, slots=True)
class WebPage:
    """A page of the web as text.

    Attributes:
        url: where it was in the end.
        moved: where it redirects to, on another host, which was not asked; `text` is empty then.
        cut: the page is longer than `text`.
    """

    url: str
    title: str
    text: str
    type: str = ""
    moved: str = ""
    cut: bool = False
    cached: bool = False


@dataclass(frozen=True, slots=True)
class WebHit:
    title: str
    url: str
    snippet: str


class WebAccess(Protocol):
    async def fetch(self, url: str) -> WebPage: ...

    async def search(self, host: str, query: str, allowed: Sequence[str], blocked: Sequence[str]) -> tuple[WebHit, ...]: ...

    async def digest(self, page: WebPage, prompt: str) -> str | None:
        """What a small model answers to the prompt from the page; None where there is no such model."""
        ...


class McpAccess(Protocol):
    async def call(self, server: str, tool: str, arguments: JsonObject, on_output: Callable[[str], Awaitable[None]]) -> ToolResult: ...

    async def resource(self, server: str, uri: str, what: str) -> ToolResult:
        """A resource, or without a URI the list of them. Args: what: as the effect says it."""
        ...


class SkillShelf(Protocol):
    async def load(self, name: str, argument: str = "") -> str:
        """The skill's instructions. Raises: ToolError: there is none of that name."""
        ...


@dataclass(frozen=True, slots=True)
class ToolContext:
    """What one approved call may touch. Each part refuses what was not granted (UndeclaredEffectError)."""

    workspace: Workspace
    files: Files
    search: Search
    shell: Shell
    background: BackgroundShells
    notes: Notes
    questions: Questions
    experiments: ExperimentDesk
    agents: Agents
    web: WebAccess
    mcp: McpAccess
    skills: SkillShelf
    output: Callable[[str], Awaitable[None]]


class Tool(Protocol):
    """A tool. `effects` is pure: it reads nothing but its arguments and the layout of the workspace."""

    @property
    def name(self) -> str: ...

    @property
    def args_model(self) -> type[Args]: ...

    def effects(self, args: Any, workspace: Workspace) -> tuple[Effect, ...]: ...

    async def run(self, args: Any, ctx: ToolContext) -> ToolResult: ...


@functools.cache
def description(name: str) -> str:
    """The text that the model reads about a tool: `tools/NAME.md`, lower case."""
    return (files("mltui.tools") / f"{name.lower()}.md").read_text(encoding="utf-8").strip()


def spec(tool: Tool) -> ToolSpec:
    """The tool as it is declared to a model."""
    own = getattr(tool, "spec", None)
    if own is not None:  # its text and schema came from elsewhere
        return own()
    schema: JsonObject = tool.args_model.model_json_schema()
    schema.pop("title", None)
    return ToolSpec(name=tool.name, description=description(tool.name), parameters=schema)
