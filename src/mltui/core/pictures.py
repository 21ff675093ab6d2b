"""Pictures as messages hold them."""

from __future__ import annotations

import base64

from mltui.core.errors import UsageError
from mltui.core.messages import MAX_IMAGE, Image, ImageType

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


def pixels(data: bytes) -> tuple[int, int] | None:
    """Returns: width and height of a PNG, GIF, JPEG or WebP by its first bytes, or None."""
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) >= 24:
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    if data[:4] == b"GIF8" and len(data) >= 10:
        return int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
    if data[:2] == b"\xff\xd8":
        return _jpeg(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    return None


def _jpeg(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def _webp(data: bytes) -> tuple[int, int] | None:
    if len(data) < 30:
        return None
    match data[12:16]:
        case b"VP8X":
            return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
        case b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        case b"VP8 ":
            return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
        case _:
            return None
