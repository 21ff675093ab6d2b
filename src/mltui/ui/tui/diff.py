"""Unified diffs in colour: line numbers, whole-width tints, long lines wrapped rather than cut."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from mltui.ui.tui.text import clean

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)")
_NOISE = (
    "index ",
    "similarity ",
    "old mode",
    "new mode",
    "new file mode",
    "deleted file mode",
    "rename ",
    "copy ",
    "diff --git ",
    "+++ ",
    "\\",
)


class DiffText:
    """A unified diff as a rich renderable.

    Args:
        patch: of any number of files.
        limit: the most lines to draw, or None for all; a last line says how many are left out.
        heads: draw a line with each file's name.
    """

    def __init__(self, patch: str, *, limit: int | None = None, heads: bool = True) -> None:
        self._lines = list(_parse(clean(patch), heads))
        self._limit = limit

    @property
    def added(self) -> int:
        return sum(kind == "+" for kind, _, _ in self._lines)

    @property
    def removed(self) -> int:
        return sum(kind == "-" for kind, _, _ in self._lines)

    @property
    def counts(self) -> Text:
        return Text.assemble((f"+{self.added}", "success"), " ", (f"-{self.removed}", "error"))

    def __bool__(self) -> bool:
        return bool(self._lines)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        numbers = [number for _, number, _ in self._lines if number]
        gutter = max(2, len(str(max(numbers, default=1))))
        shown = self._lines if self._limit is None else self._lines[: self._limit]
        faint = console.get_style("faint")
        for index, (kind, number, text) in enumerate(shown):
            if kind == "f" and index:
                yield Text()
            if kind in "fh":
                style = console.get_style("diff.file" if kind == "f" else "diff.hunk")
                yield Text(text, style=style, overflow="fold")
                continue
            name = {"+": "diff.add", "-": "diff.del"}.get(kind)
            yield from _code_line(
                console, kind, text, f"{number or '':>{gutter}} ", width, console.get_style(name) if name else None, faint
            )
        if len(shown) < len(self._lines):
            yield Text(f"… {len(self._lines) - len(shown)} more lines", style="muted")


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


def _parse(patch: str, heads: bool) -> Iterator[tuple[str, int | None, str]]:
    """Yields kind (`f` file, `h` hunk, `+`, `-`, a space), line number and text.

    The counts of a hunk's head say where it ends: text inside it that looks like a file's head is text.
    """
    old = new = old_left = new_left = 0
    first = True
    lines = patch.split("\n")
    for index, line in enumerate(lines):
        if old_left > 0 or new_left > 0:
            kind = line[:1] if line[:1] in ("+", "-") else " "
            if line.startswith("\\"):
                continue
            yield kind, old if kind == "-" else new, line[1:]
            old, old_left = (old + 1, old_left - 1) if kind != "+" else (old, old_left)
            new, new_left = (new + 1, new_left - 1) if kind != "-" else (new, new_left)
        elif match := _HUNK.match(line):
            old, new = int(match[1]), int(match[3])
            old_left, new_left = int(match[2] or 1), int(match[4] or 1)
            if match[5] or not first:
                yield "h", None, f"⋯ {match[5]}".rstrip()
            first = False
        elif line.startswith("--- ") and index + 1 < len(lines) and lines[index + 1].startswith("+++ "):
            first = True
            if heads:
                yield "f", None, _file_name(line, lines[index + 1])
        elif line.strip() and not line.startswith(_NOISE):
            yield "h", None, line


def _file_name(old: str, new: str) -> str:
    names = [re.sub(r"^[ab]/", "", line[4:].split("\t")[0]) for line in (old, new)]
    if names[0] == "/dev/null":
        return f"{names[1]} (new)"
    return f"{names[0]} (deleted)" if names[1] == "/dev/null" else names[1]
