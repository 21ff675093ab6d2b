"""Lets go of old objects of the snapshots: those that no checkpoint and no index leads to."""

from __future__ import annotations

import contextlib
import shutil
import time
from pathlib import Path

from mltui.core.errors import ExperimentError
from mltui.experiments.private_git import PrivateGit

_DAY = 86_400.0
_MARK = "info/pruned"


def prune_objects(git: PrivateGit, root: Path, *, keep_days: float, every_days: float = 1.0) -> bool:
    """Removes objects that are older than `keep_days` and lead from no ref and no index, at most once in `every_days`.

    Returns: whether it did. What cannot be looked at is left as it is: an object too many costs room, one too few a file.
    """
    mark = git.folder / _MARK
    with contextlib.suppress(OSError):
        if time.time() - mark.stat().st_mtime < every_days * _DAY:
            return False
    index = git.folder / "index-pruning"
    try:
        git.mend()
        mark.touch()
        trees: list[str] = []
        for path in sorted(git.folder.glob("index-*")):
            # Without its suffixes: a lock, the clock of a session, this very copy.
            if path.suffix or path == index or path.is_symlink():
                continue
            # A copy: to write the tree changes the index, which its session would take for tampering.
            shutil.copy2(path, index)
            trees.append(git.run("write-tree", "--missing-ok", tree=root, index=index).decode("ascii").strip())
        # The index is named too, so that what it holds is kept even where a tree of it is not whole.
        oldest = f"--expire={int(time.time() - keep_days * _DAY)}"
        git.run("prune", oldest, "--", *dict.fromkeys(trees), tree=root, index=index)
    except (ExperimentError, OSError):
        return False
    finally:
        with contextlib.suppress(OSError):
            index.unlink(missing_ok=True)
            index.with_name(f"{index.name}.lock").unlink(missing_ok=True)
    return True
