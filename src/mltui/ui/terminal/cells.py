"""What a terminal shows, cell by cell, and the control sequences that change one look into another."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from rich.cells import split_graphemes

from mltui.ui.terminal.placeholders import WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.color import ColorSystem
    from rich.segment import Segment
    from rich.style import Style

Look = tuple[str, str, str, str]
"""SGR parameters of the attributes, of the foreground and of the background, and the address of a link."""

Cell = tuple[str, Look]
"""A character with what joins it, and its look; the second column of a wide character is an empty text."""

PLAIN: Look = ("", "", "", "")
ANY = "*"
"""The foreground of a blank: whatever it is."""

UNKNOWN: Cell = ("\0", PLAIN)
"""A cell of which nobody knows what it shows: equal to none that is wanted."""

_ATTRIBUTES = (
    ("bold", "1"),
    ("dim", "2"),
    ("italic", "3"),
    ("underline", "4"),
    ("blink", "5"),
    ("reverse", "7"),
    ("conceal", "8"),
    ("strike", "9"),
    ("underline2", "21"),
    ("overline", "53"),
)


@dataclass(frozen=True)
class Palette:
    """Attributes:
    system: the colours that there are; None: none, so that weight and reversal say what backgrounds would.
    ground: the background of the whole, of red, green and blue.
    """

    system: ColorSystem | None
    ground: tuple[int, int, int] = (0, 0, 0)


@lru_cache(4096)
def look_of(style: Style | None, palette: Palette) -> Look:
    """Returns: how a style looks with these colours."""
    if style is None:
        return PLAIN
    colors = palette.system
    marked = _marks(style, palette.ground) if colors is None else frozenset[str]()
    attributes = ";".join(code for name, code in _ATTRIBUTES if name in marked or getattr(style, name))
    foreground = background = ""
    if colors is not None:
        if style.color is not None and not style.color.is_default:
            foreground = ";".join(style.color.downgrade(colors).get_ansi_codes(foreground=True))
        if style.bgcolor is not None and not style.bgcolor.is_default:
            background = ";".join(style.bgcolor.downgrade(colors).get_ansi_codes(foreground=False))
    link = "".join(character for character in style.link or "" if "!" <= character <= "~")
    return attributes, foreground, background, link


def _marks(style: Style, ground: tuple[int, int, int]) -> frozenset[str]:
    """Returns: the attributes that stand for a background where there are no colours."""
    if style.bgcolor is None or style.bgcolor.is_default:
        return frozenset()
    background = style.bgcolor.get_truecolor()
    if tuple(background) == ground:
        return frozenset()
    dark = sum(ground) < 384
    return frozenset(["reverse" if (sum(background) < 384) != dark else "bold"])


def cells_of(segments: Iterable[Segment], palette: Palette) -> list[Cell]:
    """Returns: the cells of a line, as many as it has columns. Control characters become blanks: a frame holds none."""
    cells: list[Cell] = []
    for text, style, control in segments:
        if control:
            continue
        known = _plain_cells(text, style, palette)
        if known is not None:
            cells += known
            continue
        look = look_of(style, palette)
        blank = _blank(look)
        text = "".join(character if character.isprintable() or character in _JOINERS else " " for character in text)
        for start, end, width in split_graphemes(text)[0]:
            # A joiner without what it joins would join what happens to be written next.
            shown = text[start:end].rstrip("\u200d")
            if width:
                cells.append((shown, blank if shown == " " else look))
                cells += [("", look)] * (width - 1)
            elif cells and cells[-1][0] != " ":
                # What would make the one before wider comes too late: that has its columns.
                shown = shown.replace("\ufe0f", "").replace("\u200d", "")
                cells[-1] = (cells[-1][0] + shown, cells[-1][1]) if cells[-1][0] else cells[-1]
    return cells


@lru_cache(4096)
def _plain_cells(text: str, style: Style | None, palette: Palette) -> tuple[Cell, ...] | None:
    """Returns: the cells of a text of which each character is one; None: it has others. Most was drawn before, elsewhere."""
    look = look_of(style, palette)
    if _SIMPLE.fullmatch(text):
        blank = _blank(look)
        return tuple((character, blank if character == " " else look) for character in text)
    return tuple((text[at : at + 3], look) for at in range(0, len(text), 3)) if WHOLE.fullmatch(text) else None


@lru_cache(4096)
def _blank(look: Look) -> Look:
    """Returns: the look of a blank, of which one sees the background and lines, and no colour of what is not there."""
    seen = [code for code in look[0].split(";") if code in _LINES]
    return look if seen else ("", ANY, look[2], look[3])


_LINES = frozenset(["4", "7", "9", "21", "53"])
_JOINERS = "\u200d\u200c\ufe0f"
_SIMPLE = re.compile(r"[ -~\u00a1-\u00ac\u00ae-\u02ff\u0370-\u0373\u03a3-\u0482\u2010-\u2027\u2190-\u21ff\u2500-\u259f]*")
"""Text of characters that are one column wide everywhere."""


def change(old: Look | None, new: Look) -> tuple[str, Look]:
    """Args: old: how the terminal writes by now; None: nobody knows.

    Returns: what makes it write in `new`, and how it writes then.
    """
    if new[1] == ANY:
        new = (new[0], old[1] if old is not None else "", new[2], new[3])
    parts = ""
    if (old or PLAIN)[3] != new[3]:
        parts = f"\x1b]8;;{new[3]}\x1b\\"
    if old is not None and old[:3] == new[:3]:
        return parts, new
    if old is None or old[0] != new[0]:
        codes = ["0", *(code for code in new[:3] if code)]
    else:
        codes = [code or plain for was, code, plain in ((old[1], new[1], "39"), (old[2], new[2], "49")) if was != code]
    return f"{parts}\x1b[{';'.join(codes)}m", new
