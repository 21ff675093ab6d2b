"""Pictures as messages hold them."""

from __future__ import annotations

import base64

from mltui.core.errors import UsageError
from mltui.core.messages import MAX_IMAGE, Image, ImageType
from mltui.core.pixels import pixels

_BEGINNINGS: tuple[tuple[bytes, ImageType], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)

_MOST_PIXELS = 8000
"""On a side: what providers take. A picture that they refuse would be sent, and refused, again with every request that follows."""


def image_type(data: bytes) -> ImageType | None:
    """The kind of picture by its first bytes, or None if it is none that models take."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for beginning, kind in _BEGINNINGS if data.startswith(beginning)), None)


def picture(data: bytes, name: str) -> Image:
    """The picture of a file's bytes.

    Args:
        name: what the error calls it.

    Raises:
        UsageError: it is of another kind, broken, or larger than every provider takes.
    """
    kind = image_type(data)
    if kind is None:
        raise UsageError(f"{name} is no PNG, JPEG, GIF or WebP picture", hint="convert it first")
    found = pixels(data)
    if found is None or 0 in found or not _whole(data):
        raise UsageError(f"{name} is a broken picture", hint="it may be cut off; make it again")
    if max(found) > _MOST_PIXELS:
        said = f"{name} has {found[0]}×{found[1]} pixels; at most {_MOST_PIXELS} on a side can be sent"
        raise UsageError(said, hint="make it smaller first")
    encoded = base64.b64encode(data).decode("ascii")
    if len(encoded) > MAX_IMAGE:
        most = MAX_IMAGE * 3 / 4 / 2**20
        raise UsageError(f"{name} has {len(data) / 2**20:.1f} MiB; at most {most:.1f} MiB can be sent", hint="make it smaller first")
    return Image(media_type=kind, data=encoded)


def _whole(data: bytes) -> bool:
    """Whether a picture goes as far as it says, where its kind says so."""
    if data[:4] == b"RIFF":
        return len(data) >= 8 + int.from_bytes(data[4:8], "little")
    return data[1:4] != b"PNG" or b"IEND" in data
