"""A list on the whole screen with a table of what is known of the row under the cursor below it."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from rich.table import Table
from rich.text import Text
from textual.containers import VerticalScroll

from mltui.core.errors import MltuiError
from mltui.ui.tui.list_screen import ListScreen
from mltui.ui.tui.strip_view import RichView
from mltui.ui.tui.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual.widget import Widget

    from mltui.ui.commands.base import Level

R = TypeVar("R")


class FactsList(ListScreen[R]):
    """Subclasses say what is known; it is read in a thread while the cursor stays on a row."""

    DEFAULT_CSS = """
    FactsList #facts { height: auto; max-height: 60%; border-top: solid $primary 40%; color: $text; scrollbar-size-vertical: 1; }
    FactsList RichView { color: $text; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.loaded = False
        self._facts = RichView(id="about")
        self._said = RichView(id="said")
        self.add_class("-whole")

    @abstractmethod
    def known(self, id_: str) -> Sequence[tuple[str, str]]:
        """(name, what is said) of a row. Blocks."""

    def more(self) -> Iterable[Widget]:
        with VerticalScroll(id="facts", can_focus=False):
            yield self._facts
        yield self._said

    def looked_at(self, id_: str) -> None:
        self.run_worker(partial(self._read, id_), group="facts", exclusive=True, exit_on_error=False)

    async def _read(self, id_: str) -> None:
        try:
            found = await asyncio.to_thread(self.known, id_)
        except MltuiError as error:
            found = [("error", str(error))]
        if self.chosen == id_:
            table = Table.grid(padding=(0, 2, 0, 0))
            table.add_column(style="faint", no_wrap=True)
            table.add_column(overflow="fold")
            for name, said in found:
                table.add_row(name, Text(clean(said), style="error" if name == "error" else ""))
            self._facts.update(table)

    def say(self, level: Level, text: str) -> None:
        """Shows a line below everything."""
        self._said.update(*([Text(clean(text), style={"info": "success"}.get(level, level), overflow="fold")] if text else []))
