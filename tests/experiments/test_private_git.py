"""Several that use mltui's own git directory at once: threads of one program, and programs in one project."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mltui.experiments.private_git import PrivateGit


def test_who_mends_it_at_once_is_in_nobodys_way(tmp_path: Path) -> None:
    folder = tmp_path / "snapshots.git"

    def mend(_: int) -> None:
        git = PrivateGit(folder)
        for _ in range(20):
            git.mend()
            (folder / "config").unlink(missing_ok=True)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(mend, range(8)))
    PrivateGit(folder).mend()
    assert "bare = false" in (folder / "config").read_text()


def test_what_another_program_is_writing_stays_and_what_git_would_obey_goes(tmp_path: Path) -> None:
    folder = tmp_path / "snapshots.git"
    git = PrivateGit(folder)
    git.mend()
    being_written, foreign = folder / ".HEAD.0123abcd.tmp", folder / "hooks"
    being_written.write_text("ref: refs/heads/none\n")
    foreign.mkdir()
    git.mend()
    assert being_written.exists() and not foreign.exists()
