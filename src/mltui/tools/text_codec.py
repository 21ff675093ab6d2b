"""Between the bytes of a text file and its characters, without losing either."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from mltui.core.errors import ToolError

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Byte order marks, the longer before those that they begin with."""

_SNIFFED = 8192
_CONTROL = frozenset(range(32)) - frozenset(b"\t\n\r\f\b\x1b")


@dataclass(frozen=True, slots=True)
class TextFile:
    """A text file taken apart. `encode(decode(data).text)` gives `data` again.

    Attributes:
        text: the characters without the byte order mark, line endings as they are.
        encoding: a Python codec name.
        mark: the byte order mark, or empty.
    """

    text: str
    encoding: str = "utf-8"
    mark: bytes = b""

    def encode(self, text: str) -> bytes:
        """The bytes of other text in the same encoding.

        Raises: ToolError: the encoding cannot hold a character of it.
        """
        try:
            return self.mark + text.encode(self.encoding)
        except UnicodeEncodeError as error:
            character = text[error.start]
            raise ToolError(
                f"the file is encoded as {self.encoding}, which cannot hold {character!r}",
                hint="Use another character, or convert the file to UTF-8 first",
            ) from None

    @property
    def newline(self) -> str:
        """The line ending that most lines have."""
        windows = self.text.count("\r\n")
        return "\r\n" if windows > self.text.count("\n") - windows else "\n"


def is_binary(data: bytes) -> bool:
    """Whether the bytes are no text in any encoding that `decode` reads."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return not _decodes(data[len(mark) :], encoding)
    head = data[:_SNIFFED]
    if b"\0" in head:
        return True
    return bool(head) and not _decodes(data, "utf-8") and sum(byte in _CONTROL for byte in head) > len(head) // 20


def decode(data: bytes) -> TextFile:
    """A text file from its bytes: by its byte order mark, else as UTF-8, else as Latin-1, which always fits.

    Raises: ToolError: the bytes are binary.
    """
    if is_binary(data):
        raise ToolError("this is a binary file, not text")
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return TextFile(data[len(mark) :].decode(encoding), encoding, mark)
    try:
        return TextFile(data.decode("utf-8"))
    except UnicodeDecodeError:
        return TextFile(data.decode("latin-1"), "latin-1")


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
