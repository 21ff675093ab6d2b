"""The GGUF container, versions 2 and 3, read with bounds on everything.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import BinaryIO

MAX_KEYS = 65_536
MAX_TENSORS = 1_000_000
MAX_NAME = 65_535
MAX_STRING = 64 << 20
MAX_ARRAY = 16 << 20
MAX_HEAD = 1 << 30
"""Bytes of metadata and tensor descriptions together."""

KEPT_ITEMS = 4096
"""Longer arrays (vocabularies, merges) are read over; their length is kept under `#KEY`."""

MAX_NESTING = 3
_CHUNK = 1 << 20

Value = int | float | bool | str | tuple["Value", ...]

_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9

# Tensor type: elements and bytes of one block, from ggml-common.h.
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),
    16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136),
    24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66),
    39: (32, 17), 40: (64, 36), 41: (128, 18), 42: (64, 18),
}  # fmt: skip


class Malformed(Exception):
    """What is wrong with the file, as the end of a sentence."""

    def __init__(self, message: str, hint: str = "Download it again") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor's place; `bytes` is 0 when its type is newer than this reader."""

    name: str
    elements: int
    offset: int
    bytes: int


class GGUFReader:
    """Reads the head of one file from its start."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self._buffer = b""
        self._position = 0
        self._consumed = 0

    def read(self) -> tuple[int, dict[str, Value], list[Tensor], int]:
        """The version, the metadata, the tensors, and where their data starts."""
        version = self._version()
        tensor_count, key_count = self._number("<Q"), self._number("<Q")
        if tensor_count > MAX_TENSORS or key_count > MAX_KEYS or tensor_count * 24 + key_count * 13 > self._size:
            raise Malformed(f"it claims {tensor_count:,} tensors and {key_count:,} metadata keys, more than it can hold")
        metadata: dict[str, Value] = {}
        for _ in range(key_count):
            self._entry(metadata)
        tensors = [self._tensor() for _ in range(tensor_count)]
        alignment = metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or not 1 <= alignment <= 1 << 20 or alignment & (alignment - 1):
            raise Malformed("its alignment is not a power of two")
        end = self._consumed + self._position
        return version, metadata, tensors, -(-end // alignment) * alignment

    def _version(self) -> int:
        if self._size == 0:
            raise Malformed("it is empty")
        if self._size < 24 or self._take(4) != b"GGUF":
            raise Malformed("it does not start like a GGUF file", hint="Choose a .gguf file")
        version = self._number("<I")
        if version & 0xFFFF == 0 and version:
            raise Malformed("it was made for a big-endian machine", hint="Get the little-endian file")
        if version not in (2, 3):
            raise Malformed(f"its GGUF version is {version}, not 2 or 3", hint="Convert it again with a current llama.cpp")
        return version

    def _entry(self, metadata: dict[str, Value]) -> None:
        key = self._string(MAX_NAME)
        if not key or key in metadata:
            raise Malformed("a metadata key is empty or comes twice")
        kind = self._number("<I")
        if kind == _ARRAY:
            length, items = self._array(key, 0)
            metadata[f"#{key}"] = length
            if items is not None:
                metadata[key] = items
        elif kind == _STRING:
            metadata[key] = self._string(MAX_STRING)
        else:
            metadata[key] = self._scalar(key, kind)

    def _scalar(self, key: str, kind: int) -> int | float | bool:
        code = _SCALARS.get(kind)
        if code is None:
            raise Malformed(f"the metadata {_shown(key)} has the unknown type {kind}")
        (value,) = struct.unpack(code, self._take(struct.calcsize(code)))
        return value

    def _array(self, key: str, depth: int) -> tuple[int, tuple[Value, ...] | None]:
        kind, length = self._number("<I"), self._number("<Q")
        if length > MAX_ARRAY or length > self._size:
            raise Malformed(f"the metadata {_shown(key)} claims {length:,} items")
        if depth > MAX_NESTING:
            raise Malformed(f"the metadata {_shown(key)} is nested too deeply")
        kept = length <= KEPT_ITEMS
        if kind == _ARRAY:
            nested = [self._array(key, depth + 1)[1] or () for _ in range(length)]
            return length, tuple(nested) if kept else None
        if kind == _STRING:
            if kept:
                return length, tuple(self._string(MAX_STRING) for _ in range(length))
            self._skip_strings(length)
            return length, None
        code = _SCALARS.get(kind)
        if code is None:
            raise Malformed(f"the metadata {_shown(key)} has items of the unknown type {kind}")
        width = struct.calcsize(code)
        if not kept:
            self._skip(length * width)
            return length, None
        return length, struct.unpack(f"<{length}{code[1]}", self._take(length * width))

    def _tensor(self) -> Tensor:
        name = self._string(MAX_NAME)
        dimensions = self._number("<I")
        if not name:
            raise Malformed("a tensor has no name")
        if dimensions > 4:
            raise Malformed(f"the tensor {_shown(name)} has {dimensions:,} dimensions")
        shape = struct.unpack(f"<{dimensions}Q", self._take(8 * dimensions))
        kind, offset = self._number("<I"), self._number("<Q")
        elements = math.prod(shape)
        if elements > 1 << 48 or offset > 1 << 60:
            raise Malformed(f"the tensor {_shown(name)} has an impossible size")
        block = _BLOCKS.get(kind)
        return Tensor(name, elements, offset, -(-elements // block[0]) * block[1] if block else 0)

    def _string(self, limit: int) -> str:
        length = self._number("<Q")
        if length > limit:
            raise Malformed(f"a text in it claims {length:,} bytes")
        return self._take(length).decode("utf-8", errors="replace")

    def _skip_strings(self, count: int) -> None:
        """Over a vocabulary, which has up to a million short strings: the loop that decides how long a look takes."""
        read = struct.Struct("<Q").unpack_from
        buffer, position = self._buffer, self._position
        for _ in range(count):
            if position + 8 > len(buffer):
                self._position = position
                self._need(8)
                buffer, position = self._buffer, self._position
            (length,) = read(buffer, position)
            position += 8 + length
            if position > len(buffer):
                if length > MAX_STRING:
                    raise Malformed(f"a text in it claims {length:,} bytes")
                self._position = position - length
                self._skip(length)
                buffer, position = self._buffer, self._position
        self._position = position

    def _number(self, code: str) -> int:
        (value,) = struct.unpack(code, self._take(struct.calcsize(code)))
        return value

    def _take(self, count: int) -> bytes:
        self._need(count)
        taken = self._buffer[self._position : self._position + count]
        self._position += count
        return taken

    def _skip(self, count: int) -> None:
        while count:
            step = min(count, _CHUNK)
            self._need(step)
            self._position += step
            count -= step

    def _need(self, count: int) -> None:
        """Makes the next `count` bytes available."""
        missing = self._position + count - len(self._buffer)
        if missing <= 0:
            return
        start = self._consumed + self._position
        if start + count > self._size:
            raise Malformed(f"it is cut off after {self._size:,} bytes, inside its description")
        if start + count > MAX_HEAD:
            raise Malformed(f"its description is longer than {MAX_HEAD >> 20:,} MiB")
        more = self._file.read(max(missing, _CHUNK))
        self._consumed += self._position
        self._buffer, self._position = self._buffer[self._position :] + more, 0
        if len(self._buffer) < count:
            raise Malformed(f"it is cut off after {self._consumed + len(self._buffer):,} bytes, inside its description")


def _shown(name: str) -> str:
    """A name from the file, fit to be printed."""
    return repr(name if len(name) <= 60 else name[:57] + "...")
