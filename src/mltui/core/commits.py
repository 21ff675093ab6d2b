"""What a person is about to commit, as data."""

from __future__ import annotations

from mltui.core.data import Data


class PendingCommit(Data):
    """What would be committed.

    Attributes:
        staged: the index as it is; else all changes of tracked files.
        patch: the changes, as a unified diff.
        paths: relative to the top of the repository.
        untracked: some of the files that git does not know, which are left out.
    """

    staged: bool
    patch: str
    paths: tuple[str, ...]
    untracked: tuple[str, ...] = ()
