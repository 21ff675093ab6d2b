"""One command of a shell line."""

from __future__ import annotations

from dataclasses import dataclass

BLANKS = " \t\n"
"""What bash takes for white space; a carriage return is none."""


@dataclass(frozen=True, slots=True)
class SimpleCommand:
    """One command of a command line.

    Attributes:
        text: its source with single blanks between the words, assignments and wrappers kept, and of redirections those that it reads.
        words: the values of the words; a word that only the running shell knows keeps its source.
        core: the words behind assignments and wrappers such as `timeout 5` or `env A=b`.
        core_text: the source of those words.
        opaque: what it would run cannot be told; no pattern may admit it.
        writes: files that it is redirected to, relative to the folder in which the line starts;
            None for one that only the running shell knows.
        reads: files that its input comes from, as `words`.
    """

    text: str
    words: tuple[str, ...] = ()
    core: tuple[str, ...] = ()
    core_text: str = ""
    opaque: bool = False
    writes: tuple[str | None, ...] = ()
    reads: tuple[str, ...] = ()


def opaque(text: str) -> SimpleCommand:
    """A command that could not be split."""
    text = text.strip(BLANKS)
    return SimpleCommand(text=text, words=(text,), core=(text,), core_text=text, opaque=True)
