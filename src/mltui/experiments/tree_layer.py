"""One working tree against a private index: what differs now, and what was there before."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mltui.experiments.private_git import GitFailedError, PrivateGit, Repository, joined, names
from mltui.experiments.signature import Signature

SMALL = 5_000_000
"""Bytes of the largest file whose content is kept."""

UNTRACKED_BYTES = 200_000_000
"""Bytes of untracked files whose content one session keeps; what comes after is known by its signature alone."""

LINK = "120000"
_SUBMODULE = "160000"
_PROBE = 8_000
"""Bytes in which a NUL tells a binary file, as git sees it."""

_SLOW = 50.0
"""Milliseconds beyond twice the usual after which git is taken to read again what was only touched."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the index says of a file: its mode as git writes it, and its blob."""

    mode: str
    blob: str


@dataclass(frozen=True, slots=True)
class Seen:
    """The difference between index and tree.

    Attributes:
        tracked: in the index, and changed or gone.
        others: not in the index.
        nested: folders of repositories of their own.
    """

    tracked: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    nested: tuple[str, ...] = ()


class TreeLayer:
    """The tree of one repository, without those nested in it. All names are relative to its top.

    Args:
        top: the folder.
        index: where the private index lies.
        excludes: files with further patterns of what is ignored.

    Attributes:
        apart: files that are known by their signature alone: large, binary or unreadable ones.
    """

    def __init__(self, git: PrivateGit, top: Path, index: Path, excludes: Sequence[Path] = ()) -> None:
        self.top = top
        self.apart: dict[str, Signature] = {}
        self.index = index
        self._git = git
        self._excludes = tuple(excludes)
        self._known_tracked: frozenset[str] = frozenset()
        self._bytes_left = UNTRACKED_BYTES
        self._kept: tuple[Signature | None, bytes] = (None, b"")
        self._least_ms = float("inf")
        self._slow = False
        self._tree = ""

    def start(self, former: Path | None, repository: Repository | None, *, converts: bool) -> None:
        """Begins with an index that spares reading all files: that of an earlier session, or the person's.

        Args:
            converts: whether the person's git may store other bytes than those of the file (line ends, filters).
        """
        theirs = repository.own / "index" if repository is not None else None
        if theirs is not None:
            with contextlib.suppress(GitFailedError, OSError):
                self._known_tracked = frozenset(names(self._run("ls-files", "-z", index=theirs)))
        for source in (former, None if converts else theirs):
            if source is not None and source.is_file() and not source.is_symlink():
                with contextlib.suppress(GitFailedError, OSError):
                    # With its time stamp: git tells by it which entries it must look at again.
                    shutil.copy2(source, self.index)
                    if self._usable(ours=source == former):
                        self._remember_index()
                        return
            self.index.unlink(missing_ok=True)
        self._remember_index()

    def adopt(self, other: Path) -> None:
        """Takes another session's index for the state before. Raises: OSError."""
        shutil.copy2(other, self.index)
        self._tree = ""
        self._remember_index()

    def look(self) -> Seen:
        """Raises: GitFailedError, OSError."""
        self.protect()
        if self._slow:
            # What was touched and is as before would be read again at every look.
            self._slow = False
            with contextlib.suppress(GitFailedError):
                self._run("update-index", "-q", "--refresh", "--ignore-missing")
            self._remember_index()
        excludes = [word for path in self._excludes if path.is_file() for word in ("-X", str(path))]
        before = _children_ms()
        listed = names(self._run("ls-files", "-z", "-m", "-o", "-t", *excludes, "-x", "/.mltui/", "--exclude-standard"))
        took = _children_ms() - before
        self._least_ms = min(took, self._least_ms)
        self._slow = took > 2 * self._least_ms + _SLOW
        tracked, others, nested = dict[str, None](), dict[str, None](), dict[str, None]()
        for line in listed:
            tag, name = line[0], line[2:]
            if name == ".mltui" or name.startswith(".mltui/"):
                continue
            (tracked if tag != "?" else nested if name.endswith("/") else others)[name] = None
        return Seen(tuple(tracked), tuple(others), tuple(nested))

    def ignored(self, below: Sequence[str] = ()) -> list[str]:
        """Files that are ignored, and folders (with a slash at the end) all of which is. Raises: GitFailedError, OSError."""
        excludes = [word for path in self._excludes if path.is_file() for word in ("-X", str(path))]
        where = [name for name in below if name]
        return [
            name
            for name in names(self._run("ls-files", "-z", "-o", "-i", "--directory", *excludes, "--exclude-standard", "--", *where))
            if not name.startswith(".mltui/")
        ]

    def take(self, seen: Seen) -> None:
        """Brings the index up to date. Raises: GitFailedError, OSError."""
        update: list[str] = []
        for name in (*seen.tracked, *seen.others):
            now = self._signature(name)
            if now is not None and self.apart.get(name) == now:
                continue
            self.apart.pop(name, None)
            if now is None or now.is_folder or self._takes(name, now, tracked=name in self._known_tracked or name not in seen.others):
                update.append(name)
            else:
                self.apart[name] = now
        others = set(seen.others)
        drop = [name for name in seen.tracked if name in self.apart or self._signature(name) is None]
        for name in [name for name in self.apart if name not in others and self._signature(name) is None]:
            del self.apart[name]
        if drop:
            self._run("update-index", "--force-remove", "-z", "--stdin", data=joined(drop))
        self._add([name for name in update if name not in drop])
        if drop or update:
            self._tree = ""
            self._remember_index()

    def tree(self) -> str:
        """The index as a tree object. Costs nothing where it did not change. Raises: GitFailedError, OSError."""
        if not self._tree:
            self._tree = self._run("write-tree", "--missing-ok").decode("ascii").strip()
            self._remember_index()
        return self._tree

    def entries(self, wanted: Iterable[str], *, below: bool = False) -> dict[str, Entry]:
        """What the index says of these names (`below`: of all in these folders). Raises: GitFailedError, OSError."""
        ordered = [f"{name}/" if below else name for name in wanted]
        found: dict[str, Entry] = {}
        for start in range(0, len(ordered), 500):
            part = ordered[start : start + 500]
            asked = set(part)
            # The folder itself may be gone; to list the index needs none.
            for line in names(self._git.run("ls-files", "-s", "-z", "--", *part, tree=self.index.parent, index=self.index)):
                words, _, name = line.partition("\t")
                if below or name in asked:
                    mode, blob, _ = words.split(" ")
                    found[name] = Entry(mode, blob)
        return found

    def all_names(self) -> list[str]:
        """All that the index holds, though the folder may be gone. Raises: GitFailedError, OSError."""
        return names(self._git.run("ls-files", "-z", tree=self.index.parent, index=self.index))

    def read(self, blobs: Iterable[str]) -> dict[str, bytes]:
        return self._git.blobs(blobs, tree=self.top, index=self.index)

    def protect(self) -> None:
        """Puts the index back if somebody else changed it."""
        signature, data = self._kept
        if Signature.of(self.index) != signature:
            self.index.unlink(missing_ok=True)
            if signature is not None:
                self._git.mend()
                self.index.write_bytes(data)
                os.utime(self.index, ns=(signature.mtime_ns, signature.mtime_ns))
            self._kept = (Signature.of(self.index), data)
        with contextlib.suppress(OSError):
            self.index.with_name(f"{self.index.name}.lock").unlink(missing_ok=True)

    def _signature(self, name: str) -> Signature | None:
        return None if through_link(self.top, name) else Signature.of(self.top / name)

    def _takes(self, name: str, now: Signature, *, tracked: bool) -> bool:
        """Whether a file's content goes into the index."""
        path = self.top / name
        if now.is_link:
            return True
        if not now.is_file or now.size > SMALL or not os.access(path, os.R_OK):
            return False
        if tracked:
            return True
        if now.size > self._bytes_left:
            return False
        try:
            with path.open("rb") as file:
                binary = b"\0" in file.read(_PROBE)
        except OSError:
            return False
        if not binary:
            self._bytes_left -= now.size
        return not binary

    def _add(self, update: Sequence[str]) -> None:
        if not update:
            return
        try:
            self._run("update-index", "--add", "--remove", "--replace", "-z", "--stdin", data=joined(update))
        except GitFailedError as error:
            if len(update) == 1 and "o space left" not in str(error):
                # Unreadable, or changing while it is read.
                now = Signature.of(self.top / update[0])
                if now is not None:
                    self.apart[update[0]] = now
                return
            if "o space left" in str(error):
                raise
            middle = len(update) // 2
            self._add(update[:middle])
            self._add(update[middle:])

    def _usable(self, *, ours: bool) -> bool:
        """No entry is hidden from `ls-files -m`; submodules are taken out: they have a layer of their own."""
        lines = names(self._run("ls-files", "-v", "-s", "-z"))
        if any(line[0] != "H" for line in lines):
            return False
        modules = [line.partition("\t")[2] for line in lines if line[2:8] == _SUBMODULE]
        if modules:
            self._run("update-index", "--force-remove", "-z", "--stdin", data=joined(modules))
        # Under attributes the person's git may have stored other bytes than those on disk.
        return ours or not any(line.endswith(("\t.gitattributes", "/.gitattributes")) for line in lines)

    def _remember_index(self) -> None:
        try:
            data = self.index.read_bytes()
        except OSError:
            data = b""
        self._kept = (Signature.of(self.index), data)

    def _run(self, *arguments: str, data: bytes | None = None, index: Path | None = None) -> bytes:
        return self._git.run(*arguments, tree=self.top, index=index or self.index, data=data)


def through_link(top: Path, name: str) -> bool:
    """Whether a folder on the way to a file is a link: what lies behind it is another file."""
    place = str(top)
    for part in name.split("/")[:-1]:
        place = f"{place}/{part}"
        if os.path.islink(place):  # noqa: PTH114  half the time of Path's
            return True
    return False


def kind_of(mode: int) -> str:
    """Git's word for what lies there; empty for what git does not keep."""
    if stat.S_ISLNK(mode):
        return LINK
    return "100644" if stat.S_ISREG(mode) else ""


def _children_ms() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (usage.ru_utime + usage.ru_stime) * 1000
