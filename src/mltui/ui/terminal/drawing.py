"""Pictures as a terminal takes them: kitty's graphics protocol, or Sixel.

Pillow and textual-image take long to import, so both are imported where the first picture is drawn, in a thread. textual-image asks
the terminal what it can do as it is imported, if stdout is one; it is not while the app runs (`streams.py`).
"""

from __future__ import annotations

import base64
import io
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from mltui.ui.terminal.placeholders import MOST, Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from PIL.Image import Image as PillowImage

Protocol = Literal["kitty", "sixel"]

COLUMNS: Final = 60
ROWS: Final = 16
"""A picture is no larger than this many cells."""
_CHUNK: Final = 4096
"""Characters of one message of kitty's protocol."""
_PIXELS: Final = 40_000_000
"""Pixels of a picture that is decoded; more would take long and much memory."""
_KITTY = re.compile(r"kitty|ghostty")


class Undrawable(Exception):
    """The picture cannot be decoded, or is too large for it."""


@dataclass(frozen=True)
class Cell:
    """The size of a terminal's cell in pixels."""

    width: int
    height: int


USUAL: Final = Cell(9, 18)
"""A cell's size where nobody says it; kitty fits a picture into its cells itself."""


def asks_for_kitty(environ: Mapping[str, str]) -> bool:
    """Whether the terminal is one that shows placeholders, and is to be asked whether it does.

    Others know kitty's protocol without them, would answer the same, and show nothing. Some that know neither show the question.
    """
    if environ.get("TMUX") or environ.get("STY"):
        return False
    return bool(_KITTY.search(f"{environ.get('TERM', '')} {environ.get('TERM_PROGRAM', '')}".lower()))


def cell_of(terminal: int) -> Cell | None:
    """Returns: the size of a cell, if the terminal's driver knows it."""
    import fcntl
    import struct
    import termios

    try:
        rows, columns, width, height = struct.unpack("HHHH", fcntl.ioctl(terminal, termios.TIOCGWINSZ, bytes(8)))
    except OSError:
        return None
    return Cell(width // columns, height // rows) if columns and rows and width >= columns and height >= rows else None


def fitted(pixels: tuple[int, int], cell: Cell, columns: int, rows: int) -> tuple[int, int]:
    """Returns: columns and rows that a picture takes within so many, in its own proportions and not enlarged."""
    width, height = (max(1, side) for side in pixels)
    scale = min(1.0, min(columns, COLUMNS, MOST) * cell.width / width, min(rows, ROWS) * cell.height / height)
    return max(1, round(width * scale / cell.width)), max(1, round(height * scale / cell.height))


def kitty(data: str, number: int, columns: int, rows: int, cell: Cell) -> str:
    """Returns: what makes the terminal show a picture in the placeholders with its number. Raises: Undrawable."""
    image = _scaled(data, columns * cell.width, rows * cell.height)
    file = io.BytesIO()
    _few_colors(image).save(file, "PNG", optimize=True)
    return "".join(_messages(base64.b64encode(file.getvalue()).decode(), f"a=T,U=1,f=100,t=d,q=2,i={number},c={columns},r={rows}"))


def _messages(payload: str, keys: str) -> Iterator[str]:
    for at in range(0, len(payload), _CHUNK):
        more = int(at + _CHUNK < len(payload))
        yield f"\x1b_G{keys + ',' if at == 0 else 'q=2,'}m={more};{payload[at : at + _CHUNK]}\x1b\\"


def kitty_forget(number: int) -> str:
    """Returns: what makes the terminal let go of a picture."""
    return f"\x1b_Ga=d,d=I,q=2,i={number}\x1b\\"


def sixel(data: str, place: Place, columns: int, rows: int, cell: Cell) -> str:
    """Returns: what draws the rows of a picture that are seen, and leaves the cursor where it was. Raises: Undrawable."""
    from textual_image._sixel import image_to_sixels

    image = _scaled(data, columns * cell.width, rows * cell.height)
    image = image.crop((0, place.top * cell.height, image.width, (place.top + place.rows) * cell.height))
    return f"\x1b7\x1b[{place.y + 1};{place.x + 1}H{image_to_sixels(image)}\x1b8"


def _scaled(data: str, width: int, height: int) -> PillowImage:
    """Returns: the picture in exactly so many pixels, on white where it is transparent: plots have black letters."""
    import PIL.Image

    try:
        image = PIL.Image.open(io.BytesIO(base64.b64decode(data)), formats=("PNG", "JPEG", "GIF", "WEBP"))
        if image.width * image.height > _PIXELS:
            raise Undrawable(f"{image.width}×{image.height} pixels are too many")
        image.draft("RGB", (width, height))
        image = image.convert("RGBA")
        ground = PIL.Image.new("RGBA", image.size, "white")
        return PIL.Image.alpha_composite(ground, image).convert("RGB").resize((width, height), PIL.Image.Resampling.LANCZOS)
    except Undrawable:
        raise
    except Exception as error:  # Pillow raises what its decoders do: OSError, ValueError, SyntaxError, struct.error …
        raise Undrawable(str(error)) from error


def _few_colors(image: PillowImage) -> PillowImage:
    """Returns: the picture with 256 colours, which is a third of the bytes."""
    return image.quantize(256)


def window_cell(height: int, width: int) -> Cell | None:
    """Returns: the size that a terminal said, unless that is none."""
    return Cell(width, height) if 0 < width < 200 and 0 < height < 200 else None


def terminal_number(process: int | None = None) -> int:
    """Returns: a number from which pictures are counted, other than that of a program beside this one in the same terminal."""
    return ((os.getpid() if process is None else process) % 0xFFFF + 1) << 8
