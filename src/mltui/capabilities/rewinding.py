"""Puts the files and the draft back as a checkpoint has them: only what differs, and nothing that could not be brought back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mltui.capabilities.atomic import write_atomically
from mltui.capabilities.checkpoints import Checkpoints, digest_of
from mltui.capabilities.guarded_shell import GuardedShell, to_its_end
from mltui.capabilities.putting_back import shown
from mltui.core.errors import ExperimentError
from mltui.core.experiment import ControlledChange
from mltui.core.rewind import RewindPlan, Rewound
from mltui.experiments.checkpoint_store import Checkpoint, CheckpointStore, Difference
from mltui.experiments.tree_layer import LINK

_AT_ONCE = 50
"""Files whose contents are in memory together."""
_NAMED = 5
"""Files that one note names."""


class Controls(Protocol):
    """What is under experiment; see `experiments.control.Control`."""

    def explain_change(self, path: Path, before: bytes | None, after: bytes | None) -> ControlledChange | None: ...

    def harmless(self, path: Path, before: bytes | None, after: bytes | None) -> str | None: ...


@dataclass(slots=True)
class _Work:
    """What is to be done, and what stays as it is.

    Attributes: copies: large files of which the same content lies elsewhere: path to place.
    """

    restore: dict[str, Difference] = field(default_factory=dict[str, Difference])
    remove: list[str] = field(default_factory=list[str])
    copies: dict[str, str] = field(default_factory=dict[str, str])
    outside: set[str] = field(default_factory=set[str])
    draft: dict[str, bytes | None] | None = None
    notes: list[str] = field(default_factory=list[str])

    @property
    def paths(self) -> list[str]:
        return sorted({*self.restore, *self.remove, *self.copies})


class Rewinding:
    """Goes back to checkpoints of one session.

    Args:
        kept_by: the experiment that left a file as it is (path relative to the project, content), or empty.
    """

    def __init__(
        self, checkpoints: Checkpoints, shell: GuardedShell, control: Controls, kept_by: Callable[[str, bytes | None], str], aside: Path
    ) -> None:
        self._checkpoints = checkpoints
        self._shell = shell
        self._control = control
        self._kept_by = kept_by
        self._aside = aside
        self._root = checkpoints.root

    async def plan(self, commit: str, since: Sequence[str]) -> RewindPlan:
        """What going back would do.

        Args:
            commit: the checkpoint.
            since: the checkpoints that were made after it.

        Raises: ExperimentError: it is gone, or no checkpoint can be made.
        """
        now = await self._now()
        work = await asyncio.to_thread(self._work, commit, since, now)
        return RewindPlan(
            commit=commit,
            restore=tuple(sorted({*work.restore, *work.copies})),
            remove=tuple(sorted(work.remove)),
            outside=tuple(sorted(work.outside)),
            draft=work.draft is not None,
            notes=tuple(work.notes),
        )

    async def restore(self, commit: str, since: Sequence[str], overwrite: Collection[str] = ()) -> Rewound:
        """Goes back; the files as they are now are a checkpoint first.

        Args:
            overwrite: files that something outside changed, and that are to be put back nevertheless.

        Raises: ExperimentError: as `plan`.
        """
        async with self._shell.acting(checkpoint=True) as found:
            if not found.checkpoint:
                raise ExperimentError(f"no checkpoint can be made: {self._checkpoints.problem}", hint="Nothing was changed")
            work = await asyncio.to_thread(self._work, commit, since, found.checkpoint)
            # Not left half-way: a few files of an earlier point among those of now would be neither.
            done = await to_its_end(lambda: self._carry_out(work, frozenset(overwrite)))
        if (staged := work.draft) is not None:
            await to_its_end(lambda: self._stage(staged))
        await asyncio.to_thread(self._checkpoints.wrote, [self._root / path for path in done])
        return Rewound(before=found.checkpoint, files=tuple(sorted(done)), notes=(*work.notes, *found.notes))

    async def patch(self, old: str, new: str | None) -> tuple[str, tuple[str, ...]]:
        """The changes from one checkpoint to another (None: to what is there now), and what they cannot show.

        Raises: ExperimentError: a checkpoint is gone.
        """
        after = new or await self._now()

        def read() -> tuple[str, tuple[str, ...]]:
            store = self._checkpoints.opened()
            loaded = _loaded(store, [old, after])
            one, two = loaded[old], loaded[after]
            changed = [name for name in sorted({*one.apart, *two.apart}) if one.apart.get(name) != two.apart.get(name)]
            notes = [_some(changed, "large or binary file changed", "large or binary files changed")] if changed else []
            if two.draft:
                notes.append(_some(sorted(two.draft), "file is changed in the draft", "files are changed in the draft"))
            return store.patch(one.tree, two.tree), tuple(notes)

        return await asyncio.to_thread(read)

    async def changed(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, ...]]:
        """The files that differ between checkpoints, for each pair; nothing where one is gone."""

        def read() -> list[tuple[str, ...]]:
            store = self._checkpoints.opened()
            loaded = store.load(commit for pair in pairs for commit in pair if pair[0] != pair[1])
            return [tuple(_changed(store, loaded.get(old), loaded.get(new))) for old, new in pairs]

        return await asyncio.to_thread(read)

    async def _now(self) -> str:
        commit = await self._shell.checkpoint()
        if commit is None:
            raise ExperimentError(f"no checkpoint can be made: {self._checkpoints.problem}", hint="Nothing was changed")
        return commit

    # ── what is to be done ───────────────────────────────────────────────────────

    def _work(self, commit: str, since: Sequence[str], now_commit: str) -> _Work:
        store = self._checkpoints.opened()
        loaded = store.load([commit, *since, now_commit])
        if commit not in loaded or now_commit not in loaded:
            raise ExperimentError("that checkpoint is gone", hint="[checkpoints] keep_days and keep say how long they are kept")
        target, now = loaded[commit], loaded[now_commit]
        later = [loaded[name].outside for name in {*since, now_commit} if name in loaded and name != commit]
        work = _Work()
        differences = [item for item in store.differences(target.tree, now.tree) if self._may(item, target, work)]
        for start in range(0, len(differences), _AT_ONCE):
            part = differences[start : start + _AT_ONCE]
            contents = store.contents(blob for item in part for blob in (item.old_blob, item.new_blob))
            for item in part:
                self._judge(item, contents, work)
        self._judge_apart(target, now, work)
        work.outside = {path for path in work.paths for paths in later if path in paths}
        if (wanted := self._draft_of(target)) != dict(now.draft):
            work.draft = wanted
        if nested := sorted({*target.nested, *now.nested}):
            work.notes.append(_some(nested, "repository within is left alone", "repositories within are left alone"))
        return work

    def _may(self, item: Difference, target: Checkpoint, work: _Work) -> bool:
        parts = item.path.split("/")
        if any(part in ("", ".", "..") or part.lower() == ".git" for part in parts) or parts[0].lower() == ".mltui":
            return False
        if item.path in target.apart:
            work.notes.append(f"{shown(item.path)} cannot be restored: it was large or binary, and no copy of it was kept")
            return False
        return True

    def _judge(self, item: Difference, contents: Mapping[str, bytes], work: _Work) -> None:
        old, new = contents.get(item.old_blob), contents.get(item.new_blob)
        name = shown(item.path)
        if item.old_blob and old is None:
            work.notes.append(f"{name} cannot be restored: git let go of its content")
            return
        why = self._control.explain_change(self._root / item.path, new, old)
        if why is not None and self._control.harmless(self._root / item.path, new, old) is None:
            if kept := self._kept_by(item.path, new):
                way = f"git restore --source=refs/mltui/base/{kept} -- {name}" if kept.startswith("P-") else f"git log -- {name}"
                work.notes.append(f"{name} stays: {kept} was kept since then, which going back does not undo; {way} would")
            else:
                work.notes.append(f"{name} stays: it is under experiment ({why.kind}: {why.reason})")
        elif item.old_blob:
            work.restore[item.path] = item
        else:
            work.remove.append(item.path)

    def _judge_apart(self, target: Checkpoint, now: Checkpoint, work: _Work) -> None:
        lost: list[str] = []
        for path, was in target.apart.items():
            is_now = now.apart.get(path)
            if is_now is not None and (is_now.size, is_now.mtime_ns, is_now.inode) == (was.size, was.mtime_ns, was.inode):
                continue
            place = None
            if not os.path.lexists(self._root / path):
                same = (
                    name
                    for name, other in now.apart.items()
                    if other.size == was.size
                    and ((other.inode, other.mtime_ns) == (was.inode, was.mtime_ns) or self._equal(was.digest, name, other.digest))
                )
                place = next(same, None)
            if place is None:
                lost.append(path)
            elif self._control.explain_change(self._root / path, None, b"") is None:
                work.copies[path] = place
        if lost:
            what = "large or binary file cannot be restored, for no copy of it was kept"
            work.notes.append(_some(sorted(lost), what, what.replace("file", "files").replace("of it was", "of them was")))
        if made := sorted(path for path in now.apart if path not in target.apart and path not in work.restore):
            what = "large or binary file that is new stays, for no copy of it is kept"
            work.notes.append(
                _some(made, what, what.replace("file that is new stays", "files that are new stay").replace("of it", "of them"))
            )

    def _equal(self, digest: str, name: str, known: str) -> bool:
        return bool(digest) and digest == (known or digest_of(self._root / name))

    def _draft_of(self, target: Checkpoint) -> dict[str, bytes | None]:
        """The staged edits of then, without those that are in the tree by now."""
        wanted: dict[str, bytes | None] = {}
        for path, data in target.draft.items():
            try:
                there = (self._root / path).read_bytes()
            except OSError:
                there = None
            if there != data:
                wanted[path] = data
        return wanted

    # ── doing it ─────────────────────────────────────────────────────────────────

    def _carry_out(self, work: _Work, overwrite: frozenset[str]) -> list[str]:
        kept = work.outside - overwrite
        done: list[str] = []
        # Folders come to be where files go, so these go first; the deepest first.
        for path in sorted(set(work.remove) - kept, reverse=True):
            done += self._try(path, work, lambda path=path: self._remove(path))
        store = self._checkpoints.opened()
        waiting = [item for path, item in sorted(work.restore.items()) if path not in kept]
        for start in range(0, len(waiting), _AT_ONCE):
            part = waiting[start : start + _AT_ONCE]
            contents = store.contents(item.old_blob for item in part)
            for item in part:
                data = contents[item.old_blob]
                done += self._try(item.path, work, lambda item=item, data=data: self._write(item, data, work))
        for path, place in work.copies.items():
            if path not in kept:
                done += self._try(path, work, lambda path=path, place=place: self._copy(place, path))
        if kept:
            work.notes.append(_some(sorted(kept), "file stays as it was changed outside", "files stay as they were changed outside"))
        return done

    def _try(self, path: str, work: _Work, act: Callable[[], None]) -> Iterator[str]:
        try:
            act()
        except OSError as error:
            work.notes.append(f"{shown(path)} could not be put back: {error.strerror or error}")
        else:
            yield path

    def _remove(self, path: str) -> None:
        full = self._root / path
        self._check_parents(full)
        full.unlink(missing_ok=True)
        for parent in full.parents:
            if parent == self._root or not parent.is_relative_to(self._root):
                break
            try:
                parent.rmdir()
            except OSError:
                break

    def _write(self, item: Difference, data: bytes, work: _Work) -> None:
        full = self._root / item.path
        self._check_parents(full)
        full.parent.mkdir(parents=True, exist_ok=True)
        now = full.lstat() if os.path.lexists(full) else None
        if now is not None and stat.S_ISDIR(now.st_mode):
            _remove_empty(full)
            now = None
        if now is not None and not item.new_blob:
            # Large, binary or ignored by now: its content is in no checkpoint.
            self._aside.mkdir(parents=True, exist_ok=True)
            aside = self._aside / f"{secrets.token_hex(4)}-{full.name[:200]}"
            shutil.move(full, aside)
            work.notes.append(f"what took the place of {shown(item.path)} is in {aside}")
            now = None
        if item.old_mode == LINK:
            spare = full.with_name(f".{full.name[:200]}.{secrets.token_hex(4)}.tmp")
            spare.symlink_to(os.fsdecode(data))
            spare.replace(full)
            return
        runs = item.old_mode == "100755"
        if now is not None and stat.S_ISREG(now.st_mode):
            mode = stat.S_IMODE(now.st_mode)
            write_atomically(full, data, mode=_runnable(mode) if runs else mode & ~0o111)
            return
        if now is not None:
            full.unlink()
        write_atomically(full, data)
        if runs:
            full.chmod(_runnable(stat.S_IMODE(full.lstat().st_mode)))

    def _copy(self, place: str, path: str) -> None:
        full = self._root / path
        self._check_parents(full)
        full.parent.mkdir(parents=True, exist_ok=True)
        spare = full.with_name(f".{full.name[:200]}.{secrets.token_hex(4)}.tmp")
        try:
            shutil.copy2(self._root / place, spare, follow_symlinks=False)
            spare.replace(full)
        finally:
            spare.unlink(missing_ok=True)

    def _check_parents(self, path: Path) -> None:
        """Nothing is written or removed through a link."""
        if os.path.realpath(path.parent) != str(path.parent):
            raise OSError("a link is in the place of its folder")

    def _stage(self, wanted: Mapping[str, bytes | None]) -> None:
        draft = self._checkpoints.draft
        draft.drop([path for path in draft.paths() if path not in wanted])
        for path, data in wanted.items():
            if data is None:
                draft.delete(Path(path))
            else:
                draft.write(Path(path), data)


def _loaded(store: CheckpointStore, commits: Sequence[str]) -> dict[str, Checkpoint]:
    loaded = store.load(commits)
    if any(commit not in loaded for commit in commits):
        raise ExperimentError("that checkpoint is gone", hint="[checkpoints] keep_days and keep say how long they are kept")
    return loaded


def _changed(store: CheckpointStore, old: Checkpoint | None, new: Checkpoint | None) -> Iterable[str]:
    if old is None or new is None:
        return
    with contextlib.suppress(ExperimentError):
        yield from (difference.path for difference in store.differences(old.tree, new.tree))
    yield from (path for path in sorted({*old.draft, *new.draft}) if old.draft.get(path, b"") != new.draft.get(path, b""))
    yield from (path for path in new.apart if old.apart.get(path) != new.apart[path])


def _runnable(mode: int) -> int:
    return mode | (mode & 0o444) >> 2


def _remove_empty(folder: Path) -> None:
    """Removes a folder that holds folders alone. Raises: OSError: a file lies in it, such as one that git ignores."""
    for inner in folder.iterdir():
        if inner.is_symlink() or not inner.is_dir():
            raise OSError("a folder with other files is in its place")
        _remove_empty(inner)
    folder.rmdir()


def _some(paths: Sequence[str], one: str, many: str) -> str:
    named = ", ".join(map(shown, paths[:_NAMED]))
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    return f"{len(paths)} {one if len(paths) == 1 else many}: {named}{more}"
