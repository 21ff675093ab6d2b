"""What becomes training code, is renamed, ignored or touched by two sessions at once: found, whatever made it."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mltui.capabilities.controlled_guard import ControlledGuard
from mltui.capabilities.guarded_shell import GuardedShell
from mltui.capabilities.shell import CommandShell
from tests.capabilities.conftest import FolderDraft, silent, write_files
from tests.capabilities.guarding import guarding

DECLARED = ("local/**", "data/**")


@pytest.fixture
def passed() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def guard(root: Path, draft: FolderDraft, passed: list[tuple[str, str]]) -> Iterator[ControlledGuard]:
    write_files(root, {"train.py": "import model\nlr = 0.1\n", "model.py": "layers = 1\n", "free.py": "x = 1\n", "run.sh": "true\n"})
    write_files(root, {".gitignore": "local/\ndata/\n", "local/site.yaml": "a: 1\n", "data/x.csv": "1\n"})
    (root / "run.sh").chmod(0o755)
    subprocess.run("git init -q && git add -A && git commit -qm x", shell=True, cwd=root, check=True)
    with guarding(root, draft, DECLARED, passed) as guard:
        yield guard


@pytest.fixture
def shell(guard: ControlledGuard, root: Path) -> GuardedShell:
    return GuardedShell(CommandShell(root, root / ".mltui" / "tmp"), guard)


async def notes(shell: GuardedShell, command: str) -> tuple[str, ...]:
    return (await shell.run(command, 20, silent)).notes


async def test_a_free_file_that_begins_to_train_is_put_back(shell: GuardedShell, root: Path, draft: FolderDraft) -> None:
    (note,) = await notes(shell, "echo 'm.fit(x)' >> free.py; echo 'y' > other.py")
    assert note.startswith("free.py is under experiment (train: trains); the change was moved to the draft")
    assert (root / "free.py").read_text() == "x = 1\n"
    assert draft.read(root / "free.py") == b"x = 1\nm.fit(x)\n"
    assert (root / "other.py").exists()


async def test_a_new_file_that_trains_is_taken_away(shell: GuardedShell, root: Path, draft: FolderDraft) -> None:
    assert len(await notes(shell, "mkdir -p deep/er; echo 'm.fit(x)' > deep/er/new.py; cp deep/er/new.py '.hidden\nname.py'")) == 2
    assert not (root / "deep/er/new.py").exists()
    assert draft.paths() == (".hidden\nname.py", "deep/er/new.py")


async def test_a_rename_is_both(shell: GuardedShell, root: Path, draft: FolderDraft) -> None:
    await notes(shell, "echo 'm.fit(x)' > t.py")
    (root / "t.py").write_text("m.fit(x)\n")
    assert len(await notes(shell, "mv t.py u.py")) == 2
    assert (root / "t.py").read_text() == "m.fit(x)\n"
    assert not (root / "u.py").exists()
    assert draft.read(root / "u.py") == b"m.fit(x)\n"


async def test_what_only_looks_different_stays_and_is_logged(
    shell: GuardedShell, root: Path, draft: FolderDraft, passed: list[tuple[str, str]]
) -> None:
    (note,) = await notes(shell, "echo '# why' >> train.py; echo 'x = 2' > free.py")
    assert "stays in the tree: only comments changed" in note
    assert passed == [("train.py", "only comments changed")]
    assert (root / "train.py").read_text().endswith("# why\n")
    assert draft.paths() == ()
    assert await notes(shell, "true") == ()


async def test_an_import_that_is_cut_frees_nothing(shell: GuardedShell, root: Path, draft: FolderDraft) -> None:
    await notes(shell, "true")
    told = await notes(shell, "sed -i /import/d train.py; echo 'layers = 2' > model.py")
    assert len(told) == 2
    assert (root / "model.py").read_text() == "layers = 1\n"
    assert draft.read(root / "model.py") == b"layers = 2\n"


async def test_a_file_is_judged_again_when_what_imports_it_was_put_back(shell: GuardedShell, root: Path) -> None:
    write_files(root, {"zoo.py": "import free\n"})
    await notes(shell, "true")
    (root / "train.py").write_text("import zoo\n")
    told = await notes(shell, "echo > zoo.py; echo 'x = 2' > free.py")
    assert len(told) == 2
    assert (root / "zoo.py").read_text() == "import free\n"
    assert (root / "free.py").read_text() == "x = 1\n"


async def test_ignored_files_that_are_declared_are_watched(shell: GuardedShell, root: Path, draft: FolderDraft) -> None:
    told = await notes(shell, "echo 'a: 2' > local/site.yaml; echo 'b: 1' > local/new.yaml; echo 2 > data/x.csv; echo 3 > data/y.csv")
    assert len(told) == 3
    assert (root / "local/site.yaml").read_text() == "a: 1\n"
    assert not (root / "local/new.yaml").exists()
    assert draft.read(root / "local/new.yaml") == b"b: 1\n"
    assert "data/x.csv, data/y.csv" in told[2]


async def test_the_persons_own_changes_are_theirs_and_they_are_told(shell: GuardedShell, guard: ControlledGuard, root: Path) -> None:
    await notes(shell, "echo 'y' > free.py")
    assert shell.alarms == ()
    (root / "train.py").write_text("by hand\n")
    (root / "free.py").write_text("by hand\n")
    assert await notes(shell, "true") == ()
    assert shell.alarms == ("train.py was modified since the last command, not by one: taken as your own work",)
    (root / "train.py").write_text("kept\n")

    def kept(path: str, content: bytes | None) -> bool:
        return True

    guard._own = kept  # pyright: ignore[reportPrivateUsage]
    await notes(shell, "true")
    assert shell.alarms == ()


async def test_without_the_snapshots_nothing_is_lost(shell: GuardedShell, root: Path, draft: FolderDraft) -> None:
    told = await notes(shell, "rm -rf .mltui .git; echo 'lr = 1' > train.py; echo 'm.fit()' > free.py; rm model.py")
    assert len(told) >= 3
    assert (root / "train.py").read_text() == "import model\nlr = 0.1\n"
    assert (root / "model.py").read_text() == "layers = 1\n"
    assert draft.read(root / "train.py") == b"lr = 1\n"
    assert draft.read(root / "free.py") == b"m.fit()\n" or "could not" in " ".join(told) or "no copy" in " ".join(told)


async def test_without_git_what_is_known_is_still_compared(
    shell: GuardedShell, root: Path, draft: FolderDraft, monkeypatch: pytest.MonkeyPatch
) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent / "nothing-here"))
    (note,) = await notes(shell, "echo 'lr = 1' > train.py")
    assert "moved to the draft" in note
    assert len(shell.alarms) == 1
    assert "no snapshot" in shell.alarms[0]
    await notes(shell, "true")
    assert shell.alarms == ()


async def test_other_actors_are_held_to_it_too(shell: GuardedShell, root: Path, draft: FolderDraft) -> None:
    async with shell.acting() as found:
        (root / "train.py").write_text("by a server\n")
    assert "moved to the draft" in found.notes[0]
    with pytest.raises(ZeroDivisionError):
        async with shell.acting() as found:
            (root / "model.py").write_text("m.fit()\n")
            raise ZeroDivisionError
    assert (root / "model.py").read_text() == "layers = 1\n"
    assert draft.read(root / "model.py") == b"m.fit()\n"


@pytest.mark.parametrize("first_ends_first", [True, False])
def test_two_sessions_at_once_leave_nothing_changed(guard: ControlledGuard, root: Path, draft: FolderDraft, first_ends_first: bool) -> None:
    with guarding(root, FolderDraft(root, root / ".mltui" / "drafts" / "s2"), DECLARED) as second:
        second.remember()
        assert second.put_back() == ()
        guard.remember()
        (root / "train.py").write_text("by the first\n")
        (root / "free.py").write_text("m.fit(1)\n")
        second.remember()
        (root / "model.py").write_text("by the second\n")
        told = [one.put_back() for one in ((guard, second) if first_ends_first else (second, guard))]
    assert "another mltui session" in told[0][-1]
    assert (root / "train.py").read_text() == "import model\nlr = 0.1\n"
    assert (root / "free.py").read_text() == "x = 1\n"
    assert (root / "model.py").read_text() == "layers = 1\n"


async def test_an_interrupted_look_does_not_count_as_acting(shell: GuardedShell, root: Path) -> None:
    await notes(shell, "true")
    (root / "train.py").write_text("lr = 0.2\n")
    running = asyncio.ensure_future(shell.run("true", 20, silent))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    (told,) = shell.untold()
    assert "train.py was modified" in told
    (root / "train.py").write_text("lr = 0.3\n")
    with guarding(root, FolderDraft(root, root / ".mltui/drafts/s2")) as other:
        other.remember()
        assert other.put_back() == ()
    assert (root / "train.py").read_text() == "lr = 0.3\n"


async def test_what_an_interrupted_command_changed_is_told(shell: GuardedShell, root: Path, draft: FolderDraft) -> None:
    running = asyncio.ensure_future(shell.run("echo 'lr = 9' > train.py; sleep 30", 60, silent))
    while (root / "train.py").read_text() != "lr = 9\n":
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert draft.read(root / "train.py") == b"lr = 9\n"
    (told,) = shell.untold()
    assert told.startswith("train.py is under experiment") and "moved to the draft" in told
