"""Fresh checkouts for runs: made from a recorded commit, checked against its tree, without what only the evaluator may read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mltui.core.errors import ApprovalVoidError
from mltui.core.experiment import DataVersion
from mltui.experiments.datasets import Digests, versions
from mltui.experiments.git_tree import SUBMODULE, Entry, GitTree
from mltui.experiments.globs import Globs

CODE = (".py", ".pyx", ".pyi", ".sh", ".R", ".jl", ".ipynb", ".c", ".cc", ".cpp", ".cu", ".h", ".rs", ".go")
"""Endings of files that are code whether they are under experiment or not."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """Attributes: committed: data files of the checkout itself; linked: those that it borrows from the working tree."""

    folder: Path
    tree: str
    committed: tuple[str, ...]
    linked: tuple[str, ...]
    index: Path
    absent: frozenset[str]
    peculiar: frozenset[str]
    """Files that git calls changed though they are as it wrote them (line endings that the repository does not keep to)."""


class Checkouts:
    """Makes and checks the checkouts of one job. Safe to use from several threads."""

    def __init__(self, git: GitTree, root: Path, data_files: Sequence[str], labels: Globs, digests: Digests) -> None:
        """Args: labels: files that only an evaluator's checkout has."""
        self._git = git
        self._root = root
        self._data = tuple(data_files)
        self._labels = labels
        self._digests = digests
        self._entries: dict[str, dict[str, Entry]] = {}

    def entries(self, tree: str) -> dict[str, Entry]:
        if tree not in self._entries:
            self._entries[tree] = self._git.entries(tree)
        return self._entries[tree]

    def same_files(self, tree: str, as_in: str) -> None:
        """Says that a tree has the files of another, some with other content, so that git need not list it."""
        self._entries[tree] = self.entries(as_in)

    def borrowed(self, tree: str, *, labels: bool = False) -> tuple[DataVersion, ...]:
        """The data that a checkout of the tree has from the working tree, as it is there now."""
        present = [name for name in self._linked(tree, labels) if (self._root / name).is_file()]
        return versions(self._root, present, self._digests)

    def make(self, folder: Path, commit: str, tree: str, *, labels: bool = False) -> Checkout:
        """Checks a commit out into a new folder.

        Raises: ApprovalVoidError: what is there afterwards is not the tree.
        """
        # What a killed supervisor left is no part of it.
        index = folder.with_name(f".{folder.name}.index")
        index.unlink(missing_ok=True)
        if folder.exists():
            self._git.remove_worktree(folder)
        self._git.add_worktree(folder, commit, self.entries(tree))
        differing = self._git.differing(folder, tree, index)
        for path in differing:
            if not self._as_written(folder, tree, path):
                raise ApprovalVoidError(f"the checkout of {commit[:12]} is not what was approved: {path} differs", hint="Propose it again.")
        hidden = frozenset[str]() if labels else self._hidden(tree)
        for path in hidden:
            (folder / path).unlink(missing_ok=True)
        linked = self._linked(tree, labels)
        for name in linked:
            target = folder / name
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(self._root / name)
        committed = tuple(name for name in self._data if name in self.entries(tree) and name not in hidden)
        return Checkout(folder, tree, committed, linked, index, hidden, frozenset(differing))

    def changed(self, checkout: Checkout) -> list[str]:
        """Tracked files that are no longer as they were checked out, by name."""
        found = self._git.differing(checkout.folder, checkout.tree, checkout.index) - checkout.absent
        kept = {path for path in found & checkout.peculiar if self._as_written(checkout.folder, checkout.tree, path)}
        return sorted(found - kept)

    def committed(self, checkout: Checkout) -> tuple[DataVersion, ...]:
        """The data files of the checkout itself, as they are now."""
        present = [name for name in checkout.committed if (checkout.folder / name).is_file()]
        return versions(checkout.folder, present, Digests(None))

    def remove(self, folder: Path) -> None:
        self._git.remove_worktree(folder)
        folder.with_name(f".{folder.name}.index").unlink(missing_ok=True)

    def _linked(self, tree: str, labels: bool) -> tuple[str, ...]:
        return tuple(name for name in self._data if name not in self.entries(tree) and (labels or not self._labels.match(name)))

    def _hidden(self, tree: str) -> frozenset[str]:
        return frozenset(path for path in self.entries(tree) if self._labels.match(path))

    def _as_written(self, folder: Path, tree: str, path: str) -> bool:
        entry = self.entries(tree).get(path)
        file = folder / path
        if entry is None or entry.mode == SUBMODULE or file.is_symlink() or not file.is_file():
            return False
        return file.read_bytes() == self._git.read(tree, path)
