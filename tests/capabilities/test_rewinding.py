"""Going back to a checkpoint: the files are what they were, and the person's repository does not notice."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mltui.capabilities.checkpoints import Checkpoints, Keeping
from mltui.capabilities.controlled_guard import ControlledGuard
from mltui.capabilities.guarded_shell import CHECKPOINT, GuardedShell
from mltui.capabilities.rewinding import Rewinding
from mltui.capabilities.shell import CommandShell
from mltui.core.errors import ExperimentError
from mltui.core.rewind import Rewound
from mltui.experiments.checkpoint_store import CheckpointStore, forget
from mltui.experiments.drafts import Draft
from mltui.experiments.private_git import PrivateGit
from tests.capabilities.conftest import silent, write_files
from tests.capabilities.guarding import Named

GIT = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "core.hooksPath=/dev/null"]
FILES = {"free.py": "x = 1\n", "train.py": "lr = 0.1\n", "docs/a.txt": "a\n", "run.sh": "true\n", ".gitignore": "out/\n"}


def git(root: Path, *arguments: str) -> bytes:
    return subprocess.run([*GIT, *arguments], cwd=root, check=True, capture_output=True).stdout


def repository(root: Path, *arguments: str) -> None:
    git(root, "init", "-q", "--template=", "-b", "main", *arguments)
    git(root, "add", "-A")
    git(root, "commit", "-qm", "start")


def tree(root: Path) -> dict[str, tuple[str, bytes]]:
    """Every file outside git's and mltui's own folders and `out`: its kind with the bit that lets it run, and its content."""
    found: dict[str, tuple[str, bytes]] = {}
    for folder, names, files in os.walk(root):
        names[:] = [name for name in names if name not in (".git", ".mltui", "out")]
        links = [name for name in names if os.path.islink(os.path.join(folder, name))]
        for name in (*files, *links):
            path = Path(folder, name)
            what = "link" if path.is_symlink() else "run" if os.access(path, os.X_OK) else "file"
            found[path.relative_to(root).as_posix()] = (what, os.readlink(path).encode() if path.is_symlink() else path.read_bytes())
    return found


def seen_by_git(root: Path) -> dict[str, bytes]:
    """All of the person's repository but its objects, and what `git status` says."""
    if not (root / ".git").exists():
        return {}
    said = subprocess.run(
        ["git", "--no-optional-locks", "status", "--porcelain=v2", "--branch", "--show-stash"], cwd=root, capture_output=True, check=True
    )
    files = [path for path in (root / ".git").rglob("*") if path.is_file() and "objects" not in path.parts]
    return {"status": said.stdout, **{str(path): path.read_bytes() for path in files}}


@dataclass
class Bench:
    root: Path
    shell: GuardedShell
    checkpoints: Checkpoints
    rewinding: Rewinding
    draft: Draft
    kept: dict[str, str]

    async def act(self, command: str) -> str:
        """Runs a command; returns the checkpoint before it."""
        made: list[str] = []

        async def tell(commit: str) -> None:
            made.append(commit)

        token = CHECKPOINT.set(tell)
        try:
            await self.shell.run(command, 30, silent)
        finally:
            CHECKPOINT.reset(token)
        assert made, self.checkpoints.problem
        return made[0]

    async def now(self) -> str:
        commit = await self.shell.checkpoint()
        assert commit is not None, self.checkpoints.problem
        return commit

    async def back(self, commit: str, *since: str, overwrite: tuple[str, ...] = ()) -> Rewound:
        return await self.rewinding.restore(commit, since, overwrite)


@contextmanager
def bench(root: Path, session: str = "s1", keeping: Keeping | None = None) -> Generator[Bench]:
    draft = Draft(root, root / ".mltui", session)
    control = Named(root)
    guard = ControlledGuard(root, control, draft=draft, state=root / ".mltui")
    checkpoints = Checkpoints(root, session, guard, draft, keeping)
    shell = GuardedShell(CommandShell(root, root / ".mltui" / "tmp"), guard, checkpoints=checkpoints)
    kept: dict[str, str] = {}
    rewinding = Rewinding(checkpoints, shell, control, lambda path, _: kept.get(path, ""), root / ".mltui" / "tmp" / "set-aside")
    try:
        yield Bench(root, shell, checkpoints, rewinding, draft, kept)
    finally:
        checkpoints.close()
        guard.close()


@pytest.fixture
def made(root: Path) -> Iterator[Bench]:
    write_files(root, FILES)
    (root / "run.sh").chmod(0o755)
    repository(root)
    with bench(root) as made:
        yield made


async def test_what_a_command_did_is_taken_back_and_brought_again(made: Bench) -> None:
    before, git_before = tree(made.root), seen_by_git(made.root)
    first = await made.act(
        "echo y > free.py; rm docs/a.txt; mkdir new; echo n > new/n.txt; chmod -x run.sh; ln -s free.py l; mkdir out; echo > out/o"
    )
    after = tree(made.root)
    plan = await made.rewinding.plan(first, ())
    assert plan.restore == ("docs/a.txt", "free.py", "run.sh")
    assert plan.remove == ("l", "new/n.txt")
    assert plan.outside == ()
    done = await made.back(first)
    assert tree(made.root) == before
    assert not (made.root / "new").exists()
    assert (made.root / "out/o").exists()
    assert seen_by_git(made.root) == git_before
    assert set(done.files) == {"docs/a.txt", "free.py", "run.sh", "l", "new/n.txt"}
    await made.back(done.before)
    assert tree(made.root) == after


async def test_of_the_same_state_there_is_one_checkpoint(made: Bench) -> None:
    commits = [await made.act("true") for _ in range(3)]
    assert len(set(commits)) == 1
    assert await made.act("touch free.py") == commits[0]
    assert len(list((made.root / ".mltui/snapshots.git/refs/mltui/checkpoints/s1").iterdir())) == 1
    changed = await made.act("echo z > free.py")
    assert changed == commits[0]
    assert await made.now() != changed


async def test_changes_from_outside_are_named_and_kept_unless_asked(made: Bench) -> None:
    first = await made.act("echo y > free.py; echo b > docs/b.txt")
    (made.root / "free.py").write_text("by hand\n")
    (made.root / "mine.txt").write_text("by hand\n")
    second = await made.act("echo more >> docs/b.txt")
    plan = await made.rewinding.plan(first, [second])
    assert plan.outside == ("free.py", "mine.txt")
    done = await made.back(first, second)
    assert (made.root / "free.py").read_text() == "by hand\n"
    assert (made.root / "mine.txt").exists()
    assert not (made.root / "docs/b.txt").exists()
    assert any("free.py" in note and "outside" in note for note in done.notes)
    await made.back(first, second, done.before, overwrite=("free.py", "mine.txt"))
    assert (made.root / "free.py").read_text() == "x = 1\n"
    assert not (made.root / "mine.txt").exists()


async def test_own_writes_are_none_of_the_outside(made: Bench) -> None:
    first = await made.now()
    (made.root / "free.py").write_text("by the Edit tool\n")
    made.checkpoints.wrote([made.root / "free.py"])
    await made.shell.run("ls", 30, silent)
    second = await made.act("true")
    assert (await made.rewinding.plan(first, [second])).outside == ()


async def test_what_is_under_experiment_is_left_as_it_is(made: Bench) -> None:
    first = await made.act("true")
    # As keeping an experiment does it, and as a person does.
    (made.root / "train.py").write_text("lr = 0.5\n")
    made.kept["train.py"] = "P-0003"
    (made.root / "free.py").write_text("m.fit(x)\n")
    plan = await made.rewinding.plan(first, ())
    assert plan.restore == ()
    assert any("train.py stays: P-0003 was kept" in note and "git restore --source=refs/mltui/base/P-0003" in note for note in plan.notes)
    assert any("free.py stays: it is under experiment" in note for note in plan.notes)
    await made.back(first, overwrite=("train.py", "free.py"))
    assert (made.root / "train.py").read_text() == "lr = 0.5\n"


async def test_going_back_brings_no_unapproved_training_code(made: Bench) -> None:
    (made.root / "old.py").write_text("m.fit(x)\n")
    first = await made.act("true")
    (made.root / "old.py").write_text("print()\n")
    await made.back(first, overwrite=("old.py",))
    assert (made.root / "old.py").read_text() == "print()\n"
    assert made.draft.paths() == ()


async def test_the_draft_goes_back_too(made: Bench) -> None:
    made.draft.write(Path("train.py"), b"lr = 0.2\n")
    first = await made.act("true")
    made.draft.write(Path("train.py"), b"lr = 0.3\n")
    made.draft.delete(Path("docs/a.txt"))
    second = await made.now()
    assert second != first
    assert (await made.rewinding.plan(first, ())).draft
    await made.back(first)
    assert made.draft.paths() == ("train.py",)
    assert made.draft.read(Path("train.py")) == b"lr = 0.2\n"
    await made.back(second)
    assert made.draft.deleted(Path("docs/a.txt"))


async def test_large_and_binary_files_are_found_elsewhere_or_said_to_be_lost(made: Bench) -> None:
    big, blob = os.urandom(5_100_000), b"\0binary"
    (made.root / "big.dat").write_bytes(big)
    (made.root / "blob.bin").write_bytes(blob)
    (made.root / "gone.bin").write_bytes(b"\0gone")
    first = await made.act("mv big.dat elsewhere.dat; rm gone.bin; head -c 6000000 /dev/zero > made.bin")
    plan = await made.rewinding.plan(first, ())
    assert plan.restore == ("big.dat",)
    assert plan.remove == ()
    done = await made.back(first)
    assert hashlib.sha256((made.root / "big.dat").read_bytes()).digest() == hashlib.sha256(big).digest()
    assert (made.root / "made.bin").exists()
    notes = " ".join(done.notes)
    assert "1 large or binary file cannot be restored, for no copy of it was kept: gone.bin" in notes
    assert "elsewhere.dat, made.bin" in notes


async def test_a_copy_made_in_the_session_is_found_by_its_digest(made: Bench) -> None:
    await made.act("head -c 5100000 /dev/urandom > a.bin")
    first = await made.act("cp a.bin b.bin; rm a.bin")
    await made.back(first)
    assert (made.root / "a.bin").read_bytes() == (made.root / "b.bin").read_bytes()


async def test_small_text_that_became_large_is_set_aside_not_lost(made: Bench) -> None:
    first = await made.act("head -c 6000000 /dev/zero > free.py")
    done = await made.back(first)
    assert (made.root / "free.py").read_text() == "x = 1\n"
    (aside,) = (made.root / ".mltui/tmp/set-aside").iterdir()
    assert aside.stat().st_size == 6_000_000
    assert any(str(aside) in note for note in done.notes)


async def test_nothing_is_written_through_a_link_or_over_ignored_files(made: Bench, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    first = await made.act("rm -r docs")
    (made.root / "docs").symlink_to(tmp_path / "elsewhere")
    done = await made.back(first)
    assert not list((tmp_path / "elsewhere").iterdir())
    assert any("docs/a.txt could not be put back" in note or "docs" in note for note in done.notes)
    (made.root / "docs").unlink()
    (made.root / ".gitignore").write_text("*.o\n")
    second = await made.act("rm free.py; mkdir free.py; echo > free.py/x.o")
    done = await made.back(second)
    assert (made.root / "free.py/x.o").exists()
    assert any("free.py could not be put back: a folder with other files is in its place" in note for note in done.notes)


@pytest.mark.parametrize("name", ["ü ä.txt", "new\nline.txt", "-dash", "sp ace/…/x", "[glob]*.txt"])
async def test_odd_names(made: Bench, name: str) -> None:
    write_files(made.root, {name: "1\n"})
    first = await made.now()
    (made.root / name).unlink()
    made.checkpoints.wrote([made.root / name])
    await made.back(first)
    assert (made.root / name).read_text() == "1\n"


async def test_a_change_of_case_alone(made: Bench) -> None:
    first = await made.act("mv free.py Free.py")
    await made.back(first)
    assert (made.root / "free.py").exists()
    assert "Free.py" not in os.listdir(made.root)


async def test_without_a_repository_and_without_a_commit(root: Path) -> None:
    write_files(root, FILES)
    with bench(root) as made:
        first = await made.act("echo y > free.py; echo n > n.txt")
        await made.back(first)
        assert (root / "free.py").read_text() == "x = 1\n"
        assert not (root / "n.txt").exists()
    git(root, "init", "-q", "--template=", "-b", "main")
    with bench(root, "s2") as made:
        before = seen_by_git(root)
        first = await made.act("echo y > free.py")
        await made.back(first)
        assert (root / "free.py").read_text() == "x = 1\n"
        assert seen_by_git(root) == before


async def test_repositories_within_are_left_alone_and_said(made: Bench) -> None:
    (made.root / "sub").mkdir()
    write_files(made.root / "sub", {"s.txt": "1\n"})
    repository(made.root / "sub")
    await made.act("true")
    first = await made.act("echo 2 > sub/s.txt; echo y > free.py")
    done = await made.back(first)
    assert (made.root / "sub/s.txt").read_text() == "2\n"
    assert (made.root / "free.py").read_text() == "x = 1\n"
    assert any("repository within is left alone: sub/" in note for note in done.notes)


async def test_in_a_linked_worktree_and_with_sha256_and_lfs_pointers(root: Path, tmp_path: Path) -> None:
    write_files(
        root,
        {**FILES, "m.bin": "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", ".gitattributes": "*.bin filter=lfs\n"},
    )
    repository(root, "--object-format=sha256")
    linked = (tmp_path / "linked").resolve()
    git(root, "worktree", "add", "-q", str(linked))
    with bench(linked) as made:
        first = await made.act("echo y > free.py; echo x > m.bin")
        assert len(first) == 64
        await made.back(first)
        assert (linked / "free.py").read_text() == "x = 1\n"
        assert (linked / "m.bin").read_text().startswith("version https://git-lfs")
    assert git(root, "status", "--porcelain", "--untracked-files=no") == b""


async def test_in_a_sparse_checkout_what_is_not_there_stays_away(made: Bench) -> None:
    git(made.root, "sparse-checkout", "set", "--no-cone", "/free.py", "/train.py", "/.gitignore")
    assert not (made.root / "docs").exists()
    first = await made.act("echo y > free.py")
    before = git(made.root, "ls-files", "-v")
    await made.back(first)
    assert (made.root / "free.py").read_text() == "x = 1\n"
    assert not (made.root / "docs").exists()
    assert git(made.root, "ls-files", "-v") == before


async def test_another_process_goes_on_from_the_last_checkpoint(made: Bench) -> None:
    first = await made.act("echo y > free.py")
    last = await made.now()
    (made.root / "docs/a.txt").write_text("by hand\n")
    with bench(made.root) as later:
        later.checkpoints.resume(last)
        plan = await later.rewinding.plan(first, [last])
        assert plan.restore == ("docs/a.txt", "free.py")
        assert plan.outside == ("docs/a.txt",)


async def test_a_patch_shows_what_changed_since(made: Bench) -> None:
    first = await made.act("echo y > free.py; printf '\\0' > b.bin")
    patch, notes = await made.rewinding.patch(first, None)
    assert "--- a/free.py\n+++ b/free.py\n" in patch
    assert "-x = 1\n+y\n" in patch
    assert "1 large or binary file changed: b.bin" in notes[0]
    assert await made.rewinding.changed([(first, await made.now()), (first, first)]) == [("free.py", "b.bin"), ()]


async def test_old_checkpoints_are_let_go_and_then_said_to_be_gone(root: Path) -> None:
    write_files(root, FILES)
    with bench(root, keeping=Keeping(days=1, most=2)) as made:
        commits = [await made.act(f"echo {number} > free.py") for number in range(4)]
    refs = root / ".mltui/snapshots.git/refs/mltui/checkpoints/s1"
    assert sorted(path.name for path in refs.iterdir()) == ["3", "4"]
    assert (refs / "4").read_text().strip() == commits[-1]
    store = CheckpointStore(PrivateGit(root / ".mltui/snapshots.git"), root)
    os.utime(refs / "3", (0, 0))
    assert store.prune(keep_days=1, keep=2) == 1
    forget(root / ".mltui", "s1")
    assert not refs.exists()
    with bench(root) as made, pytest.raises(ExperimentError, match="gone"):
        await made.rewinding.plan("0" * 40, ())


async def test_nothing_is_made_behind_a_link(root: Path, tmp_path: Path) -> None:
    write_files(root, {**FILES, "docs/deep/b.txt": "b\n"})
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with bench(root) as made:
        first = await made.act("true")
        shutil.rmtree(root / "docs")
        (root / "docs").symlink_to(elsewhere)
        done = await made.back(first, overwrite=("docs/deep/b.txt",))
    assert not list(elsewhere.iterdir())
    assert any("a link is in the place of its folder" in note for note in done.notes)


async def test_an_object_that_was_tampered_with_is_not_restored(made: Bench) -> None:
    first = await made.act("echo y > free.py")
    objects = made.root / ".mltui/snapshots.git/objects"
    whole = objects / first[:2] / first[2:]
    whole.chmod(0o644)
    other = await made.now()
    whole.write_bytes((objects / other[:2] / other[2:]).read_bytes())
    with pytest.raises(ExperimentError, match="gone"):
        await made.back(first)


NAMES = ("a.txt", "b.txt", "d/a.txt", "d/e/b.txt", "d", "x.sh")
edits = st.lists(
    st.tuples(st.sampled_from(["write", "delete", "link", "chmod", "rewind", "commit"]), st.sampled_from(NAMES), st.integers(0, 3)),
    min_size=1,
    max_size=8,
)


def apply(root: Path, what: str, name: str, number: int) -> None:
    path = root / name
    if what == "delete" and (path.is_symlink() or path.is_file()):
        path.unlink()
    if what in ("write", "link"):
        for parent in reversed(path.relative_to(root).parents[:-1]):
            if (root / parent).is_symlink() or (root / parent).is_file():
                (root / parent).unlink()
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir() and not path.is_symlink():
            subprocess.run(["rm", "-r", str(path)], check=True)
        path.unlink(missing_ok=True)
        if what == "link":
            path.symlink_to(("a.txt", "nowhere", "d", ".")[number])
        else:
            path.write_text(f"{number}\n" * (number + 1))
    if what == "chmod" and path.is_file() and not path.is_symlink():
        path.chmod(0o755 if number % 2 else 0o644)


@pytest.mark.slow
@pytest.mark.parametrize("with_git", [True, False])
@settings(max_examples=12, deadline=None)
@example(steps=[("link", "d", 3)], target=0)
@example(steps=[("link", "d", 3), ("rewind", "a.txt", 0)], target=1)
@given(steps=edits, target=st.integers(0, 7))
def test_whatever_was_done_the_tree_is_the_recorded_one(with_git: bool, steps: list[tuple[str, str, int]], target: int) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder).resolve()
            write_files(root, {"a.txt": "a\n", "d/a.txt": "d\n"})
            if with_git:
                repository(root)
            recorded: list[tuple[str, dict[str, tuple[str, bytes]]]] = []
            with bench(root) as made:
                for what, name, number in steps:
                    recorded.append((await made.now(), tree(root)))
                    mine = seen_by_git(root)
                    if what == "rewind":
                        commit, wanted = recorded[number % len(recorded)]
                        await made.back(commit, *(commit for commit, _ in recorded), overwrite=tuple(tree(root)) + tuple(wanted))
                        assert tree(root) == wanted
                        if with_git:
                            assert {**seen_by_git(root), "status": b""} == {**mine, "status": b""}
                    elif what == "commit":
                        if with_git:
                            git(root, "add", "-A")
                            git(root, "commit", "-qm", "x", "--allow-empty")
                    else:
                        apply(root, what, name, number)
                commit, wanted = recorded[target % len(recorded)]
                last = tree(root)
                done = await made.back(commit, overwrite=tuple(last) + tuple(wanted))
                assert tree(root) == wanted
                await made.back(done.before, overwrite=tuple(last) + tuple(wanted))
                assert tree(root) == last

    asyncio.run(run())
