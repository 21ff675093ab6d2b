"""Other names of files under experiment: what is written through a hard link changes the file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from mltui.experiments.globs import NEVER

_MOST = 50_000
"""Entries of a workspace that are looked at."""


def other_names(files: Sequence[Path], roots: Sequence[Path]) -> dict[Path, Path]:
    """Each further name in the workspace, and the file it belongs to. Files have none as a rule, which costs one look each."""
    several: dict[int, Path] = {}
    for path in files:
        try:
            status = path.lstat()
        except OSError:
            continue
        if status.st_nlink > 1:
            several[status.st_ino] = path
    if not several:
        return {}
    known = set(files)
    found: dict[Path, Path] = {}
    for inode, name in _entries(roots):
        if inode in several and (path := Path(name)) not in known and path.samefile(several[inode]):
            found[path] = several[inode]
    return found


def _entries(roots: Sequence[Path]) -> Iterator[tuple[int, str]]:
    left = _MOST
    folders = [str(root) for root in roots if not any(other != root and root.is_relative_to(other) for other in roots)]
    while folders and left > 0:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    left -= 1
                    if entry.is_symlink():
                        continue
                    if entry.is_dir():
                        folders += [entry.path] if entry.name not in NEVER else []
                    else:
                        yield entry.inode(), entry.path
        except OSError:
            continue
