"""What a session is made of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mltui.agent.colleagues import Colleagues
from mltui.agent.gate import Gate
from mltui.agent.person_commands import PersonCommands
from mltui.agent.policy import Policy
from mltui.agent.turn_border import TurnBorder
from mltui.config.schema import Limits
from mltui.experiments.service import Experiments
from mltui.models.base import Model
from mltui.models.registry import Role
from mltui.models.roles import RoleModels
from mltui.tools.base import Workspace

ModelFactory = Callable[[str], Awaitable[Model]]


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
    theme: str = ""
    notices: tuple[str, ...] = ()
    compact_at: float = 0.8
    titles: bool = True

    async def make_role_model(self, role: Role) -> Model:
        """The model of a role (`small` for titles and summaries), which the caller closes and whose usage goes into `usage.added`.

        Raises: MltuiError: there is none that may be asked; `RoleModels.choose` says why.
        """
        return await self.roles.make(role)
