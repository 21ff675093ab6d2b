"""The names of the files in a folder, for people to choose from while they type."""

from __future__ import annotations

import contextlib
import importlib
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mltui.capabilities.ripgrep import program
from mltui.core.errors import ToolError

MOST_FILES = 300_000
"""Files that are looked at; in a folder with more, such as a home, the rest cannot be completed."""
FRESH = 5.0
"""Seconds after which the names are listed anew, the next time that one is asked for."""
LONGEST_QUERY = 200
_CHUNK = 65_536
_SPARE = 4
"""How many more are ranked than are asked for: some of them may be forbidden."""


@dataclass(slots=True)
class _Names:
    """One listing. `paths` are sorted by length, so that of two that fit alike the shorter comes first."""

    at: float = float("-inf")
    paths: list[str] = field(default_factory=list[str])
    haystacks: Any = None


class FileIndex:
    """Ranks the files and folders of a folder, ignored ones left out. Its methods block, and may be called in several threads.

    Args:
        may_read: whether a path may be shown at all.
    """

    def __init__(self, folder: Path, may_read: Callable[[Path], bool]) -> None:
        self._folder = folder
        self._may_read = may_read
        self._names = _Names()
        self._listing = threading.Lock()

    def matches(self, query: str, limit: int) -> list[str]:
        """Paths relative to the folder that fit, the best first; folders end with a slash. Of an empty query: what lies at the top.

        Returns nothing where ripgrep is missing. The first call lists the folder; later ones do so beside it once the names are old.
        """
        names = self._current()
        query = query[:LONGEST_QUERY]
        ranked = self._ranked(names, query, limit * _SPARE) if query else iter([path for path in names.paths if "/" not in path[:-1]])
        found: list[str] = []
        for path in ranked:
            if self._may_read(self._folder / path):
                found.append(path)
                if len(found) >= limit:
                    break
        return found if query else sorted(found)

    def _ranked(self, names: _Names, query: str, limit: int) -> Iterator[str]:
        matcher = importlib.import_module("frizbee").Matcher
        found: list[Any] = matcher(query, max_items=limit).match_list(names.haystacks)
        if not found and len(query) > 3:
            found = matcher(query, max_items=limit, max_typos=1).match_list(names.haystacks)
        for one in found:
            yield names.paths[one.index]

    def _current(self) -> _Names:
        if self._names.haystacks is None:
            with self._listing:
                if self._names.haystacks is None:
                    self._names = self._list()
        elif time.monotonic() - self._names.at > FRESH and self._listing.acquire(blocking=False):
            threading.Thread(target=self._refresh, name="file-index", daemon=True).start()
        return self._names

    def _refresh(self) -> None:
        try:
            self._names = self._list()
        finally:
            self._listing.release()

    def _list(self) -> _Names:
        """Sorted in buckets and handed over in pieces: one call that takes long would hold the interpreter, and the keys with it."""
        buckets: dict[int, list[str]] = {}
        folders: set[str] = set()
        for path in self._files():
            buckets.setdefault(len(path), []).append(path)
            parent = path.rpartition("/")[0]
            while parent and parent not in folders:
                folders.add(parent)
                buckets.setdefault(len(parent) + 1, []).append(f"{parent}/")
                parent = parent.rpartition("/")[0]
        haystacks = importlib.import_module("frizbee").Haystacks()
        paths: list[str] = []
        for length in sorted(buckets):
            paths += buckets[length]
            haystacks.extend(buckets[length])
        return _Names(time.monotonic(), paths, haystacks)

    def _files(self) -> Iterator[str]:
        try:
            command = [program(), "--no-config", "--no-require-git", "--hidden", "--no-messages", "--glob=!.git", "--glob=!.mltui"]
        except ToolError:
            return
        with contextlib.suppress(OSError):
            process = subprocess.Popen(
                [*command, "--files", "--null"],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            with process:
                assert process.stdout is not None
                yield from _records(process.stdout.fileno())
                process.kill()


def _records(descriptor: int) -> Iterator[str]:
    rest = b""
    count = 0
    while count < MOST_FILES and (data := os.read(descriptor, _CHUNK)):
        *records, rest = (rest + data).split(b"\0")
        count += len(records)
        for record in records:
            # A name that is no UTF-8, or holds what a terminal obeys, cannot be typed either.
            if (path := record.decode("utf-8", "replace")).isprintable() and "\ufffd" not in path:
                yield path
