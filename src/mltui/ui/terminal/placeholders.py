"""Cells that stand for parts of a picture, as kitty's graphics protocol has them ("Unicode placeholders").

Such a cell is a character of a private plane with two diacritics, which say its row and column of the picture; its colour is the
picture's number. So a picture scrolls, is covered and is uncovered as text is. Terminals with Sixel alone never see the characters:
blanks are written in their place, and the picture is drawn over these.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mltui.ui.terminal.cells import Cell

MARK: Final = "\U0010eeee"
_DIACRITICS: Final = "".join(
    map(
        chr,
        (
            *(0x305, 0x30D, 0x30E, 0x310, 0x312, 0x33D, 0x33E, 0x33F, 0x346, 0x34A, 0x34B, 0x34C, 0x350, 0x351, 0x352, 0x357),
            *(0x35B, *range(0x363, 0x370), *range(0x483, 0x488), 0x592, 0x593, 0x594, 0x595, 0x597, 0x598, 0x599, *range(0x59C, 0x5A2)),
            *(0x5A8, 0x5A9, 0x5AB, 0x5AC, 0x5AF, 0x5C4, *range(0x610, 0x618), *range(0x657, 0x65C), 0x65D, 0x65E),
        ),
    )
)
"""The first of kitty's `rowcolumn-diacritics.txt`, in its order."""
MOST: Final = len(_DIACRITICS)
"""Rows and columns that a picture can have."""
WHOLE: Final = re.compile(f"(?:{MARK}[{_DIACRITICS}]{{2}})+")


def row_of(row: int, columns: int) -> str:
    """Returns: the cells of a row of a picture."""
    return "".join(f"{MARK}{_DIACRITICS[row]}{_DIACRITICS[column]}" for column in range(columns))


def color_of(number: int) -> str:
    """Returns: the SGR parameters of the foreground that names a picture."""
    return f"38;2;{number >> 16 & 255};{number >> 8 & 255};{number & 255}"


@dataclass(frozen=True)
class Place:
    """Where a picture is seen. Attributes: x, y: of the first cell that is; top, rows: which rows of the picture are."""

    x: int
    y: int
    top: int
    rows: int


def place_of(screen: Sequence[Sequence[Cell]], color: str, columns: int) -> Place | None:
    """Returns: where the picture is, by what the screen shows; None: nowhere, or something covers a part of its rows."""
    found: list[tuple[int, int, int]] = []
    for y, row in enumerate(screen):
        cells = [(x, text) for x, (text, look) in enumerate(row) if look[1] == color and text[:1] == MARK]
        if not cells:
            continue
        x, text = cells[0]
        if len(cells) != columns or any(cell[2] != _DIACRITICS[place] for place, (_, cell) in enumerate(cells)):
            return None
        found.append((x, y, _DIACRITICS.index(text[1])))
    if not found:
        return None
    x, y, top = found[0]
    if any(place != (x, y + at, top + at) for at, place in enumerate(found)):
        return None
    return Place(x, y, top, len(found))
