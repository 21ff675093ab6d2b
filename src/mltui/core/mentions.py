"""`@path` in what a person types: where such a mention stands, what it names, and how one is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_QUOTED = r"(?:[^\"\\\n]|\\[\"\\]|\\(?![\"\\]))"
"""A character between quotes, where `\\"` is a quote that belongs to the name, and `\\\\` a backslash."""
_ESCAPED = re.compile(r"\\([\"\\])")
_MENTION = re.compile(
    rf"(?<![\w`@/.])@(?:\"(?P<quoted>{_QUOTED}+)\"(?P<range>(?::|#L)\d{{1,9}}(?:-L?\d{{1,9}})?)?|(?P<plain>[^\s\"'`@,;<>()\[\]{{}}|]+))"
)
_LINES = re.compile(r"(?::|#L)(\d{1,9})(?:-L?(\d{1,9}))?$")
_OPEN = re.compile(rf"(?:^|(?<=[\s(\[{{,;]))@(?:\"(?P<quoted>{_QUOTED}*)|(?P<plain>[^\s\"'`@,;<>()\[\]{{}}|]*))$")
_AFTER = ".,:;!?"
"""What ends a sentence, not a path."""


@dataclass(frozen=True, slots=True)
class Mention:
    """Attributes: path: as it was written, without quotes; first, last: lines, counted from 1; None: the whole file."""

    path: str
    first: int | None = None
    last: int | None = None


@dataclass(frozen=True, slots=True)
class OpenMention:
    """What is being typed. Attributes: query: what stands behind the `@`; start: where the `@` is."""

    query: str
    start: int


def mentions(text: str) -> Iterator[Mention]:
    """The mentions in a text, in order, each once."""
    seen: set[Mention] = set()
    for match in _MENTION.finditer(text):
        whole = _ESCAPED.sub(r"\1", match["quoted"]) if match["quoted"] else match["plain"].rstrip(_AFTER)
        lines = _LINES.search(match["range"] or "" if match["quoted"] else whole)
        path = whole[: lines.start()] if lines and not match["quoted"] else whole
        first = int(lines[1]) if lines else None
        last = int(lines[2]) if lines and lines[2] else first
        if first is not None and last is not None and last < first:
            first, last = last, first
        found = Mention(path, first, last)
        if path and found not in seen:
            seen.add(found)
            yield found


def open_mention(before: str) -> OpenMention | None:
    """The mention that ends where the cursor is. `before`: the line up to there."""
    match = _OPEN.search(before[-1000:])
    if match is None:
        return None
    query = _ESCAPED.sub(r"\1", match["quoted"]) if match["quoted"] is not None else match["plain"]
    return OpenMention(query, max(0, len(before) - 1000) + match.start())


def written(path: str) -> str:
    """A mention of a path, quoted where it has to be."""
    if next((one.path == path for one in mentions(f"@{path}")), False):
        return f"@{path}"
    quoted = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'@"{quoted}"'
