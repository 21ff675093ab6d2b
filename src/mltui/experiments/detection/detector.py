"""What is under experiment in a project without being declared, remembered file by file."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mltui.core.experiment import ExperimentKind
from mltui.experiments.detection import cache
from mltui.experiments.detection.analysis import is_code, look, look_closely
from mltui.experiments.detection.config_reads import CONFIG_SUFFIXES
from mltui.experiments.detection.facts import NOTHING, Facts, Links
from mltui.experiments.detection.project import Follower, Reach, Source
from mltui.experiments.detection.syntax import LARGEST
from mltui.experiments.detection.verdicts import Verdict, is_prompt_file, is_test, judge, judge_part
from mltui.experiments.globs import fold

FRESH = 1.0
"""Seconds for which one file is explained by what the project's imports and reads were; `update` always looks again."""

SETTLED = 2.0
"""Seconds after which a second change of a file is sure to have another time."""

WORTH_KEEPING = 1.0
"""Seconds of looking that are kept for the next process."""

_MOST_CONTENTS = 256
_NO_LINKS = Links()

Declared = Callable[[str], ExperimentKind | None]


@dataclass(slots=True)
class _Seen:
    """What a file held when it was last looked at."""

    changed: int
    size: int
    inode: int
    settled: bool
    key: str
    facts: Facts
    verdict: Verdict | None
    links: Links | None = None


class Detector:
    """Safe to be used by several threads.

    Args:
        state: where what was found is kept for the next process.
        entry_scripts: scripts of the declared entry points, all of whose imports are under experiment.
        declared: the kind of a file that the configuration or a default pattern puts under experiment.
        free: whether the person has taken a path back.
    """

    def __init__(self, root: Path, state: Path, entry_scripts: Sequence[str], declared: Declared, free: Callable[[str], bool]) -> None:
        self._prefix = f"{root}/"
        self._state = state
        self._entry_scripts = frozenset(entry_scripts)
        self._declared = declared
        self._free = free
        self._lock = threading.RLock()
        self._seen: dict[str, _Seen] = {}
        self._kept: dict[str, Facts] | None = None
        self._contents: dict[tuple[str, str], tuple[Facts, Links | None]] = {}
        self._reach = Reach()
        self._names: Sequence[str] = ()
        self._code: list[str] = []
        self._configs: list[str] = []
        self._folded: dict[str, str] = {}
        self._found: dict[str, Verdict] = {}
        self._updated = -1e9
        self._cost = 0.0

    def update(self, names: Sequence[str]) -> bool:
        """Looks at every file that changed. Returns whether anything did that `found` depends on.

        Args:
            names: of all files, relative; the same object as long as they are the same.
        """
        with self._lock:
            started = time.monotonic()
            first = self._kept is None
            if self._kept is None:
                self._kept = cache.load(self._state)
            changed = names is not self._names
            if changed:
                self._names = names
                self._code = [name for name in names if is_code(name)]
                self._folded = {name: fold(name) for name in names}
                self._seen = {name: self._seen[name] for name in (*self._code, *self._configs) if name in self._seen}
            changed = self._look_again() or changed or first
            if changed:
                self._follow()
            self._updated = time.monotonic()
            self._cost = self._updated - started
            if first and self._cost > WORTH_KEEPING:
                cache.save(self._state, {seen.key: seen.facts for seen in self._seen.values() if seen.key})
            if first:
                self._kept = {}
            return changed

    def found(self) -> dict[str, Verdict]:
        """All files of the last update that detection puts under experiment."""
        return self._found

    def stale(self) -> bool:
        """Whether the last update is too long ago to explain a file by what others import and read."""
        return time.monotonic() - self._updated > max(FRESH, 20 * self._cost)

    def explain(self, name: str) -> Verdict | None:
        """What a file is as it is on disk now, or what one of that name would be."""
        with self._lock:
            seen = self._look_at(name) if is_code(name) else None
            return self._explain(name, seen.verdict if seen else None, lambda: self._links(name))

    def explain_content(self, name: str, content: bytes) -> Verdict | None:
        """What a file would be with this content."""
        if not is_code(name):
            return self._explain(name, None, lambda: _NO_LINKS)
        key = (name, cache.key_of(name, content))
        with self._lock:
            facts, links = self._contents.get(key, (None, None))
        if facts is None:
            facts = look(name, content)
            self._remember(key, facts, None)

        def closely() -> Links:
            nonlocal links
            if links is None:
                links = look_closely(name, content)
                self._remember(key, facts, links)
            return links

        return self._explain(name, judge(name, facts), closely)

    def _remember(self, key: tuple[str, str], facts: Facts, links: Links | None) -> None:
        with self._lock:
            if len(self._contents) >= _MOST_CONTENTS:
                self._contents.pop(next(iter(self._contents)))
            self._contents[key] = (facts, links)

    def _explain(self, name: str, own: Verdict | None, links: Callable[[], Links]) -> Verdict | None:
        folded = fold(name)
        if reason := self._reach.imported.get(folded):
            return own or judge_part(links().defines, reason.removeprefix("imported by ")) or Verdict("train", reason)
        if own is not None:
            return own
        if not is_code(name):
            if is_prompt_file(name):
                return Verdict("prompt", "a prompt by its name")
            return self._reach.reads(name) if folded.endswith(CONFIG_SUFFIXES) or folded in self._reach.read else None
        importer = self._reach.near.get(folded)
        return judge_part(links().defines, importer) if importer is not None and not is_test(name) else None

    def _look_again(self) -> bool:
        changed = False
        prefix, seen, get = self._prefix, self._seen, os.stat
        for name in (*self._code, *self._configs):
            known = seen.get(name)
            if known is not None and known.settled:
                try:
                    status = get(prefix + name)
                except OSError:
                    status = None
                if (
                    status is not None
                    and status.st_ctime_ns == known.changed
                    and status.st_size == known.size
                    and status.st_ino == known.inode
                ):
                    continue
            before = known and known.key
            after = self._look_at(name)
            if before != (after and after.key):
                changed = changed or self._matters(name, after)
        return changed

    def _matters(self, name: str, now: _Seen | None) -> bool:
        """Whether others may follow from a file that changed: it is under experiment, was, or could be by what imports it."""
        folded = fold(name)
        follows = name in self._found or folded in self._reach.imported or folded in self._reach.near or not is_code(name)
        return follows or self._declared(name) is not None or (now is not None and now.verdict is not None)

    def _look_at(self, name: str) -> _Seen | None:
        """What a file holds; read again only when its signature changed, or so lately that a second change might not show."""
        known = self._seen.get(name)
        try:
            with _regular(self._prefix + name) as (descriptor, status):
                same = known is not None and (known.changed, known.size, known.inode) == (status.st_ctime_ns, status.st_size, status.st_ino)
                if known is not None and same and known.settled:
                    return known
                content = _read(descriptor)
        except OSError:
            self._seen.pop(name, None)
            return None
        settled = time.time_ns() - status.st_ctime_ns > SETTLED * 1e9
        key = cache.key_of(name, content)
        if known is not None and known.key == key:
            known.changed, known.size, known.inode, known.settled = status.st_ctime_ns, status.st_size, status.st_ino, settled
            return known
        facts = ((self._kept or {}).get(key) or look(name, content)) if is_code(name) else NOTHING
        seen = _Seen(status.st_ctime_ns, status.st_size, status.st_ino, settled, key, facts, judge(name, facts))
        self._seen[name] = seen
        return seen

    def _links(self, name: str) -> Links:
        """What a file names of its project; of configuration, what hydra would make of it."""
        seen = self._look_at(name)
        if seen is None:
            return _NO_LINKS
        if seen.links is None:
            try:
                with _regular(self._prefix + name) as (descriptor, _):
                    seen.links = look_closely(name, _read(descriptor))
            except OSError:
                return _NO_LINKS
        return seen.links

    def _follow(self) -> None:
        sources: list[Source] = []
        for name in self._code:
            whole = name in self._entry_scripts
            kind = "train" if whole else self._declared(name)
            if kind is None:
                seen = self._seen.get(name)
                kind = seen.verdict.kind if seen and seen.verdict and not self._free(name) else None
            if kind is not None:
                sources.append(Source(name, kind, whole))
        self._reach = Follower(self._names, self._links).follow(sources)
        self._configs = sorted(name for name in self._seen if not is_code(name))
        found: dict[str, Verdict] = {}
        for name in self._names:
            seen = self._seen.get(name)
            verdict = self._explain(name, seen.verdict if seen else None, lambda name=name: self._links(name))
            if verdict is not None and not self._free(name):
                found[name] = verdict
        self._found = found


class _regular:
    """Opens a regular file: nothing else is waited for, and no device is read."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> tuple[int, os.stat_result]:
        """Raises: OSError."""
        self._descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        status = os.fstat(self._descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(self._descriptor)
            raise OSError("no regular file")
        return self._descriptor, status

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def _read(descriptor: int) -> bytes:
    with os.fdopen(os.dup(descriptor), "rb") as file:
        return file.read(20 * LARGEST)
