"""Old objects of the snapshots go; what a checkpoint or an index leads to stays."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from mltui.experiments.checkpoint_store import Checkpoint, CheckpointStore, forget
from mltui.experiments.private_git import PrivateGit, Repository
from mltui.experiments.snapshot_pruning import prune_objects
from mltui.experiments.tree_watch import TreeWatch

LONG_AGO = time.time() - 90 * 86_400


def objects(state: Path) -> set[str]:
    return {f"{path.parent.name}{path.name}" for path in (state / "snapshots.git/objects").glob("??/*")}


def age(state: Path) -> None:
    for path in (state / "snapshots.git/objects").glob("??/*"):
        os.utime(path, (LONG_AGO, LONG_AGO))


def opened(root: Path, state: Path) -> PrivateGit:
    repository = Repository.at(root)
    git = PrivateGit(state / "snapshots.git")
    if repository is not None:
        git.lend(repository.common / "objects")
    return git


@pytest.mark.parametrize("with_git", [True, False])
def test_what_is_kept_and_what_goes(tmp_path: Path, with_git: bool) -> None:
    root, state = tmp_path.resolve(), tmp_path.resolve() / ".mltui"
    (root / "a.txt").write_text("first\n")
    if with_git:
        subprocess.run(["git", "init", "-q", "--template="], cwd=root, check=True)
        subprocess.run(["git", "add", "a.txt"], cwd=root, check=True)
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "x"], cwd=root, check=True)
    watch = TreeWatch(root, state)
    watch.look()
    assert watch.git is not None
    store = CheckpointStore(watch.git, root)
    trees: list[str] = []
    for text in ("in a checkpoint\n", "in none\n", "in the index\n"):
        (root / "b.txt").write_text(text)
        watch.look()
        trees.append(watch.tree())
        if text == "in a checkpoint\n":
            commit = store.save("s1", Checkpoint(tree=trees[-1], draft={"c.txt": b"staged\n"}, at=1.0), "m")
    # Another session that is open, and saw what was there for a moment.
    (root / "b.txt").write_text("in another session\n")
    other = TreeWatch(root, state)
    other.before()
    (root / "b.txt").write_text("in the index\n")
    watch.look()
    watch.close()
    age(state)
    (root / "fresh.txt").write_text("fresh\n")
    later = TreeWatch(root, state)
    later.look()
    git, before = opened(root, state), objects(state)

    assert prune_objects(git, root, keep_days=30)
    assert not prune_objects(git, root, keep_days=30)

    gone = before - objects(state)
    assert trees[1] in gone
    assert len(gone) == 2  # a tree and a file
    store = CheckpointStore(git, root)
    loaded = store.load([commit])[commit]
    assert loaded.draft == {"c.txt": b"staged\n"}
    assert {item.path for item in store.differences(loaded.tree, trees[2])} == {"b.txt"}
    assert later.tree()
    (root / "b.txt").write_text("changed\n")
    assert [change.path for change in later.after()] == ["b.txt"]
    assert later.old("b.txt") == b"in the index\n"
    assert [change.path for change in other.after()] == ["b.txt", "fresh.txt"]
    assert other.old("b.txt") == b"in another session\n"
    other.close()
    later.close()

    forget(state, "s1")
    age(state)
    assert prune_objects(git, root, keep_days=30, every_days=0)
    assert store.load([commit]) == {}


def test_where_an_object_is_missing_nothing_is_removed(tmp_path: Path) -> None:
    root, state = tmp_path.resolve(), tmp_path.resolve() / ".mltui"
    (root / "a.txt").write_text("a\n")
    watch = TreeWatch(root, state)
    watch.look()
    assert watch.git is not None
    CheckpointStore(watch.git, root).save("s1", Checkpoint(tree="1" * 40, at=1.0), "m")
    watch.close()
    age(state)
    before = objects(state)
    assert not prune_objects(opened(root, state), root, keep_days=30)
    assert objects(state) >= before
