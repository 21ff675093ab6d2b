"""The colours of code in a diff, made legible on the tints of changed lines."""

from __future__ import annotations

from fnmatch import fnmatch
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from pygments.lexers import get_all_lexers, get_lexer_by_name  # pyright: ignore[reportUnknownVariableType]
from rich.style import Style
from rich.syntax import Syntax
from textual.color import Color

from mltui.ui.terminal.colors import contrast

if TYPE_CHECKING:
    from mltui.ui.tui.diff_lines import DiffLines
    from mltui.ui.tui.theme import Paint

LONGEST_HUNK = 1500
"""Lines of a hunk that is coloured: a longer one costs more than it is worth."""
LONGEST_LINE = 1000

_USUAL = frozenset(["c", "cpp", "gas", "matlab", "perl", "sql", "verilog", "xml"])
"""What an ending is taken for that several languages have."""

Spans = list[tuple[int, int, Style]]


@lru_cache(256)
def language(name: str) -> str:
    """Returns: what Pygments calls a language; `text` for one that it does not know.

    It would look for others in every package that is installed, which takes 0.2 s and runs code of theirs. A name that is still being
    written is no language.
    """
    wanted = name.lower()
    return wanted if any(wanted in aliases for _, aliases, _, _ in get_all_lexers(plugins=False)) else "text"


@cache
def _lexer(name: str) -> Any:
    """Returns: that of a file's name, None if its ending says nothing, or several things."""
    found = {
        aliases[0] for _, aliases, patterns, _ in get_all_lexers(plugins=False) if aliases and any(fnmatch(name, one) for one in patterns)
    }
    if len(found) > 1:
        found = found - {"text"} if len(found) == 2 and "text" in found else found & _USUAL
    return get_lexer_by_name(found.pop(), stripnl=False, stripall=False, ensurenl=False) if len(found) == 1 else None


def warm_up() -> None:
    """Loads what colours Python before any is drawn: 40 ms. In a thread it holds no key up."""
    Syntax("", "python").highlight("x = 1")


class Highlight:
    """Colours lines of diffs in the code colours of a paint; with the terminal's own colours, or none, it colours nothing."""

    def __init__(self, paint: Paint) -> None:
        self._paint = paint
        self._theme = Syntax.get_theme(paint.code_theme)
        self._styles: dict[Any, Style] = {}
        self._known: WeakKeyDictionary[DiffLines, dict[int, Spans]] = WeakKeyDictionary()
        self._grounds = [
            style.bgcolor.get_truecolor() for name in ("diff.add", "diff.del") if (style := paint.styles[name]).bgcolor is not None
        ]

    def line(self, diff: DiffLines, index: int) -> Spans:
        """Returns: what is coloured of a line, in order."""
        if not self._grounds:
            return []
        known = self._known.setdefault(diff, {})
        if index not in known:
            known.update(self._hunk(diff, index))
        return known[index]

    def _hunk(self, diff: DiffLines, index: int) -> dict[int, Spans]:
        lines = diff.hunk(index)
        found: dict[int, Spans] = {at: [] for at in lines}
        name = diff.file(index).rsplit("/", 1)[-1]
        lexer = _lexer(name) if name else None
        if lexer is None or len(lines) > LONGEST_HUNK or any(len(diff[at].text) > LONGEST_LINE for at in lines):
            return found
        for kinds in ("- ", "+ "):  # each version for itself: together they are no code
            version = [at for at in lines if diff[at].kind in kinds]
            self._colour(lexer, diff, version, found)
        return found

    def _colour(self, lexer: Any, diff: DiffLines, version: list[int], found: dict[int, Spans]) -> None:
        for at in version:
            found[at] = []
        place = column = 0
        for token, value in lexer.get_tokens("\n".join(diff[at].text for at in version)):
            style = self._style(token)
            for number, piece in enumerate(value.split("\n")):
                if number:
                    place, column = place + 1, 0
                if piece and style and place < len(version):
                    found[version[place]].append((column, column + len(piece), style))
                column += len(piece)

    def _style(self, token: Any) -> Style:
        if token not in self._styles:
            style = self._theme.get_style_for_token(token)
            color = Color.from_rich_color(style.color) if style.color is not None else None
            self._styles[token] = Style(
                color=None if color is None else self._legible(color), bold=style.bold or None, italic=style.italic or None
            )
        return self._styles[token]

    def _legible(self, color: Color) -> str:
        """Returns: the colour, nearer to that of text as far as it has to be, so that it is read on both tints."""
        text, share = self._paint.color("foreground"), 0.0
        while share < 1 and any(
            contrast((mixed.r / 255, mixed.g / 255, mixed.b / 255), (ground.red / 255, ground.green / 255, ground.blue / 255))
            < self._paint.least
            for mixed in (color.blend(text, share),)
            for ground in self._grounds
        ):
            share += 0.1
        return color.blend(text, min(1.0, share)).hex6
