"""Finding files and text by ripgrep, with the draft laid over the disk."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import os
import re
import tempfile
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mltui.capabilities import ripgrep
from mltui.capabilities.files import DraftFiles
from mltui.core.errors import ToolError
from mltui.tools.base import Found, GrepQuery, Workspace

_LONGEST_LINE = 500
_ABOUT_FILES = (b"./", b'{"type":"match"', b'{"type":"context"')
"""How the records of interest begin: paths, and of the JSON those that hold lines."""
_LATEST = 500
"""Files that are put into order by time and name; those behind them are in the order of rg, which is by time alone."""
_MOST_LINES = 50_000
"""Lines after which a search is broken off; nobody reads so many, and they fill the memory."""


def _everything(_: Path) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class _Place:
    """A folder to search, and what its files are called: in the draft that is not where they lie.

    Attributes:
        target: what to search in the folder, `./` or `./NAME`.
        shadowed: files whose disk version is not the current one.
    """

    folder: Path
    target: str
    called: Path
    draft: bool = False
    shadowed: frozenset[str] = frozenset()

    def path(self, record: bytes) -> str:
        """What the file is called that rg named."""
        return os.path.join(self.called, os.fsdecode(record).removeprefix("./"))  # noqa: PTH118 - of thousands of files

    def shadowed_records(self) -> frozenset[bytes]:
        """What rg calls the files whose disk version is not the current one."""
        below = f"{self.called}/"
        return frozenset(b"./" + os.fsencode(path.removeprefix(below)) for path in self.shadowed if path.startswith(below))


@dataclass(slots=True)
class _Matches:
    """The lines found in one file; `last` is the number of the latest."""

    lines: list[str] = field(default_factory=list[str])
    last: int = 0


class RipgrepSearch:
    """Searches the workspace as the session sees it; implements `tools.base.Search`.

    Args:
        root: the project's folder, which the draft's paths are relative to.
        may_read: whether a file may be read at all; nothing of others is shown.
    """

    def __init__(
        self, workspace: Workspace, *, root: Path, draft: DraftFiles | None = None, may_read: Callable[[Path], bool] = _everything
    ) -> None:
        self._workspace = workspace
        self._root = root
        self._draft = draft
        self._may_read = may_read

    async def grep(self, query: GrepQuery) -> Found:
        """Lines sorted by path. Raises: ToolError: the folder is missing, or the pattern, type or glob is wrong."""
        options = _options(query)
        separator = b"\n" if query.output_mode != "files_with_matches" else b"\0"
        matches: dict[str, _Matches] = {}
        total = 0
        with _ignore_file(_split_globs(query.glob) if query.glob else []) as ignored:
            for place in self._places(query.root):
                async with contextlib.aclosing(self._run(place, [*options, *ignored], separator)) as batches:
                    async for records in batches:
                        for record in records:
                            total += _add(matches, place, record, query)
                            if total >= _MOST_LINES:
                                break
                        if total >= _MOST_LINES:
                            break
        return self._found(matches, query)

    async def glob(self, pattern: str, root: Path, limit: int) -> Found:
        """Raises: ToolError: the folder is missing."""
        latest: dict[str, str] = {}
        others: list[tuple[_Place, list[bytes]]] = []
        total = 0
        names = _by_name(pattern)
        with _ignore_file([] if names is not None else [pattern]) as ignored:
            for place in self._places(root):
                shadowed = place.shadowed_records()
                options = ["--files", "--null", "--sortr=modified", *ignored, *(names or [])]
                async with contextlib.aclosing(self._run(place, options, b"\0")) as batches:
                    async for batch in batches:
                        records = [record for record in batch if record not in shadowed] if shadowed else batch
                        total += len(records)
                        # Of the thousands that nobody will see, not even the names are made out.
                        room = max(_LATEST - len(latest), 0) if not place.draft else len(records)
                        latest.update((place.path(record), f"{place.folder}/{os.fsdecode(record)}") for record in records[:room])
                        others.append((place, records[room:]))
        ordered = await asyncio.to_thread(_latest_first, latest)
        rest = (place.path(record) for place, records in others for record in records)
        allowed = (path for path in map(Path, itertools.chain(ordered, rest)) if self._may_read(path))
        lines = tuple(self._workspace.relative(path) for path in itertools.islice(allowed, limit))
        return Found(lines, max(total - limit, 0))

    async def _run(self, place: _Place, options: Sequence[str], separator: bytes) -> AsyncGenerator[list[bytes]]:
        """The records about files. In a folder that is itself ignored, such as an environment's libraries, all files count."""
        arguments = [*options, "--", place.target]
        paths = separator == b"\0"
        if not place.draft:
            found = False
            async with contextlib.aclosing(ripgrep.run(arguments, place.folder, separator)) as batches:
                async for records in batches:
                    if kept := records if paths else [record for record in records if record.startswith(_ABOUT_FILES)]:
                        found = True
                        yield kept
            if found or place.target != "./" or place.called == self._root or await _shows_files(place.folder):
                return
        async with contextlib.aclosing(ripgrep.run(["--no-ignore", *arguments], place.folder, separator)) as batches:
            async for records in batches:
                yield records if paths else [record for record in records if record.startswith(_ABOUT_FILES)]

    def _places(self, root: Path) -> Iterator[_Place]:
        """The disk, and what the draft holds below the same folder."""
        shadowed = self._staged()
        if str(root) in shadowed and self._draft is not None:
            if self._draft.read(root) is None:
                raise ToolError(f"{root} does not exist: its deletion is in the draft")
            yield self._in_draft(root.parent, f"./{root.name}")
            return
        if root.is_dir():
            yield _Place(root, "./", root, shadowed=shadowed)
        elif root.is_file():
            yield _Place(root.parent, f"./{root.name}", root.parent)
            return
        else:
            raise ToolError(f"{root} does not exist", hint="Leave the path out to search the working folder")
        if shadowed and (root.is_relative_to(self._root) or self._root.is_relative_to(root)):
            place = self._in_draft(root if root.is_relative_to(self._root) else self._root, "./")
            if place.folder.is_dir():
                yield place

    def _staged(self) -> frozenset[str]:
        return frozenset() if self._draft is None else frozenset(str(self._root / path) for path in self._draft.paths())

    def _in_draft(self, folder: Path, target: str) -> _Place:
        files = self._draft.folder / "files" if self._draft is not None else Path()
        return _Place(files / folder.relative_to(self._root), target, folder, draft=True)

    def _found(self, matches: dict[str, _Matches], query: GrepQuery) -> Found:
        lines: list[str] = []
        total = 0
        separated = query.output_mode == "content" and (query.before or query.after)
        for path, found in ((Path(name), matches[name].lines) for name in sorted(matches)):
            total += len(found)
            if len(lines) >= query.limit or not self._may_read(path):
                continue
            if separated and lines:
                lines.append("--")
            name = self._workspace.relative(path)
            lines += [line if line == "--" else f"{name}{line}" for line in found]
        return Found(tuple(lines[: query.limit]), max(total - query.limit, 0))


async def _shows_files(folder: Path) -> bool:
    """Whether ignore files leave anything of the folder."""
    async with contextlib.aclosing(ripgrep.run(["--files", "--null", "--", "./"], folder, b"\0")) as batches:
        async for _ in batches:
            return True
    return False


def _latest_first(found: dict[str, str]) -> list[str]:
    """Paths by the time of the last change, then by name; the values say where the files lie."""

    def order(path: str) -> tuple[int, str]:
        try:
            return -os.stat(found[path]).st_mtime_ns, path  # noqa: PTH116 - of thousands of files
        except OSError:
            return 0, path

    return sorted(found, key=order)


def _options(query: GrepQuery) -> list[str]:
    options = [f"--regexp={query.pattern}"]
    if query.output_mode == "files_with_matches":
        options += ["--files-with-matches", "--null"]
    elif query.output_mode == "count":
        options += ["--count", "--null", "--with-filename"]
    else:
        options += ["--json", f"--before-context={query.before}", f"--after-context={query.after}"]
    if query.ignore_case:
        options.append("--ignore-case")
    if query.multiline:
        options += ["--multiline", "--multiline-dotall"]
    if query.type:
        options.append(f"--type={query.type}")
    return options


def _add(matches: dict[str, _Matches], place: _Place, record: bytes, query: GrepQuery) -> int:
    """Takes one record of rg's output. Returns how many lines of answer it made."""
    if query.output_mode == "content":
        return _add_lines(matches, place, record, query)
    name, _, count = record.partition(b"\0")
    path = place.path(name)
    if path in place.shadowed:
        return 0
    matches[path] = _Matches([f":{count.decode()}" if count else ""])
    return 1


def _add_lines(matches: dict[str, _Matches], place: _Place, record: bytes, query: GrepQuery) -> int:
    entry: dict[str, Any] = json.loads(record)
    data: dict[str, Any] = entry["data"]
    path = place.path(_bytes(data["path"]))
    if path in place.shadowed:
        return 0
    found = matches.setdefault(path, _Matches())
    mark = ":" if entry["type"] == "match" else "-"
    first = int(data["line_number"])
    if found.last and first > found.last + 1 and (query.before or query.after):
        found.lines.append("--")
    lines = _bytes(data["lines"]).decode("utf-8", "replace").removesuffix("\n").split("\n")
    for number, line in enumerate(lines, first):
        shown = line.removesuffix("\r")
        cut = f"{shown[:_LONGEST_LINE]} [… cut]" if len(shown) > _LONGEST_LINE else shown
        found.lines.append(f"{mark}{number}{mark}{cut}" if query.line_numbers else f"{mark}{cut}")
    found.last = first + len(lines) - 1
    return len(lines)


def _bytes(value: dict[str, str]) -> bytes:
    """rg gives text where it is UTF-8, and base64 where it is not."""
    return value["text"].encode() if "text" in value else base64.b64decode(value["bytes"])


def _split_globs(globs: str) -> list[str]:
    """Several globs in one argument, with commas or blanks between them, outside of braces."""
    return [part for part in re.split(r"[,\s]+(?![^{}]*\})", globs.strip()) if part]


@contextlib.contextmanager
def _ignore_file(globs: Sequence[str]) -> Generator[list[str]]:
    """Options that leave only what fits the globs.

    rg's own `--glob` would also bring back what .gitignore names; an ignore file ranks below it.
    """
    if not globs:
        yield []
        return
    wanted = [f"!{_anchored(glob)}" for glob in globs if not glob.startswith("!")]
    unwanted = [_anchored(glob[1:]) for glob in globs if glob.startswith("!")]
    rules = [*(["*", "!*/", *wanted] if wanted else []), *unwanted]
    if any("\n" in rule for rule in rules):
        raise ToolError("a glob cannot hold a line ending")
    with tempfile.NamedTemporaryFile("w", prefix="mltui-", suffix=".ignore", encoding="utf-8", errors="surrogateescape") as file:
        file.write("\n".join(rules) + "\n")
        file.flush()
        yield [f"--ignore-file={file.name}"]


def _by_name(pattern: str) -> list[str] | None:
    """Options for a glob that is about names alone, as a type of files, which rg has the fastest way for; None for another one."""
    name = pattern.removeprefix("**/")
    if not name or "/" in name or name.startswith(("!", "include:")):
        return None
    return [] if name == "*" else [f"--type-add=mltui:{name}", "--type=mltui"]


def _anchored(glob: str) -> str:
    glob = glob.removeprefix("./")
    return f"{glob}**" if glob.endswith("/") else glob
