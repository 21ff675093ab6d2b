from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mltui.capabilities import controlled_copies, putting_back
from mltui.capabilities.controlled_guard import ControlledGuard
from mltui.capabilities.guarded_shell import GuardedShell
from mltui.capabilities.shell import CommandShell
from tests.capabilities.conftest import FolderDraft, silent, write_files
from tests.capabilities.guarding import guarding


@pytest.fixture
def guard(root: Path, draft: FolderDraft) -> Iterator[ControlledGuard]:
    write_files(root, {"train.py": "lr = 0.1\n", "conf/optim.yaml": "lr: 0.1\n", "free.py": "x = 1\n"})
    with guarding(root, draft) as guard:
        yield guard


@pytest.fixture
def shell(guard: ControlledGuard, root: Path) -> GuardedShell:
    return GuardedShell(CommandShell(root, root / ".mltui" / "tmp"), guard)


async def notes(shell: GuardedShell, command: str) -> tuple[str, ...]:
    return (await shell.run(command, 20, silent)).notes


@pytest.mark.parametrize(
    "command",
    [
        "sed -i s/0.1/0.5/ train.py",
        "echo 'lr = 0.5' > train.py",
        "python3 -c \"open('train.py', 'w').write('lr = 0.5\\n')\"",
        "echo 'lr = 0.5' > new && mv new train.py",
        "cat > train.py <<'EOF'\nlr = 0.5\nEOF",
        "echo 'lr = 0.5' > train.py; touch -d '2001-01-01' train.py",
    ],
)
async def test_a_change_moves_to_the_draft(shell: GuardedShell, root: Path, draft: FolderDraft, command: str) -> None:
    (root / "train.py").chmod(0o755)
    (note,) = await notes(shell, command)
    assert note.startswith("train.py is under experiment (train: declared); the change was moved to the draft")
    assert (root / "train.py").read_text() == "lr = 0.1\n"
    assert (root / "train.py").stat().st_mode & 0o777 == 0o755
    assert draft.read(root / "train.py") == b"lr = 0.5\n"


async def test_free_files_and_untouched_ones_cost_no_word(shell: GuardedShell, root: Path, draft: FolderDraft) -> None:
    assert await notes(shell, "echo 'x = 2' > free.py; touch train.py; cat conf/optim.yaml; cp train.py other.py") == ()
    assert (root / "free.py").read_text() == "x = 2\n"
    assert draft.paths() == ()


async def test_a_new_file_under_experiment_moves_to_the_draft(shell: GuardedShell, root: Path, draft: FolderDraft) -> None:
    (note,) = await notes(shell, "mkdir prompts && echo hi > prompts/system.txt")
    assert "prompts/system.txt is under experiment" in note
    assert not (root / "prompts/system.txt").exists()
    assert draft.read(root / "prompts/system.txt") == b"hi\n"


async def test_a_deletion_is_undone_and_staged(shell: GuardedShell, root: Path, draft: FolderDraft) -> None:
    (note,) = await notes(shell, "rm -r conf")
    assert "its deletion was moved to the draft" in note
    assert (root / "conf/optim.yaml").read_text() == "lr: 0.1\n"
    assert draft.deleted(root / "conf/optim.yaml")


@pytest.mark.parametrize("command", ["rm train.py && ln -s free.py train.py", "rm train.py && mkdir train.py && touch train.py/x"])
async def test_what_took_the_place_of_a_file_goes(shell: GuardedShell, root: Path, command: str) -> None:
    (note,) = await notes(shell, command)
    assert "train.py is under experiment" in note
    assert not (root / "train.py").is_symlink()
    assert (root / "train.py").read_text() == "lr = 0.1\n"
    assert (root / "free.py").read_text() == "x = 1\n"
    assert Path(note.rpartition(" ")[2]).is_relative_to(root / ".mltui" / "tmp")
    assert sorted(path.name for path in root.iterdir()) == [".mltui", "conf", "free.py", "train.py"]


@pytest.mark.parametrize(
    "command", ["mv conf old && ln -s old conf", "mv conf old && ln -s ../elsewhere conf", "rm -r conf && echo x > conf"]
)
async def test_nothing_is_written_through_a_link_in_place_of_a_folder(shell: GuardedShell, root: Path, command: str) -> None:
    elsewhere = root.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "optim.yaml").write_text("other\n")
    (note,) = await notes(shell, command)
    assert "in the place of its folder" in note
    assert (elsewhere / "optim.yaml").read_text() == "other\n"
    assert not (root / "conf").is_symlink()
    assert (root / "conf/optim.yaml").read_text() == "lr: 0.1\n"


async def test_a_new_link_under_experiment_is_set_aside(shell: GuardedShell, root: Path) -> None:
    (note,) = await notes(shell, "mkdir prompts && ln -s /etc/hostname prompts/system.txt")
    assert "cannot be part of a proposal" in note
    assert not (root / "prompts/system.txt").is_symlink()


async def test_what_is_too_large_for_the_draft_is_set_aside(shell: GuardedShell, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(putting_back, "LARGEST", 20)
    (note,) = await notes(shell, "seq 100 > train.py")
    assert (root / "train.py").read_text() == "lr = 0.1\n"
    assert Path(note.rpartition(" ")[2]).read_text().endswith("\n100\n")


async def test_an_edit_in_the_draft_is_never_overwritten(shell: GuardedShell, root: Path, draft: FolderDraft) -> None:
    draft.write(root / "train.py", b"mine\n")
    (note,) = await notes(shell, "echo theirs > train.py")
    assert draft.read(root / "train.py") == b"mine\n"
    assert (root / "train.py").read_text() == "lr = 0.1\n"
    aside = Path(note.rpartition(" ")[2])
    assert aside.read_text() == "theirs\n"


async def test_a_mode_is_put_back(shell: GuardedShell, root: Path) -> None:
    (root / "train.py").chmod(0o644)
    assert await notes(shell, "chmod 777 train.py") == ("train.py is under experiment (train: declared); its mode was put back",)
    assert (root / "train.py").stat().st_mode & 0o777 == 0o644
    assert await notes(shell, "true") == ()


async def test_what_a_person_changes_between_commands_is_left_alone(shell: GuardedShell, root: Path, draft: FolderDraft) -> None:
    await notes(shell, "true")
    write_files(root, {"train.py": "by hand\n", "prompts/system.txt": "by hand\n"})
    assert await notes(shell, "true") == ()
    assert (root / "train.py").read_text() == "by hand\n"
    assert (root / "prompts/system.txt").read_text() == "by hand\n"
    assert draft.paths() == ()


async def test_an_interrupted_command_keeps_nothing_either(shell: GuardedShell, root: Path, draft: FolderDraft) -> None:
    task = asyncio.create_task(shell.run("echo x > train.py; touch begun; sleep 60", 30, silent))
    while not (root / "begun").exists():
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (root / "train.py").read_text() == "lr = 0.1\n"
    assert draft.read(root / "train.py") == b"x\n"


async def test_too_large_a_file_is_at_least_reported(shell: GuardedShell, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controlled_copies, "LARGEST", 4)
    (note,) = await notes(shell, "echo 1 >> train.py")
    assert "too large" in note
    assert (root / "train.py").read_text() == "lr = 0.1\n1\n"


async def test_commands_take_turns(shell: GuardedShell, root: Path) -> None:
    first = asyncio.create_task(notes(shell, "echo one > train.py; sleep 0.2"))
    await asyncio.sleep(0.05)
    second = await notes(shell, "cat train.py; true")
    assert second == ()
    assert len(await first) == 1


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=50), mtime=st.booleans())
async def test_the_tree_is_as_before_whatever_is_written(
    root: Path, draft: FolderDraft, guard: ControlledGuard, content: bytes, mtime: bool
) -> None:
    path = root / "train.py"
    old, status = path.read_bytes(), path.stat()
    guard.remember()
    path.write_bytes(content)
    if mtime:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    told = guard.put_back()
    assert path.read_bytes() == old
    assert bool(told) == (content != old)
    if told:
        assert draft.read(path) is not None
