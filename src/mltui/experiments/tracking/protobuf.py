"""The wire format of protocol buffers, as far as event files need it: no generated code, and no dependency on who wrote them.

Format: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5


class MalformedError(ValueError):
    """The bytes are no message."""


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yields: (number, value) of each field: a varint as an integer, all others as their bytes.

    Raises: MalformedError: the bytes end too early, or have a type that is none.
    """
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == VARINT:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        if kind == LENGTH:
            size, at = _varint(data, at)
        elif kind in (FIXED64, FIXED32):
            size = 8 if kind == FIXED64 else 4
        else:
            raise MalformedError(f"wire type {kind}")
        if at + size > len(data):
            raise MalformedError("cut off")
        yield key >> 3, data[at : at + size]
        at += size


def floating(value: int | bytes) -> float:
    """Returns: a float or double field. Raises: MalformedError: it is neither."""
    if isinstance(value, bytes) and len(value) in (4, 8):
        number: float = struct.unpack("<f" if len(value) == 4 else "<d", value)[0]
        return number
    raise MalformedError("not a floating-point number")


def signed(value: int | bytes) -> int:
    """Returns: a varint as int64. Raises: MalformedError: it is none."""
    if not isinstance(value, int):
        raise MalformedError("not an integer")
    return value - (1 << 64) if value >= 1 << 63 else value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
        shift += 7
    raise MalformedError("a number without an end")
