"""What is declared as under experiment though git ignores it, such as `conf/local.yaml`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from mltui.config.schema import Experiments as Section
from mltui.experiments.control import DEFAULTS, SETTINGS
from mltui.experiments.globs import NEVER, Globs, fixed_prefixes
from mltui.experiments.signature import Signature

MOST_WATCHED = 2_000
"""Folders below the declared patterns beyond which new files there are no longer looked for in each call."""


def declared_patterns(section: Section) -> Globs:
    """What is declared, and the default patterns that name a folder: those alone are looked for where git ignores."""
    declared = [pattern for key in SETTINGS.values() for pattern in getattr(section, key)]
    default = [pattern for _, patterns in DEFAULTS for pattern in patterns if all(fixed_prefixes(Globs.of([pattern])))]
    return Globs.of([*default, *declared])


class IgnoredFiles:
    """The names are asked for again only when a folder that may hold one, or a rule of what to ignore, changed.

    Args:
        listed: the files that git ignores below these folders.
    """

    def __init__(self, root: Path, declared: Globs, listed: Callable[[tuple[str, ...]], list[str]]) -> None:
        self._root = root
        self._declared = declared
        self._listed = listed
        self._prefixes = fixed_prefixes(declared)
        self._stamps: dict[str, Signature | None] = {}
        self._names: tuple[str, ...] = ()

    def names(self) -> tuple[str, ...]:
        """Relative to the root. Raises: GitFailedError, OSError."""
        if not self._declared.patterns:
            return ()
        if not self._stamps or any(Signature.of(path) != known for path, known in self._stamps.items()):
            self._stamps = self._watched()
            self._names = tuple(name for name in self._listed(self._prefixes) if self._declared.match(name))
        return self._names

    def _watched(self) -> dict[str, Signature | None]:
        stamps: dict[str, Signature | None] = {str(self._root): Signature.of(self._root)}
        for prefix in self._prefixes:
            top = self._root / prefix
            stamps[str(top)] = Signature.of(top)
            for place, folders, files in os.walk(top):
                folders[:] = [name for name in folders if name not in NEVER]
                if len(stamps) > MOST_WATCHED:
                    return dict(list(stamps.items())[: 2 + len(self._prefixes)])
                stamps[place] = Signature.of(place)
                if ".gitignore" in files:
                    stamps[f"{place}/.gitignore"] = Signature.of(f"{place}/.gitignore")
        return stamps
