"""The personas: what each is for, where it comes from, what it may use, and what is wrong with the files that do not count."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.content import Content

from mltui.core.errors import MltuiError
from mltui.ui.commands.conversation import load_personas, persona_facts
from mltui.ui.commands.settings import put
from mltui.ui.tui.facts_list import FactsList
from mltui.ui.tui.list_screen import Row
from mltui.ui.tui.text import one_line

if TYPE_CHECKING:
    from mltui.personas.loader import Persona, Problem
    from mltui.ui.commands.base import Console, Level
    from mltui.ui.session import AgentSession


class PersonasScreen(FactsList[None]):
    """Args:
    console: gives the console of a command, by what shows its words.
    narrow: what is typed at first.
    """

    heading = "Personas"
    placeholder = "type a part of a name or of what it is for"
    keys: ClassVar[tuple[tuple[str, str], ...]] = (("=enter", "for new sessions"), ("list.leave", "leaves"))

    def __init__(self, session: AgentSession, console: Callable[[Callable[[Level, str], None]], Console], narrow: str = "") -> None:
        super().__init__()
        self._session = session
        self._over = console
        self._narrow = narrow
        self._personas: dict[str, Persona] = {}
        self._problems: dict[str, Problem] = {}

    def on_mount(self) -> None:
        from textual.widgets import Input

        self.query_one("#narrow", Input).value = self._narrow
        self.run_worker(self._load, group="load", exclusive=True, exit_on_error=False)

    async def _load(self) -> None:
        found = await asyncio.to_thread(load_personas, self._session.workspace.cwd)
        self._personas = dict(sorted(found.personas.items()))
        self._problems = {f"!{number}": problem for number, problem in enumerate(found.problems)}
        self.loaded = True
        self.fill(keep=True)

    def nothing(self) -> str:
        return "No persona has that in its name or description" if self.loaded else "Reading …"

    def rows(self, narrow: str) -> Iterable[Row]:
        words = narrow.casefold().split()
        shown = {name: one for name, one in self._personas.items() if all(word in f"{name} {one.description}".casefold() for word in words)}
        width = max(map(len, shown), default=0)
        doubtful = {problem.path for problem in self._problems.values() if problem.level != "info"}
        for name, one in shown.items():
            yield (
                name,
                Content.assemble(
                    ("● " if name == self._session.persona_name else "  ", "$accent"),
                    f"{one_line(name):<{width}} ",
                    ("! " if one.path in doubtful else "  ", "$warning"),
                    (one_line(one.description), "$foreground 62%"),
                ),
            )
        for id_, problem in self._problems.items():
            if problem.level == "error" and all(word in str(problem).casefold() for word in words):
                name = f"{one_line(problem.path.name):<{width}}   "
                yield id_, Content.assemble(("✗ ", "$error"), name, (one_line(problem.text), "$error"))

    def known(self, id_: str) -> Sequence[tuple[str, str]]:
        if problem := self._problems.get(id_):
            return [("error", problem.text), ("file", f"{problem.path}, line {problem.line}")]
        persona = self._personas[id_]
        own = [
            (problem.level, f"line {problem.line}: {problem.text}") for problem in self._problems.values() if problem.path == persona.path
        ]
        return [("for", " ".join(persona.description.split())), *persona_facts(persona), *own]

    def picked(self, id_: str) -> None:
        if id_ in self._personas:
            self.run_worker(partial(self._keep, id_), group="keep", exclusive=True, exit_on_error=False)
        elif problem := self._problems.get(id_):
            self.say("error", f"This file is no persona: {problem}")

    async def _keep(self, name: str) -> None:
        self.say("info", "")
        try:
            await put(self._over(self.say), "persona", name)
        except MltuiError as error:
            self.say("error", str(error))
