"""Files as they were: their signatures, and as much of their content as is worth keeping."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mltui.experiments.signature import Signature

LARGEST = 50_000_000
"""Bytes of the largest file of which a copy is kept."""
BUDGET = 1_000_000_000
_WASTE = 64_000_000
"""Bytes of forgotten copies beyond which the kept ones move to a new file."""


class Vault:
    """Contents in a file without a name: it costs no memory, and no command can open, change or delete it.

    Args:
        folder: a folder on the disk that it lies on; made on demand.
    """

    def __init__(self, folder: Path) -> None:
        self.used = 0
        self._folder = folder
        self._file: IO[bytes] | None = None

    def put(self, data: bytes) -> int:
        """Where it lies. Raises: OSError: no room."""
        if self._file is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115  lives as long as this object
        place, done = self.used, 0
        while done < len(data):
            done += os.pwrite(self._file.fileno(), data[done:], place + done)
        self.used += len(data)
        return place

    def get(self, place: int, size: int) -> bytes | None:
        """None when the disk lost it."""
        data = b""
        with contextlib.suppress(OSError):
            while self._file is not None and len(data) < size:
                more = os.pread(self._file.fileno(), size - len(data), place + len(data))
                if not more:
                    break
                data += more
        return data if len(data) == size else None

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A file as it was.

    Attributes:
        size: bytes that were read, which may be others than the signature says if the file was just changing.
        place: where the vault holds them; None for what is no file or too large to keep.
    """

    signature: Signature
    vault: Vault
    size: int = 0
    place: int | None = None

    def content(self) -> bytes | None:
        """None for what is too large to keep, or whose copy was lost."""
        return self.vault.get(self.place, self.size) if self.place is not None else None


class Copies:
    """Remembers files. What did not change since the last time costs one stat.

    Args:
        folder: a folder on the disk that the copies lie on.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._vault = Vault(folder)
        self._kept: dict[Path, Kept] = {}
        self._live = 0

    @property
    def kept(self) -> dict[Path, Kept]:
        return dict(self._kept)

    def remember(self, paths: Sequence[Path]) -> None:
        """Keeps these files as they are now, and forgets all others."""
        current: dict[Path, Kept] = {}
        for path in paths:
            signature = Signature.of(path)
            if signature is None:
                continue
            known = self._kept.pop(path, None)
            if known is None or known.signature != signature:
                self._forget(known)
                known = self._keep(path, signature)
            current[path] = known
        for known in self._kept.values():
            self._forget(known)
        self._kept = current
        if self._vault.used - self._live > max(_WASTE, self._live):
            self._move()

    def touched(self, path: Path) -> None:
        """The file has the kept content under a new signature."""
        signature = Signature.of(path)
        known = self._kept.get(path)
        if signature is not None and known is not None:
            self._kept[path] = Kept(signature, known.vault, known.size, known.place)

    def close(self) -> None:
        self._kept.clear()
        self._vault.close()

    def _keep(self, path: Path, signature: Signature) -> Kept:
        if signature.is_file and signature.size <= LARGEST and self._live + signature.size <= BUDGET:
            with contextlib.suppress(OSError):
                return self._put(signature, path.read_bytes())
        return Kept(signature, self._vault)

    def _put(self, signature: Signature, data: bytes) -> Kept:
        kept = Kept(signature, self._vault, len(data), self._vault.put(data))
        self._live += len(data)
        return kept

    def _forget(self, known: Kept | None) -> None:
        if known is not None:
            self._live -= known.size

    def _move(self) -> None:
        former, kept = self._vault, self._kept
        self._vault, self._live = Vault(self._folder), 0
        try:
            self._kept = {
                path: self._put(known.signature, data) if (data := known.content()) is not None else known for path, known in kept.items()
            }
        except OSError:
            self._vault, self._kept, self._live = former, kept, sum(known.size for known in kept.values())
        else:
            former.close()
