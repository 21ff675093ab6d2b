"""The production prompt's file, and every text that it ever had, kept by its digest."""

from __future__ import annotations

import hashlib
from pathlib import Path

from mltui.core.errors import ExperimentError
from mltui.experiments.promotion_target import inside
from mltui.experiments.storage import write_atomically

LARGEST = 5_000_000


class PromptStore:
    """Replaces the production prompt in one step, and can put back what was there."""

    def __init__(self, root: Path, state: Path) -> None:
        self._root = root
        self._folder = state / "promotions"

    def present(self, relative: str) -> str:
        """SHA-256 of the prompt that lies there; empty where there is none. Raises: ExperimentError: it cannot be read."""
        data = self.read(relative)
        return "" if data is None else hashlib.sha256(data).hexdigest()

    def keep(self, text: bytes) -> str:
        """Keeps a text. Returns: its SHA-256."""
        digest = hashlib.sha256(text).hexdigest()
        place = self._folder / digest
        if not place.exists():
            write_atomically(place, text, mode=0o600)
        return digest

    def keep_present(self, relative: str) -> str:
        """Keeps what lies there now. Returns: its SHA-256; empty where there is none."""
        data = self.read(relative)
        return "" if data is None else self.keep(data)

    def text(self, digest: str) -> bytes:
        """Raises: ExperimentError: it was not kept, or was changed since."""
        try:
            data = (self._folder / digest).read_bytes()
        except OSError as error:
            raise ExperimentError(f"the prompt {digest[:12]} was not kept: {error.strerror}") from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise ExperimentError(f"the kept prompt {digest[:12]} was changed", hint="Take it from git, and propose it again")
        return data

    def put(self, relative: str, digest: str) -> None:
        """Makes a kept text the production prompt. Raises: ExperimentError: the file cannot be written; it is as it was."""
        data = self.text(digest)
        try:
            write_atomically(inside(self._root, relative), data)
        except OSError as error:
            raise ExperimentError(f"{relative} could not be written: {error.strerror}") from error

    def read(self, relative: str) -> bytes | None:
        """The prompt that lies there; None where there is none. Raises: ExperimentError: it cannot be read."""
        path = inside(self._root, relative)
        try:
            with path.open("rb") as file:
                return file.read(LARGEST)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ExperimentError(f"{relative} cannot be read: {error.strerror}") from error
