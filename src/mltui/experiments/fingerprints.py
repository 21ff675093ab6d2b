"""Fingerprints of data that a person names: the digests that proposals record, and what DVC says of the same data."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from mltui.core.data import Data
from mltui.core.errors import ExperimentError, UsageError
from mltui.core.experiment import DataVersion
from mltui.experiments.datasets import Digests, folder_version
from mltui.experiments.dvc import Standing, recorded, standing
from mltui.experiments.globs import NEVER

SAMPLED = 64 << 20
"""Bytes of a file from which a sampled fingerprint reads parts of it alone."""
_PIECES = 32
_PIECE = 1 << 20


class Fingerprint(Data):
    """Attributes:
    algorithm: `sha256`, or `sample-sha256` where parts of a large file were not read: equal ones may then differ in those parts.
    digest: empty where the data is not here and only DVC knows it.
    dvc: what DVC records of it.
    """

    path: str
    kind: str
    algorithm: str
    digest: str
    size: int
    files: int
    dvc: Standing | None = None


class Fingerprints:
    """Args: root: of the project, which names in a folder are relative to; state: of its caches."""

    def __init__(self, root: Path, state: Path | None, *, sample: bool) -> None:
        self._root = root
        self._sample = sample
        self._digests = Digests(state / "digests.json" if state else None)
        self._md5 = Digests(state / "digests-md5.json" if state else None, "md5")

    def of(self, path: Path, shown: str) -> Fingerprint:
        """Raises: UsageError: there is nothing there. ExperimentError: it cannot be read, or changes while it is read."""
        known = recorded(path, self._root)
        if path.is_dir():
            found = self._folder(path, shown)
            files = {name: path / name for name in _names(path)}
        elif path.is_file():
            algorithm, digest, size = self._file(path)
            found = Fingerprint(path=shown, kind="file", algorithm=algorithm, digest=digest, size=size, files=1)
            files = {}
        elif known is not None:
            absent = Standing(source=known.source, md5=known.md5, state="absent")
            return Fingerprint(path=shown, kind="absent", algorithm="", digest="", size=known.size, files=0, dvc=absent)
        else:
            raise UsageError(f"{shown} does not exist" if not path.exists() else f"{shown} is no file and no folder", hint="Look with ls")
        if known is None:
            return found
        return found.model_copy(update={"dvc": standing(known, path, files, self._md5, check=not self._sample)})

    def save(self) -> None:
        """Keeps the digests, so that what does not change is not read again."""
        self._digests.save()
        self._md5.save()

    def _folder(self, path: Path, shown: str) -> Fingerprint:
        names = _names(path)
        if not names:
            raise UsageError(f"{shown} holds no files")
        members: list[DataVersion] = []
        sampled = False
        for name in names:
            algorithm, digest, size = self._file(path / name)
            sampled = sampled or algorithm != "sha256"
            members.append(DataVersion(name=_relative(path / name, self._root), digest=digest, size=size))
        if _names(path) != names:
            raise ExperimentError(f"files came or went in {shown} while it was read", hint="Wait until whatever writes there is done")
        whole = folder_version(_relative(path, self._root) + "/", members)
        algorithm = "sample-sha256" if sampled else "sha256"
        return Fingerprint(path=shown, kind="folder", algorithm=algorithm, digest=whole.digest, size=whole.size, files=len(members))

    def _file(self, path: Path) -> tuple[str, str, int]:
        try:
            size = path.stat().st_size
            if not self._sample or size < SAMPLED:
                digest, size = self._digests.of(path)
                return "sha256", digest, size
            return "sample-sha256", _sampled(path), size
        except OSError as error:
            raise ExperimentError(f"data file {path} cannot be read: {error.strerror}") from None


def _names(folder: Path) -> list[str]:
    return sorted(_walk(folder))


def _walk(folder: Path) -> Iterator[str]:
    def failed(error: OSError) -> None:
        raise ExperimentError(f"folder {error.filename} cannot be read: {error.strerror}")

    for place, folders, names in os.walk(folder, onerror=failed):
        folders[:] = [name for name in folders if name not in NEVER]
        for name in names:
            path = Path(place, name)
            if path.is_file():
                yield path.relative_to(folder).as_posix()


def _relative(path: Path, root: Path) -> str:
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 (a link keeps its own name)
    return absolute.relative_to(root).as_posix() if absolute.is_relative_to(root) else absolute.as_posix()


def _sampled(path: Path) -> str:
    """The hash of the size and of pieces of 1 MiB: the first, the last, and thirty between them."""
    with path.open("rb") as file:
        before = os.fstat(file.fileno())
        whole = hashlib.sha256(str(before.st_size).encode())
        for number in range(_PIECES):
            file.seek((before.st_size - _PIECE) * number // (_PIECES - 1))
            whole.update(file.read(_PIECE))
        after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise ExperimentError(f"data file {path} changed while it was read", hint="Wait until whatever writes it is done")
    return whole.hexdigest()
