"""The files of a working tree as git sees them, asked for again only when something may have changed."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from mltui.experiments.globs import NEVER, walk_files

MOST_WATCHED = 2_000
"""Folders and ignore files beyond which a tree is not watched: to look at them all would take longer than to ask git."""

MOST_NESTED = 8
"""Repositories below one another that are looked into."""

_SEEN_BY_GIT = ("--cached", "--others", "--exclude-standard")

SETTLED = 2.0
"""Seconds after which a second change of a folder is sure to have another time; times of files are as coarse as that."""

Stamp = tuple[int, int]


class Listing:
    """Every file of a working tree that is tracked, or untracked and not ignored; without git, all of it.

    A new file, one that is gone and one that git begins to track change a folder or git's index. As long as the
    stamps of those are what they were, no process is started. They are read before git is asked, so that what changes
    meanwhile is seen by the next call.

    Attributes:
        version: changes whenever the names may have changed.
    """

    def __init__(self, root: Path) -> None:
        self.version = 0
        self._root = root
        self._names: list[str] = []
        self._stamps: dict[str, Stamp | None] = {}

    def names(self) -> list[str]:
        """Relative paths with slashes, sorted."""
        if not self._stamps or any(stamp != _stamp(path) for path, stamp in self._stamps.items()):
            stamps = self._settled_stamps()
            names = _with_submodules(self._root, git_files(self._root, *_SEEN_BY_GIT))
            self._names = sorted(set(walk_files(self._root) if names is None else names))
            self._stamps = stamps
            self.version += 1
        return self._names

    def _settled_stamps(self) -> dict[str, Stamp | None]:
        """Of all that is watched; empty for a tree that changed just now, or that cannot be watched."""
        above = [str(folder / ".git") for folder in self._root.parents]
        if "GIT_DIR" in os.environ or any(map(_stamp, above)):
            return {}
        stamps: dict[str, Stamp | None] = dict.fromkeys(above)
        for path in self._watched():
            if len(stamps) > MOST_WATCHED:
                return {}
            stamps[path] = _stamp(path)
        newest = max(stamp[0] for stamp in stamps.values() if stamp)
        return stamps if time.time_ns() - newest > SETTLED * 1e9 else {}

    def _watched(self) -> Iterator[str]:
        folder = git_folder(self._root)
        if folder is not None:
            yield str(folder / "index")
            yield str(folder / "info" / "exclude")
        for place, names, files in os.walk(self._root):
            if place != str(self._root) and (".git" in files or ".git" in names) and (inner := git_folder(Path(place))) is not None:
                yield str(inner / "index")
                yield str(inner / "info" / "exclude")
            names[:] = [name for name in names if name not in NEVER]
            yield place
            if ".gitignore" in files:
                yield f"{place}/.gitignore"


def git_files(root: Path, *arguments: str) -> list[str] | None:
    """What `git ls-files` prints, or None where that fails."""
    try:
        done = subprocess.run(["git", "ls-files", "-z", *arguments], cwd=root, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return [name for name in done.stdout.decode("utf-8", "surrogateescape").split("\0") if name]


def _with_submodules(root: Path, names: list[str] | None, depth: int = 0) -> list[str] | None:
    """The names with the files of repositories below in the place of their folders, which is all that git names."""
    if names is None or depth > MOST_NESTED:
        return names
    submodules = _submodules(root) if ".gitmodules" in names else frozenset[str]()
    found: list[str] = []
    for name in names:
        # To ask of every name whether it is a folder would take as long as git does; one with a dot is no repository by chance.
        if not name.endswith("/") and name not in submodules and ("." in name.rpartition("/")[2] or not os.path.isdir(f"{root}/{name}")):  # noqa: PTH112
            found.append(name)
            continue
        folder = root / name
        inner = _with_submodules(folder, git_files(folder, *_SEEN_BY_GIT), depth + 1) if (folder / ".git").exists() else None
        found += [f"{name.rstrip('/')}/{path}" for path in inner or ()]
    return found


def _submodules(root: Path) -> frozenset[str]:
    try:
        text = (root / ".gitmodules").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return frozenset()
    return frozenset(re.findall(r"^\s*path\s*=\s*(.+?)\s*$", text, re.MULTILINE))


def git_folder(root: Path) -> Path | None:
    """The repository's own folder (`.git`, or what a linked worktree's `.git` file points to)."""
    marker = root / ".git"
    if marker.is_dir():
        return marker
    try:
        text = marker.read_text(encoding="utf-8")
    except OSError:
        return None
    return (root / text.removeprefix("gitdir:").strip()).resolve() if text.startswith("gitdir:") else None


def _stamp(path: str) -> Stamp | None:
    """The change time, which no program can set, and the inode; None where there is nothing."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_ctime_ns, status.st_ino
