"""Files of one session: what the model has seen of them, and how they are read and written safely."""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import itertools
import os
import stat
import tempfile
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import IO, Literal, Protocol

from mltui.capabilities.atomic import write_atomically
from mltui.capabilities.data_check import check_data
from mltui.capabilities.file_text import file_text
from mltui.capabilities.paging import page
from mltui.core.data import JsonObject
from mltui.core.effects import Grant
from mltui.core.errors import DeniedError, ToolError, UndeclaredEffectError
from mltui.tools.base import DataQuestion, Page
from mltui.tools.preview import digest

LARGEST = 50_000_000
"""Bytes of the largest file that is read or written."""


class DraftFiles(Protocol):
    """Controlled edits that wait for their experiment; paths are relative to the project's root, or absolute inside it."""

    folder: Path

    def read(self, path: Path) -> bytes | None: ...

    def deleted(self, path: Path) -> bool: ...

    def write(self, path: Path, data: bytes) -> None: ...

    def delete(self, path: Path) -> None: ...

    def paths(self) -> tuple[str, ...]: ...


class SessionFiles:
    """The files as the session sees them: the draft first, then the disk. Remembers what the model has seen.

    Args: may_read: of files in a folder that was granted.
    """

    def __init__(self, draft: DraftFiles | None = None, may_read: Callable[[Path], bool] = lambda path: True) -> None:
        self._draft = draft
        self._may_read = may_read
        self._seen: dict[Path, str] = {}

    def granted(self, grants: Iterable[Grant]) -> GrantedFiles:
        """A view that is limited to the reads and writes of one call."""
        return GrantedFiles(self, grants)

    async def read(self, path: Path) -> bytes:
        """Raises: ToolError: missing, a folder, no regular file, not readable, or too large."""
        return await asyncio.to_thread(self._read, path)

    async def size(self, path: Path) -> int:
        """Bytes. Raises: ToolError: as `read` does."""
        with self._open(path) as file:
            return os.fstat(file.fileno()).st_size

    async def page(self, path: Path, first: int, limit: int, most: int) -> Page:
        with self._open(path) as file:
            return await page(file, path.name, first, limit, most)

    async def extract(self, path: Path, kind: str, pages: str) -> str:
        with self._open(path) as file:
            return await file_text(kind, pages, file, path.name)

    async def check_data(self, question: DataQuestion) -> tuple[str, JsonObject]:
        return await check_data(question, self._may_read, self._staged)

    async def exists(self, path: Path) -> bool:
        return await asyncio.to_thread(self._exists, path)

    async def write(self, path: Path, data: bytes, *, staged: bool) -> Literal["written", "staged"]:
        """Writes to the draft if asked to, or if the draft holds the file already: a staged edit never gets half-way to disk."""
        if len(data) > LARGEST:
            raise ToolError(f"{len(data):,} bytes are too much for one file", hint=f"At most {LARGEST:,} are written")
        return await asyncio.to_thread(self._write, path, data, staged)

    async def on_disk(self, path: Path) -> bytes | None:
        """What the file holds on disk, whatever the draft says; None where there is no regular file that can be read."""
        try:
            return await asyncio.to_thread(read_regular, path)
        except ToolError:
            return None

    def drafted(self, path: Path) -> bool:
        """Whether the draft holds an edit, or the deletion, of the file."""
        return self._draft is not None and (self._draft.read(path) is not None or self._draft.deleted(path))

    def seen(self, path: Path) -> str | None:
        return self._seen.get(path)

    def see(self, path: Path, data: bytes) -> None:
        self._seen[path] = digest(data)

    def digest(self, data: bytes) -> str:
        return digest(data)

    def _read(self, path: Path) -> bytes:
        staged = self._staged(path)
        return read_regular(path) if staged is None else staged

    @contextlib.contextmanager
    def _open(self, path: Path) -> Generator[IO[bytes]]:
        """The file as `_read` sees it, however large it is."""
        staged = self._staged(path)
        if staged is None:
            with open_regular(path) as file:
                yield file
            return
        with tempfile.TemporaryFile() as file:
            file.write(staged)
            file.seek(0)
            yield file

    def _staged(self, path: Path) -> bytes | None:
        """What the draft holds of it. Raises: ToolError: its deletion."""
        if self._draft is None:
            return None
        staged = self._draft.read(path)
        if staged is None and self._draft.deleted(path):
            raise ToolError(f"{path.name} does not exist: its deletion is in the draft")
        return staged

    def _exists(self, path: Path) -> bool:
        if self._draft is not None and self._draft.deleted(path):
            return False
        return (self._draft is not None and self._draft.read(path) is not None) or os.path.lexists(path)

    def _write(self, path: Path, data: bytes, staged: bool) -> Literal["written", "staged"]:
        draft = self._draft
        above = next((folder for folder in path.parents if os.path.lexists(folder)), path.parent)
        if not above.is_dir() and not (draft is not None and draft.deleted(above)):
            raise ToolError(f"{path} cannot be written: {above} is no folder", hint="Choose another name")
        if draft is not None and (staged or draft.read(path) is not None or draft.deleted(path)):
            draft.write(path, data)
            return "staged"
        if staged:
            raise ToolError(f"{path.name} is under experiment, and this session has no draft to put the edit in")
        _check_writable(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, data)
        except OSError as error:
            raise ToolError(f"{path} cannot be written: {_reason(error)}") from None
        return "written"


class GrantedFiles:
    """What one approved call may do with files."""

    def __init__(self, files: SessionFiles, grants: Iterable[Grant]) -> None:
        self._files = files
        grants = tuple(grants)
        self._reads = frozenset(Path(grant.effect.target) for grant in grants if grant.effect.kind == "read")
        self._writes = {Path(grant.effect.target): grant.staged for grant in grants if grant.effect.kind == "write"}

    async def read(self, path: Path) -> bytes:
        self._check_read(path)
        return await self._files.read(path)

    async def size(self, path: Path) -> int:
        self._check_read(path)
        return await self._files.size(path)

    async def page(self, path: Path, first: int, limit: int, most: int) -> Page:
        self._check_read(path)
        return await self._files.page(path, first, limit, most)

    async def extract(self, path: Path, kind: str, pages: str = "") -> str:
        self._check_read(path)
        return await self._files.extract(path, kind, pages)

    async def check_data(self, question: DataQuestion) -> tuple[str, JsonObject]:
        for _, path, _ in question.named:
            self._check_read(path)
        return await self._files.check_data(question)

    async def write(self, path: Path, data: bytes) -> Literal["written", "staged"]:
        if path not in self._writes:
            raise UndeclaredEffectError(f"write of {path} was not granted")
        _check_unmoved(path)
        return await self._files.write(path, data, staged=self._writes[path])

    async def exists(self, path: Path) -> bool:
        if path not in self._writes:
            self._check_read(path)
        return await self._files.exists(path)

    def seen(self, path: Path) -> str | None:
        return self._files.seen(path)

    def see(self, path: Path, data: bytes) -> None:
        self._files.see(path, data)

    def digest(self, data: bytes) -> str:
        return self._files.digest(data)

    def _check_read(self, path: Path) -> None:
        if path not in self._reads:
            raise UndeclaredEffectError(f"read of {path} was not granted")
        _check_unmoved(path)


def _check_unmoved(path: Path) -> None:
    """The path that was decided on was resolved; a link that took its place since leads elsewhere."""
    try:
        now = path.resolve()
    except (OSError, RuntimeError) as error:
        raise DeniedError(f"{path} cannot be resolved any more: {error}") from None
    if now != path:
        raise DeniedError(f"{path} leads to {now} now, which is not what was approved")


def read_regular(path: Path, largest: int = LARGEST) -> bytes:
    """The bytes of a regular file, never those behind a link that took its place.

    Raises: ToolError: missing, a folder, no regular file, not readable, or larger than `largest` bytes.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > largest:
            raise ToolError(
                f"{path} has {size:,} bytes, too many to read whole (at most {largest:,})",
                hint="Look at a part with Bash (head, tail, sed -n) or search it with Grep",
            )
        data = file.read(largest + 1)
    if len(data) > largest:
        raise ToolError(f"{path} grew beyond {largest:,} bytes while it was read")
    return data


@contextlib.contextmanager
def open_regular(path: Path) -> Generator[IO[bytes]]:
    """A regular file, open for reading. Raises: ToolError: as `read_regular`, and where reading it fails in the block."""
    try:
        # O_NONBLOCK: opening a pipe that nobody writes to must not wait.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise ToolError(f"{path} does not exist", hint=_nearest(path)) from None
    except OSError as error:
        raise ToolError(f"{path} cannot be read: {_reason(error)}") from None
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise ToolError(f"{path} is a folder", hint="List it with Glob, or with ls in Bash")
        if not stat.S_ISREG(status.st_mode):
            raise ToolError(f"{path} is no regular file but a pipe, socket or device")
        with open(descriptor, "rb", closefd=False) as file:
            yield file
    except OSError as error:
        raise ToolError(f"{path} cannot be read: {_reason(error)}") from None
    finally:
        os.close(descriptor)


def _check_writable(path: Path) -> None:
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return
    if stat.S_ISDIR(mode):
        raise ToolError(f"{path} is a folder", hint="Name a file in it")
    if not stat.S_ISREG(mode):
        raise ToolError(f"{path} is no regular file, so it is not replaced")
    if not os.access(path, os.W_OK):
        raise ToolError(f"{path} is read-only", hint="Make it writable first (chmod u+w), if that is meant")


def _nearest(path: Path) -> str:
    """The names in the folder that are most like the missing one, or the deepest folder that exists."""
    if not path.parent.is_dir():
        existing = next((parent for parent in path.parents if parent.is_dir()), Path("/"))
        return f"Its folder does not exist either; {existing} does"
    try:
        names = [entry.name for entry in itertools.islice(path.parent.iterdir(), 10_000)]
    except OSError:
        return ""
    lowered = {name.lower(): name for name in names}
    close = difflib.get_close_matches(path.name.lower(), lowered, n=3, cutoff=0.5)
    return f"Nearest in that folder: {', '.join(lowered[name] for name in close)}" if close else "Find it with Glob"


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
