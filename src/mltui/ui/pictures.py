"""What a picture is, in a line: its size, kind and weight, read from its first bytes."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from mltui.core.pixels import pixels
from mltui.ui.figures import size

if TYPE_CHECKING:
    from mltui.core.messages import Image

_HEAD = 400_000
"""Characters of base64 in which the size is looked for: a JPEG may have a preview before it."""


def described(image: Image) -> str:
    """Returns: `640×480 PNG, 31 kB`; without the size where the file does not say it as it should."""
    found = size_of(image)
    kind = image.media_type.removeprefix("image/").upper()
    shown = f"{found[0]}×{found[1]} {kind}" if found else kind
    return f"{shown}, {size(len(image.data) * 3 // 4)}"


def size_of(image: Image) -> tuple[int, int] | None:
    """Returns: width and height in pixels, or None."""
    return pixels(base64.b64decode(image.data[: _HEAD - _HEAD % 4]))
