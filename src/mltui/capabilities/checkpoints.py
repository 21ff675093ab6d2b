"""Records the tree and the draft before a call: from the look that the guard takes anyway, and once for each state."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from mltui.capabilities.files import DraftFiles
from mltui.core.errors import ExperimentError
from mltui.experiments.checkpoint_store import Checkpoint, CheckpointStore, Stamp, base_of
from mltui.experiments.private_git import Repository
from mltui.experiments.signature import Signature
from mltui.experiments.snapshot_pruning import prune_objects
from mltui.experiments.tree_watch import Change, TreeWatch

READ_AT_ONCE = 50_000_000
"""Bytes of new large or binary files that are read for their digests before one call; others are known by size and times."""


class StagedFiles(DraftFiles, Protocol):
    def drop(self, paths: Iterable[str]) -> None: ...


class Watching(Protocol):
    """Whoever looks at the tree; see `controlled_guard.ControlledGuard`."""

    @property
    def watch(self) -> TreeWatch | None: ...


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long checkpoints are kept: days, and how many of a session."""

    days: float = 30.0
    most: int = 200


class Checkpoints:
    """The checkpoints of one session. Its methods block, and are called one at a time.

    Attributes:
        problem: why the last checkpoint could not be made, or empty.
    """

    def __init__(self, root: Path, session_id: str, guard: Watching, draft: StagedFiles, keeping: Keeping | None = None) -> None:
        self.problem = ""
        self.draft = draft
        self.root = root
        self._session = session_id
        self._guard = guard
        self._keeping = keeping or Keeping()
        self._store: CheckpointStore | None = None
        self._last: tuple[str, Checkpoint] | None = None
        self._earlier = ""
        self._written: dict[str, Signature | None] = {}
        self._outside: set[str] = set()
        self._digests: dict[str, tuple[Signature, str]] = {}
        self._apart: tuple[dict[str, Signature], dict[str, Stamp]] = ({}, {})

    def resume(self, commit: str) -> None:
        """The last checkpoint of an earlier process: what changed since then, nobody watched."""
        self._earlier = commit

    def wrote(self, paths: Iterable[Path]) -> None:
        """A call of the session, and not something outside, made these files what they are."""
        for path in paths:
            if path.is_relative_to(self.root):
                self._written[path.relative_to(self.root).as_posix()] = Signature.of(path)

    def look_and_record(self) -> str | None:
        """Looks at the tree first. Returns: as `record`."""
        watch = self._guard.watch
        if watch is None:
            return self.record()
        try:
            watch.look()
        except (ExperimentError, OSError) as error:
            self.problem = str(error)
            return None
        return self.record()

    def record(self) -> str | None:
        """Records what the last look saw. Returns: the commit; None where none could be made, and `problem` says why."""
        watch = self._guard.watch
        if watch is None or watch.git is None:
            self.problem = "no snapshot of the tree could be made"
            return None
        try:
            commit = self._record(watch)
        except (ExperimentError, OSError) as error:
            self.problem = str(error)
            return None
        self.problem = ""
        return commit

    def _record(self, watch: TreeWatch) -> str:
        store = self.store(watch)
        nested = tuple(sorted(watch.nested))
        now = Checkpoint(
            tree=watch.tree(),
            draft={path: self.draft.read(Path(path)) for path in self.draft.paths()},
            apart=self._stamps(watch.apart),
            nested=nested,
        )
        self._outside.update(change.path for change in watch.news() if not self._is_own(change, nested))
        if self._last is None and self._earlier:
            self._take_up(store, now)
        if self._last is not None and _same(self._last[1], now):
            return self._last[0]
        now = replace(now, outside=tuple(sorted(self._outside)), base=base_of(self.root), at=time.time())
        commit = store.save(self._session, now, f"Session {self._session}")
        self._last, self._outside = (commit, now), set()
        return commit

    def _take_up(self, store: CheckpointStore, now: Checkpoint) -> None:
        """Goes on from the last checkpoint of an earlier process."""
        earlier = store.load([self._earlier]).get(self._earlier)
        if earlier is None:
            return
        self._last = (self._earlier, earlier)
        with contextlib.suppress(ExperimentError):  # its tree is gone
            self._outside.update(difference.path for difference in store.differences(earlier.tree, now.tree))

    def store(self, watch: TreeWatch) -> CheckpointStore:
        if self._store is None:
            assert watch.git is not None
            repository = Repository.at(self.root)
            self._store = CheckpointStore(watch.git, self.root, sha256=repository is not None and repository.sha256)
        return self._store

    def opened(self) -> CheckpointStore:
        """The store, after a look if there was none. Raises: ExperimentError, OSError: there is no git, or no room."""
        watch = self._guard.watch
        if watch is None:
            raise ExperimentError(f"no checkpoints can be read here: {self.problem or 'git does not work'}")
        if watch.git is None:
            watch.look()
        return self.store(watch)

    def close(self) -> None:
        """Lets go of old checkpoints and, once a day, of what nothing leads to any more, if any were made here."""
        watch = self._guard.watch
        if self._store is not None and self._last is not None:
            self._store.prune(keep_days=self._keeping.days, keep=self._keeping.most)
            if watch is not None and watch.git is not None:
                prune_objects(watch.git, self.root, keep_days=self._keeping.days)

    def _is_own(self, change: Change, nested: tuple[str, ...]) -> bool:
        if change.path.startswith(nested):
            return True
        return change.path in self._written and self._written[change.path] == Signature.of(self.root / change.path)

    def _stamps(self, apart: Mapping[str, Signature]) -> dict[str, Stamp]:
        """What is known of files whose content is not kept. Those that were there from the start are not read: it may be a lot."""
        if apart == self._apart[0]:
            return self._apart[1]
        left = READ_AT_ONCE if self._last is not None else 0
        found: dict[str, Stamp] = {}
        for name, signature in apart.items():
            known = self._digests.get(name)
            digest = known[1] if known is not None and known[0] == signature else ""
            if not digest and (known is None or known[0] != signature) and signature.is_file and signature.size <= left:
                left -= signature.size
                digest = digest_of(self.root / name)
            self._digests[name] = (signature, digest)
            found[name] = Stamp(signature.size, signature.mtime_ns, signature.inode, digest)
        self._digests = {name: self._digests[name] for name in apart}
        self._apart = (dict(apart), found)
        return found


def digest_of(path: Path) -> str:
    """SHA-256 in hexadecimal, or empty where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _same(one: Checkpoint, other: Checkpoint) -> bool:
    """Whether two moments hold the same, however much of the large files was read by then."""

    def stamps(checkpoint: Checkpoint) -> dict[str, tuple[int, int, int]]:
        return {name: (stamp.size, stamp.mtime_ns, stamp.inode) for name, stamp in checkpoint.apart.items()}

    if one.tree != other.tree or one.draft != other.draft or one.nested != other.nested:
        return False
    return one.apart is other.apart or stamps(one) == stamps(other)
