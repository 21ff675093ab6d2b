"""What a session is made of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from mltui.agent.colleagues import Colleagues
from mltui.agent.gate import Gate
from mltui.agent.person_commands import PersonCommands
from mltui.agent.policy import Policy
from mltui.agent.turn_border import TurnBorder
from mltui.config.schema import Limits, Ui
from mltui.core.messages import Attachment, Image, ToolSpec
from mltui.experiments.service import Experiments
from mltui.models.base import Model
from mltui.models.registry import Role
from mltui.models.roles import RoleModels
from mltui.tools.base import Workspace

ModelFactory = Callable[[str], Awaitable[Model]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a turn was started with."""

    text: str
    images: tuple[Image, ...]
    force_tool: str | None
    tools: tuple[ToolSpec, ...]
    once: bool
    attachments: tuple[Attachment, ...] = ()


class FileNames(Protocol):
    """The names of the project's files. Its method blocks, and may be called in several threads."""

    def matches(self, query: str, limit: int) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What a session is made of; `runtime` puts it together.

    Attributes:
        make_model: the model of a name; loading it is its own business.
        roles: the models beside the session's own.
        notices: what the person should be told when the session opens.
        compact_at: the share of the window at which the conversation is summed up.
        titles: let the small model name the session.
        border: what happens between turns.
        files: what a person may name with `@`.
        commands: of people's files, skills and servers.
    """

    model: Model
    make_model: ModelFactory
    roles: RoleModels
    gate: Gate
    colleagues: Colleagues
    policy: Policy
    experiments: Experiments
    workspace: Workspace
    limits: Limits
    persona_name: str
    border: TurnBorder
    commands: PersonCommands
    files: FileNames
    ui: Ui = field(default_factory=Ui)
    notices: tuple[str, ...] = ()
    compact_at: float = 0.8
    titles: bool = True

    async def make_role_model(self, role: Role) -> Model:
        """The model of a role (`small` for titles and summaries), which the caller closes and whose usage goes into `usage.added`.

        Raises: MltuiError: there is none that may be asked; `RoleModels.choose` says why.
        """
        return await self.roles.make(role)
