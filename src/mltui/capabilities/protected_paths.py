"""Files folded into folders: a mount each costs the more the more there are."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

MOST = 40
"""Places beyond which folders are protected as a whole, with what else is in them."""

_DERIVED = frozenset({"__pycache__", ".DS_Store", ".gitkeep", ".gitignore", ".ipynb_checkpoints"})
"""What does not keep a folder from being one of files under experiment alone."""


def fold(files: Iterable[Path], roots: Sequence[Path], most: int = MOST) -> list[Path]:
    """The fewest paths that cover the files: a folder that holds nothing else, or too many of them, stands for itself.

    A link stands for what it leads to, if that is in the workspace. The roots are never covered as a whole.
    """
    inside: dict[str, set[str]] = defaultdict(set)
    for path in files:
        inside[str(path.parent)].add(path.name)
    tops = {str(root) for root in roots}
    for folder in sorted(inside, key=lambda name: name.count("/"), reverse=True):
        _lift(folder, inside, tops)
    chosen = {folder: names for folder, names in inside.items() if names}
    # The fullest first: each takes the most away.
    for folder in sorted(chosen, key=lambda name: len(chosen[name]), reverse=True):
        if sum(map(len, chosen.values())) <= most:
            break
        if folder not in tops and not any(top.startswith(f"{folder}/") for top in tops):
            for other in [name for name in chosen if name.startswith(f"{folder}/")]:
                del chosen[other]
            chosen[folder] = {""}
    paths = [os.path.join(folder, name) if name else folder for folder, names in chosen.items() for name in names]  # noqa: PTH118
    return sorted(place for path in paths if (place := _real(path, tops)) is not None)


def _lift(folder: str, inside: dict[str, set[str]], tops: set[str]) -> None:
    """Puts a folder into the one above, as often as it holds nothing else."""
    while folder not in tops and not any(top.startswith(f"{folder}/") for top in tops):
        try:
            with os.scandir(folder) as entries:
                whole = all(entry.name in inside[folder] or entry.name in _DERIVED for entry in entries)
        except OSError:
            return
        if not whole or not inside[folder]:
            return
        inside[folder] = set()
        above, name = os.path.split(folder)
        inside[above].add(name)
        folder = above


def _real(path: str, tops: set[str]) -> Path | None:
    if not Path(path).is_symlink():
        return Path(path)
    target = os.path.realpath(path)
    return Path(target) if any(target.startswith(f"{top}/") for top in tops) else None
