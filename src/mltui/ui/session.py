"""What a front-end needs of a session and of the experiments: their public face, for real ones and for fakes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mltui.config.schema import PermissionMode
    from mltui.core.approval import Approver
    from mltui.core.events import Emit, Event, ExperimentFinished, ExperimentProgressed, TurnCompleted
    from mltui.core.experiment import Answer, Experiment, Origin, Proposal, ProposalEdits
    from mltui.core.messages import Usage
    from mltui.experiments.index import Row
    from mltui.experiments.orphans import Orphan, Settled
    from mltui.models.base import ModelInfo
    from mltui.tools.base import Workspace


class ExperimentLog(Protocol):
    """Methods other than `follow` may block: they are called in threads."""

    def decide(self, proposal_id: str, *, answer: Answer, by: str, reason: str = "", origin: Origin | None = None) -> Experiment: ...

    def revise(self, proposal_id: str, edits: ProposalEdits, *, by: str, origin: Origin | None = None) -> Proposal | Experiment: ...

    def start(self, proposal_id: str) -> str: ...

    def stop(self, proposal_id: str) -> None: ...

    def accept(self, proposal_id: str, *, by: str, origin: Origin | None = None) -> Experiment: ...

    def discard(self, proposal_id: str, *, by: str, origin: Origin | None = None) -> Experiment: ...

    def rows(self) -> list[Row]: ...

    def newest(self, limit: int | None = None, states: Collection[str] = ()) -> list[Experiment]: ...

    def peek(self, proposal_id: str) -> Experiment: ...

    def orphans(self) -> OrphanLog: ...

    def get(self, proposal_id: str) -> Experiment: ...

    def follow(self, proposal_id: str) -> AsyncIterator[ExperimentProgressed | ExperimentFinished]: ...


class OrphanLog(Protocol):
    """Training outside a proposal. Its methods block."""

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


class AgentSession(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def transcript(self) -> Conversation: ...

    @property
    def experiments(self) -> ExperimentLog: ...

    @property
    def mode(self) -> PermissionMode: ...

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
    def theme(self) -> str: ...

    @property
    def notices(self) -> tuple[str, ...]: ...

    async def prompt(self, text: str, show: Emit, /) -> TurnCompleted: ...

    def interrupt(self) -> None: ...

    async def set_mode(self, mode: PermissionMode, show: Emit) -> None: ...

    async def set_model(self, name: str, show: Emit) -> None: ...

    async def warm_up(self) -> None: ...

    async def close(self) -> None: ...


OpenSession = Callable[["Approver"], Awaitable[AgentSession]]
