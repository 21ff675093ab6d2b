"""Files under experiment before and after a shell command: what a command changed goes to the draft, not to the tree."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import stat
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mltui.capabilities.atomic import write_atomically
from mltui.capabilities.files import DraftFiles
from mltui.core.errors import ExperimentError
from mltui.core.experiment import ControlledChange
from mltui.tools.base import Shell, ShellResult
from mltui.tools.preview import digest

_IN_MEMORY = 5_000_000
_ON_DISK = 50_000_000
_MEMORY_BUDGET = 64_000_000
_DISK_BUDGET = 1_000_000_000


@dataclass(frozen=True, slots=True)
class _Signature:
    """What changes when a file's content does. The change time cannot be set by a program."""

    mtime_ns: int
    ctime_ns: int
    size: int
    inode: int
    mode: int

    @classmethod
    def of(cls, path: Path) -> _Signature | None:
        try:
            status = os.lstat(path)
        except OSError:
            return None
        return cls(status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino, status.st_mode)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A file as it was.

    Attributes:
        data: its content, if it is small.
        copy: a copy of it, if it is larger; neither for what is too large to keep.
    """

    signature: _Signature
    data: bytes | None = None
    copy: Path | None = None

    def content(self) -> bytes | None:
        if self.data is not None:
            return self.data
        return self.copy.read_bytes() if self.copy is not None else None


class ControlledGuard:
    """Remembers the files under experiment, and puts back what a command changed of them.

    Args:
        files: the files under experiment that exist now.
        explain: why a path is under experiment.
        state: a folder for copies of large files; made on demand.
    """

    def __init__(
        self,
        *,
        files: Callable[[], Sequence[Path]],
        explain: Callable[[Path], ControlledChange | None],
        draft: DraftFiles,
        state: Path,
    ) -> None:
        self._files = files
        self._explain = explain
        self._draft = draft
        self._state = state
        self._kept: dict[Path, _Kept] = {}
        self._in_memory = 0
        self._on_disk = 0

    async def before(self) -> None:
        """Remembers the files as they are. What did not change since the last time costs one stat."""
        await asyncio.to_thread(self._remember)

    async def after(self) -> tuple[str, ...]:
        """Moves changes to the draft and puts the files back. Returns a line for each, for the model and the person."""
        return await asyncio.to_thread(self._put_back)

    def close(self) -> None:
        """Removes the copies."""
        self._kept.clear()
        shutil.rmtree(self._state / "copies", ignore_errors=True)

    def _remember(self) -> None:
        current: dict[Path, _Kept] = {}
        for path in self._files():
            signature = _Signature.of(path)
            if signature is None:
                continue
            known = self._kept.pop(path, None)
            if known is not None and known.signature == signature:
                current[path] = known
            else:
                self._forget(known)
                current[path] = self._keep(path, signature)
        for known in self._kept.values():
            self._forget(known)
        self._kept = current

    def _keep(self, path: Path, signature: _Signature) -> _Kept:
        if not stat.S_ISREG(signature.mode):
            return _Kept(signature)
        with contextlib.suppress(OSError):
            if signature.size <= _IN_MEMORY and self._in_memory + signature.size <= _MEMORY_BUDGET:
                self._in_memory += signature.size
                return _Kept(signature, data=path.read_bytes())
            if signature.size <= _ON_DISK and self._on_disk + signature.size <= _DISK_BUDGET:
                folder = self._state / "copies"
                folder.mkdir(parents=True, exist_ok=True)
                copy = folder / digest(os.fsencode(path))[:24]
                shutil.copyfile(path, copy)
                self._on_disk += signature.size
                return _Kept(signature, copy=copy)
        return _Kept(signature)

    def _forget(self, known: _Kept | None) -> None:
        if known is None:
            return
        if known.data is not None:
            self._in_memory -= known.signature.size
        elif known.copy is not None:
            self._on_disk -= known.signature.size
            known.copy.unlink(missing_ok=True)

    def _put_back(self) -> tuple[str, ...]:
        notes: list[str] = []
        for path, known in list(self._kept.items()):
            now = _Signature.of(path)
            if now != known.signature:
                notes += self._restore(path, known, now)
        for path in self._files():
            if path not in self._kept and (now := _Signature.of(path)) is not None:
                notes += self._take_away(path, now)
        return tuple(notes)

    def _restore(self, path: Path, known: _Kept, now: _Signature | None) -> list[str]:
        name = self._name(path)
        old = known.content()
        if old is None:
            return [f"{name} changed, and is too large for a copy to have been kept: check it by hand, or restore it with git"]
        if now is not None and stat.S_ISREG(now.mode):
            new = _content(path, now)
            if new == old:
                self._kept[path] = _Kept(now, known.data, known.copy)
                if stat.S_IMODE(now.mode) == stat.S_IMODE(known.signature.mode):
                    return []
                path.chmod(stat.S_IMODE(known.signature.mode))
                self._resign(path, known)
                return [f"{name} is under experiment; its mode was put back"]
            note = self._stage(path, name, new)
        elif now is None:
            note = self._stage_deletion(path, name)
        else:
            note = f"{name} is under experiment; what the command put in its place was removed"
        try:
            _clear(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, old, mode=stat.S_IMODE(known.signature.mode))
        except OSError as error:
            return [note, f"{name} could not be put back: {error.strerror or error}; restore it with git"]
        self._resign(path, known)
        return [note]

    def _take_away(self, path: Path, now: _Signature) -> list[str]:
        """A new file under experiment belongs in the draft."""
        name = self._name(path)
        if not stat.S_ISREG(now.mode):
            return []
        content = _content(path, now)
        if content is None:
            return [f"{name} is new and under experiment, but too large for the draft; it was left where it is"]
        note = self._stage(path, name, content)
        try:
            path.unlink()
        except OSError as error:
            return [note, f"{name} could not be removed from the tree: {error.strerror or error}"]
        return [note]

    def _stage(self, path: Path, name: str, new: bytes | None) -> str:
        if new is None:
            return f"{name} is under experiment; the change was too large for the draft and was undone"
        staged = self._draft.read(path)
        if staged == new:
            return f"{name} is under experiment; the draft holds that change already"
        if staged is not None or self._draft.deleted(path):
            aside = self._set_aside(path, new)
            return f"{name} is under experiment and has another edit in the draft, which was kept; the command's version is in {aside}"
        try:
            self._draft.write(path, new)
        except (ExperimentError, OSError) as error:
            return (
                f"{name} is under experiment; the change could not be moved to the draft ({error}) and is in {self._set_aside(path, new)}"
            )
        return f"{name} is under experiment{self._why(path)}; the change was moved to the draft: propose it with ProposeExperiment"

    def _stage_deletion(self, path: Path, name: str) -> str:
        if self._draft.read(path) is not None:
            return f"{name} is under experiment and has an edit in the draft; its deletion was undone"
        try:
            self._draft.delete(path)
        except (ExperimentError, OSError) as error:
            return f"{name} is under experiment; its deletion was undone ({error})"
        return f"{name} is under experiment{self._why(path)}; its deletion was moved to the draft: propose it with ProposeExperiment"

    def _set_aside(self, path: Path, data: bytes) -> Path:
        folder = self._state / "set-aside"
        folder.mkdir(parents=True, exist_ok=True)
        aside = folder / f"{digest(data)[:12]}-{path.name}"
        write_atomically(aside, data)
        return aside

    def _resign(self, path: Path, known: _Kept) -> None:
        signature = _Signature.of(path)
        if signature is not None:
            self._kept[path] = _Kept(signature, known.data, known.copy)

    def _name(self, path: Path) -> str:
        change = self._explain(path)
        return change.path if change is not None else str(path)

    def _why(self, path: Path) -> str:
        change = self._explain(path)
        return f" ({change.kind}: {change.reason})" if change is not None else ""


def _content(path: Path, signature: _Signature) -> bytes | None:
    if signature.size > _ON_DISK:
        return None
    try:
        return path.read_bytes()
    except OSError:
        return None


def _clear(path: Path) -> None:
    """Makes room for a file where a command put something else."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    else:
        aside = path.with_name(f"{path.name}.moved-aside")
        path.rename(aside)


class GuardedShell:
    """A shell whose commands cannot leave a changed file under experiment behind. One command at a time."""

    def __init__(self, shell: Shell, guard: ControlledGuard) -> None:
        self._shell = shell
        self._guard = guard
        self._one_at_a_time = asyncio.Lock()

    async def run(self, command: str, timeout: float, on_output: Callable[[str], Awaitable[None]]) -> ShellResult:
        async with self._one_at_a_time:
            await self._guard.before()
            try:
                result = await self._shell.run(command, timeout, on_output)
            except BaseException:
                # Shielded: an interrupted command must not keep its changes either.
                await asyncio.shield(asyncio.ensure_future(self._guard.after()))
                raise
            notes = await self._guard.after()
        return ShellResult(result.output, result.exit_code, result.spill, (*result.notes, *notes))
