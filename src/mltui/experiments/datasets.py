"""Which data a proposal was approved with: files and their digests."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import cast

from mltui.core.errors import ExperimentError
from mltui.core.experiment import DataVersion
from mltui.experiments.storage import write_atomically

SINGLE = 64
"""Up to so many data files are listed one by one; more are digested by folder."""


class Digests:
    """SHA-256 of files, or another hash. A file whose size, times and inode are as they were is not read again."""

    def __init__(self, cache: Path | None, algorithm: str = "sha256") -> None:
        self._cache = cache
        self._algorithm = algorithm
        self._known: dict[str, list[int | str]] = _load(cache) if cache else {}
        self._changed = False
        self._lock = threading.Lock()

    def of(self, path: Path) -> tuple[str, int]:
        """Digest and size. Raises: ExperimentError: the file cannot be read, or changed while it was read."""
        try:
            path = path.resolve(strict=True)
            status = path.stat()
            stamp = _stamp(status)
            known = self._known.get(str(path))
            if known and known[:4] == stamp:
                return str(known[4]), status.st_size
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, self._algorithm).hexdigest()
            if _stamp(path.stat()) != stamp:
                raise ExperimentError(f"data file {path} changed while it was read", hint="Wait until whatever writes it is done")
        except OSError as error:
            raise ExperimentError(f"data file {path} cannot be read: {error.strerror}") from error
        with self._lock:
            self._known[str(path)] = [*stamp, digest]
            self._changed = True
        return digest, status.st_size

    def save(self) -> None:
        with self._lock:
            if self._cache and self._changed:
                write_atomically(self._cache, json.dumps(self._known).encode())
                self._changed = False


def versions(root: Path, names: Iterable[str], digests: Digests) -> tuple[DataVersion, ...]:
    """The data files, digested. Many files become one version for each folder at the top, named with a slash at the end.

    Raises:
        ExperimentError: a file cannot be read.
    """
    files = [DataVersion(name=name, digest=digest, size=size) for name in sorted(names) for digest, size in [digests.of(root / name)]]
    digests.save()
    if len(files) <= SINGLE:
        return tuple(files)
    folders: dict[str, list[DataVersion]] = {}
    for file in files:
        top, slash, _ = file.name.partition("/")
        folders.setdefault(top + slash, []).append(file)
    return tuple(folder_version(name, members) for name, members in folders.items())


def difference(approved: Sequence[DataVersion], now: Sequence[DataVersion]) -> str | None:
    """What changed, in words, or None."""
    before, after = {item.name: item.digest for item in approved}, {item.name: item.digest for item in now}
    changed = [f"{name} changed" for name in before if name in after and after[name] != before[name]]
    gone = [f"{name} is gone" for name in before if name not in after]
    new = [f"{name} is new" for name in after if name not in before]
    return ", ".join([*changed, *gone, *new][:5]) or None


def folder_version(name: str, members: Sequence[DataVersion]) -> DataVersion:
    """Many files as one: the digest of their digests and names, in the order given."""
    lines = "".join(f"{member.digest} {member.name}\n" for member in members)
    return DataVersion(
        name=name, digest=hashlib.sha256(lines.encode("utf-8", "surrogatepass")).hexdigest(), size=sum(member.size for member in members)
    )


def _stamp(status: os.stat_result) -> list[int | str]:
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _load(cache: Path) -> dict[str, list[int | str]]:
    try:
        loaded: object = json.loads(cache.read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(loaded, dict):
        return {}
    entries = cast("dict[str, object]", loaded)
    return {
        key: cast("list[int | str]", value)
        for key, value in entries.items()
        if isinstance(value, list) and len(cast("list[object]", value)) == 5
    }
