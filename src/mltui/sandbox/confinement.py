"""What one command may see and change, and the list of places that follows from it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mltui.sandbox.surroundings import Surroundings, virtual_environments

Access = Literal["hidden", "read", "write"]
RANK: dict[Access, int] = {"hidden": 0, "read": 1, "write": 2}


@dataclass(frozen=True, slots=True)
class Confinement:
    """What a command may do. Paths are absolute and resolved; where they nest, the longest one that covers a file decides.

    What is named nowhere is readable outside the home folder, and hidden inside it, apart from toolchains and caches.

    Attributes:
        cwd: where the command starts.
        writable: folders and files that it may change.
        read_only: what it may read and not change, also inside the home folder or a writable folder.
        hidden: what it may not see: folders look empty, files cannot be read.
        network: whether it may reach the network.
    """

    cwd: Path
    writable: tuple[Path, ...]
    read_only: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()
    network: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """Attributes: pin: nothing but a hold on a folder above a protected file, which could else be moved away with it."""

    path: str
    access: Access
    pin: bool = False


def places(confinement: Confinement, surroundings: Surroundings, *, sockets: bool = True) -> list[Place]:
    """What holds where, a folder before what is inside it; a place that changes nothing is left out.

    Args:
        sockets: hide the doors to other programs as well.
    """
    table: dict[str, Access] = {"/": "read"}
    writable = [str(path) for path in confinement.writable]
    for path, access in surroundings.table.items():
        if not _given(path, access, writable, surroundings):
            table[path] = access
    table.update((path, "read") for path in virtual_environments(writable))
    if sockets:
        table.update(dict.fromkeys(surroundings.sockets(), "hidden"))
    asked: dict[str, Access] = dict.fromkeys(writable, "write")
    asked.update((str(path), "read") for path in confinement.read_only)
    asked.update((str(path), "hidden") for path in confinement.hidden)
    table.update(asked)
    pins = {folder for path in asked for folder in _between(path, table)}
    found = [
        Place(path, access) for path, access in table.items() if path == "/" or path in writable or access != table[_nearest(path, table)]
    ]
    found += [Place(path, "write", pin=True) for path in pins]
    return sorted(found, key=lambda place: (place.path.count("/") if place.path != "/" else 0, place.path))


def _given(path: str, access: Access, writable: list[str], surroundings: Surroundings) -> bool:
    """Whether a workspace holds the whole home folder: that is not hidden then, and only what lies in it is."""
    if path in surroundings.homes:
        return any(covers(folder, path) for folder in writable)
    inside = any(covers(home, path) and any(covers(folder, home) for folder in writable) for home in surroundings.homes)
    # Where the home folder itself shows, its links are the real ones and cannot be mounted on.
    return inside and os.path.realpath(path) != path


def covers(folder: str, path: str) -> bool:
    """Whether a path is the folder or lies in it."""
    return path == folder or path.startswith(folder if folder == "/" else f"{folder}/")


def _above(path: str) -> Iterator[str]:
    while path != "/":
        path = path.rpartition("/")[0] or "/"
        yield path


def _nearest(path: str, table: dict[str, Access]) -> str:
    return next(folder for folder in _above(path) if folder in table)


def _between(path: str, table: dict[str, Access]) -> Iterator[str]:
    """The folders above a path up to the next place, if that can be written to."""
    if path != "/" and table[_nearest(path, table)] == "write":
        for folder in _above(path):
            if folder in table:
                return
            yield folder
