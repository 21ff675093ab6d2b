"""What a front-end needs of a session and of the experiments: their public face, for real ones and for fakes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Collection, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mltui.agent.context_report import ContextReport
    from mltui.agent.person_commands import PersonCommand
    from mltui.agent.steering import Steering
    from mltui.config.schema import PermissionMode, Ui
    from mltui.core.approval import Approver
    from mltui.core.commits import PendingCommit
    from mltui.core.events import ContextCompacted, Emit, Event, ExperimentFinished, ExperimentProgressed, TurnCompleted
    from mltui.core.experiment import Answer, Experiment, Origin, Proposal, ProposalEdits, Recommendation
    from mltui.core.messages import Image, Usage
    from mltui.core.rewind import RewindPlan, RewindPoint, Rewound
    from mltui.experiments.index import Row
    from mltui.experiments.looking import Looking
    from mltui.experiments.orphans import Orphan, Settled
    from mltui.experiments.promotion import Promotions
    from mltui.models.base import ModelInfo
    from mltui.models.roles import Effort, ModelOption
    from mltui.tools.base import Workspace


class ExperimentLog(Protocol):
    """Methods other than `follow` may block: they are called in threads."""

    def decide(self, proposal_id: str, *, answer: Answer, by: str, reason: str = "", origin: Origin | None = None) -> Experiment: ...

    def revise(self, proposal_id: str, edits: ProposalEdits, *, by: str, origin: Origin | None = None) -> Proposal | Experiment: ...

    def start(self, proposal_id: str) -> str: ...

    def stop(self, proposal_id: str) -> None: ...

    def accept(self, proposal_id: str, *, by: str, origin: Origin | None = None) -> Experiment: ...

    def discard(self, proposal_id: str, *, by: str, origin: Origin | None = None) -> Experiment: ...

    def conclude(self, proposal_id: str, *, interpretation: str, recommendation: Recommendation, by: str) -> Experiment: ...

    def promotions(self) -> Promotions:
        """The gate of what is in use."""
        ...

    def rows(self) -> list[Row]: ...

    def newest(self, limit: int | None = None, states: Collection[str] = ()) -> list[Experiment]: ...

    def peek(self, proposal_id: str) -> Experiment: ...

    def orphans(self) -> OrphanLog: ...

    @property
    def looking(self) -> Looking:
        """What can be looked at beside the fold: records, curves, output."""
        ...

    def get(self, proposal_id: str) -> Experiment: ...

    def follow(self, proposal_id: str) -> AsyncIterator[ExperimentProgressed | ExperimentFinished]: ...


class OrphanLog(Protocol):
    """Training outside a proposal. Its methods block."""

    def glance(self) -> list[Orphan]:
        """As `list`, quicker, to look at."""
        ...

    def list(self) -> list[Orphan]: ...

    def settle(self, orphan_id: str, outcome: Settled, *, by: str, origin: Origin | None = None) -> Orphan: ...


class Conversation(Protocol):
    """The folded session."""

    @property
    def events(self) -> Sequence[Event]: ...

    @property
    def usage(self) -> Usage: ...

    @property
    def context_tokens(self) -> int: ...

    @property
    def title(self) -> str:
        """The session's name, or empty."""
        ...


class SessionHistory(Protocol):
    """The points of a session that a person can go back to. Its methods raise MltuiError with what to do."""

    async def points(self) -> tuple[RewindPoint, ...]: ...

    async def plan(self, turn: int) -> RewindPlan: ...

    async def rewind(self, turn: int, show: Emit, *, code: bool, conversation: bool, overwrite: Collection[str] = ()) -> Rewound: ...

    def undoable(self) -> int:
        """The last turn whose files `/undo` would put back; 0: none."""
        ...

    async def redo(self, show: Emit, *, overwrite: Collection[str] = ()) -> Rewound: ...

    async def redo_plan(self) -> RewindPlan: ...

    async def diff(self, turn: int | None = None) -> tuple[str, tuple[str, ...]]: ...


class SessionCommits(Protocol):
    """The commits that a person asks for. Its methods raise MltuiError with what to do."""

    async def pending(self) -> PendingCommit: ...

    async def message(self, pending: PendingCommit, hint: str, show: Emit) -> str: ...

    async def commit(self, pending: PendingCommit, message: str) -> str: ...


class SessionCommands(Protocol):
    """Commands of people's files, of skills and of servers."""

    def list(self) -> tuple[PersonCommand, ...]: ...

    async def text(self, name: str, argument: str, show: Emit) -> str:
        """The prompt that a command becomes. Raises: MltuiError: what it runs was denied."""
        ...

    def servers(self) -> Sequence[str]:
        """A line for each; `hooks` and `skills` likewise."""
        ...

    def hooks(self) -> Sequence[str]: ...

    def skills(self) -> Sequence[str]: ...


class SessionBackground(Protocol):
    """The commands that the agent runs in the background."""

    def listed(self) -> Sequence[tuple[str, str, str]]:
        """(id, state, command) of each."""
        ...

    def tail(self, job_id: str) -> str:
        """The end of what one printed; nothing is taken from the agent by it."""
        ...

    async def kill(self, job_id: str) -> tuple[str, tuple[str, ...]]:
        """Ends one. Returns: how it ended, and notes. Raises: MltuiError."""
        ...


class SessionShell(Protocol):
    """What the person runs themselves, between turns."""

    async def run(self, command: str, show: Emit) -> None:
        """Runs a command by the gate; the next prompt tells the model of it. Raises: MltuiError: a turn runs."""
        ...


class SessionFiles(Protocol):
    """The files that a prompt may name."""

    def matches(self, query: str, limit: int) -> list[str]:
        """Paths that fit a query, the best first. Blocks, and may be called in several threads."""
        ...


class AgentSession(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def transcript(self) -> Conversation: ...

    @property
    def experiments(self) -> ExperimentLog: ...

    @property
    def history(self) -> SessionHistory: ...

    @property
    def commits(self) -> SessionCommits: ...

    @property
    def commands(self) -> SessionCommands: ...

    @property
    def background(self) -> SessionBackground: ...

    @property
    def mode(self) -> PermissionMode: ...

    @property
    def rules(self) -> dict[str, tuple[str, ...]]:
        """The permission rules in force, by what they answer."""
        ...

    @property
    def model_info(self) -> ModelInfo: ...

    @property
    def persona_name(self) -> str: ...

    @property
    def workspace(self) -> Workspace: ...

    @property
    def draft_paths(self) -> tuple[str, ...]: ...

    @property
    def sandbox(self) -> str:
        """bubblewrap, landlock or none."""
        ...

    @property
    def ui(self) -> Ui:
        """What the person set for the app."""
        ...

    @property
    def notices(self) -> tuple[str, ...]: ...

    async def prompt(self, text: str, show: Emit, /, *, images: tuple[Image, ...] = ()) -> TurnCompleted: ...

    @property
    def shell(self) -> SessionShell: ...

    @property
    def files(self) -> SessionFiles: ...

    @property
    def steering(self) -> Steering: ...

    @property
    def budget(self) -> float | None:
        """Dollars that the session may cost in all; None: no limit."""
        ...

    def set_budget(self, dollars: float | None) -> None: ...

    async def aside(self, question: str, show: Emit) -> tuple[str, Usage]: ...

    def interrupt(self) -> None: ...

    async def set_mode(self, mode: PermissionMode, show: Emit) -> None: ...

    async def set_model(self, name: str, show: Emit) -> None: ...

    def model_options(self) -> Sequence[ModelOption]:
        """Models to choose from. Blocks."""
        ...

    async def set_effort(self, effort: Effort, show: Emit) -> None: ...

    @property
    def architect(self) -> bool:
        """Whether the architect answers every turn."""
        ...

    async def set_architect(self, on: bool, show: Emit) -> None: ...

    def ask_architect(self, text: str) -> None:
        """The next turn with this prompt goes to the architect."""
        ...

    async def compact(self, focus: str, show: Emit) -> ContextCompacted: ...

    async def context(self) -> ContextReport: ...

    async def rename(self, title: str, show: Emit) -> None: ...

    async def fork(self, title: str) -> str:
        """Copies the session as it is. Returns: the copy's id."""
        ...

    def name_itself(self, show: Emit) -> None:
        """Lets a model name the session in the background, if it has no name yet."""
        ...

    async def warm_up(self) -> None: ...

    async def close(self) -> None: ...


class OpenSession(Protocol):
    """Makes the session that the command line asked for or, with an id, that one."""

    def __call__(self, approver: Approver, resume: str | None = None, /) -> Awaitable[AgentSession]: ...
