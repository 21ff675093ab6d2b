"""What the line-mode conversation needs of a session: its public face, for real ones and for fakes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mltui.config.schema import PermissionMode
    from mltui.core.events import Emit, TurnCompleted
    from mltui.core.experiment import Experiment
    from mltui.core.messages import Usage
    from mltui.models.base import ModelInfo
    from mltui.tools.base import Workspace
    from mltui.ui.plain.approver import PlainApprover


class ExperimentLog(Protocol):
    """Both may block: they are called in threads."""

    def list(self) -> list[Experiment]: ...

    def get(self, proposal_id: str) -> Experiment: ...


class Folded(Protocol):
    @property
    def usage(self) -> Usage: ...

    @property
    def context_tokens(self) -> int: ...


class Conversation(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def transcript(self) -> Folded: ...

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
    def notices(self) -> tuple[str, ...]: ...

    async def prompt(self, text: str, show: Emit, /) -> TurnCompleted: ...

    def interrupt(self) -> None: ...

    async def set_mode(self, mode: PermissionMode, show: Emit) -> None: ...

    async def set_model(self, name: str, show: Emit) -> None: ...

    async def warm_up(self) -> None: ...

    async def close(self) -> None: ...


OpenSession = Callable[["PlainApprover"], Awaitable[Conversation]]
