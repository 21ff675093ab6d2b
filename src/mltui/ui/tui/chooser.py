"""Picks one of a list; typing narrows it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from rich.cells import cell_len, set_cell_size
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from mltui.ui.tui.list_screen import ListScreen, Row
from mltui.ui.tui.text import one_line

WIDEST = 24
"""Columns of labels whose descriptions stand below each other."""


class Chooser(ListScreen[int | None]):
    """Returns the index of the option that was picked, or None."""

    def __init__(self, title: str, options: Sequence[tuple[str, str]], preview: Callable[[int], str] | None = None) -> None:
        """With `preview`, what it returns of the option under the cursor is shown below the list; it is called in a thread."""
        super().__init__()
        self.heading = title
        self._preview = preview
        self._choices = [(one_line(label), one_line(description)) for label, description in options]
        longest = max((cell_len(label) for label, description in self._choices if description), default=0)
        self._column = longest if longest <= WIDEST else 0

    def more(self) -> Iterable[Widget]:
        if self._preview is not None:
            self.add_class("-previews")
            yield Static("", id="preview", markup=False)

    def rows(self, narrow: str) -> Iterable[Row]:
        words = narrow.casefold().split()
        for index, (label, description) in enumerate(self._choices):
            if all(word in f"{label} {description}".casefold() for word in words):
                yield (
                    str(index),
                    Content.assemble(set_cell_size(label, max(self._column, cell_len(label))), "  ", (description, "$foreground 62%")),
                )

    def picked(self, id_: str) -> None:
        self.dismiss(int(id_))

    def looked_at(self, id_: str) -> None:
        if self._preview is not None:
            self.run_worker(partial(self._look, self._preview, int(id_)), group="preview", exclusive=True, exit_on_error=False)

    async def _look(self, preview: Callable[[int], str], place: int) -> None:
        text = await asyncio.to_thread(preview, place)
        self.query_one("#preview", Static).update("\n".join(map(one_line, text.splitlines())))
