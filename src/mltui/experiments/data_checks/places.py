"""From the paths that were named to the data that is checked: tables, split by split, and folders of pictures."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mltui.core.errors import UsageError

TABLES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".npy": "npy",
    ".npz": "npz",
}
PICTURES = frozenset([".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"])
COMPRESSED = {".gz": "gzip", ".zst": "zstd"}
_KINDS = "CSV, TSV, JSONL (also .gz and .zst), Parquet, .npy, .npz, and folders of pictures"
_ROLES = {"train": "train", "training": "train", "test": "test", "val": "val", "valid": "val", "validation": "val", "dev": "val"}
_MOST = 1_000_000
"""Files of a folder that are listed at most."""


@dataclass(frozen=True, slots=True)
class Place:
    """Data that is checked as one.

    Attributes:
        name: as it is shown.
        role: train, val or test; empty where it is no split.
        kind: of a table (see `TABLES`), or `pictures`.
        files: those of one table in order, or pictures; the last folder of a picture's path below `root` is its class.
    """

    name: str
    role: str
    kind: str
    files: tuple[Path, ...]
    root: Path


def kind_of(path: Path) -> str | None:
    """The kind of a table by its suffix, compressed or not; `pictures` for one of those; None for anything else."""
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    if suffixes and suffixes[-1] in COMPRESSED:
        kind = TABLES.get(suffixes[0]) if len(suffixes) == 2 else None
        return kind if kind in ("csv", "tsv", "jsonl") else None
    last = suffixes[-1] if suffixes else ""
    return TABLES.get(last) or ("pictures" if last in PICTURES else None)


def places(path: Path, role: str, shown: str, may_read: Callable[[Path], bool] | None = None) -> tuple[list[Place], list[str]]:
    """The data at a path, and notes on what of a folder is left out.

    Args:
        may_read: of files in a folder; a link that leads out of the folder is left out where this is given.

    Raises: UsageError: there is nothing, or nothing that can be checked.
    """
    try:
        folder = path.is_dir()
        if not folder and not path.is_file():
            raise UsageError(
                f"{shown} is no file and no folder" if os.path.lexists(path) else f"{shown} does not exist", hint=_nearest(path)
            )
    except OSError as error:
        raise UsageError(f"{shown} cannot be read: {error.strerror or error}") from None
    if folder:
        return _in_folder(path, role, shown, may_read)
    kind = kind_of(path)
    if kind is None:
        raise UsageError(f"{shown} is of no kind that is checked", hint=f"Kinds: {_KINDS}")
    if kind == "pictures":
        raise UsageError(f"{shown} is one picture", hint="Name the folder that holds the pictures, one folder a class")
    return [Place(shown, role, kind, (path,), path.parent)], []


def _in_folder(root: Path, role: str, shown: str, may_read: Callable[[Path], bool] | None) -> tuple[list[Place], list[str]]:
    files: list[Path] = []
    left_out = denied = 0
    for path in _walk(root, may_read is not None):
        if may_read is not None and (not may_read(path) or (path.is_symlink() and not may_read(path.resolve()))):
            denied += 1
        elif kind_of(path) is None:
            left_out += 1
        else:
            files.append(path)
    notes = [f"{shown}: {left_out:,} files of other kinds were left out"] if left_out else []
    if denied:
        notes.append(f"{shown}: {denied:,} files that may not be read were left out")
    if not files:
        raise UsageError(f"{shown} holds nothing that can be checked", hint=f"Kinds: {_KINDS}")
    pictures = [file for file in files if kind_of(file) == "pictures"]
    tables = [file for file in files if kind_of(file) != "pictures"]
    found = [*_pictures(root, pictures, role, shown), *_tables(root, tables, role, shown)]
    if pictures and tables:
        notes.append(f"{shown} holds pictures and tables; each kind was checked on its own")
    return found, notes


def _walk(root: Path, inside: bool) -> Iterator[Path]:
    count = 0
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__pycache__")
        for name in sorted(names):
            path = Path(folder, name)
            if name.startswith(".") or (inside and path.is_symlink() and not path.resolve().is_relative_to(root)) or not path.is_file():
                continue
            count += 1
            if count > _MOST:
                return
            yield path


def _pictures(root: Path, files: list[Path], role: str, shown: str) -> list[Place]:
    """One set of pictures, or one for each split where the folders at the top are named so."""
    by_top: dict[str, list[Path]] = {}
    for file in files:
        by_top.setdefault(file.relative_to(root).parts[0].lower(), []).append(file)
    if not role and by_top and set(by_top) <= set(_ROLES):
        return [
            Place(
                f"{shown}/{top}", _ROLES[top], "pictures", tuple(members), members[0].parents[len(members[0].relative_to(root).parts) - 2]
            )
            for top, members in by_top.items()
        ]
    return [Place(shown, role, "pictures", tuple(files), root)] if files else []


def _tables(root: Path, files: list[Path], role: str, shown: str) -> list[Place]:
    """Files whose names differ in numbers alone are parts of one table; `train.csv` and `test.csv` are splits."""
    parts: dict[tuple[str, str], list[Path]] = {}
    for file in files:
        stem = re.sub(r"\d+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "#", file.relative_to(root).as_posix())
        parts.setdefault((stem, kind_of(file) or ""), []).append(file)
    found: list[Place] = []
    for (stem, kind), members in parts.items():
        own = f"{shown}/{members[0].relative_to(root)}" if len(members) == 1 else f"{shown}/{stem.replace('#', '*')}"
        found.append(Place(own, role or _role(members[0].relative_to(root)), kind, tuple(members), root))
    if not role and len({place.role for place in found if place.role}) < sum(bool(place.role) for place in found):
        # Several of one role: which belongs to which cannot be told from the names.
        return [Place(place.name, "", place.kind, place.files, place.root) for place in found]
    return found


def _role(path: Path) -> str:
    words = [path.name.split(".")[0].lower(), *(part.lower() for part in path.parts[:-1])]
    for word in words:
        for piece in (word, *re.split(r"[-_ ]", word)):
            if piece in _ROLES:
                return _ROLES[piece]
    return ""


def nearest(name: str, names: Sequence[str]) -> str:
    """A hint that names what is most like it."""
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5) or [other for other in names if other.lower() == name.lower()]
    if close:
        return f"Nearest: {', '.join(close)}"
    listed = ", ".join(names[:12])
    return f"There are: {listed}{', …' if len(names) > 12 else ''}"


def _nearest(path: Path) -> str:
    try:
        names = sorted(os.listdir(path.parent))[:10_000]  # noqa: PTH208
    except OSError:
        return f"{path.parent} does not exist either"
    close = difflib.get_close_matches(path.name, names, n=3, cutoff=0.5)
    return f"Nearest in that folder: {', '.join(close)}" if close else "Look for it with ls"
