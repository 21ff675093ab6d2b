"""Checkpoints: the tree and the draft as they were before a call, as commits in the git directory of mltui's own.

The tree of such a commit holds `files` (the project, without what is ignored, large or binary, and without repositories
within), `draft` (the staged edits), `apart.json` (what is known of large and binary files) and `state.json` (the rest).
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from mltui.core.errors import ExperimentError
from mltui.experiments.loose_objects import FILE_MODE, FOLDER_MODE, LooseObjects, tree_entries
from mltui.experiments.private_git import CHECKPOINTS, FOLDER, PrivateGit, Repository, names

_SESSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_DAY = 86_400.0
_AT_ONCE = 100
"""Files whose contents are in memory together."""
_PROBE = 8_000
"""Bytes in which a NUL tells a binary file, as git sees it."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What is known of a file whose content is not kept.

    Attributes: digest: its SHA-256, or empty where it was not read.
    """

    size: int
    mtime_ns: int
    inode: int
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A moment of a project.

    Attributes:
        tree: the tree object of its files.
        draft: staged content by path; None for a staged deletion.
        apart: large and binary files, by path.
        nested: folders of repositories within, which are left alone.
        outside: files that changed before this moment, since the checkpoint before it, by no call of the session.
        base: the commit that was checked out, or empty.
        at: seconds since the epoch.
    """

    tree: str
    draft: Mapping[str, bytes | None] = field(default_factory=dict[str, bytes | None])
    apart: Mapping[str, Stamp] = field(default_factory=dict[str, Stamp])
    nested: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    base: str = ""
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Difference:
    """A path whose kept content differs between two trees; mode and blob are empty where there is nothing."""

    path: str
    old_mode: str
    old_blob: str
    new_mode: str
    new_blob: str


class CheckpointStore:
    """The checkpoints of one project. All methods block.

    Args:
        git: mltui's own git directory, which knows the objects of the person's repository.
        root: the project's folder.
    """

    def __init__(self, git: PrivateGit, root: Path, *, sha256: bool = False) -> None:
        self._git = git
        self._root = root
        self._refs = git.folder / CHECKPOINTS
        self._index = git.folder / "index-none"
        self._objects = LooseObjects(git.folder / "objects", sha256=sha256)
        self._width = 32 if sha256 else 20
        self._none = "0" * (2 * self._width)

    # ── writing ──────────────────────────────────────────────────────────────────

    def save(self, session: str, checkpoint: Checkpoint, message: str) -> str:
        """Writes a checkpoint and a ref of the session that keeps it. Returns: the commit. Raises: OSError, ExperimentError."""
        self._git.mend()
        write = self._objects.write
        staged = [(path, None if data is None else write("blob", data)) for path, data in sorted(checkpoint.draft.items())]
        blobs = sorted({blob for _, blob in staged if blob is not None})
        state = {
            "version": 1,
            "draft": [[path, blob] for path, blob in staged],
            "nested": list(checkpoint.nested),
            "outside": list(checkpoint.outside),
            "base": checkpoint.base,
        }
        apart = [[path, stamp.size, stamp.mtime_ns, stamp.inode, stamp.digest] for path, stamp in sorted(checkpoint.apart.items())]
        tree = self._objects.write_tree(
            [
                (FILE_MODE, "apart.json", write("blob", json.dumps(apart).encode())),
                (FOLDER_MODE, "draft", self._objects.write_tree((FILE_MODE, blob, blob) for blob in blobs)),
                (FOLDER_MODE, "files", checkpoint.tree),
                (FILE_MODE, "state.json", write("blob", json.dumps(state).encode())),
            ]
        )
        who = f"mltui <mltui@localhost> {int(checkpoint.at)} +0000"
        commit = write("commit", f"tree {tree}\nauthor {who}\ncommitter {who}\n\n{message}\n".encode("utf-8", "replace"))
        self._keep(session, commit)
        return commit

    def _keep(self, session: str, commit: str) -> None:
        if not _SESSION.fullmatch(session):
            raise ExperimentError(f"{session!r} is no session id")
        folder = self._refs / session
        folder.mkdir(exist_ok=True)
        number = max((int(path.name) for path in folder.iterdir() if path.name.isdecimal()), default=0) + 1
        spare = folder / f"{number}.lock"
        spare.write_text(f"{commit}\n")
        spare.replace(folder / str(number))

    # ── reading ──────────────────────────────────────────────────────────────────

    def load(self, commits: Iterable[str]) -> dict[str, Checkpoint]:
        """Checkpoints by commit; those that are gone or broken are left out. The draft's content is read too."""
        wanted = [commit for commit in dict.fromkeys(commits) if _COMMIT.fullmatch(commit)]
        heads = self._read(wanted, "commit")
        trees = {commit: data.split(b"\n", 1)[0].removeprefix(b"tree ").decode("ascii", "replace") for commit, data in heads.items()}
        listed = self._read(trees.values(), "tree")
        found: dict[str, Checkpoint] = {}
        states: dict[str, dict[str, Any]] = {}
        entries = {commit: tree_entries(listed[tree], self._width) for commit, tree in trees.items() if tree in listed}
        notes = self._read([item[name] for item in entries.values() for name in ("apart.json", "state.json") if name in item], "blob")
        for commit, item in entries.items():
            with contextlib.suppress(KeyError, ValueError):
                states[commit] = json.loads(notes[item["state.json"]])
        contents = self._read([blob for state in states.values() for _, blob in state.get("draft", []) if blob], "blob")
        for commit, state in states.items():
            with contextlib.suppress(KeyError, ValueError, TypeError):
                apart = cast("list[list[Any]]", json.loads(notes[entries[commit]["apart.json"]]))
                found[commit] = Checkpoint(
                    tree=entries[commit]["files"],
                    draft={str(path): contents[blob] if blob else None for path, blob in state["draft"]},
                    apart={str(path): Stamp(*rest) for path, *rest in apart},
                    nested=tuple(state["nested"]),
                    outside=tuple(state["outside"]),
                    base=str(state["base"]),
                    at=_time_of(heads[commit]),
                )
        return found

    def _read(self, wanted: Iterable[str], kind: str) -> dict[str, bytes]:
        found = self._git.objects(wanted, tree=self._root, index=self._index)
        return {name: data for name, (of, data) in found.items() if of == kind}

    def contents(self, blobs: Iterable[str]) -> dict[str, bytes]:
        """Contents by blob; those that are gone are left out."""
        return self._read((blob for blob in blobs if blob), "blob")

    def differences(self, old: str, new: str) -> tuple[Difference, ...]:
        """What differs between two trees. Raises: GitFailedError: one of them is gone."""
        if old == new:
            return ()
        parts = names(self._run("diff-tree", "-r", "-z", "--raw", "--no-renames", old, new))
        found: list[Difference] = []
        for head, path in zip(parts[::2], parts[1::2], strict=True):
            old_mode, new_mode, old_blob, new_blob, _ = head.removeprefix(":").split(" ")
            found.append(Difference(path, *_there(old_mode, old_blob, self._none), *_there(new_mode, new_blob, self._none)))
        return tuple(found)

    def patch(self, old: str, new: str) -> str:
        """The difference of two trees as a unified diff; binary files are named. Raises: GitFailedError: one of them is gone."""
        differences = self.differences(old, new)
        parts: list[str] = []
        for start in range(0, len(differences), _AT_ONCE):
            part = differences[start : start + _AT_ONCE]
            contents = self.contents(blob for item in part for blob in (item.old_blob, item.new_blob))
            binary = [item for item in part if any(b"\0" in contents.get(blob, b"")[:_PROBE] for blob in (item.old_blob, item.new_blob))]
            text = [item.path for item in part if item not in binary]
            if text:
                # `--text`: the attributes here call every file binary, so that no filter of the person's runs.
                shown = ("--text", "--no-renames", "--no-color", "--no-ext-diff", "--src-prefix=a/", "--dst-prefix=b/")
                parts.append(self._run("diff-tree", "-r", "-p", *shown, old, new, "--", *text).decode("utf-8", "replace"))
            parts += [f"diff --git a/{item.path} b/{item.path}\nBinary files differ\n" for item in binary]
        return "".join(parts)

    def _run(self, *arguments: str) -> bytes:
        return self._git.run(*arguments, tree=self._root, index=self._index)

    # ── pruning ──────────────────────────────────────────────────────────────────

    def prune(self, *, keep_days: float, keep: int) -> int:
        """Lets go of old checkpoints: those beyond `keep` of a session, and those older than `keep_days`. Returns: how many."""
        gone = 0
        oldest = time.time() - keep_days * _DAY
        with contextlib.suppress(OSError):
            for folder in list(self._refs.iterdir()):
                refs = sorted((path for path in folder.iterdir() if path.name.isdecimal()), key=lambda path: int(path.name))
                extra = max(0, len(refs) - keep)
                for place, ref in enumerate(refs):
                    if place < extra or ref.lstat().st_mtime < oldest:
                        ref.unlink(missing_ok=True)
                        gone += 1
                with contextlib.suppress(OSError):
                    folder.rmdir()
        return gone


def forget(state: Path, session: str) -> None:
    """Lets go of all checkpoints of a session that is deleted. Args: state: the project's `.mltui`."""
    if _SESSION.fullmatch(session):
        shutil.rmtree(state / FOLDER / CHECKPOINTS / session, ignore_errors=True)


def base_of(root: Path) -> str:
    """The commit that is checked out, or empty. Starts no process."""
    repository = Repository.at(root)
    if repository is None:
        return ""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        head = (repository.own / "HEAD").read_text(encoding="ascii").strip()
        if not head.startswith("ref: "):
            return head if _COMMIT.fullmatch(head) else ""
        name = head.removeprefix("ref: ")
        for folder in (repository.own, repository.common):
            with contextlib.suppress(OSError):
                return (folder / name).read_text(encoding="ascii").strip()
        for line in (repository.common / "packed-refs").read_text(encoding="utf-8", errors="replace").splitlines():
            commit, _, packed = line.partition(" ")
            if packed == name:
                return commit
    return ""


def _there(mode: str, blob: str, none: str) -> tuple[str, str]:
    return ("", "") if blob == none else (mode, blob)


def _time_of(commit: bytes) -> float:
    found = re.search(rb"^committer .*> (\d+) ", commit, re.MULTILINE)
    return float(found[1]) if found else 0.0
