"""The sessions of the project: one is picked, found by what was said in it, renamed, copied or deleted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from mltui.agent import library, naming
from mltui.core.errors import MltuiError
from mltui.ui.commands.sessions import MOST, option
from mltui.ui.tui.keys.line import key_of
from mltui.ui.tui.list_screen import ListScreen, Row
from mltui.ui.tui.still_input import StillInput
from mltui.ui.tui.text import one_line

SURE = 3.0
"""Seconds in which the second key deletes."""
_SHORTEST_SEARCH = 3
_HITS = 40


class SessionsScreen(ListScreen[tuple[str, str] | None]):
    """Returns what to do and the id of the session: `open` or `copy`; None: nothing.

    Args:
        folder: of the project's sessions.
        without: the id of the session that is open; it is not offered.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "rename", "Rename it", show=False, priority=True, id="sessions.rename"),
        Binding("ctrl+y", "copy", "Go on in a copy of it", show=False, priority=True, id="sessions.copy"),
        Binding("ctrl+d,f8", "delete", "Delete it; twice", show=False, priority=True, id="sessions.delete"),
    ]
    DEFAULT_CSS = """
    SessionsScreen #title { display: none; background: $panel; }
    """
    heading = "Go on with a session"
    placeholder = "type a part of its name, or of what was said in it"
    keys: ClassVar[tuple[tuple[str, str], ...]] = (
        ("=enter", "goes on"),
        ("sessions.rename", "renames"),
        ("sessions.copy", "copies"),
        ("sessions.delete", "deletes"),
        ("list.leave", "leaves"),
    )
    clock = staticmethod(time.monotonic)

    def __init__(self, folder: Path, without: str = "") -> None:
        super().__init__()
        self._folder = folder
        self._without = without
        self._rows: dict[str, library.SessionRow] = {}
        self._said: dict[str, str] = {}
        self._read = False
        self._armed: tuple[str, float] = ("", 0.0)

    def more(self) -> Iterable[Widget]:
        self.add_class("-previews")
        yield StillInput(id="title", compact=True, placeholder="its new name; Enter keeps it, Esc leaves it")
        yield Static("", id="preview", markup=False)

    def on_mount(self) -> None:
        self.run_worker(self._load, group="load", exclusive=True, exit_on_error=False)

    async def _load(self) -> None:
        found = await asyncio.to_thread(library.listed, self._folder)
        self._rows = {row.id: row for row in found.rows[:MOST] if row.id != self._without}
        self._read = True
        self.fill(keep=True)

    def nothing(self) -> str:
        if not self._read:
            return "Reading …"
        return "Nothing fits" if self._rows else "There is no other session in this project yet"

    def rows(self, narrow: str) -> Iterable[Row]:
        words = narrow.casefold().split()
        for id_, row in self._rows.items():
            name, facts = option(row)
            named = all(word in f"{name} {facts}".casefold() for word in words)
            if named or id_ in self._said:
                said = "" if named else self._said[id_]
                yield id_, Content.assemble(one_line(name), "  ", (one_line(said or facts), "$primary" if said else "$foreground 62%"))

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input.id == "narrow":
            self._said = {}
            if len(event.value.strip()) >= _SHORTEST_SEARCH:
                self.run_worker(partial(self._search, event.value), group="search", exclusive=True, exit_on_error=False)

    async def _search(self, words: str) -> None:
        """Finds what was said, after a moment without a key."""
        await asyncio.sleep(0.25)
        try:
            hits = await asyncio.to_thread(lambda: list(library.search(self._folder, words, limit=_HITS, each=1)))
        except MltuiError:
            return
        self._said = {hit.path.stem: f"{hit.who}: {hit.text}" for hit in hits}
        self.fill(keep=True)

    def looked_at(self, id_: str) -> None:
        if row := self._rows.get(id_):
            self.run_worker(partial(self._look, row.path), group="preview", exclusive=True, exit_on_error=False)

    async def _look(self, path: Path) -> None:
        self._say(await asyncio.to_thread(library.preview, path))

    def _say(self, text: str) -> None:
        self.query_one("#preview", Static).update("\n".join(map(one_line, text.splitlines())))

    def picked(self, id_: str) -> None:
        self.dismiss(("open", id_))

    # ── keys ─────────────────────────────────────────────────────────────────────

    def action_copy(self) -> None:
        if self.chosen is not None:
            self.dismiss(("copy", self.chosen))

    def action_rename(self) -> None:
        if self.chosen is not None:
            title = self.query_one("#title", StillInput)
            title.value = self._rows[self.chosen].name
            title.display = True
            title.take_focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.input.id == "title" and self.chosen is not None:
            self.run_worker(partial(self._rename, self._rows[self.chosen].path, event.value), exit_on_error=False)
            self._close_title()

    async def _rename(self, path: Path, title: str) -> None:
        try:
            await asyncio.to_thread(naming.rename_file, path, title)
        except MltuiError as error:
            self._say(str(error))
        await self._load()

    def _close_title(self) -> None:
        self.query_one("#title", Input).display = False
        self.query_one("#narrow", StillInput).take_focus(replace=False)

    def action_delete(self) -> None:
        id_, now = self.chosen, self.clock()
        if id_ is None:
            return
        if self._armed[0] == id_ and now - self._armed[1] < SURE:
            self._armed = ("", 0.0)
            self.run_worker(partial(self._delete, self._rows[id_].path), exit_on_error=False)
        else:
            self._armed = (id_, now)
            self._say(f"{key_of(self, 'sessions.delete')} again deletes “{one_line(self._rows[id_].name)[:60]}” for good")

    async def _delete(self, path: Path) -> None:
        try:
            await asyncio.to_thread(library.delete, path)
            said = "It is deleted"
        except MltuiError as error:
            said = str(error)
        await self._load()
        self._say(said)

    def action_leave(self) -> None:
        if self.query_one("#title", Input).display:
            self._close_title()
        else:
            super().action_leave()
