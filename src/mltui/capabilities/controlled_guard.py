"""Files under experiment before and after a shell command: what a command changed goes to the draft, not to the tree."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from mltui.capabilities.atomic import write_atomically
from mltui.capabilities.controlled_copies import ON_DISK, Copies, Kept, Signature
from mltui.capabilities.files import DraftFiles
from mltui.capabilities.own_state import OwnState
from mltui.core.errors import ExperimentError
from mltui.core.experiment import ControlledChange
from mltui.tools.base import Shell, ShellResult

_PROPOSE = "propose it with ProposeExperiment"


class ControlledGuard:
    """Remembers the files under experiment, and puts back what a command changed of them. Nothing is lost.

    Args:
        files: the files under experiment that exist now, by resolved paths.
        explain: why a path is under experiment.
        state: a folder for copies of large files, and for what fits neither the tree nor the draft; made on demand.
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
        self._aside = state / "set-aside"
        # Of its own, so that two sessions in one project do not share copies.
        self._copies = Copies(state / f"copies-{os.getpid()}-{secrets.token_hex(4)}")

    def close(self) -> None:
        """Removes the copies."""
        self._copies.close()

    def remember(self) -> None:
        """Takes the files as they are."""
        self._copies.remember(self._files())

    def put_back(self) -> tuple[str, ...]:
        """Moves changes to the draft and puts the files back. Returns a line for each, for the model and the person."""
        notes: list[str] = []
        kept = self._copies.kept
        for path, known in kept.items():
            # A folder that was moved away and linked back leaves its files' signatures as they were.
            if Signature.of(path) != known.signature or os.path.realpath(path.parent) != str(path.parent):
                notes += self._attempt(path, lambda path=path, known=known: self._restore(path, known))
        for path in self._files():
            if path not in kept:
                notes += self._attempt(path, lambda path=path: self._take_away(path))
        return tuple(notes)

    def _attempt(self, path: Path, act: Callable[[], str | None]) -> list[str]:
        try:
            note = act()
        except OSError as error:
            return [f"{self._name(path)} was changed and could not be put back ({error.strerror or error}): restore it with git"]
        return [] if note is None else [f"{self._name(path)} is under experiment{self._why(path)}; {note}"]

    def _restore(self, path: Path, known: Kept) -> str | None:
        """Puts a file back. Returns what to say about it, or None when nothing but its times changed."""
        old = known.content()
        if old is None:
            return "it changed, and is too large for a copy to have been kept: look at it, and restore it with git if need be"
        moved = self._clear_parents(path)
        now = Signature.of(path)
        if now is not None and now.is_file and now.size <= ON_DISK:
            new = path.read_bytes()
            if new == old:
                return self._restore_mode(path, known, now)
            note = self._stage(path, new)
        elif now is not None:
            note = f"what the command put in its place is in {self._move_aside(path)}"
        else:
            note = moved or self._stage_deletion(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, old, mode=known.signature.permissions)
        self._copies.touched(path)
        return note

    def _restore_mode(self, path: Path, known: Kept, now: Signature) -> str | None:
        changed = now.permissions != known.signature.permissions
        if changed:
            path.chmod(known.signature.permissions)
        self._copies.touched(path)
        return "its mode was put back" if changed else None

    def _take_away(self, path: Path) -> str | None:
        """A new file under experiment belongs in the draft."""
        now = Signature.of(path)
        if now is None or path.parent.resolve() != path.parent:
            return None
        if not now.is_file or now.size > ON_DISK:
            return f"what the command made cannot be part of a proposal, and is in {self._move_aside(path)}"
        note = self._stage(path, path.read_bytes())
        path.unlink()
        return note

    def _stage(self, path: Path, new: bytes) -> str:
        staged = self._draft.read(path)
        if staged == new:
            return f"the draft holds that change already: {_PROPOSE}"
        if staged is not None or self._draft.deleted(path):
            return f"another edit of it is in the draft, which was kept; the command's version is in {self._set_aside(path, new)}"
        try:
            self._draft.write(path, new)
        except (ExperimentError, OSError) as error:
            return f"the change could not be moved to the draft ({error}), and is in {self._set_aside(path, new)}"
        return f"the change was moved to the draft: {_PROPOSE}"

    def _stage_deletion(self, path: Path) -> str:
        if self._draft.read(path) is not None:
            return "it has an edit in the draft, so its deletion was undone"
        try:
            self._draft.delete(path)
        except (ExperimentError, OSError) as error:
            return f"its deletion was undone ({error})"
        return f"its deletion was moved to the draft: {_PROPOSE}"

    def _clear_parents(self, path: Path) -> str | None:
        """Nothing is written through a link, or over a file, that a command put in the place of a folder."""
        for parent in reversed(path.parents):
            if parent.is_symlink() or (parent.exists() and not parent.is_dir()):
                return f"what the command put in the place of its folder is in {self._move_aside(parent)}"
        return None

    def _move_aside(self, path: Path) -> Path:
        self._aside.mkdir(parents=True, exist_ok=True)
        aside = self._aside / f"{secrets.token_hex(4)}-{path.name}"
        shutil.move(path, aside)
        return aside

    def _set_aside(self, path: Path, data: bytes) -> Path:
        self._aside.mkdir(parents=True, exist_ok=True)
        aside = self._aside / f"{secrets.token_hex(4)}-{path.name}"
        write_atomically(aside, data)
        return aside

    def _name(self, path: Path) -> str:
        change = self._explain(path)
        return change.path if change is not None else str(path)

    def _why(self, path: Path) -> str:
        change = self._explain(path)
        return f" ({change.kind}: {change.reason})" if change is not None else ""


class GuardedShell:
    """A shell whose commands cannot leave a changed file under experiment behind. One command at a time.

    Attributes:
        alarms: what the last command did to mltui's own files.
    """

    def __init__(self, shell: Shell, guard: ControlledGuard, own: OwnState | None = None) -> None:
        self.alarms: tuple[str, ...] = ()
        self._shell = shell
        self._guard = guard
        self._own = own
        self._one_at_a_time = asyncio.Lock()

    async def run(self, command: str, timeout: float, on_output: Callable[[str], Awaitable[None]]) -> ShellResult:
        async with self._one_at_a_time:
            await self._before()
            try:
                result = await self._shell.run(command, timeout, on_output)
            except BaseException:
                # Shielded: an interrupted command must not keep its changes either.
                await asyncio.shield(asyncio.ensure_future(self._after()))
                raise
            notes = await asyncio.shield(asyncio.ensure_future(self._after()))
        return ShellResult(result.output, result.exit_code, result.spill, (*result.notes, *notes))

    async def _before(self) -> None:
        self.alarms = ()
        await asyncio.to_thread(self._remember_all)

    async def _after(self) -> tuple[str, ...]:
        return await asyncio.to_thread(self._put_all_back)

    # Each in one thread: every change of threads costs as much as the look itself.

    def _remember_all(self) -> None:
        self._guard.remember()
        if self._own is not None:
            self._own.before()

    def _put_all_back(self) -> tuple[str, ...]:
        if self._own is not None:
            self.alarms = self._own.after()
        return (*self.alarms, *self._guard.put_back())
