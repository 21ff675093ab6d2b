"""The models: who runs them, what they cost, how they fit into memory here, and which one each role would take."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from mltui.core.errors import MltuiError
from mltui.ui import model_facts
from mltui.ui.commands.settings import put
from mltui.ui.figures import short_name, tokens
from mltui.ui.model_facts import Roles, provider, role_line, roles_of, short_price
from mltui.ui.tui.facts_list import FactsList
from mltui.ui.tui.list_screen import Row
from mltui.ui.tui.text import clip, one_line

if TYPE_CHECKING:
    from mltui.config.schema import Config
    from mltui.models.roles import ModelOption
    from mltui.ui.commands.base import Console, Level
    from mltui.ui.session import AgentSession

_NAME = 30
"""Columns of a name at most."""
_WIDE = 76
"""Columns of a terminal from which the providers have one."""


class ModelsScreen(FactsList[str | None]):
    """Returns the name of the model to go on with; None: none.

    Args: console: gives the console of a command, by what shows its words.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s,f10", "keep", "Use it for new sessions", show=False, priority=True, id="models.keep"),
    ]
    heading = "Models"
    placeholder = "type a part of a name; /model NAME takes any other"
    keys: ClassVar[tuple[tuple[str, str], ...]] = (
        ("=enter", "picks"),
        ("models.keep", "for new sessions"),
        ("list.leave", "leaves"),
    )

    def __init__(self, session: AgentSession, console: Callable[[Callable[[Level, str], None]], Console]) -> None:
        super().__init__()
        self._session = session
        self._over = console
        self._models: dict[str, ModelOption] = {}
        self._config: Config | None = None
        self._roles = Roles({})
        self._machine = functools.cache(model_facts.machine)

    def more(self) -> Iterable[Widget]:
        yield from super().more()
        yield Static("", id="roles", markup=False)

    def on_mount(self) -> None:
        self.run_worker(self._load, group="load", exclusive=True, exit_on_error=False)

    async def _load(self) -> None:
        here = self._session.model_info.id
        try:
            self._config, origins = await asyncio.to_thread(model_facts.config_of, self._session.workspace.cwd)
            self._roles = model_facts.roles(self._config, origins, here)
        except MltuiError as error:
            self.say("error", str(error))
        found = await asyncio.to_thread(self._session.model_options)
        self._models = {option.name: option for option in found}
        self.loaded = True
        self.fill(keep=True)
        self.query_one("#roles", Static).update(one_line(role_line(self._roles)))

    def on_resize(self) -> None:
        if self.loaded:
            self.fill(keep=True)

    def nothing(self) -> str:
        return "No model has that in its name" if self.loaded else "Reading …"

    def rows(self, narrow: str) -> Iterable[Row]:
        words = narrow.casefold().split()
        shown = [one for one in self._models.values() if all(word in f"{one.name} {one.id} {provider(one)}".casefold() for word in words)]
        width = min(_NAME, max((len(short_name(one.name)) for one in shown), default=0))
        here = self._session.model_info.id
        for one in shown:
            used = here in (one.id, one.name)
            window = tokens(one.context_window) if one.context_window else ""
            runs = f"{clip(provider(one), 12):<12} " if self.size.width >= _WIDE else ""
            yield (
                one.name,
                Content.assemble(
                    ("● " if used else "  ", "$accent"),
                    (f"{clip(one_line(short_name(one.name)), width):<{width}}  ", "$text" if not one.missing else "$foreground 62%"),
                    (f"{runs}{window:>5}  {short_price(one):<9} ", "$foreground 62%"),
                    (f"{one.missing} " if one.missing else "", "$warning"),
                    (" ".join(roles_of(one, self._roles)), "$primary"),
                ),
            )

    def known(self, id_: str) -> Sequence[tuple[str, str]]:
        return model_facts.facts(self._models[id_], self._roles, self._config, self._machine)

    def picked(self, id_: str) -> None:
        self.dismiss(id_)

    def action_keep(self) -> None:
        if (id_ := self.chosen) is not None:
            self.run_worker(partial(self._keep, id_), group="keep", exclusive=True, exit_on_error=False)

    async def _keep(self, id_: str) -> None:
        self.say("info", "")
        try:
            await put(self._over(self.say), "model.default", id_)
        except MltuiError as error:
            self.say("error", str(error))
