"""Keys and commands on a page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from rich.table import Table
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen

from mltui.ui.commands.table import offered
from mltui.ui.tui.strip_view import RichView

if TYPE_CHECKING:
    from textual.app import ComposeResult

_KEYS = (
    ("Enter", "send; while the agent works: queue"),
    ("Ctrl+S, Alt+Enter", "say it now, to the turn that runs"),
    ("Shift+Enter, Ctrl+J", "new line"),
    ("Up, Down", "at the edges: earlier prompts"),
    ("Tab", "complete a command; else go to the last tool call"),
    ("Esc", "interrupt; from the transcript: back to the composer"),
    ("Esc Esc", "with nothing typed: go back to before a prompt"),
    ("Ctrl+C", "interrupt, or clear; twice: quit"),
    ("Shift+Tab", "next mode: plan, default, accept-edits, auto"),
    ("PgUp, PgDn", "scroll"),
    ("F2", "experiment log"),
    ("F3", "show earlier parts of the conversation"),
    ("F4", "choose another model"),
    ("Ctrl+O", "open or close all tool calls"),
    ("Enter on a tool call", "open or close it; Up and Down go to others"),
)


class HelpScreen(ModalScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,f1,question_mark", "close", "Close", show=False, priority=True),
        Binding("up,k", "scroll(-1)", show=False),
        Binding("down,j", "scroll(1)", show=False),
        Binding("pageup", "scroll(-10)", show=False),
        Binding("pagedown,space", "scroll(10)", show=False),
    ]
    AUTO_FOCUS = ""
    DEFAULT_CSS = """
    HelpScreen { align: center middle; background: $background 60%;
        & > VerticalScroll { width: 78; max-width: 100%; height: auto; max-height: 100%; background: $surface; border: round $primary;
            padding: 1 2; scrollbar-size-vertical: 1; }
    }
    """

    def compose(self) -> ComposeResult:
        yield VerticalScroll(
            RichView(
                Text("Keys", style="primary.bold"),
                _rows(_KEYS),
                Text(),
                Text("Commands", style="primary.bold"),
                _rows((command.usage, command.help) for command in offered("tui")),
                Text(),
                Text("Esc closes", style="faint"),
            ),
            can_focus=False,
        )

    def action_close(self) -> None:
        self.dismiss(None)

    def action_scroll(self, lines: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)


def _rows(pairs: Iterable[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="strong", overflow="fold", max_width=22)
    table.add_column(style="muted", overflow="fold")
    for left, right in pairs:
        table.add_row(Text(left), Text(right))
    return table
