"""Files under experiment before and after whatever acts: what it changed goes to the draft, not to the tree."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from mltui.capabilities.acting import Acting
from mltui.capabilities.controlled_copies import Copies, Kept
from mltui.capabilities.files import DraftFiles
from mltui.capabilities.ignored_files import IgnoredFiles
from mltui.capabilities.putting_back import LARGEST, PuttingBack, content_now, shown
from mltui.core.errors import ExperimentError
from mltui.core.experiment import ControlledChange
from mltui.experiments.globs import Globs
from mltui.experiments.signature import Signature
from mltui.experiments.tree_watch import Change, TreeWatch

_MOST_NOTICES = 10


class Controls(Protocol):
    """What is under experiment, and why; see `experiments.control.Control`."""

    def files(self) -> Sequence[Path]: ...

    def explain(self, path: Path) -> ControlledChange | None: ...

    def explain_change(self, path: Path, before: bytes | None, after: bytes | None) -> ControlledChange | None: ...

    def harmless(self, path: Path, before: bytes | None, after: bytes | None) -> str | None: ...


def _nobody(path: str, reason: str) -> None:
    """Nobody wants to know what passed."""


def _nothing(path: str, content: bytes | None) -> bool:
    """mltui itself wrote nothing."""
    return False


class ControlledGuard:
    """Remembers the tree, and puts back what a command changed of what is under experiment.

    Files that are known to be under experiment are compared one by one, with copies that no command can reach; all others by a
    `TreeWatch`, whose finds are judged by the content before and after: a free file may have become training code.

    Args:
        state: `.mltui`, for the snapshots, and for what fits neither the tree nor the draft; made on demand.
        declared: patterns of what is under experiment even where git ignores it.
        on_passed: told of each change that is no experiment (comments, formatting) and so stays in the tree: path, reason.
        own: whether mltui itself left a file so (path relative to the root, content now; None: it is gone), by keeping an
            experiment in this process or another. Such a change is neither news nor a command's.

    Attributes:
        notices: what the person should know of the time before the last command: their own changes, which count as such.
    """

    def __init__(
        self,
        root: Path,
        control: Controls,
        *,
        draft: DraftFiles,
        state: Path,
        declared: Globs | None = None,
        on_passed: Callable[[str, str], None] = _nobody,
        own: Callable[[str, bytes | None], bool] = _nothing,
    ) -> None:
        self.notices: tuple[str, ...] = ()
        self._root = root
        self._control = control
        self._putting = PuttingBack(root, draft, state / "tmp" / "set-aside")
        self._watch = TreeWatch(root, state)
        self._acting = Acting(state / "tmp" / "acting", self._watch.id)
        self._ignored = IgnoredFiles(root, declared or Globs.of(()), self._watch.ignored)
        self._copies = Copies(state / "tmp")
        self._on_passed = on_passed
        self._own = own
        self._known: dict[Path, None] | None = None
        self._known_ignored: dict[str, Signature | None] = {}
        self._blind = ""

    @property
    def watch(self) -> TreeWatch | None:
        """The tree as the last look took it; None where no snapshot can be made."""
        return None if self._blind else self._watch

    def close(self) -> None:
        """Ends the watch. The copies are gone then."""
        self._copies.close()
        self._watch.close()
        self._acting.close()

    def remember(self) -> None:
        """Takes the tree as it is."""
        self.notices = ()
        notices: list[str] = []
        other = self._acting.begin()
        try:
            self._watch.before(adopt=other)
        except (ExperimentError, OSError) as error:
            self._go_blind(str(error), notices)
        else:
            self._blind = ""
        if self._known is None or self._blind:
            self._known = dict.fromkeys(self._control.files())
        elif other is None:
            notices += self._take_outside_changes(self._known)
        # What another session has changed by now is compared with what that one saw before it began.
        unsure = {self._root / change.path for change in self._watch.after()} if other is not None and not self._blind else set[Path]()
        known = dict.fromkeys([*self._known, *self._remember_ignored()])
        self._copies.remember([path for path in known if path not in unsure])
        self.notices = tuple(notices)

    def stand_down(self) -> None:
        """After `remember`, when nothing is going to act."""
        self._acting.end()

    def put_back(self) -> tuple[str, ...]:
        """Moves changes to the draft and puts the files back. Returns a line for each, for the model and the person."""
        try:
            notes = self._put_all_back()
        finally:
            met = self._acting.end()
        if met and notes:
            notes.append("another mltui session acted in this project meanwhile: what was found may be its work, and none of it is lost")
        return tuple(notes)

    def _put_all_back(self) -> list[str]:
        notes: list[str] = []
        kept = self._copies.kept
        for path, known in kept.items():
            # A folder that was moved away and linked back leaves its files' signatures as they were.
            if Signature.of(path) != known.signature or os.path.realpath(path.parent) != str(path.parent):
                notes += self._attempt(path, self._control.explain(path), lambda path=path, known=known: self._restore_kept(path, known))
        notes += self._put_others_back(kept)
        notes += self._settle_ignored(kept)
        return notes

    # ── what is known to be under experiment ─────────────────────────────────────

    def _restore_kept(self, path: Path, known: Kept) -> str | None:
        """Returns what to say about the file, or None when nothing but its times changed."""
        old = known.content()
        if self._is_own(path, old):
            return None
        if old is None and known.signature.is_link:
            return self._restore_watched(path, self._watch_old(path)) if not self._blind else "it was a link, and is changed: look at it"
        if old is None:
            return "it changed, and is too large for a copy to have been kept: look at it, and restore it with git if need be"
        now = Signature.of(path)
        if now is not None and now.is_file and os.path.realpath(path.parent) == str(path.parent):
            passed = self._passes(path, old, content_now(path))
            if passed is not None:
                if now.permissions != known.signature.permissions:
                    path.chmod(known.signature.permissions)
                return passed
        note = self._putting.restore(path, old, known.signature.permissions)
        self._copies.touched(path)
        return note

    def _watch_old(self, path: Path) -> tuple[Change, bytes | None]:
        name = path.relative_to(self._root).as_posix()
        change = next((found for found in self._watch.after() if found.path == name), Change(name, "modified"))
        return change, self._watch.old(name)

    # ── all others ───────────────────────────────────────────────────────────────

    def _put_others_back(self, kept: dict[Path, Kept]) -> list[str]:
        if self._blind:
            return self._take_new_files_away(kept)
        try:
            waiting = [change for change in self._watch.after() if self._root / change.path not in kept]
        except (ExperimentError, OSError) as error:
            self._blind = str(error)
            lost = f"the tree could not be compared ({error}): only files known to be under experiment were"
            return [lost, *self._take_new_files_away(kept)]
        notes: list[str] = []
        progress = True
        while waiting and progress:
            # To put one back may bring another under experiment: what an entry point imports is training code too.
            progress, left = False, list[Change]()
            for change in waiting:
                path, old = self._root / change.path, self._watch.old(change.path)
                before = None if change.kind == "added" else old or b""
                why = self._control.explain_change(path, before, None if change.kind == "deleted" else content_now(path))
                if why is None:
                    left.append(change)
                    continue
                progress = True
                notes += self._attempt(path, why, lambda change=change, old=old: self._settle(change, old))
                if self._known is not None:
                    self._known[path] = None
            waiting = left
        self._watch.settle()
        return notes

    def _settle(self, change: Change, old: bytes | None) -> str | None:
        path = self._root / change.path
        if self._is_own(path, None if change.kind == "added" else old):
            return None
        if change.kind == "added":
            return self._putting.take_away(path)
        if old is not None and not change.was_link and change.kind == "modified":
            passed = self._passes(path, old, content_now(path))
            if passed is not None:
                return passed
        return self._restore_watched(path, (change, old))

    def _restore_watched(self, path: Path, was: tuple[Change, bytes | None]) -> str | None:
        change, old = was
        if old is None:
            return "it changed, and no copy of it was kept: look at it, and restore it with git if need be"
        if change.was_link:
            return self._putting.restore_link(path, old)
        now = Signature.of(path)
        current = now.permissions if now is not None and now.is_file else 0o644
        # Of the mode git knows only whether the file can be run.
        could_run = change.mode == "100755"
        return self._putting.restore(path, old, current | (current & 0o444) >> 2 if could_run else current & ~0o111)

    def _take_new_files_away(self, kept: dict[Path, Kept]) -> list[str]:
        """Without a snapshot, new files are those that are under experiment and were not known."""
        notes: list[str] = []
        for path in self._control.files():
            if path not in kept:
                notes += self._attempt(path, self._control.explain(path), lambda path=path: self._putting.take_away(path))
        return notes

    # ── what changed while nothing was guarded ───────────────────────────────────

    def _take_outside_changes(self, known: dict[Path, None]) -> list[str]:
        notices: list[str] = []
        for change in self._watch.since_last():
            path, old = self._root / change.path, self._watch.old(change.path)
            now = content_now(path)
            if self._control.explain(path) is not None:
                known[path] = None
            else:
                known.pop(path, None)
            if self._control.explain_change(path, old, now) is None:
                continue
            if self._control.harmless(path, old, now) is None and not self._is_own(path, old):
                notices.append(f"{shown(change.path)} was {change.kind} since the last command, not by one: taken as your own work")
        more = len(notices) - _MOST_NOTICES
        return [*notices[:_MOST_NOTICES], *([f"{more} more files under experiment changed since the last command"] if more > 0 else [])]

    # ── what git ignores ─────────────────────────────────────────────────────────

    def _remember_ignored(self) -> list[Path]:
        """Notes the signatures of ignored data; returns what else is ignored and under experiment, to be copied."""
        self._known_ignored = {}
        copied: list[Path] = []
        for name in self._ignored_names():
            change = self._control.explain(self._root / name)
            if change is not None and change.kind == "data":
                self._known_ignored[name] = Signature.of(self._root / name)
            elif change is not None:
                copied.append(self._root / name)
        return copied

    def _settle_ignored(self, kept: dict[Path, Kept]) -> list[str]:
        if self._blind:
            return []
        notes: list[str] = []
        data = [name for name, known in self._known_ignored.items() if Signature.of(self._root / name) != known]
        for name in self._ignored_names():
            path = self._root / name
            if path in kept or name in self._known_ignored or (change := self._control.explain(path)) is None:
                continue
            if change.kind == "data":
                data.append(name)
            else:
                notes += self._attempt(path, change, lambda path=path: self._putting.take_away(path))
        if data:
            some = ", ".join(map(shown, data[:3])) + (f" and {len(data) - 3} more" if len(data) > 3 else "")
            notes.append(f"data under experiment that git ignores changed: {some}; no copy is kept, runs compare its digest")
        return notes

    def _ignored_names(self) -> tuple[str, ...]:
        with contextlib.suppress(ExperimentError, OSError):
            return () if self._blind else self._ignored.names()
        return ()

    # ─────────────────────────────────────────────────────────────────────────────

    def _is_own(self, path: Path, old: bytes | None) -> bool:
        """Whether mltui itself made the file what it is, from something else."""
        now = Signature.of(path)
        if (now is not None and (not now.is_file or now.size > LARGEST)) or os.path.realpath(path.parent) != str(path.parent):
            return False
        try:
            content = content_now(path)
            return content != old and self._own(path.relative_to(self._root).as_posix(), content)
        except (ExperimentError, OSError):
            return False

    def _passes(self, path: Path, old: bytes, new: bytes | None) -> str | None:
        """What to say of a change that is no experiment; None for one that is."""
        if new is None or new == old or len(new) > LARGEST:
            return None
        reason = self._control.harmless(path, old, new)
        if reason is None:
            return None
        self._on_passed(path.relative_to(self._root).as_posix(), reason)
        return f"the change stays in the tree: {reason}"

    def _attempt(self, path: Path, why: ControlledChange | None, act: Callable[[], str | None]) -> list[str]:
        name = shown(path.relative_to(self._root).as_posix() if path.is_relative_to(self._root) else str(path))
        try:
            note = act()
        except OSError as error:
            return [f"{name} was changed and could not be put back ({error.strerror or error}): restore it with git"]
        reason = f" ({why.kind}: {why.reason})" if why is not None else ""
        return [] if note is None else [f"{name} is under experiment{reason}; {note}"]

    def _go_blind(self, reason: str, notices: list[str]) -> None:
        if not self._blind:
            notices.append(f"no snapshot of the tree could be made ({reason}): only files known to be under experiment are compared")
        self._blind = reason or "unknown"
