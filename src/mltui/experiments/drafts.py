"""Controlled edits that wait for their experiment: beside the working tree, not in it."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from mltui.core.errors import ExperimentError
from mltui.experiments.storage import is_spare, make_state_folder, write_atomically

_SESSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_DIFF_LIMIT = 1_000_000
"""Bytes of a file beyond which its difference is named and not shown."""


class Draft:
    """The staged edits of one session. They survive a crash.

    Files lie in `files/`, empty markers of deleted ones in `deleted/`, each under its path below the root.

    Attributes:
        folder: `.mltui/drafts/SESSION`.
    """

    def __init__(self, root: Path, state: Path, session_id: str) -> None:
        if not _SESSION.fullmatch(session_id):
            raise ExperimentError(f"{session_id!r} is no session id", hint="Use letters, digits, dots, dashes and underscores.")
        self._root = root.resolve()
        self._state = state
        self.folder = state / "drafts" / session_id

    def read(self, path: Path) -> bytes | None:
        """The staged content; None when the path is not staged, or staged as deleted."""
        relative = self._relative(path)
        if relative is None:
            return None
        try:
            return (self.folder / "files" / relative).read_bytes()
        except OSError:
            return None

    def deleted(self, path: Path) -> bool:
        """Whether the path is staged as deleted."""
        relative = self._relative(path)
        return relative is not None and (self.folder / "deleted" / relative).is_file()

    def write(self, path: Path, data: bytes) -> None:
        """Raises: ExperimentError: the path is not one of the project's."""
        relative = self._inside(path)
        make_state_folder(self._state)
        write_atomically(self.folder / "files" / relative, data)
        self._remove("deleted", relative)

    def delete(self, path: Path) -> None:
        """Stages the deletion of a file of the working tree. Raises: ExperimentError: as `write`."""
        relative = self._inside(path)
        make_state_folder(self._state)
        write_atomically(self.folder / "deleted" / relative, b"")
        self._remove("files", relative)

    def take_over(self, other: Draft) -> None:
        """Stages what another session has staged."""
        for relative in other.paths():
            data = other.read(Path(relative))
            if data is None:
                self.delete(Path(relative))
            else:
                self.write(Path(relative), data)

    def paths(self) -> tuple[str, ...]:
        """Everything staged, deletions included: relative, sorted."""
        return tuple(sorted({*self._listed("files"), *self._listed("deleted")}))

    def drop(self, paths: Iterable[str]) -> None:
        """Forgets staged edits; paths that are not staged are no error."""
        for path in paths:
            relative = self._relative(Path(path))
            if relative is not None:
                self._remove("files", relative)
                self._remove("deleted", relative)

    def digests(self) -> dict[str, str]:
        """SHA-256 of what is staged, by path; `deleted` for a deletion."""
        return {path: self._digest(path) for path in self.paths()}

    def diff(self) -> str:
        """The staged edits as a unified diff against the working tree."""
        return "".join(self._file_diff(path) for path in self.paths())

    def _digest(self, relative: str) -> str:
        data = self.read(Path(relative))
        return "deleted" if data is None else hashlib.sha256(data).hexdigest()

    def _file_diff(self, relative: str) -> str:
        staged = self.read(Path(relative))
        try:
            current = (self._root / relative).read_bytes()
        except OSError:
            current = None
        if staged == current:
            return ""
        old, new = (f"a/{relative}" if current is not None else "/dev/null"), (f"b/{relative}" if staged is not None else "/dev/null")
        before, after = current or b"", staged or b""
        if b"\0" in before[:8000] + after[:8000] or max(len(before), len(after)) > _DIFF_LIMIT:
            return f"--- {old}\n+++ {new}\nBinary or large file: {len(before)} -> {len(after)} bytes\n"
        lines = difflib.unified_diff(_lines(before), _lines(after), old, new)
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)

    def _listed(self, kind: str) -> list[str]:
        top = self.folder / kind
        return [found.relative_to(top).as_posix() for found in top.rglob("*") if found.is_file() and not is_spare(found.name)]

    def _remove(self, kind: str, relative: str) -> None:
        top = self.folder / kind
        target = top / relative
        target.unlink(missing_ok=True)
        for parent in target.parents:
            if parent == top or not parent.is_relative_to(top):
                break
            try:
                parent.rmdir()
            except OSError:
                break

    def _inside(self, path: Path) -> str:
        relative = self._relative(path)
        if relative is None:
            raise ExperimentError(f"{path} cannot be staged", hint="Only files of the project can be part of an experiment.")
        return relative

    def _relative(self, path: Path) -> str | None:
        """The path below the root, links in it resolved; None outside, and in git's and mltui's own folders."""
        full = path if path.is_absolute() else self._root / path
        if ".." in PurePosixPath(path.as_posix()).parts:
            return None
        try:
            relative = (full.parent.resolve() / full.name).relative_to(self._root)
        except ValueError:
            return None
        return None if not relative.parts or relative.parts[0] in (".git", ".mltui") else relative.as_posix()


def _lines(data: bytes) -> list[str]:
    return data.decode("utf-8", "replace").splitlines(keepends=True)
