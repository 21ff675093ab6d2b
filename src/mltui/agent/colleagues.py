"""The personas of a session as colleagues that a task can be handed to."""

from __future__ import annotations

import difflib
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from mltui.agent.loop import Executor
from mltui.agent.subagent import Role
from mltui.core.errors import ToolError
from mltui.models.base import Model
from mltui.personas.loader import Persona
from mltui.tools.base import Tool, spec

NOT_FOR_SUBAGENTS = frozenset({"Task", "ExitPlanMode"})
"""A subagent hands nothing on, and ends no plan that is not its own."""
_PEOPLE = re.compile(r"domain|expert|human|person|user|stakeholder", re.IGNORECASE)
_WORK = """\
# You are a subagent

The task comes from the agent that works with the person. Nobody sees what you write but your last message, and it goes to that agent: \
make it whole, with paths, numbers and what is uncertain. If something has to be tested, propose the experiment or say that it is needed; \
do not guess."""


@dataclass(frozen=True, slots=True)
class Colleagues:
    """Implements `subagent.Roles`.

    Attributes:
        personas: by name; read when one is asked for.
        tools_of: the tools that the session offers and the persona may use.
        system_of: the system prompt of a persona; the strings are further sections.
        narrowed: the session's gate, limited to tools, looking only if the persona does, for an author.
        make_model: the model of a name.
    """

    personas: Callable[[], Mapping[str, Persona]]
    tools_of: Callable[[Persona], Sequence[Tool]]
    system_of: Callable[[Persona, Sequence[str]], str]
    narrowed: Callable[[Sequence[Tool], bool, Callable[[], str]], Executor]
    make_model: Callable[[str], Awaitable[Model]]
    _made: dict[str, Role] = field(default_factory=dict[str, Role])

    def role(self, name: str) -> Role:
        """Raises: ToolError: there is none of that name."""
        known = self.personas()
        persona = known.get(name)
        if persona is None:
            if _PEOPLE.search(name):
                raise ToolError(f"No persona stands for a {name[:100]}", hint="The experts are people: ask them with AskUserQuestion")
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(sorted(known))}"
            raise ToolError(f"There is no persona {name[:100]!r}", hint=hint)
        if name not in self._made:
            tools = [tool for tool in self.tools_of(persona) if tool.name not in NOT_FOR_SUBAGENTS]
            self._made[name] = Role(
                name=name,
                system=self.system_of(persona, (_WORK,)),
                tools=tuple(spec(tool) for tool in tools),
                gate=partial(self.narrowed, tools, persona.permission_mode == "plan"),
                model=None if persona.model in (None, "inherit") else persona.model,
                steps=persona.max_turns,
            )
        return self._made[name]

    async def model(self, name: str) -> Model:
        return await self.make_model(name)


def section(personas: Mapping[str, Persona], own: str) -> str:
    """What the system prompt says of the colleagues, or an empty string where there are none."""
    lines = [f"- {name}: {' '.join(persona.description.split())[:300]}" for name, persona in sorted(personas.items()) if name != own]
    return "# Personas for Task\n\n" + "\n".join(lines) if lines else ""
