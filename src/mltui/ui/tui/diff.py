"""Unified diffs in colour as a part of other text: line numbers, whole-width tints, long lines wrapped rather than cut."""

from __future__ import annotations

from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.text import Text

from mltui.ui.tui.diff_layout import DiffLayout, Layout, stands_beside
from mltui.ui.tui.diff_lines import DiffLines
from mltui.ui.tui.theme import paint_behind


def counts(lines: DiffLines) -> Text:
    """Returns: `+3 -1`."""
    return Text.assemble((f"+{lines.added}", "success"), " ", (f"-{lines.removed}", "error"))


class DiffText:
    """A unified diff as a rich renderable. `DiffView` shows long ones.

    Args:
        patch: of any number of files; as `DiffLines` it was read before.
        limit: the most rows to draw, or None for all; a last line says how many are left out.
        heads: draw a line with each file's name.
        layout: the versions beside each other or one below the other; `auto`: as there is room.
    """

    def __init__(self, patch: str | DiffLines, *, limit: int | None = None, heads: bool = True, layout: Layout = "auto") -> None:
        self._lines = DiffLines(patch, heads=heads) if isinstance(patch, str) else patch
        self._limit = limit
        self._layout: Layout = layout

    @property
    def added(self) -> int:
        return self._lines.added

    @property
    def removed(self) -> int:
        return self._lines.removed

    @property
    def counts(self) -> Text:
        return counts(self._lines)

    def __bool__(self) -> bool:
        return bool(self._lines)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        paint, width = paint_behind(console), options.max_width
        laid = DiffLayout(self._lines, width, beside=stands_beside(self._layout, width))
        shown = len(laid.rows) if self._limit is None else min(self._limit, len(laid.rows))
        for at in range(shown):
            for strip in laid.draw(at, paint):
                yield from strip
                yield Segment.line()
        if shown < len(laid.rows):
            yield Text(f"… {len(laid.rows) - shown} more lines", style="muted")
