"""Patterns as git writes them, which say what they matched."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pathspec

from mltui.core.errors import ConfigError

NEVER = frozenset({".git", ".mltui", ".venv", "venv", "node_modules", "__pycache__", "site-packages", ".tox", ".nox"})
"""Folders that hold no file under experiment."""


def fold(path: str) -> str:
    """The same for names that some file system takes for the same file: case and the composition of letters do not count."""
    return path.lower() if path.isascii() else unicodedata.normalize("NFC", path).casefold()


@dataclass(frozen=True, slots=True)
class Globs:
    """A list of gitwildmatch patterns; the last that fits a path decides, and `!` takes back."""

    patterns: tuple[str, ...]
    _spec: pathspec.PathSpec[pathspec.Pattern]
    _folded: pathspec.PathSpec[pathspec.Pattern]

    @classmethod
    def of(cls, patterns: Sequence[str], where: str = "") -> Globs:
        """Raises: ConfigError: a pattern cannot be read; `where` names the setting."""
        try:
            folded = [fold(pattern) for pattern in patterns]
            return cls(
                tuple(patterns), pathspec.PathSpec.from_lines("gitignore", patterns), pathspec.PathSpec.from_lines("gitignore", folded)
            )
        except ValueError as error:
            raise ConfigError(f"bad pattern in {where}: {error}", hint="Write patterns as in .gitignore, such as src/**.") from error

    def match(self, path: str) -> str | None:
        """The pattern that takes the path (relative, with slashes) in, or None.

        A name that differs from a pattern by case alone is taken in too: it may be the same file, or soon be one.
        """
        if not self.patterns:
            return None
        found = self._spec.check_file(path)
        if found.index is None:
            found = self._folded.check_file(fold(path))
        return self.patterns[found.index] if found.include and found.index is not None else None

    def takes_back(self, path: str) -> str | None:
        """The `!` pattern that decides for this path, written exactly so, or None."""
        if not self.patterns:
            return None
        found = self._spec.check_file(path)
        return self.patterns[found.index] if found.include is False and found.index is not None else None

    def walk(self, root: Path) -> Iterator[str]:
        """Existing files below `root` that match, ignored by git or not; only folders that a pattern can reach are read."""
        for start in sorted({_fixed_prefix(pattern) for pattern in self.patterns if not pattern.startswith("!")}):
            top = root / start
            if top.is_file():
                if self.match(start):
                    yield start
                continue
            for name in walk_files(top):
                path = str(PurePosixPath(start) / name) if start else name
                if self.match(path):
                    yield path


def walk_files(top: Path) -> Iterator[str]:
    """Files below a folder, relative to it, without the folders in NEVER and without following links to folders."""
    for folder, names, files in os.walk(top):
        names[:] = sorted(name for name in names if name not in NEVER)
        for name in sorted(files):
            yield Path(folder, name).relative_to(top).as_posix()


def fixed_prefixes(globs: Globs) -> tuple[str, ...]:
    """The folders (or files) below which all that the patterns match lies; an empty one is the root."""
    return tuple(sorted({_fixed_prefix(pattern) for pattern in globs.patterns if not pattern.startswith("!")}))


def _fixed_prefix(pattern: str) -> str:
    """The folders of a pattern before its first wildcard: all that it matches lies below them."""
    anchored = "/" in pattern.rstrip("/")
    if not anchored:
        return ""
    parts: list[str] = []
    for part in pattern.strip("/").split("/"):
        if any(sign in part for sign in "*?[\\"):
            break
        parts.append(part)
    return "/".join(parts)
