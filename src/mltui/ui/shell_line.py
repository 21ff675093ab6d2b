"""`!command`: told apart from a text that only looks like one, because nobody is asked whether it may run."""

from __future__ import annotations


class ShellLine(str):
    """A line for the shell that a person typed themselves. A prompt from elsewhere, such as a command's file, never is one."""

    __slots__ = ()

    @property
    def command(self) -> str:
        return self[1:].strip()


def typed(text: str) -> str:
    """What a person typed: a `ShellLine` if it begins with `!`."""
    return ShellLine(text) if text.startswith("!") and text[1:].strip() else text
