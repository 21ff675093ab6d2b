"""Plots of characters as rich renderables, in the theme's colours."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style

from mltui.ui.tui.text import one_line

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from mltui.ui.plots.canvas import Line


class Plot:
    """Lines that are made for the width there is.

    Args:
        draw: makes them; no line may be wider than it is told.
    """

    def __init__(self, draw: Callable[[int], list[Line]]) -> None:
        self._draw = draw

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self._draw(options.max_width):
            for text, names in line:
                # Names in it may come from what a run wrote.
                text = text if text.isprintable() else one_line(text)
                style = Style.combine(console.get_style(name) for name in names.split()) if names else None
                yield Segment(text, style)
            yield Segment.line()
