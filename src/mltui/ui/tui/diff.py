"""Unified diffs in colour as a part of other text: line numbers, whole-width tints, long lines wrapped rather than cut."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from mltui.ui.tui.diff_lines import DiffLines


def counts(lines: DiffLines) -> Text:
    """Returns: `+3 -1`."""
    return Text.assemble((f"+{lines.added}", "success"), " ", (f"-{lines.removed}", "error"))


class DiffText:
    """A unified diff as a rich renderable. `DiffView` shows long ones.

    Args:
        patch: of any number of files.
        limit: the most lines to draw, or None for all; a last line says how many are left out.
        heads: draw a line with each file's name.
    """

    def __init__(self, patch: str, *, limit: int | None = None, heads: bool = True) -> None:
        self._lines = DiffLines(patch, heads=heads)
        self._limit = limit

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
        width = options.max_width
        gutter = self._lines.gutter
        shown = len(self._lines) if self._limit is None else min(self._limit, len(self._lines))
        faint = console.get_style("faint")
        for index in range(shown):
            kind, old, new, text = self._lines[index]
            if kind == "f" and index:
                yield Text()
            if kind in "fh":
                style = console.get_style("diff.file" if kind == "f" else "diff.hunk")
                yield Text(text, style=style, overflow="fold")
                continue
            name = {"+": "diff.add", "-": "diff.del"}.get(kind)
            number = f"{(old if kind == '-' else new) or '':>{gutter}} "
            yield from _code_line(console, kind, text, number, width, console.get_style(name) if name else None, faint)
        if shown < len(self._lines):
            yield Text(f"… {len(self._lines) - shown} more lines", style="muted")


def _code_line(console: Console, kind: str, text: str, number: str, width: int, style: Style | None, faint: Style) -> Iterator[Segment]:
    room = max(4, width - len(number) - 2)
    pieces = Text(text, style=style or "").wrap(console, room, overflow="fold", tab_size=4) if text else [Text("")]
    for index, piece in enumerate(pieces):
        lead = f"{kind if index == 0 else ' '} "
        content = piece.plain.rstrip("\n")
        pad = " " * max(0, room - piece.cell_len)
        yield Segment(number if index == 0 else " " * len(number), (style + faint) if style and style.bgcolor else faint)
        yield Segment(f"{lead}{content}{pad}", style)
        yield Segment.line()
