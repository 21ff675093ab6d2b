"""Where a text stands in lines that are drawn, and how often in one that is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.strip import Strip

_MARKUP = str.maketrans("", "", "*`")


class Place(NamedTuple):
    """Attributes: start, end: columns of the line."""

    line: int
    start: int
    end: int


def folded(text: str) -> str:
    """Returns: the text as it is compared: without case where that keeps its length."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else text


def places_in(lines: Sequence[Strip], sought: str) -> list[Place]:
    """Returns: every place from top to bottom. What is broken over two lines is not found."""
    wanted = folded(sought)
    found: list[Place] = []
    for number, strip in enumerate(lines):
        text = folded(strip.text)
        at = text.find(wanted) if wanted else -1
        while at >= 0:
            end = at + len(wanted)
            start_cell = cell_len(text[:at])
            found.append(Place(number, start_cell, start_cell + cell_len(text[at:end])))
            at = text.find(wanted, end)
    return found


def comparable(source: str, sought: str) -> str:
    """Returns: a text as it is searched: without the signs of Markdown, unless one of them is what is sought."""
    return folded(source if "*" in sought or "`" in sought else source.translate(_MARKUP))


def offsets(source: str, sought: str) -> list[int]:
    """Returns: where in `comparable(source, sought)` the text stands."""
    text, wanted = comparable(source, sought), folded(sought)
    found: list[int] = []
    at = text.find(wanted) if wanted else -1
    while at >= 0:
        found.append(at)
        at = text.find(wanted, at + len(wanted))
    return found
