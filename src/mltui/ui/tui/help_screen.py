"""Keys and commands on a page."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING, Any, ClassVar, cast

from rich.table import Table
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen

from mltui.ui.commands.table import offered
from mltui.ui.tui.keys import names
from mltui.ui.tui.keys.line import chosen, key_anywhere
from mltui.ui.tui.keys.table import keys
from mltui.ui.tui.strip_view import RichView

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual.app import App, ComposeResult


class HelpScreen(ModalScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,f1,question_mark", "close", "Close", show=False, priority=True, id="help.close"),
        Binding("up,k", "scroll(-1)", "Line up", show=False, id="help.up"),
        Binding("down,j", "scroll(1)", "Line down", show=False, id="help.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, priority=True, id="help.page-up"),
        Binding("pagedown,space", "page(1)", "Page down", show=False, priority=True, id="help.page-down"),
        Binding("home,g", "end(False)", "Top", show=False, id="help.top"),
        Binding("end,G", "end(True)", "End", show=False, id="help.end"),
    ]
    AUTO_FOCUS = ""
    DEFAULT_CSS = """
    HelpScreen { align: center middle; background: $background 60%;
        & > VerticalScroll { width: 78; max-width: 100%; height: auto; max-height: 100%; background: $surface; border: round $primary;
            padding: 1 2; scrollbar-size-vertical: 1; }
    }
    """

    def compose(self) -> ComposeResult:
        close = key_anywhere(self, "help.close", HelpScreen)
        yield VerticalScroll(
            RichView(Text("Keys", style="primary.bold"), id="keys"),
            RichView(
                Text("Commands", style="primary.bold"),
                _rows((command.usage, command.help) for command in offered("tui")),
                Text(),
                Text(f"Keys are changed in keys.toml: `mltui config keys --default` prints one. {close} closes", style="faint"),
            ),
            can_focus=False,
        )

    async def _show_keys(self) -> None:
        """Shows the key map by area, as it is now. Every screen is loaded for it, which takes a moment."""
        table = await asyncio.to_thread(keys)
        parts: list[RenderableType] = []
        mapped = chosen(cast("App[Any]", self.app))  # pyright: ignore[reportUnknownMemberType]  (Textual leaves its parameter open)
        for where, rows in groupby(table, lambda key: key.where):
            pairs = [(names.all_shown(mapped.get(key.id, key.keys)), key.what) for key in rows]
            parts += [Text(where, style="primary.bold"), _rows(pairs), Text()]
        self.query_one("#keys", RichView).update(*parts)

    def on_mount(self) -> None:
        self.run_worker(self._show_keys, exit_on_error=True)

    def action_close(self) -> None:
        self.dismiss(None)

    def action_scroll(self, lines: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    def action_page(self, pages: int) -> None:
        self.action_scroll(pages * max(1, self.query_one(VerticalScroll).scrollable_content_region.height - 2))

    def action_end(self, last: bool) -> None:
        page = self.query_one(VerticalScroll)
        page.scroll_to(y=page.max_scroll_y if last else 0, animate=False)


def _rows(pairs: Iterable[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="strong", overflow="fold", max_width=22)
    table.add_column(style="muted", overflow="fold")
    for left, right in pairs:
        table.add_row(Text(left), Text(right))
    return table
