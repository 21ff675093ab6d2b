"""Whatever changes in a tree is found, and nothing of the person's repository is touched."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mltui.experiments.tree_watch import Change, TreeWatch


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


def commit(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "-q")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "start")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = (tmp_path / "project").resolve()
    commit(folder, {"a.py": "a = 1\n", "pkg/b.py": "b = 1\n", "run.sh": "true\n", ".gitignore": "out/\n*.log\n"})
    return folder


@pytest.fixture
def watch(root: Path) -> Iterator[TreeWatch]:
    it = TreeWatch(root, root / ".mltui")
    it.before()
    yield it
    it.close()


def kinds(changes: tuple[Change, ...]) -> dict[str, str]:
    return {change.path: change.kind for change in changes}


def test_nothing_is_found_where_nothing_changed(watch: TreeWatch, root: Path) -> None:
    assert watch.after() == ()
    os.utime(root / "a.py")
    (root / "out").mkdir()
    (root / "out/x.py").write_text("ignored")
    assert watch.after() == ()
    watch.before()
    assert watch.since_last() == ()


def test_every_kind_of_change_is_found_with_what_was_there(watch: TreeWatch, root: Path) -> None:
    (root / "a.py").write_text("a = 2\n")
    (root / "pkg/b.py").unlink()
    (root / "pkg/new.py").write_text("n\n")
    (root / "run.sh").unlink()
    (root / "run.sh").symlink_to("a.py")
    assert kinds(watch.after()) == {"a.py": "modified", "pkg/b.py": "deleted", "pkg/new.py": "added", "run.sh": "typechange"}
    assert watch.old("a.py") == b"a = 1\n"
    assert watch.old("pkg/b.py") == b"b = 1\n"
    assert watch.old("run.sh") == b"true\n"
    assert watch.old("pkg/new.py") is None


@pytest.mark.parametrize(
    "name", ["a b.py", "ü\u2028ß.py", "new\nline.py", 'q"uote.py', "-x.py", ":(top)x.py", "*.py", os.fsdecode(b"\xff\xfe.py")]
)
def test_names_are_taken_as_they_are(root: Path, watch: TreeWatch, name: str) -> None:
    (root / name).write_text("1\n")
    assert kinds(watch.after()) == {name: "added"}
    watch.before()
    (root / name).write_text("2\n")
    assert kinds(watch.after()) == {name: "modified"}
    assert watch.old(name) == b"1\n"


@pytest.mark.parametrize("mtime", [True, False])
def test_a_change_of_the_same_size_under_the_old_time_is_found(watch: TreeWatch, root: Path, mtime: bool) -> None:
    status = (root / "a.py").stat()
    (root / "a.py").write_text("a = 9\n")
    if mtime:
        os.utime(root / "a.py", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert kinds(watch.after()) == {"a.py": "modified"}


def test_the_mark_that_lets_a_file_run_counts(watch: TreeWatch, root: Path) -> None:
    (root / "run.sh").chmod(0o755)
    (change,) = watch.after()
    assert (change.path, change.kind, change.mode) == ("run.sh", "modified", "100644")


def test_a_folder_swapped_for_a_link_to_itself_is_found(watch: TreeWatch, root: Path) -> None:
    (root / "pkg").rename(root / "elsewhere")
    (root / "pkg").symlink_to("elsewhere")
    assert kinds(watch.after()) == {"pkg": "added", "pkg/b.py": "deleted", "elsewhere/b.py": "added"}
    assert watch.old("pkg/b.py") == b"b = 1\n"
    watch.before()
    assert watch.after() == ()


def test_other_things_in_the_place_of_a_file(watch: TreeWatch, root: Path) -> None:
    (root / "a.py").unlink()
    os.mkfifo(root / "a.py")
    (root / "run.sh").unlink()
    (root / "run.sh").mkdir()
    (root / "run.sh/x").write_text("x")
    assert kinds(watch.after()) == {"a.py": "typechange", "run.sh": "typechange", "run.sh/x": "added"}
    watch.before()
    assert watch.after() == ()


def test_the_person_changes_between_the_looks_and_what_acted_is_not_theirs(watch: TreeWatch, root: Path) -> None:
    (root / "a.py").write_text("by a command\n")
    watch.after()
    watch.settle()
    (root / "pkg/b.py").write_text("by hand\n")
    watch.before()
    assert kinds(watch.since_last()) == {"pkg/b.py": "modified"}
    assert watch.old("pkg/b.py") == b"b = 1\n"
    assert watch.after() == ()


def test_large_and_binary_untracked_files_are_known_by_signature_and_cost_no_room(root: Path) -> None:
    with (root / "big.bin").open("wb") as file:
        file.truncate(10_000_000_000)
    (root / "small.bin").write_bytes(b"\0" * 1000)
    watch = TreeWatch(root, root / ".mltui")
    watch.before()
    assert watch.after() == ()
    assert sum(path.stat().st_size for path in (root / ".mltui").rglob("*") if path.is_file()) < 100_000
    os.utime(root / "big.bin")
    (root / "small.bin").unlink()
    assert kinds(watch.after()) == {"big.bin": "modified", "small.bin": "deleted"}
    assert watch.old("big.bin") is None
    watch.close()


def test_the_persons_repository_is_not_touched(root: Path) -> None:
    (root / "a.py").write_text("not committed\n")
    (root / "pkg/b.py").write_text("staged\n")
    git(root, "add", "pkg/b.py")
    marker = root.parent / "ran"
    for name in ("core.fsmonitor", "filter.x.clean", "diff.external"):
        git(root, "config", name, f"touch {marker}; cat")
    (root / ".git/info/attributes").write_text("* filter=x text eol=crlf\n")
    before = {path: path.read_bytes() for path in (root / ".git").rglob("*") if path.is_file()}
    watch = TreeWatch(root, root / ".mltui")
    watch.before()
    (root / "a.py").write_bytes(b"crlf\r\n")
    watch.after()
    watch.before()
    (root / "a.py").write_bytes(b"other")
    assert kinds(watch.after()) == {"a.py": "modified"}
    assert watch.old("a.py") == b"crlf\r\n"
    watch.close()
    assert {path: path.read_bytes() for path in (root / ".git").rglob("*") if path.is_file()} == before
    assert not marker.exists()


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_a_file_hidden_in_the_persons_index_is_watched(root: Path, flag: str) -> None:
    git(root, "update-index", flag, "a.py")
    watch = TreeWatch(root, root / ".mltui")
    watch.before()
    (root / "a.py").write_text("hidden\n")
    assert kinds(watch.after()) == {"a.py": "modified"}
    watch.close()


def test_line_ends_are_given_back_as_they_were_on_disk(tmp_path: Path) -> None:
    root = tmp_path / "p"
    commit(root, {".gitattributes": "*.py text eol=crlf\n", "a.py": "a\n"})
    (root / "a.py").unlink()
    git(root, "checkout", "a.py")
    assert (root / "a.py").read_bytes() == b"a\r\n"
    watch = TreeWatch(root, root / ".mltui")
    watch.before()
    (root / "a.py").unlink()
    watch.after()
    assert watch.old("a.py") == b"a\r\n"
    watch.close()


def test_without_a_repository(tmp_path: Path) -> None:
    root = tmp_path / "plain"
    root.mkdir()
    (root / "a.py").write_text("1\n")
    watch = TreeWatch(root, root / ".mltui")
    watch.before()
    (root / "a.py").write_text("2\n")
    assert kinds(watch.after()) == {"a.py": "modified"}
    assert watch.old("a.py") == b"1\n"
    watch.close()
    again = TreeWatch(root, root / ".mltui")
    again.before()
    assert again.after() == ()
    again.close()


def test_a_linked_worktree_and_sha256(tmp_path: Path, root: Path) -> None:
    other = tmp_path / "sha"
    subprocess.run(["git", "init", "-q", "--object-format=sha256", str(other)], check=True)
    commit(other, {"a.py": "a = 1\n"})
    git(root, "worktree", "add", "-q", str(tmp_path / "linked"))
    for folder in (tmp_path / "linked", other):
        watch = TreeWatch(folder, folder / ".mltui")
        watch.before()
        assert watch.after() == ()
        (folder / "a.py").unlink()
        assert kinds(watch.after()) == {"a.py": "deleted"}
        assert watch.old("a.py") == b"a = 1\n"
        watch.close()


def test_repositories_within_are_looked_into(root: Path, tmp_path: Path) -> None:
    commit(tmp_path / "lib", {"lib.py": "l = 1\n"})
    git(root, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(tmp_path / "lib"), "sub")
    commit(root / "nested", {"n.py": "n = 1\n"})
    watch = TreeWatch(root, root / ".mltui")
    watch.before()
    assert watch.after() == ()
    (root / "sub/lib.py").write_text("changed\n")
    (root / "nested/new.py").write_text("new\n")
    (root / "fresh").mkdir()
    git(root / "fresh", "init", "-q")
    (root / "fresh/.git/info/exclude").write_text("*\n")
    (root / "fresh/train.py").write_text("hidden\n")
    assert kinds(watch.after()) == {"sub/lib.py": "modified", "nested/new.py": "added", "fresh/train.py": "added"}
    assert watch.old("sub/lib.py") == b"l = 1\n"
    watch.before()
    assert watch.after() == ()
    shutil.rmtree(root / "nested")
    shutil.rmtree(root / "fresh/.git")
    assert kinds(watch.after()) == {"nested/n.py": "deleted", "nested/new.py": "deleted"}
    watch.before()
    assert watch.after() == ()
    watch.close()


def test_a_new_rule_of_what_to_ignore_hides_nothing_that_is_new(watch: TreeWatch, root: Path) -> None:
    (root / "old.log").write_text("was ignored before")
    time.sleep(0.03)  # the file system's clock is coarse
    watch.before()
    (root / ".gitignore").write_text("hidden*\n")
    (root / "hidden.py").write_text("x")
    (root / ".git/info/exclude").write_text("secret/\n")
    (root / "secret").mkdir()
    (root / "secret/x.py").write_text("x")
    assert kinds(watch.after()) == {".gitignore": "modified", "hidden.py": "added", "secret/x.py": "added"}


@pytest.mark.parametrize("what", ["all", "index", "config", "attributes", "alternates", "link"])
def test_a_command_that_was_at_the_snapshots_hides_nothing(watch: TreeWatch, root: Path, what: str) -> None:
    folder = root / ".mltui/snapshots.git"
    ran, elsewhere = root.parent / "ran", root.parent / "elsewhere"
    (elsewhere / "info").mkdir(parents=True)
    (elsewhere / "info/theirs").write_text("theirs")
    (root / "a.py").write_text("a = 2\n")
    if what == "all":
        shutil.rmtree(root / ".mltui")
    elif what == "index":
        for path in folder.glob("index-*-root"):
            subprocess.run(
                ["git", f"--git-dir={folder}", "--work-tree=.", "update-index", "a.py"],
                cwd=root,
                env={**os.environ, "GIT_INDEX_FILE": str(path)},
                check=True,
            )
    elif what == "config":
        (folder / "config").write_text(f"[core]\n\trepositoryformatversion = 0\n\tfsmonitor = touch {ran}\n\tignoreStat = true\n")
    elif what == "attributes":
        (folder / "info/attributes").write_text("* ident text\n")
    elif what == "alternates":
        (folder / "objects/info/alternates").unlink()
    else:
        shutil.rmtree(folder)
        folder.symlink_to(elsewhere)
    assert kinds(watch.after()) == {"a.py": "modified"}
    assert watch.old("a.py") == b"a = 1\n"
    assert not ran.exists()
    assert [path.name for path in elsewhere.rglob("*")] == ["info", "theirs"]


def test_objects_that_were_forged_are_not_believed(watch: TreeWatch, root: Path) -> None:
    (root / "new.py").write_text("1\n")
    watch.before()
    for path in (root / ".mltui/snapshots.git/objects").glob("??/*"):
        path.chmod(0o644)
        path.write_bytes(b"x\x9c")
    (root / "new.py").write_text("2\n")
    assert kinds(watch.after()) == {"new.py": "modified"}
    assert watch.old("new.py") is None


def test_a_file_that_cannot_be_read_stops_nothing(watch: TreeWatch, root: Path) -> None:
    (root / "closed.py").write_text("x")
    (root / "closed.py").chmod(0)
    (root / "open.py").write_text("x")
    watch.before()
    assert watch.after() == ()
    (root / "open.py").write_text("y")
    assert kinds(watch.after()) == {"open.py": "modified"}


def test_a_session_that_begins_while_another_acts_starts_from_what_that_one_saw(watch: TreeWatch, root: Path) -> None:
    (root / "a.py").write_text("the other's command\n")
    second = TreeWatch(root, root / ".mltui")
    second.before(adopt=watch.id)
    assert kinds(second.after()) == {"a.py": "modified"}
    assert second.old("a.py") == b"a = 1\n"
    second.close()
