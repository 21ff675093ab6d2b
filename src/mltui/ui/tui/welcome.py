"""The head of the conversation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from mltui import __version__
from mltui.ui.figures import short_name
from mltui.ui.tui.items import Item
from mltui.ui.tui.text import one_line

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass
class Welcomed:
    model: str
    note: str
    persona: str
    cwd: str


class WelcomeItem(Item[Welcomed]):
    DEFAULT_CSS = "WelcomeItem { margin: 0; }"
    can_focus = False

    def renderables(self, width: int) -> list[RenderableType]:
        state = self.state
        home = str(Path.home())
        cwd = "~" + state.cwd[len(home) :] if state.cwd == home or state.cwd.startswith(home + "/") else state.cwd
        lines: list[RenderableType] = [
            Text.assemble(("mltui ", "primary.bold"), (__version__, "faint"), no_wrap=True, overflow="ellipsis"),
            Text.assemble(
                (one_line(short_name(state.model)), "muted"),
                (" · ", "faint"),
                (one_line(state.persona), "muted"),
                no_wrap=True,
                overflow="ellipsis",
            ),
            Text(one_line(cwd), style="faint", no_wrap=True, overflow="ellipsis"),
        ]
        if state.note:
            lines += [Text(), Text(one_line(state.note), style="warning", overflow="fold")]
        return lines
