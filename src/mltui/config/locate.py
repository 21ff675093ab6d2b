"""Finds the line of a key in a TOML file, for error messages.

No parser of our own: a statement of TOML (a table header, or a key with its whole value) is the
shortest run of lines that `tomllib` accepts alone.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from typing import Any, cast

KeyPath = tuple[str | int, ...]


def line_of(text: str, path: KeyPath) -> int | None:
    """The 1-based line where the statement begins that sets `path`, or the nearest table above it.

    Args:
        text: TOML that parses as a whole.
        path: keys and, inside arrays, indexes.

    Returns:
        None where not even the first key is in the text.
    """
    best_line, best_depth = None, 0
    for line, statement in _statement_paths(text):
        depth = max((_common(known, path) for known in statement), default=0)
        if depth > best_depth:
            best_line, best_depth = line, depth
    return best_line


def dotted(path: KeyPath) -> str:
    """The path as TOML writes it: `experiments.guardrails[0]."a b"`."""
    out = ""
    for part in path:
        if isinstance(part, int):
            out += f"[{part}]"
        else:
            out += ("." if out else "") + (part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else json.dumps(part, ensure_ascii=False))
    return out


def _statement_paths(text: str) -> Iterator[tuple[int, list[KeyPath]]]:
    table: KeyPath = ()
    tables_seen: Counter[KeyPath] = Counter()
    for line, statement in _statements(text):
        parsed = tomllib.loads(statement)
        if statement.lstrip().startswith("["):
            table = _header_path(parsed, tables_seen)
            yield line, [table]
        else:
            yield line, [(*table, *path) for path in _paths(parsed)]


def _statements(text: str) -> Iterator[tuple[int, str]]:
    start, pending = 1, ""
    for number, line in enumerate(text.split("\n"), 1):
        pending += line + "\n"
        try:
            empty = not tomllib.loads(pending) and not pending.lstrip().startswith("[")
        except tomllib.TOMLDecodeError:
            continue
        if not empty:
            yield start, pending
        start, pending = number + 1, ""


def _header_path(parsed: dict[str, Any], tables_seen: Counter[KeyPath]) -> KeyPath:
    """The table that a header opens. An array of tables gets the index of its newest, counted in `tables_seen`."""
    path: KeyPath = ()
    node: Any = parsed
    while isinstance(node, dict) and node:
        key, node = next(iter(cast("dict[str, Any]", node).items()))
        path = (*path, key)
        if isinstance(node, list):
            tables_seen[path] += 1
            return (*path, tables_seen[path] - 1)
        if tables_seen[path]:
            path = (*path, tables_seen[path] - 1)
    return path


def _paths(value: Any, prefix: KeyPath = ()) -> Iterator[KeyPath]:
    if prefix:
        yield prefix
    if isinstance(value, dict):
        for key, inner in cast("dict[str, Any]", value).items():
            yield from _paths(inner, (*prefix, key))
    elif isinstance(value, list):
        for index, inner in enumerate(cast("list[Any]", value)):
            yield from _paths(inner, (*prefix, index))


def _common(left: KeyPath, right: KeyPath) -> int:
    count = 0
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        count += 1
    return count
