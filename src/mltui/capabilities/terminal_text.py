"""What a program wrote for a terminal, as plain text."""

from __future__ import annotations

import re

_ESCAPES = re.compile(
    r"""
    \x1b\[[0-?]*[ -/]*[@-~]                     # colours, cursor movements
    | \x1b[\]PX^_] .*? (?:\x07|\x1b\\|$)        # titles, links and other strings
    | \x1b[ -/]*[0-~]                           # short sequences
    | \x9b[0-?]*[ -/]*[@-~]
    """,
    re.VERBOSE | re.DOTALL,
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_OVERWRITTEN = re.compile(r"[^\n]*\r(?=[^\r\n])")
_LONGEST_HELD = 65_536


def plain(text: str) -> str:
    """Text without escape sequences and control characters; of a line that was written over, the last state."""
    if "\x1b" in text or "\x9b" in text:
        text = _ESCAPES.sub("", text)
    if "\r" in text:
        text = re.sub(r"\r+\n", "\n", text)
        text = _OVERWRITTEN.sub("", text).replace("\r", "")
    if "\b" in text:
        text = _backspaced(text)
    return _CONTROLS.sub("", text)


def _backspaced(text: str) -> str:
    kept: list[str] = []
    for character in text:
        if character != "\b":
            kept.append(character)
        elif kept and kept[-1] != "\n":
            kept.pop()
    return "".join(kept)


class PlainStream:
    """`plain` for text that comes in pieces: a line is held back until it is whole."""

    def __init__(self) -> None:
        self._held: str = ""

    def feed(self, text: str) -> str:
        """The plain text of all lines that are complete by now."""
        text = self._held + text
        end = text.rfind("\n") + 1
        whole, self._held = text[:end], text[end:]
        if len(self._held) > _LONGEST_HELD:
            # A progress bar keeps its last state; a line without end passes in pieces.
            bar = self._held.rfind("\r", 0, -1)
            if bar >= 0:
                self._held = self._held[bar + 1 :]
            if len(self._held) > _LONGEST_HELD:
                whole, self._held = whole + self._held, ""
        return plain(whole)

    def finish(self) -> str:
        """The plain text of what is left."""
        rest, self._held = self._held, ""
        return plain(rest)
