"""The whole working tree before and after whatever acts, and what was there before."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from mltui.experiments.globs import NEVER, walk_files
from mltui.experiments.private_git import FOLDER, PrivateGit, Repository, excludes_file, settings_of_person
from mltui.experiments.signature import Signature
from mltui.experiments.storage import make_state_folder
from mltui.experiments.tree_layer import LINK, Seen, TreeLayer, kind_of, through_link

MOST_NESTED = 100
"""Repositories within the project beyond which further ones are not looked into."""

_AT_ONCE = 200
"""Old contents that are read together."""

Kind = Literal["added", "modified", "deleted", "typechange"]


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a path.

    Attributes:
        path: relative to the root, with slashes; bytes that are no UTF-8 as surrogates.
        kind: `typechange` when a file, a link, a folder or something else took another's place.
        mode: what was there before, as git writes it; empty where nothing was or only its signature is known.
        blob: the git object of what was there; empty likewise.
    """

    path: str
    kind: Kind
    mode: str = ""
    blob: str = ""

    @property
    def was_link(self) -> bool:
        return self.mode == LINK


class TreeWatch:
    """Finds what changed in a project between two moments, whoever changed it.

    It asks a git of mltui's own, so that a look costs one process a repository, and nothing for what is ignored, large or
    binary. Works without a repository of the person's too. Submodules and other repositories within are looked into.
    """

    def __init__(self, root: Path, state: Path) -> None:
        """Starts nothing.

        Args:
            root: the project's top folder, resolved.
            state: its `.mltui`.
        """
        self.id = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._root = root
        self._state = state
        self._folder = state / FOLDER
        self._clock = self._folder / f"index-{self.id}.clock"
        self._git: PrivateGit | None = None
        self._layers: dict[str, TreeLayer] = {}
        self._converts = False
        self._settled: dict[str, Signature | None] = {}
        self._outside: tuple[Change, ...] = ()
        self._changes: dict[str, Change] = {}
        self._contents: dict[str, bytes] = {}
        self._rules: tuple[tuple[Path, Signature | None], ...] = ()
        self._began = 0
        self._carried: dict[str, Change] = {}
        self._news: dict[str, Change] = {}

    def before(self, adopt: str | None = None) -> None:
        """Takes the tree as it is.

        Args:
            adopt: the `id` of another session that is acting now: what it saw before it began counts, not what it has
                done so far.

        Raises: GitFailedError, OSError: there is no git, no room, or something worse.
        """
        outside = {**self._take(adopt), **self._carried}
        self._carried = {}
        self._outside = tuple(outside.values())
        self._changes = outside
        self._contents = {}
        self._rules = tuple((path, Signature.of(path)) for path in self._rule_files())
        self._began = self._now()

    def look(self) -> None:
        """Takes the tree as it is between two commands; the next `before` still tells what changed. Raises: as `before`."""
        self._carried = {**self._take(None), **self._carried}

    def news(self) -> tuple[Change, ...]:
        """What no command that was watched changed, as found since the last time this was asked."""
        news, self._news = tuple(self._news.values()), {}
        return news

    @property
    def git(self) -> PrivateGit | None:
        """None before the first look."""
        return self._git

    def tree(self) -> str:
        """What the last look took, as a tree object, without nested repositories. Raises: GitFailedError, OSError."""
        return self._layers[""].tree()

    @property
    def apart(self) -> dict[str, Signature]:
        """Files that the last look knows by their signature alone, nested repositories left out."""
        return self._layers[""].apart

    @property
    def nested(self) -> tuple[str, ...]:
        """Folders of repositories within, each with a slash at the end."""
        return tuple(prefix for prefix in self._layers if prefix)

    def after(self) -> tuple[Change, ...]:
        """What is not as it was at `before`. Raises: GitFailedError, OSError."""
        changes: dict[str, Change] = {}
        for prefix, layer, seen in self._looks():
            for change in self._changed(prefix, layer, seen):
                changes[change.path] = change
        rules = any(Signature.of(path) != known for path, known in self._rules)
        if rules or any(path.rpartition("/")[2] == ".gitignore" for path in changes):
            changes = self._under_new_rules(changes)
        self._changes, self._contents = changes, {}
        return tuple(changes.values())

    def since_last(self) -> tuple[Change, ...]:
        """What changed between the last `settle` and the last `before`, when nothing that is watched ran."""
        return self._outside

    def settle(self) -> None:
        """What `after` found is dealt with: as it is now it is no news to the next `before`."""
        self._settled = {path: Signature.of(self._root / path) for path in self._changes}

    def old(self, path: str) -> bytes | None:
        """The content of a changed path as it was (of a link: where it led); None where it was not kept, or nothing was."""
        change = self._changes.get(path)
        if change is None or not change.blob:
            return None
        if change.blob not in self._contents:
            paths = list(self._changes)
            start = paths.index(path)
            self._contents = self._read(self._changes[name] for name in paths[start : start + _AT_ONCE])
        return self._contents.get(change.blob)

    def ignored(self, below: tuple[str, ...] = ()) -> list[str]:
        """Files below these folders (all, if none) that git ignores. Raises: GitFailedError, OSError."""
        root = self._layers.get("")
        return list(_files_of(root, below)) if root is not None else []

    def close(self) -> None:
        """Leaves the index to the next session, which then need not read all files again."""
        with contextlib.suppress(OSError):
            self._clock.unlink(missing_ok=True)
            for prefix, layer in self._layers.items():
                if layer.index.exists():
                    layer.index.replace(self._index("last", prefix))

    def _take(self, adopt: str | None) -> dict[str, Change]:
        """Brings all layers up to date. Returns: what changed and is not settled."""
        first = self._git is None
        if first:
            self._open()
        for prefix in [prefix for prefix in self._layers if prefix and not (self._root / prefix / ".git").exists()]:
            self._layers.pop(prefix).index.unlink(missing_ok=True)
        news: dict[str, Change] = {}
        for prefix, layer, seen in self._looks():
            found = [] if first else self._changed(prefix, layer, seen)
            news.update((change.path, change) for change in found if not self._is_settled(change.path))
            if not (adopt and self._adopt(layer, prefix, adopt)):
                layer.take(seen)
        self._news.update(news)
        return news

    # ── the layers ───────────────────────────────────────────────────────────────

    def _open(self) -> None:
        make_state_folder(self._state)
        repository = Repository.at(self._root)
        settings = settings_of_person(self._root)
        git = PrivateGit(self._folder, sha256=repository is not None and repository.sha256, ignore_case=_ignores_case(self._state))
        ignore = excludes_file(settings, os.environ)
        git.excludes = str(ignore) if ignore is not None else os.devnull
        attributes = repository is not None and (repository.common / "info" / "attributes").exists()
        self._converts = attributes or "core.attributesfile" in settings or settings.get("core.autocrlf", "false").lower() != "false"
        git.mend()
        self._remove_left_over()
        self._git = git
        self._layer("", repository)

    def _layer(self, prefix: str, repository: Repository | None) -> TreeLayer:
        assert self._git is not None
        if repository is not None:
            self._git.lend(repository.common / "objects")
        # A repository within may have been made by a command to hide something: its own list of what to ignore does not count.
        excludes = [repository.common / "info" / "exclude"] if repository is not None and not prefix else []
        layer = TreeLayer(self._git, self._root / prefix, self._index(self.id, prefix), excludes)
        last = self._index("last", prefix)
        layer.start(last if last.is_file() else None, repository, converts=self._converts)
        self._layers[prefix] = layer
        return layer

    def _looks(self) -> Iterator[tuple[str, TreeLayer, Seen]]:
        """Each repository once, the outer before the inner."""
        waiting = [""]
        seen_layers: set[str] = set()
        known = dict(self._layers)
        while waiting:
            prefix = waiting.pop(0)
            seen_layers.add(prefix)
            layer = self._layers.get(prefix) or self._layer(prefix, Repository.at(self._root / prefix))
            seen = layer.look() if layer.top.is_dir() and not layer.top.is_symlink() else Seen(tracked=tuple(layer.all_names()))
            inner = [f"{prefix}{name}" for name in seen.nested]
            waiting += [name for name in inner if name not in seen_layers and len(self._layers) < MOST_NESTED]
            # A repository that is none any more still has what was there before.
            waiting += [name for name in known if name not in seen_layers and name not in waiting and _parent(name, known) == prefix]
            others = tuple(name for name in seen.others if not any(f"{prefix}{name}".startswith(below) for below in waiting))
            yield prefix, layer, Seen(seen.tracked, others, seen.nested)

    def _adopt(self, layer: TreeLayer, prefix: str, other: str) -> bool:
        theirs = self._index(other, prefix)
        try:
            layer.adopt(theirs)
        except OSError:
            return False
        return True

    def _index(self, session: str, prefix: str) -> Path:
        mark = hashlib.sha256(prefix.encode("utf-8", "surrogateescape")).hexdigest()[:12] if prefix else "root"
        return self._folder / f"index-{session}-{mark}"

    def _remove_left_over(self) -> None:
        for path in self._folder.glob("index-*"):
            process = path.name.split("-")[1]
            if process.isdigit() and not _alive(int(process)):
                path.unlink(missing_ok=True)

    # ── what changed ─────────────────────────────────────────────────────────────

    def _changed(self, prefix: str, layer: TreeLayer, seen: Seen) -> list[Change]:
        found: list[Change] = []
        for name, entry in layer.entries(seen.tracked).items():
            found.append(Change(f"{prefix}{name}", _kind(layer.top, name, entry.mode), entry.mode, entry.blob))
        links: list[str] = []
        for name in seen.others:
            now = Signature.of(layer.top / name)
            known = layer.apart.get(name)
            if now is None or now == known:
                continue
            found.append(Change(f"{prefix}{name}", "added" if known is None else "modified"))
            if now.is_link:
                links.append(name)
        if links:
            # A folder that was moved away and linked back leaves the signatures of its files as they were.
            for name, entry in layer.entries(links, below=True).items():
                found.append(Change(f"{prefix}{name}", "deleted", entry.mode, entry.blob))
        listed = set(seen.others)
        for name, known in layer.apart.items():
            if name not in listed and (now := Signature.of(layer.top / name)) != known:
                found.append(Change(f"{prefix}{name}", "deleted" if now is None else "modified"))
        return found

    def _under_new_rules(self, changes: dict[str, Change]) -> dict[str, Change]:
        """What a command hid by a new rule of what to ignore is a change; what it brought to light is none."""
        found = {path: change for path, change in changes.items() if change.kind != "added" or self._is_new(path)}
        for prefix, layer in self._layers.items():
            for name in _files_of(layer, ()):
                path = f"{prefix}{name}"
                if path not in found and self._is_new(path):
                    found[path] = Change(path, "added")
        return found

    def _is_new(self, path: str) -> bool:
        """Whether the path holds something since the command began; a folder that is moved leaves the times of its files as they were."""
        places = [self._root / path, *(self._root / folder for folder in PurePosixPath(path).parents if folder.name)]
        return any((now := Signature.of(place)) is not None and now.ctime_ns >= self._began for place in places)

    def _is_settled(self, path: str) -> bool:
        return path in self._settled and self._settled[path] == Signature.of(self._root / path)

    def _read(self, changes: Iterable[Change]) -> dict[str, bytes]:
        root = self._layers.get("")
        return root.read(change.blob for change in changes) if root is not None else {}

    def _rule_files(self) -> Iterator[Path]:
        if (repository := Repository.at(self._root)) is not None:
            yield repository.common / "info" / "exclude"
        if self._git is not None and self._git.excludes != os.devnull:
            yield Path(self._git.excludes)

    def _now(self) -> int:
        """The file system's clock, which is as coarse as its time stamps."""
        try:
            self._clock.touch()
            return self._clock.lstat().st_ctime_ns
        except OSError:
            return 0


def _files_of(layer: TreeLayer, below: tuple[str, ...]) -> Iterator[str]:
    """Ignored files, those in ignored folders included, but for folders that never hold what is under experiment."""
    for listed in layer.ignored(below):
        if NEVER & set(listed.rstrip("/").split("/")):
            continue
        if listed.endswith("/"):
            yield from (f"{listed}{name}" for name in walk_files(layer.top / listed))
        else:
            yield listed


def _kind(top: Path, name: str, mode: str) -> Kind:
    now = Signature.of(top / name)
    if now is None or through_link(top, name):
        return "deleted"
    return "modified" if (kind_of(now.mode) == LINK) == (mode == LINK) and kind_of(now.mode) else "typechange"


def _parent(name: str, known: Iterable[str]) -> str:
    return max((other for other in known if other != name and name.startswith(other)), key=len, default="")


def _ignores_case(state: Path) -> bool:
    try:
        return os.path.samefile(state, state.with_name(state.name.upper()))  # noqa: PTH121
    except OSError:
        return False


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
