"""Lines out of files that are too large to be held."""

from __future__ import annotations

import asyncio
from typing import IO

from mltui.core.errors import ToolError
from mltui.tools.base import Page
from mltui.tools.text_codec import is_binary

_BLOCK = 8 << 20
_HEAD = 8192
_LONGEST_LINE = 20_000
"""Bytes of a line that are kept."""
_WIDE = (b"\xff\xfe", b"\xfe\xff")
"""Byte order marks of encodings in which a line ends otherwise."""


async def page(file: IO[bytes], name: str, first: int, limit: int, most: int) -> Page:
    """Lines of an open file from `first` (counted from 1): at most `limit`, and about `most` bytes of them.

    Blocks are read one by one, so that whoever waits can be interrupted between them.

    Raises: ToolError: it is binary, in UTF-16 or UTF-32, or has fewer lines.
    """
    head = await asyncio.to_thread(file.read, _HEAD)
    if head.startswith(_WIDE) or is_binary(_whole_characters(head)):
        raise ToolError(f"{name} is too large to be shown in its encoding, or binary", hint="Convert or cut it with Bash (iconv, head -c)")
    file.seek(3 if head.startswith(b"\xef\xbb\xbf") else 0)
    await _skip(file, name, first)
    lines: list[bytes] = []
    size, more = 0, False
    while block := await asyncio.to_thread(file.readline, _LONGEST_LINE):
        if len(lines) == limit or size > most:
            more = True
            break
        line = block
        while not block.endswith(b"\n") and (block := await asyncio.to_thread(file.readline, _BLOCK)):
            pass  # the rest of a very long line
        lines.append(line.removesuffix(b"\n").removesuffix(b"\r"))
        size += len(line)
    if not lines:
        raise ToolError(f"{name} ends before line {first}")
    try:
        return Page(tuple(_whole_characters(line).decode("utf-8") for line in lines), more)
    except UnicodeDecodeError:
        return Page(tuple(line.decode("latin-1") for line in lines), more, "latin-1")


async def _skip(file: IO[bytes], name: str, first: int) -> None:
    """Goes to the beginning of a line. Raises: ToolError: the file has fewer lines."""
    left = first - 1
    while left > 0:
        start = file.tell()
        block = await asyncio.to_thread(file.read, _BLOCK)
        if not block:
            raise ToolError(f"{name} has {first - 1 - left} lines, so there is no line {first}")
        ends = block.count(b"\n")
        if ends < left:
            left -= ends
            continue
        place = -1
        for _ in range(left):
            place = block.find(b"\n", place + 1)
        file.seek(start + place + 1)
        left = 0


def _whole_characters(data: bytes) -> bytes:
    """Without a character of UTF-8 that was cut at the end."""
    for back in range(1, min(4, len(data) + 1)):
        byte = data[-back]
        if byte >= 0xC0:
            return data if back >= (2 if byte < 0xE0 else 3 if byte < 0xF0 else 4) else data[:-back]
        if byte < 0x80:
            break
    return data
