"""Splits a persona file into its parts: front matter or `##` sections, and the body."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from mltui.core.errors import PersonaError

MAX_BYTES = 256 * 1024
MAX_FRONT_MATTER = 16 * 1024
"""Characters. YAML is slow, and the files are anybody's."""

_PLAIN_LINE = re.compile(r"([A-Za-z][\w-]*): +([A-Za-z][^\x00-\x1f#\x7f-\xa0\ud800-\uffff]*|[1-9]\d{0,8})")
_NOT_TEXT = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


def read(path: Path) -> str:
    """The text of a persona file, with line ends made `\\n`.

    Raises:
        PersonaError: it is missing, not a file, too large or not UTF-8.
    """
    try:
        if not path.is_file():
            raise PersonaError(f"{path}: is not a file")
        if path.stat().st_size > MAX_BYTES:
            raise PersonaError(f"{path}: is larger than {MAX_BYTES // 1024} KiB")
        data = path.read_bytes()
    except OSError as error:
        raise PersonaError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise PersonaError(f"{path}:{line}: is not UTF-8", hint="Save the file as UTF-8") from error


def split_front_matter(text: str, path: Path) -> tuple[str, str] | None:
    """The front matter and the body, or None where the file does not begin with `---`."""
    first, _, rest = text.partition("\n")
    if first.rstrip() != "---":
        return None
    end = re.search(r"^---[ \t]*$", rest, re.MULTILINE)
    if not end:
        raise PersonaError(f"{path}:1: the front matter has no end", hint="Close it with a line of ---")
    if end.start() > MAX_FRONT_MATTER:
        raise PersonaError(f"{path}:1: the front matter is longer than {MAX_FRONT_MATTER:,} characters", hint="Write the prompt below it")
    return rest[: end.start()], rest[end.end() :].removeprefix("\n")


def parse_front_matter(front: str, path: Path, warn: Callable[[str], None]) -> dict[str, Any]:
    """The front matter's values.

    Raises:
        PersonaError: it is not YAML, or not a mapping; names the line.
    """
    plain = parse_plain(front)
    if plain is not None:
        return plain
    try:
        values = _yaml(front, path)
    except PersonaError:
        # Descriptions with an unquoted colon are common in .claude/agents, hints of several arguments (`[FILE] [LINE]`) in
        # .claude/commands, where both are read as text.
        hinted = re.sub(r"^(argument-hint):[ \t]+(\[.*)$", _quote, front, count=1, flags=re.MULTILINE)
        quoted = re.sub(r"^(description):[ \t]+(?![\"'|>&*!\[{])(.*:.*)$", _quote, hinted, count=1, flags=re.MULTILINE)
        if quoted == front:
            raise
        values = _yaml(quoted, path)
        if quoted != hinted:
            warn("`description` has a colon and should stand in quotes")
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise PersonaError(f"{path}:2: the front matter is not `key: value` lines")
    if strange := [key for key in cast("dict[Any, Any]", values) if not isinstance(key, str)]:
        raise PersonaError(f"{path}:2: the front matter's key {strange[0]!r} is not text")
    return cast("dict[str, Any]", values)


def parse_plain(front: str) -> dict[str, Any] | None:
    """Front matter of lines so plain that YAML can mean only one thing by them, else None.

    Nearly every persona is so, and loading a YAML library would cost more than all else at start.
    """
    values: dict[str, Any] = {}
    for line in front.split("\n"):
        if not line.strip(" "):
            continue
        found = _PLAIN_LINE.fullmatch(line.rstrip(" "))
        if not found or found[1] in values or found[1].lower() in _NOT_TEXT:
            return None
        value = found[2]
        if ":" in value or value.lower() in _NOT_TEXT:
            return None
        values[found[1]] = int(value) if value.isdigit() else value
    return values


def sections(text: str) -> dict[str, tuple[int, str]]:
    """The `##` sections outside code fences: lower-case heading to its line and its text. The first of a name counts."""
    found: dict[str, tuple[int, list[str]]] = {}
    current: list[str] | None = None
    fenced = False
    for number, line in enumerate(text.split("\n"), 1):
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        if not fenced and line.startswith("## "):
            current = []
            found.setdefault(line[3:].strip().rstrip("#").strip().lower(), (number, current))
        elif not fenced and line.startswith("# "):
            current = None
        elif current is not None:
            current.append(line)
    return {heading: (number, "\n".join(lines).strip()) for heading, (number, lines) in found.items()}


def line_of_key(front: str, key: str) -> int:
    """The line of a front-matter key in the file."""
    found = re.search(rf"^[\"']?{re.escape(key)}[\"']?[ \t]*:", front, re.MULTILINE)
    return front[: found.start()].count("\n") + 2 if found else 2


def _quote(match: re.Match[str]) -> str:
    return f"{match[1]}: {json.dumps(match[2].strip(), ensure_ascii=False)}"


def _yaml(front: str, path: Path) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return YAML(typ="safe", pure=True).load(front)  # pyright: ignore[reportUnknownMemberType] # untyped library
    except MarkedYAMLError as error:
        # The front matter's first line is the file's second, and marks count from 0.
        problem = cast("Any", error)
        mark = problem.problem_mark
        # What is never closed is noticed at the end; where it was opened says more.
        if mark and mark.line >= front.count("\n") and problem.context_mark:
            mark = problem.context_mark
        line = int(mark.line) + 2 if mark else 2
        reason = " ".join(str(problem.problem).split())
        raise PersonaError(f"{path}:{line}: the front matter is not YAML: {reason}") from error
    except (YAMLError, ValueError, TypeError) as error:
        raise PersonaError(f"{path}:2: the front matter is not YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise PersonaError(f"{path}:2: the front matter is nested too deeply") from error
