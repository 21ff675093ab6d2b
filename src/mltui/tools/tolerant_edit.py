"""Replacing lines that differ from what was asked for in white space at their ends alone: where there is exactly one such place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mltui.core.errors import ToolError
from mltui.tools.text_edit import NotThereError, replace, with_endings

_BLANKS = " \t"
_TAB_WIDTHS = (4, 8, 2, 3)
_ENDED = re.compile(r"\r?\n|\Z")

Reindent = Callable[[str], "str | None"]
"""A line of the new text as the file would have it; None where that cannot be."""


@dataclass(frozen=True, slots=True)
class Changed:
    """Attributes: note: what was tolerated, for the model; empty where the text was found as it was given."""

    text: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    end: int
    after: int
    """Where the line ends with its line ending."""
    text: str


@dataclass(frozen=True, slots=True)
class _Way:
    """Attributes: rank: how much is tolerated; a smaller one goes before a larger one."""

    rank: int
    what: str
    reindent: Reindent


def change(text: str, old: str, new: str, *, every: bool, newline: str) -> Changed:
    """The text with `old` replaced by `new`: exactly, as `replace` does it, or if it is nowhere, tolerantly.

    Tolerant means whole lines that differ from those of `old` only in white space at the end, in indentation by the same
    amount everywhere, or in tabs for spaces; at exactly one place. The new lines are indented as the file is; lines that
    `old` and `new` begin or end with in common stay to the byte.

    Raises: ToolError: it is not there, or at several places.
    """
    try:
        return Changed(replace(text, old, new, every=every, newline=newline))
    except NotThereError:
        changed = _tolerant(text, old.replace("\r\n", "\n"), new.replace("\r\n", "\n"), newline)
        if changed is None:
            raise
        return changed


def _tolerant(text: str, old: str, new: str, newline: str) -> Changed | None:
    if old.split() == new.split() or not old.strip():
        return None  # an edit of white space has to name the white space that there is
    if old.endswith("\n"):
        if new and not new.endswith("\n"):
            return None
        wanted, given = old[:-1].split("\n"), new[:-1].split("\n") if new else []
    else:
        wanted, given = old.split("\n"), new.split("\n")
    lines = list(_lines(text))
    ways = [
        (place, way) for place in _alike(lines, wanted) if (way := _way([line.text for line in lines[place : place + len(wanted)]], wanted))
    ]
    if not ways:
        return None
    closest = min(way.rank for _, way in ways)
    places = [(place, way) for place, way in ways if way.rank == closest]
    if len(places) > 1:
        numbers = ", ".join(str(place + 1) for place, _ in places[:10])
        raise ToolError(
            f"old_string is not in the file as it is, and {len(places)} places differ from it in white space alone (lines {numbers})",
            hint="Read the lines again and give them exactly, with enough around them to be unique",
        )
    place, way = places[0]
    changed = _put(text, lines[place : place + len(wanted)], wanted, given, way.reindent, newline)
    if changed is None:
        return None
    return Changed(
        changed, f"old_string was not there exactly; lines {place + 1}–{place + len(wanted)} were taken, which differ in {way.what}"
    )


def _lines(text: str) -> Iterator[_Line]:
    start = 0
    for ending in _ENDED.finditer(text):
        if ending[0] or start < len(text):
            yield _Line(start, ending.start(), ending.end(), text[start : ending.start()])
        start = ending.end()


def _alike(lines: Sequence[_Line], wanted: Sequence[str]) -> Iterator[int]:
    """Where lines are those that are wanted, but for blanks at both ends."""
    bare = [line.text.strip(_BLANKS) for line in lines]
    sought = [line.strip(_BLANKS) for line in wanted]
    first = next(index for index, line in enumerate(sought) if line)
    for place in range(len(bare) - len(sought) + 1):
        if bare[place + first] == sought[first] and bare[place : place + len(sought)] == sought:
            yield place


def _way(found: Sequence[str], wanted: Sequence[str]) -> _Way | None:
    """How lines that are alike differ; None where indentation differs from line to line."""
    pairs = [(_indent(have), _indent(want)) for have, want in zip(found, wanted, strict=True) if want.strip(_BLANKS)]
    if all(have == want for have, want in pairs):
        return _Way(0, "white space at the end of lines", lambda line: line)
    have, want = pairs[0]
    if have.endswith(want) and all(one == have[: len(have) - len(want)] + other for one, other in pairs):
        more = have[: len(have) - len(want)]
        return _Way(1, "indentation (new_string was indented likewise)", lambda line: more + line)
    if want.endswith(have) and all(other == want[: len(want) - len(have)] + one for one, other in pairs):
        less = want[: len(want) - len(have)]
        return _Way(1, "indentation (new_string was indented likewise)", lambda line: line[len(less) :] if line.startswith(less) else None)
    return _columns(pairs)


def _columns(pairs: Sequence[tuple[str, str]]) -> _Way | None:
    """Tabs for spaces or the other way round: one width of a tab, and one distance, has to explain all lines."""
    fitting: list[tuple[int, int]] = []
    for width in _TAB_WIDTHS:
        distances = {_column(have, width) - _column(want, width) for have, want in pairs}
        if len(distances) == 1:
            fitting.append((width, distances.pop()))
    exact = [fit for fit in fitting if fit[1] == 0]
    if len(exact or fitting) != 1:
        return None
    width, distance = (exact or fitting)[0]
    tabs = any("\t" in have for have, _ in pairs)

    def reindent(line: str) -> str | None:
        column = _column(_indent(line), width) + distance
        if column < 0:
            return None
        blanks = "\t" * (column // width) + " " * (column % width) if tabs else " " * column
        return blanks + line.lstrip(_BLANKS)

    return _Way(2, "tabs and spaces (new_string was indented likewise)", reindent)


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(_BLANKS))]


def _column(indent: str, width: int) -> int:
    return len(indent.expandtabs(width))


def _put(text: str, hit: Sequence[_Line], wanted: Sequence[str], given: Sequence[str], reindent: Reindent, newline: str) -> str | None:
    """The text with the lines of the hit that differ between `wanted` and `given` replaced; None where that cannot be or is nothing."""
    most = min(len(wanted), len(given))
    head = next((index for index in range(most) if wanted[index] != given[index]), most)
    tail = next((index for index in range(most - head) if wanted[-1 - index] != given[-1 - index]), most - head)
    middle, new = hit[head : len(hit) - tail], given[head : len(given) - tail]
    indented = [reindent(line) if line.strip(_BLANKS) else line for line in new]
    if any(line is None for line in indented) or not (middle or new):
        return None
    block = with_endings("\n".join(line or "" for line in indented), text[hit[0].start : hit[-1].after], newline)
    ending = with_endings("\n", text[hit[0].start : hit[-1].after], newline)
    if middle and new:
        return text[: middle[0].start] + block + text[middle[-1].end :]
    if middle:  # lines go
        last = middle[-1]
        if last.end == last.after and head:
            return text[: hit[head - 1].end] + text[last.after :]
        return text[: middle[0].start] + text[last.after :]
    if tail:  # lines come before the common end
        start = hit[len(hit) - tail].start
        return text[:start] + block + ending + text[start:]
    return text[: hit[-1].end] + ending + block + text[hit[-1].end :]
