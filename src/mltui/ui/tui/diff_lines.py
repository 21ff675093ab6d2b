"""A unified diff as numbered lines, what stands beside what, and which words of a changed line changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from functools import cached_property
from itertools import zip_longest
from typing import NamedTuple

from mltui.ui.tui.text import clean

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)")
_NOISE = (
    "index ",
    "similarity ",
    "old mode",
    "new mode",
    "new file mode",
    "deleted file mode",
    "rename ",
    "copy ",
    "diff --git ",
    "+++ ",
    "\\",
)
_WORD = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\w+|\s+|.", re.DOTALL)
ALIGNED = 256
"""Blocks with more pairs (removed lines × added lines) are paired by their order: to align them would take long."""
COMPARED = 250
"""Lines with more changed words are marked from the first to the last changed one."""
ALIKE = 0.4
"""Two lines with a smaller common share are two lines, not one that changed."""

Span = tuple[int, int]


class DiffLine(NamedTuple):
    """Attributes: kind: `f` file, `h` hunk, `+`, `-`, or a space; old, new: line numbers, where the line stands in that version."""

    kind: str
    old: int | None
    new: int | None
    text: str


class Row(NamedTuple):
    """Indexes of the lines that stand side by side; heads and unchanged lines are both sides of their row."""

    left: int | None
    right: int | None


class DiffLines:
    """The lines of a patch of any number of files, cleaned for a terminal."""

    def __init__(self, patch: str, *, heads: bool = True) -> None:
        self._lines: list[DiffLine] = []
        self._files: list[tuple[int, str]] = []
        for line in _parse(clean(patch)):
            if line.kind == "f":
                self._files.append((len(self._lines), line.text.removesuffix(" (new)").removesuffix(" (deleted)")))
            if heads or line.kind != "f":
                self._lines.append(line)

    def __getitem__(self, index: int) -> DiffLine:
        return self._lines[index]

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[DiffLine]:
        return iter(self._lines)

    def file(self, index: int) -> str:
        """The name of the file that a line is of; empty where the patch names none."""
        return next((name for first, name in reversed(self._files) if first <= index), "")

    def hunk(self, index: int) -> range:
        """The lines around one that follow each other in the file."""
        first = last = index
        while first > 0 and self._lines[first - 1].kind in "+- ":
            first -= 1
        while last + 1 < len(self._lines) and self._lines[last + 1].kind in "+- ":
            last += 1
        return range(first, last + 1)

    @cached_property
    def added(self) -> int:
        return sum(line.kind == "+" for line in self._lines)

    @cached_property
    def removed(self) -> int:
        return sum(line.kind == "-" for line in self._lines)

    @cached_property
    def gutter(self) -> int:
        """Digits of the largest line number, at least two."""
        return max(2, len(str(max((max(line.old or 0, line.new or 0) for line in self._lines), default=1))))

    @cached_property
    def rows(self) -> list[Row]:
        """Old beside new. Of a block of changed lines, those that are alike stand in one row."""
        rows: list[Row] = []
        minus: list[int] = []
        plus: list[int] = []
        for index, line in enumerate(self._lines):
            if line.kind == "-" and not plus:
                minus.append(index)
            elif line.kind == "+":
                plus.append(index)
            else:
                rows += self._block(minus, plus)
                minus, plus = ([index], []) if line.kind == "-" else ([], [])
                if line.kind != "-":
                    rows.append(Row(index, index))
        return [*rows, *self._block(minus, plus)]

    def _block(self, minus: list[int], plus: list[int]) -> list[Row]:
        if not minus or not plus or len(minus) == len(plus) or len(minus) * len(plus) > ALIGNED:
            return [Row(left, right) for left, right in zip_longest(minus, plus)]
        return _aligned(minus, plus, [[likeness(self._lines[a].text, self._lines[b].text) for b in plus] for a in minus])

    @cached_property
    def _partners(self) -> dict[int, int]:
        pairs = [(row.left, row.right) for row in self.rows if row.left is not None and row.right is not None and row.left != row.right]
        return dict(pairs) | {right: left for left, right in pairs}

    def emphasis(self, index: int) -> list[Span]:
        """Returns: the parts of a line that its counterpart does not have; nothing where the two have little in common."""
        partner = self._partners.get(index)
        if partner is None:
            return []
        if self._lines[index].kind == "-":
            return changed_words(self._lines[index].text, self._lines[partner].text)[0]
        return changed_words(self._lines[partner].text, self._lines[index].text)[1]

    def starts(self) -> list[int]:
        """Returns: indexes of the first line of each block of changes, and of each file."""
        found: list[int] = []
        inside = False
        for index, line in enumerate(self._lines):
            if line.kind == "f" or (line.kind in "+-" and not inside):
                found.append(index)
            inside = line.kind in "+-f"
        return found


def likeness(old: str, new: str) -> float:
    """Returns: the share of words that two lines have in common, 0 to 1."""
    left, right = set(_WORD.findall(old.strip())), set(_WORD.findall(new.strip()))
    left.discard(" ")
    right.discard(" ")
    return len(left & right) / max(1, len(left | right))


def _aligned(minus: list[int], plus: list[int], alike: list[list[float]]) -> list[Row]:
    """Rows in order, so that the sum of likeness of those in one row is the largest (Needleman–Wunsch, gaps free)."""
    height, width = len(minus), len(plus)
    best = [[0.0] * (width + 1) for _ in range(height + 1)]
    for a in range(height - 1, -1, -1):
        for b in range(width - 1, -1, -1):
            together = best[a + 1][b + 1] + alike[a][b] if alike[a][b] >= ALIKE else -1.0
            best[a][b] = max(together, best[a + 1][b], best[a][b + 1])
    rows: list[Row] = []
    a = b = 0
    while a < height and b < width:
        if alike[a][b] >= ALIKE and best[a][b] == best[a + 1][b + 1] + alike[a][b]:
            rows.append(Row(minus[a], plus[b]))
            a, b = a + 1, b + 1
        elif best[a][b] == best[a + 1][b]:
            rows.append(Row(minus[a], None))
            a += 1
        else:
            rows.append(Row(None, plus[b]))
            b += 1
    rows += [Row(index, None) for index in minus[a:]]
    return _packed([*rows, *(Row(None, index) for index in plus[b:])])


def _packed(rows: list[Row]) -> list[Row]:
    """Puts lines without a counterpart beside each other where they follow each other: fewer rows for the same order."""
    packed: list[Row] = []
    lefts: list[int] = []
    rights: list[int] = []
    for row in [*rows, Row(-1, -1)]:
        if row.left is not None and row.right is not None:
            packed += [Row(left, right) for left, right in zip_longest(lefts, rights)]
            lefts, rights = [], []
            packed.append(row)
        elif row.left is not None:
            lefts.append(row.left)
        elif row.right is not None:
            rights.append(row.right)
    return packed[:-1]


def changed_words(old: str, new: str) -> tuple[list[Span], list[Span]]:
    """Returns: spans of the old and of the new line that the other does not have; none where little is common."""
    left, right = _WORD.findall(old), _WORD.findall(new)
    head = 0
    while head < min(len(left), len(right)) and left[head] == right[head]:
        head += 1
    tail = 0
    while tail < min(len(left), len(right)) - head and left[-1 - tail] == right[-1 - tail]:
        tail += 1
    middle = left[head : len(left) - tail], right[head : len(right) - tail]
    if max(map(len, middle)) > COMPARED:
        blocks = [(len(middle[0]), len(middle[1]), 0)]
    else:
        blocks = [tuple(block) for block in SequenceMatcher(None, *middle, autojunk=False).get_matching_blocks()]
    common = sum(len(word.strip()) for a, _, count in blocks for word in middle[0][a : a + count])
    common += sum(len(word.strip()) for word in [*left[:head], *left[len(left) - tail :]])
    if common < ALIKE * max(len("".join(old.split())), len("".join(new.split()))):
        return [], []
    gaps: tuple[list[Span], list[Span]] = ([], [])
    at_old = at_new = 0
    for a, b, count in blocks:
        gaps[0].append((head + at_old, head + a))
        gaps[1].append((head + at_new, head + b))
        at_old, at_new = a + count, b + count
    return _characters(left, gaps[0]), _characters(right, gaps[1])


def _characters(words: list[str], gaps: list[Span]) -> list[Span]:
    """Spans of words as spans of characters."""
    starts = [0]
    for word in words:
        starts.append(starts[-1] + len(word))
    return [(starts[first], starts[last]) for first, last in gaps if last > first]


def _parse(patch: str) -> Iterator[DiffLine]:
    """The counts of a hunk's head say where it ends: text inside it that looks like a file's head is text."""
    old = new = old_left = new_left = 0
    first = True
    lines = patch.split("\n")
    for index, line in enumerate(lines):
        if old_left > 0 or new_left > 0:
            kind = line[:1] if line[:1] in ("+", "-") else " "
            if line.startswith("\\"):
                continue
            yield DiffLine(kind, None if kind == "+" else old, None if kind == "-" else new, line[1:])
            old, old_left = (old + 1, old_left - 1) if kind != "+" else (old, old_left)
            new, new_left = (new + 1, new_left - 1) if kind != "-" else (new, new_left)
        elif match := _HUNK.match(line):
            old, new = int(match[1]), int(match[3])
            old_left, new_left = int(match[2] or 1), int(match[4] or 1)
            if match[5] or not first:
                yield DiffLine("h", None, None, f"⋯ {match[5]}".rstrip())
            first = False
        elif line.startswith("--- ") and index + 1 < len(lines) and lines[index + 1].startswith("+++ "):
            first = True
            yield DiffLine("f", None, None, _file_name(line, lines[index + 1]))
        elif line.strip() and not line.startswith(_NOISE):
            yield DiffLine("h", None, None, line)


def _file_name(old: str, new: str) -> str:
    names = [re.sub(r"^[ab]/", "", line[4:].split("\t")[0]) for line in (old, new)]
    if names[0] == "/dev/null":
        return f"{names[1]} (new)"
    return f"{names[0]} (deleted)" if names[1] == "/dev/null" else names[1]
