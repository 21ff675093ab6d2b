"""A git directory of mltui's own over the person's tree: their index, refs, configuration and objects stay as they are.

Nothing that they or a command configured runs: no hook, filter, fsmonitor or attribute has a say, and bytes are taken as they are.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mltui.core.errors import ExperimentError
from mltui.experiments.signature import Signature
from mltui.experiments.storage import is_spare, write_atomically

FOLDER = "snapshots.git"
CHECKPOINTS = "refs/mltui/checkpoints"
"""Refs of checkpoints: each a commit, under the id of its session. What they lead to is kept."""
_REFS = ("refs", "refs/heads", "refs/mltui", CHECKPOINTS)
_PLAIN = b"* -text -eol -crlf -filter -ident -working-tree-encoding -diff -merge\n"
"""Attributes of the git directory itself come before all others."""

_SETTINGS: Mapping[str, str] = {
    "core.attributesFile": os.devnull,
    "core.autocrlf": "false",
    "core.checkStat": "default",
    "core.fileMode": "true",
    "core.fsmonitor": "false",
    "core.fsync": "none",
    "core.hooksPath": os.devnull,
    "core.looseCompression": "1",
    "core.preloadIndex": "false",
    "core.sparseCheckout": "false",
    "core.splitIndex": "false",
    "core.symlinks": "true",
    "core.trustctime": "true",
    "core.untrackedCache": "false",
    "index.skipHash": "true",
    "index.sparse": "false",
    "index.threads": "1",
    "gc.auto": "0",
}
_SURROUNDINGS: Mapping[str, str] = {
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}


_mending = threading.Lock()


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository of the person's: its own folder, and the one that its worktrees share."""

    own: Path
    common: Path

    @classmethod
    def at(cls, root: Path) -> Repository | None:
        """Of a working tree; None where there is none. Starts no process."""
        own = root / ".git"
        if not own.is_dir():
            try:
                text = own.read_text(encoding="utf-8", errors="surrogateescape")
                own = (root / text.removeprefix("gitdir:").strip()).resolve()
                if not text.startswith("gitdir:") or not own.is_dir():
                    return None
            except (OSError, ValueError):
                return None
        try:
            common = (own / (own / "commondir").read_text(encoding="utf-8", errors="surrogateescape").strip()).resolve()
        except (OSError, ValueError):
            common = own
        return cls(own, common)

    @property
    def sha256(self) -> bool:
        """Whether its objects are named by SHA-256."""
        try:
            words = (self.common / "config").read_text(encoding="utf-8", errors="replace").lower().split()
        except OSError:
            return False
        return "objectformat=sha256" in "".join(words)


class GitFailedError(ExperimentError):
    """A git of mltui's own did not do what it was asked."""


class PrivateGit:
    """Runs git in `folder`, which is mended before each use: a command of the agent may have been there.

    Args:
        folder: the git directory; made on demand.
        ignore_case: whether the file system takes `A` and `a` for the same name.
    """

    def __init__(self, folder: Path, *, sha256: bool = False, ignore_case: bool = False) -> None:
        self.folder = folder
        self.excludes = os.devnull
        self._sha256 = sha256
        self._ignore_case = ignore_case
        self._place = os.path.realpath(folder)
        self._folders = [str(folder / name) for name in ("", "info", *_REFS, "objects", "objects/info")]
        self._stores: list[Path] = []
        self._written: dict[str, Signature | None] = {}

    def lend(self, store: Path) -> None:
        """Reads objects from another store too, such as the person's."""
        if store not in self._stores and store.is_dir() and "\n" not in str(store):
            self._stores.append(store)
            self._written.clear()

    def mend(self) -> None:
        """Makes the git directory what it should be. Raises: OSError, GitFailedError: it lies in another place now."""
        with _mending:
            self._mend()

    def _mend(self) -> None:
        real = all(os.path.isdir(place) and not os.path.islink(place) for place in self._folders)  # noqa: PTH112, PTH114  at each use
        sound = self._written and all(Signature.of(self.folder / name) == known for name, known in self._written.items())
        if real and sound and not self._foreign():
            return
        # In this order: nothing is removed or written through a link that a command put there.
        for place in self._folders:
            if os.path.islink(place) or not os.path.isdir(place):  # noqa: PTH112, PTH114
                _remove(Path(place))
                Path(place).mkdir(parents=True, exist_ok=True)
        if os.path.realpath(self.folder) != self._place:
            raise GitFailedError(f"{self.folder} leads elsewhere since this session began")
        for path in self._foreign():
            _remove(path)
        version = "1\n[extensions]\n\tobjectFormat = sha256" if self._sha256 else "0"
        files = {
            "HEAD": b"ref: refs/heads/none\n",
            "config": f"[core]\n\tbare = false\n\trepositoryformatversion = {version}\n".encode(),
            "info/attributes": _PLAIN,
            "objects/info/alternates": b"".join(os.fsencode(store) + b"\n" for store in self._stores),
        }
        for name, data in files.items():
            path = self.folder / name
            if path.is_symlink() or path.is_dir():
                _remove(path)
            write_atomically(path, data)
        self._written = {name: Signature.of(self.folder / name) for name in files}

    def run(self, *arguments: str, tree: Path, index: Path, data: bytes | None = None) -> bytes:
        """What git prints. Raises: GitFailedError, OSError."""
        self.mend()
        settings = {**_SETTINGS, "core.excludesFile": self.excludes, "core.ignoreCase": str(self._ignore_case).lower()}
        # Ctrl-C in the terminal ends a turn, not a git that is half done: a session of its own.
        done = subprocess.run(
            ["git", *(word for name, value in settings.items() for word in ("-c", f"{name}={value}")), *arguments],
            cwd=tree,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
                **_SURROUNDINGS,
                "HOME": str(self.folder),
                "XDG_CONFIG_HOME": str(self.folder),
                "GIT_DIR": str(self.folder),
                "GIT_WORK_TREE": str(tree),
                "GIT_INDEX_FILE": str(index),
            },
            input=data if data is not None else b"",
            capture_output=True,
            check=False,
            start_new_session=True,
        )
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise GitFailedError(f"git {arguments[0]} failed: {said[-1] if said else done.returncode}")
        return done.stdout

    def blobs(self, names: Iterable[str], *, tree: Path, index: Path) -> dict[str, bytes]:
        """Contents by object name; those that are missing, or are not what their name says, are left out."""
        return {name: data for name, (kind, data) in self.objects(names, tree=tree, index=index).items() if kind == "blob"}

    def objects(self, names: Iterable[str], *, tree: Path, index: Path) -> dict[str, tuple[str, bytes]]:
        """Kind and contents of objects by name; those that are missing, or are not what their name says, are left out."""
        wanted = [name for name in dict.fromkeys(names) if name]
        if not wanted:
            return {}
        asked = "".join(f"{name}\n" for name in wanted).encode()
        try:
            raw = self.run("cat-file", "--batch", tree=tree, index=index, data=asked)
        except GitFailedError:
            return {}
        return {name: (kind, data) for name, kind, data in _sound_objects(raw)}

    def _foreign(self) -> list[Path]:
        """What git would obey and mltui did not put there."""
        return [
            *_unexpected(self.folder, {"HEAD", "config", "info", "objects", "refs"}, prefix="index"),
            *_unexpected(self.folder / "info", {"attributes", "pruned"}),
            *_unexpected(self.folder / "refs", {"heads", "mltui"}),
            *_unexpected(self.folder / "refs" / "mltui", {"checkpoints"}),
            *_unexpected(self.folder / "refs" / "heads", set()),
            *_unexpected(self.folder / "objects" / "info", {"alternates"}),
        ]


def settings_of_person(root: Path) -> dict[str, str]:
    """The person's own `core.excludesfile`, `core.attributesfile` and `core.autocrlf`. To read them runs nothing of theirs."""
    try:
        done = subprocess.run(
            ["git", "config", "-z", "--get-regexp", r"^core\.(excludesfile|attributesfile|autocrlf)$"],
            cwd=root,
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except OSError:
        return {}
    items = done.stdout.decode("utf-8", "surrogateescape").split("\0")
    return {name.lower(): value for name, _, value in (item.partition("\n") for item in items) if name}


def excludes_file(settings: Mapping[str, str], environ: Mapping[str, str]) -> Path | None:
    """The person's ignore file for all repositories, if there is one."""
    named = settings.get("core.excludesfile")
    home = environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # noqa: PTH111  an unknown home is no error here
    path = Path(os.path.expanduser(named) if named else f"{home}/git/ignore")  # noqa: PTH111
    return path if path.is_absolute() and path.is_file() else None


def names(listed: bytes) -> list[str]:
    """The items of what git printed under `-z`."""
    return [name for name in listed.decode("utf-8", "surrogateescape").split("\0") if name]


def joined(items: Sequence[str]) -> bytes:
    return "".join(f"{item}\0" for item in items).encode("utf-8", "surrogateescape")


def _sound_objects(raw: bytes) -> Iterable[tuple[str, str, bytes]]:
    at = 0
    while (end := raw.find(b"\n", at)) >= 0:
        words = raw[at:end].decode("ascii", "replace").split(" ")
        at = end + 1
        if len(words) != 3 or not words[2].isdigit():
            continue  # `NAME missing`
        size = int(words[2])
        data = raw[at : at + size]
        at += size + 1
        make = hashlib.sha256 if len(words[0]) == 64 else hashlib.sha1
        if make(b"%s %d\0" % (words[1].encode(), size) + data).hexdigest() == words[0]:
            yield words[0], words[1], data


def _unexpected(folder: Path, expected: set[str], prefix: str = "\0") -> list[Path]:
    try:
        names = os.listdir(folder)  # noqa: PTH208  half the time of iterdir
    except OSError:
        return []
    # Another process may be writing one of them at this moment; git obeys nothing that is named like that.
    return [folder / name for name in names if name not in expected and not name.startswith(prefix) and not is_spare(name)]


def _remove(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
