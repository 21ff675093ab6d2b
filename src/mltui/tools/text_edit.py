"""Replacing text in text: exact, or not at all, with help for the next try."""

from __future__ import annotations

import bisect
import difflib
import re
from collections.abc import Iterator

from mltui.core.errors import ToolError

_NUMBERED = re.compile(r"\s*\d+(?:\t|→)")
_SHOWN_WIDTH = 200
_COMPARED_WIDTH = 400
_COMPARED_LINES = 20_000


class NotThereError(ToolError):
    """The text to replace is nowhere, as it was given."""


def replace(text: str, old: str, new: str, *, every: bool, newline: str) -> str:
    """The text with `old` replaced by `new` once, or everywhere.

    A line ending in `old` matches the file's own, and `new` takes over the endings of what it
    replaces, so that an edit never mixes them. All else stays as it is.

    Args:
        newline: the line ending for new lines where `old` has none.

    Raises: ToolError: `old` and `new` are the same, or `old` is not there, or there more than once without `every`.
    """
    if old == new:
        raise ToolError("old_string and new_string are the same, so there is nothing to change")
    if "\r\n" not in text and "\r\n" in old:
        old, new = old.replace("\r\n", "\n"), new.replace("\r\n", "\n")
    spans = list(_spans(text, old)) if old else []
    if not spans:
        raise NotThereError(no_match(text, old))
    if len(spans) > 1 and not every:
        lines = ", ".join(str(text.count("\n", 0, start) + 1) for start, _ in spans[:10])
        raise ToolError(
            f"old_string is there {len(spans)} times (lines {lines}{', …' if len(spans) > 10 else ''})",
            hint="Add lines around it until it is unique, or set replace_all",
        )
    pieces: list[str] = []
    done = 0
    for start, end in spans:
        pieces += [text[done:start], with_endings(new, text[start:end], newline)]
        done = end
    return "".join([*pieces, text[done:]])


def with_endings(new: str, replaced: str, newline: str) -> str:
    """`new` with the line endings of the text that it replaces."""
    windows, lines = replaced.count("\r\n"), replaced.count("\n")
    ending = newline if lines == 0 else "\r\n" if windows * 2 > lines else "\n"
    return new if ending == "\n" else new.replace("\r\n", "\n").replace("\n", "\r\n")


def _spans(text: str, old: str) -> Iterator[tuple[int, int]]:
    """Where `old` is in the text, left to right, without overlaps, whatever the line endings."""
    if "\r\n" not in text or "\n" not in old:
        yield from _exact_spans(text, old)
        return
    # Positions in the text without "\r" map back by the number of "\r\n" before them.
    endings = [match.start() - index for index, match in enumerate(re.finditer("\r\n", text))]
    for start, end in _exact_spans(text.replace("\r\n", "\n"), old.replace("\r\n", "\n")):
        yield start + bisect.bisect_left(endings, start), end + bisect.bisect_left(endings, end)


def _exact_spans(text: str, old: str) -> Iterator[tuple[int, int]]:
    position = text.find(old)
    while position >= 0:
        yield position, position + len(old)
        position = text.find(old, position + max(len(old), 1))


def no_match(text: str, old: str) -> str:
    """Why `old` is not in the text, as far as can be told, with the nearest lines and their numbers."""
    wanted = old.replace("\r\n", "\n").split("\n")
    if wanted[-1] == "" and len(wanted) > 1:
        wanted.pop()
    lines = text.replace("\r\n", "\n").split("\n")
    if all(_NUMBERED.match(line) for line in wanted):
        return "old_string is not in the file. It begins with line numbers: leave out the number and the tab that Read shows"
    start = _same_but_for_blanks(lines, wanted)
    if start is not None:
        return f"old_string is not in the file, but it differs in white space alone from:\n{_numbered(lines, start, len(wanted))}"
    start = _nearest(lines, wanted)
    if start is None:
        return "old_string is not in the file, nor anything like it. Read the file again"
    return f"old_string is not in the file. The nearest lines are:\n{_numbered(lines, start, len(wanted))}"


def _same_but_for_blanks(lines: list[str], wanted: list[str]) -> int | None:
    bare = [" ".join(line.split()) for line in lines]
    bare_wanted = [" ".join(line.split()) for line in wanted]
    if not any(bare_wanted):
        return None
    width = len(bare_wanted)
    return next((start for start in range(len(bare) - width + 1) if bare[start : start + width] == bare_wanted), None)


def _nearest(lines: list[str], wanted: list[str]) -> int | None:
    """Where the text would begin that is most like what was wanted, judged by its most telling line."""
    telling = max(range(len(wanted)), key=lambda index: len(wanted[index].strip()))
    matcher = difflib.SequenceMatcher(autojunk=False)
    matcher.set_seq2(wanted[telling].strip()[:_COMPARED_WIDTH])
    best, found = 0.6, None
    for number, line in enumerate(lines[:_COMPARED_LINES]):
        matcher.set_seq1(line.strip()[:_COMPARED_WIDTH])
        if matcher.real_quick_ratio() > best and matcher.quick_ratio() > best and (ratio := matcher.ratio()) > best:
            best, found = ratio, number
    return None if found is None else max(found - telling, 0)


def _numbered(lines: list[str], start: int, count: int) -> str:
    shown = lines[start : start + min(count, 12)]
    return "\n".join(f"{start + index + 1:6}\t{line[:_SHOWN_WIDTH]}" for index, line in enumerate(shown))


def unified_diff(path: str, before: str, after: str) -> str:
    """The change as a unified diff; empty when there is none."""
    if before == after:
        return ""
    old = f"a/{path}" if before else "/dev/null"
    lines = difflib.unified_diff(_lines(before), _lines(after), old, f"b/{path}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _lines(text: str) -> list[str]:
    """Lines as diff and git see them: other separators than "\\n" end none."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def counts(diff: str) -> tuple[int, int]:
    """Lines added and removed by a unified diff."""
    body = diff.split("\n")[2:]
    return sum(line.startswith("+") for line in body), sum(line.startswith("-") for line in body)
