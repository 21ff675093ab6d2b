"""The list of a tree's files: right after every kind of change, and made without a process while nothing changes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.experiments.conftest import git

from mltui.experiments import listing
from mltui.experiments.listing import Listing

TICK = 0.02
"""Seconds in which the clock that stamps files moves on."""


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose stamps can be relied on at once."""
    monkeypatch.setattr(listing, "SETTLED", 0.0)
    root = tmp_path / "above" / "root"
    (root / "empty" / "deep").mkdir(parents=True)
    (root / "train.py").write_text("")
    (root / ".gitignore").write_text("*.log\n")
    git(root, "init", "-q")
    git(root, "add", "-A")
    time.sleep(TICK)
    return root


def _write(root: Path, name: str, text: str = "") -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


CHANGES: dict[str, Callable[[Path], object]] = {
    "a new file": lambda root: _write(root, "new.py"),
    "a new file in an empty folder": lambda root: _write(root, "empty/deep/new.py"),
    "a new file in a new folder": lambda root: _write(root, "a/b/c.py"),
    "an untracked file that goes": lambda root: (root / "untracked.py").unlink(),
    "a file that is renamed": lambda root: (root / "untracked.py").rename(root / "empty" / "other.py"),
    "an ignored file that git tracks now": lambda root: git(root, "add", "-f", "run.log"),
    "a file that git tracks no more": lambda root: git(root, "rm", "-q", "--cached", "train.py"),
    "a rule that is taken back": lambda root: _write(root, ".gitignore", "#.log\n"),
    "a rule of the repository's own": lambda root: _write(root, ".git/info/exclude", "untracked.py\n"),
    "no repository any more": lambda root: (root / ".git").rename(root.parent / "gone"),
    "a repository above": lambda root: ((root / ".git").rename(root.parent / "gone"), git(root.parent, "init", "-q")),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_change_is_seen(tree: Path, change: Callable[[Path], object]) -> None:
    _write(tree, "untracked.py")
    _write(tree, "run.log")
    time.sleep(TICK)
    known = Listing(tree)
    known.names()
    version = known.version
    time.sleep(TICK)
    change(tree)
    assert known.names() == Listing(tree).names()
    assert known.version != version


def test_nothing_is_asked_while_nothing_changes(tree: Path) -> None:
    known = Listing(tree)
    assert known.names() == [".gitignore", "train.py"]
    _write(tree, "train.py", "changed in place")
    _write(tree, ".git/HEAD", "ref: refs/heads/other\n")
    assert known.names() == [".gitignore", "train.py"]
    assert known.version == 1


def test_a_tree_without_git_is_watched_too(tree: Path) -> None:
    (tree / ".git").rename(tree.parent / "gone")
    time.sleep(TICK)
    known = Listing(tree)
    assert known.names() == known.names() == [".gitignore", "train.py"]
    assert known.version == 1
    _write(tree, "empty/new.log")
    assert known.names() == [".gitignore", "empty/new.log", "train.py"]


def test_a_tree_that_changed_just_now_is_not_relied_on(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "SETTLED", 3600.0)
    known = Listing(tree)
    known.names()
    known.names()
    assert known.version == 2


def test_a_tree_with_very_many_folders_is_not_watched(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_WATCHED", 3)
    known = Listing(tree)
    known.names()
    known.names()
    assert known.version == 2
