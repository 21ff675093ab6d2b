"""Trees of a project as git objects, made without touching the person's index, branch, HEAD or status."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from git import InvalidGitRepositoryError, NoSuchPathError, Repo

from mltui.core.errors import ExperimentError, NotARepositoryError

LARGE = 5_000_000
"""Bytes beyond which an untracked file is not put into git."""

REF_ROOT = "refs/mltui"
SUBMODULE = "160000"
"""Mode of a tree's entry that names a commit of another repository."""

PATCH_LIMIT = 400_000
"""Characters of a patch that are kept; the trees hold the whole."""

_IDENTITY = {
    "GIT_AUTHOR_NAME": "mltui",
    "GIT_AUTHOR_EMAIL": "mltui@localhost",
    "GIT_COMMITTER_NAME": "mltui",
    "GIT_COMMITTER_EMAIL": "mltui@localhost",
}
_AS_RECORDED = {"GIT_OPTIONAL_LOCKS": "0", "GIT_NO_REPLACE_OBJECTS": "1", "GIT_GRAFT_FILE": os.devnull}
"""A commit is what its name says: neither `git replace` nor a graft puts another in its place."""
_NO_HOOKS = ("-c", "core.hooksPath=/dev/null")
_STRICT = ("-c", "core.fsmonitor=false", "-c", "core.trustctime=true", "-c", "core.checkStat=default", "-c", "core.ignoreStat=false")
"""A file whose stamp changed in any way is looked at."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The working tree as it is now.

    Attributes:
        tree: the tree object.
        left_out: untracked files too large for git, relative.
    """

    tree: str
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a tree: its mode as git writes it (`100644`) and its blob."""

    mode: str
    blob: str


class GitTree:
    """The repository of a project."""

    def __init__(self, root: Path, state: Path) -> None:
        """Raises: NotARepositoryError: there is no repository, or nothing was committed yet."""
        self.root = root
        self._state = state
        try:
            self._repo = Repo(root)
        except (InvalidGitRepositoryError, NoSuchPathError) as error:
            raise NotARepositoryError(
                f"{root} is no git repository, and experiments run from commits",
                hint="Run: git init && git add -A && git commit -m 'Start'",
            ) from error
        if self._repo.bare:
            raise NotARepositoryError(f"{root} is a bare repository, without files to work on", hint="Clone it and work in the clone")
        if self.tree_of("HEAD") is None:
            raise NotARepositoryError(
                f"{root} has no commit yet, and experiments run from commits", hint="Run: git add -A && git commit -m 'Start'"
            )

        # A linked worktree has a journal of its own and the refs of all; `refs/worktree/` would be lost to `git gc` elsewhere.
        linked = Path(self._repo.git_dir).resolve() != Path(self._repo.common_dir).resolve()
        self._refs = f"{REF_ROOT}/worktrees/{Path(self._repo.git_dir).name}" if linked else REF_ROOT

    def head(self) -> str:
        """The commit that is checked out."""
        return self._text("rev-parse", "HEAD")

    def tree_of(self, commit: str) -> str | None:
        """The tree of a commit; None when the repository does not have it (any more)."""
        try:
            return self._text("rev-parse", "--verify", "--quiet", f"{commit}^{{tree}}")
        except ExperimentError:
            return None

    def snapshot(self) -> Snapshot:
        """The working tree, with untracked files that are not ignored and not large.

        Raises: ExperimentError: a submodule has changes that are not committed there, and so would not take part.
        """
        with self._private_index() as env:
            user_index = Path(self._repo.git_dir) / "index"
            if user_index.exists():
                # With its time stamp: git tells by it which entries it must look at again.
                shutil.copy2(user_index, env["GIT_INDEX_FILE"])
            self._git("add", "--update", "--", ".", env=env)
            untracked = _names(self._git("ls-files", "-z", "--others", "--exclude-standard", env=env))
            files = [name for name in untracked if not name.endswith("/") and not name.startswith(".mltui/")]
            large = {name for name in files if _size(self.root / name) > LARGE}
            self._git("update-index", "--add", "-z", "--stdin", env=env, data=_join(name for name in files if name not in large))
            self._refuse_dirty_submodules(env)
            return Snapshot(self._text("write-tree", env=env), tuple(sorted(large)))

    def _refuse_submodules(self, tree: str, paths: Iterable[str]) -> None:
        if not (self.root / ".gitmodules").exists():
            return
        submodules = {path for path, entry in self.entries(tree).items() if entry.mode == SUBMODULE}
        for path in paths:
            if inside := submodules.intersection(parent.as_posix() for parent in PurePosixPath(path).parents):
                raise ExperimentError(f"{path} belongs to the submodule {min(inside)}", hint="Work on it there: mltui -C " + min(inside))

    def _refuse_dirty_submodules(self, env: Mapping[str, str]) -> None:
        if not (self.root / ".gitmodules").exists():
            return
        # Every other tracked file was just taken into the index.
        dirty = _names(self._git("diff-files", "-z", "--name-only", "--ignore-submodules=none", env=env))
        if dirty:
            raise ExperimentError(
                f"the submodule {dirty[0]} has changes that are not committed, and runs start from commits",
                hint=f"Commit or stash them in {dirty[0]}",
            )

    def apply(self, tree: str, changes: Mapping[str, bytes | None]) -> str:
        """The tree with files written or (None) deleted; a file keeps its mode.

        Raises: ExperimentError: a file belongs to a submodule.
        """
        self._refuse_submodules(tree, changes)
        old = self.entries(tree, tuple(changes))
        lines: list[str] = []
        for path, data in sorted(changes.items()):
            if data is None:
                lines.append(f"0 {'0' * 40}\t{path}")
                continue
            blob = self._text("hash-object", "-w", "--stdin", f"--path={path}", data=data)
            mode = old[path].mode if path in old and old[path].mode != "120000" else "100644"
            lines.append(f"{mode} {blob}\t{path}")
        with self._private_index() as env:
            self._git("read-tree", tree, env=env)
            self._git("update-index", "-z", "--index-info", env=env, data=_join(lines))
            return self._text("write-tree", env=env)

    def apply_patch(self, tree: str, patch: str) -> str:
        """The tree with a unified diff applied, whose line counts need not be right: a person may have edited it.

        Raises: ExperimentError: it does not fit, or is no diff.
        """
        with self._private_index() as env:
            self._git("read-tree", tree, env=env)
            self._git("apply", "--cached", "--recount", "--whitespace=nowarn", "-", env=env, data=patch.encode("utf-8", "surrogateescape"))
            return self._text("write-tree", env=env)

    def commit(self, tree: str, parent: str, message: str, ref: str | None) -> str:
        """A commit of mltui's own, on no branch, kept by REF below mltui's refs. None: by the worktree that it is for, if any."""
        made = self._text("commit-tree", tree, "-p", parent, "-m", message, env=_IDENTITY)
        if ref is not None:
            self.keep(made, ref)
        return made

    def keep(self, commit: str, ref: str) -> None:
        """Points REF below mltui's refs at a commit, so that git keeps it."""
        self._git("update-ref", f"{self._refs}/{ref}", commit)

    def entries(self, tree: str, paths: Sequence[str] = ()) -> dict[str, Entry]:
        """The files of a tree (those among `paths`, if given), by path."""
        found: dict[str, Entry] = {}
        if paths:
            listed = self._git("ls-tree", "-r", "-z", "--full-tree", tree, "--", *paths, env={"GIT_LITERAL_PATHSPECS": "1"})
        else:
            listed = self._git("ls-tree", "-r", "-z", "--full-tree", tree)
        for line in _names(listed):
            head, _, path = line.partition("\t")
            mode, _, blob = head.split(" ")
            found[path] = Entry(mode, blob)
        return found

    def changed(self, before: str, after: str) -> dict[str, str]:
        """Paths that differ between two trees, with `A`, `M`, `D` or `T`."""
        parts = _names(self._git("diff-tree", "-r", "-z", "--name-status", "--no-renames", before, after))
        return dict(zip(parts[1::2], (status[0] for status in parts[::2]), strict=True))

    def diff(self, before: str, after: str) -> str:
        """The patch between two trees; a very long one is cut, and says so."""
        raw = self._git("diff-tree", "-r", "-p", "--no-color", "--no-ext-diff", "--src-prefix=a/", "--dst-prefix=b/", before, after)
        text = raw.decode("utf-8", "replace")
        if len(text) <= PATCH_LIMIT:
            return text
        cut = text[:PATCH_LIMIT]
        missing = text.count("\n") - cut.count("\n")
        return f"{cut}\n[{missing:,} more lines: git diff {before[:12]} {after[:12]}]\n"

    def read(self, tree: str, path: str) -> bytes:
        """A file of a tree, as a checkout would write it."""
        return self._git("cat-file", "--filters", f"{tree}:{path}")

    def working_blob(self, path: str) -> str | None:
        """The blob that the file in the working tree would be; None when there is no such file."""
        if not (self.root / path).is_file():
            return None
        return self._text("hash-object", f"--path={path}", "--", str(self.root / path))

    def add_worktree(self, folder: Path, commit: str, files: Mapping[str, Entry]) -> None:
        """Checks a commit out into a new folder, detached, without running hooks.

        Args: files: those of the commit, for its submodules.
        """
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._git(*_NO_HOOKS, "worktree", "add", "--detach", "--force", str(folder), commit)
        for path, entry in files.items():
            if entry.mode == SUBMODULE:
                self._check_out_submodule(path, entry.blob, folder / path)

    def _check_out_submodule(self, path: str, commit: str, folder: Path) -> None:
        """Fills the folder of a submodule, which git leaves empty, from the person's own checkout of it."""
        source = self.root / path
        if not (source / ".git").exists():
            return  # not there for the person either
        with self._private_index() as env:
            self._git("-C", str(source), "read-tree", commit, env=env)
            self._git("-C", str(source), *_NO_HOOKS, "checkout-index", "--all", "--force", f"--prefix={folder}/", env=env)
        inner = GitTree(source, self._state)
        for name, entry in inner.entries(commit).items():
            if entry.mode == SUBMODULE:
                inner._check_out_submodule(name, entry.blob, folder / name)

    def differing(self, folder: Path, tree: str, index: Path) -> set[str]:
        """Tracked files that in a checkout are not as the tree has them.

        Args:
            index: an index of the checkout's own, made where there is none. It remembers what was looked at, so that a
                second look is quick; a file that was touched is read again, whatever its times say.
        """
        where = (f"--git-dir={self._repo.git_dir}", f"--work-tree={folder}", *_STRICT)
        env = {"GIT_INDEX_FILE": str(index)}
        if not index.exists():
            self._git(*where, "read-tree", tree, env=env)
        # It reads what was touched, and fails only where something differs.
        if self._succeeds(*where, "update-index", "--ignore-submodules", "--refresh", env=env):
            return set()
        return set(_names(self._git(*where, "diff-files", "-z", "--name-only", "--ignore-submodules=all", env=env)))

    def remove_worktree(self, folder: Path) -> None:
        """Removes a worktree, or all below a folder, with what was written there. No error when it is gone."""
        # A run may have taken away by what git knows the folder.
        if (folder / ".git").is_file() and self._succeeds("worktree", "remove", "--force", "--force", str(folder)):
            return
        # Not `worktree prune`: it would also forget a worktree of the person's on a disk that is not mounted.
        for line in self._text("worktree", "list", "--porcelain").splitlines():
            path = Path(line.removeprefix("worktree "))
            if line.startswith("worktree ") and (path == folder or folder in path.parents):
                self._git("worktree", "remove", "--force", "--force", str(path))
        shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def _private_index(self) -> Generator[dict[str, str]]:
        folder = self._state / "tmp"
        folder.mkdir(parents=True, exist_ok=True)
        index = folder / f"index-{secrets.token_hex(6)}"
        try:
            yield {"GIT_INDEX_FILE": str(index)}
        finally:
            index.unlink(missing_ok=True)
            index.with_name(f"{index.name}.lock").unlink(missing_ok=True)

    def _text(self, *arguments: str, env: Mapping[str, str] | None = None, data: bytes | None = None) -> str:
        return self._git(*arguments, env=env, data=data).decode().strip()

    def _git(self, *arguments: str, env: Mapping[str, str] | None = None, data: bytes | None = None) -> bytes:
        status, done, said = self._run(*arguments, env=env, data=data)
        if status != 0:
            command = next((word for word in arguments if not word.startswith("-") and "=" not in word), "")
            raise ExperimentError(f"git {command} failed: {said[0].strip() if said else status}")
        return done

    def _succeeds(self, *arguments: str, env: Mapping[str, str] | None = None) -> bool:
        return self._run(*arguments, env=env)[0] == 0

    def _run(self, *arguments: str, env: Mapping[str, str] | None = None, data: bytes | None = None) -> tuple[int, bytes, list[str]]:
        """Exit status, output, lines of the error output."""
        # Any file with a descriptor will do; without one git reads nothing.
        with tempfile.TemporaryFile() if data else contextlib.nullcontext() as source:
            if source is not None and data:
                source.write(data)
                source.seek(0)
            status, done, said = self._repo.git.execute(
                ["git", *arguments],
                istream=source,  # pyright: ignore[reportArgumentType]
                env={**_AS_RECORDED, **(env or {})},
                stdout_as_string=False,
                strip_newline_in_stdout=False,
                as_process=False,
                with_extended_output=True,
                with_exceptions=False,
                start_new_session=True,  # Ctrl-C in the terminal ends a turn, not a git that is half done
            )
        return status, done, said.splitlines()


def _names(listed: bytes) -> list[str]:
    return [name for name in listed.decode("utf-8", "surrogateescape").split("\0") if name]


def _join(names: Iterator[str] | Sequence[str]) -> bytes:
    return "".join(f"{name}\0" for name in names).encode("utf-8", "surrogateescape")


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0
