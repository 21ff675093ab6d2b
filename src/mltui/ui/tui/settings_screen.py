"""Every setting with its value, where that came from and what it means; changed in place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from mltui.core.errors import MltuiError
from mltui.ui.commands.settings import Shown, change, shown
from mltui.ui.tui.list_screen import ListScreen, Row
from mltui.ui.tui.text import clip, one_line

if TYPE_CHECKING:
    from mltui.ui.commands.base import Console, Level

_STYLES = {"info": "$success", "warning": "$warning", "error": "$error"}


class SettingsScreen(ListScreen[None]):
    """Args: console: gives the console of a command, by what shows its words; narrow: what is typed at first."""

    DEFAULT_CSS = """
    SettingsScreen #about { height: 5; border-top: solid $primary 40%; color: $text; }
    SettingsScreen #said { color: $text; }
    """
    heading = "Settings"
    placeholder = "type a part of a name or of what it means"
    keys: ClassVar[tuple[tuple[str, str], ...]] = (("=enter", "changes"), ("list.leave", "leaves"))

    def __init__(self, cwd: Path, console: Callable[[Callable[[Level, str], None]], Console], narrow: str = "") -> None:
        super().__init__()
        self._cwd = cwd
        self._over = console
        self._narrow = narrow
        self._settings: dict[str, Shown] = {}
        self._problem = ""
        self.add_class("-whole")

    def more(self) -> Iterable[Widget]:
        yield Static("", id="about", markup=False)
        yield Static("", id="said", markup=False)

    def on_mount(self) -> None:
        self.query_one("#narrow", Input).value = self._narrow
        self.run_worker(self._load, group="load", exclusive=True, exit_on_error=False)

    async def _load(self) -> None:
        try:
            found = await asyncio.to_thread(shown, self._cwd)
            self._settings, self._problem = {setting.key: setting for setting in found}, ""
        except MltuiError as error:
            self._settings, self._problem = {}, str(error)
        self.fill(keep=True)

    def nothing(self) -> str:
        return self._problem or ("Nothing fits" if self._settings else "Reading …")

    def rows(self, narrow: str) -> Iterable[Row]:
        words = narrow.casefold().split()
        for key, setting in self._settings.items():
            if all(word in f"{key} {setting.what}".casefold() for word in words):
                value = clip(one_line(setting.value), 48)
                origin = one_line(setting.origin) if setting.changed else ""
                yield (
                    key,
                    Content.assemble(
                        ("● " if setting.changed else "  ", "$accent"),
                        f"{key:<32} ",
                        (value, "$primary" if setting.changed else "$foreground 62%"),
                        (f"  {origin}" if origin else "", "$foreground 62%"),
                    ),
                )

    def looked_at(self, id_: str) -> None:
        if setting := self._settings.get(id_):
            meaning = f"{setting.what[:1].upper()}{setting.what[1:]}" if setting.what else ""
            takes = f"Takes {setting.takes}." if setting.takes else ""
            origin = f"Set by {setting.origin}." if setting.changed else "As mltui comes."
            self.query_one("#about", Static).update("\n".join(filter(None, (meaning, f"{takes} {origin}".strip()))))

    def picked(self, id_: str) -> None:
        if setting := self._settings.get(id_):
            self.run_worker(partial(self._change, setting), group="change", exclusive=True, exit_on_error=False)

    async def _change(self, setting: Shown) -> None:
        self._say("info", "")
        try:
            await change(self._over(self._say), setting)
        except MltuiError as error:
            self._say("error", str(error))
        await self._load()

    def _say(self, level: Level, text: str) -> None:
        self.query_one("#said", Static).update(Content.styled(one_line(text), _STYLES[level]))
