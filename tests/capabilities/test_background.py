"""Commands in the background: output, end, and what they do to files under experiment, whoever looks next."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from mltui.capabilities.background import MOST, Background
from mltui.capabilities.controlled_guard import ControlledGuard
from mltui.capabilities.guarded_shell import GuardedShell
from mltui.capabilities.shell import CommandShell
from mltui.core.errors import ToolError
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


@pytest.fixture
async def background(shell: GuardedShell, root: Path) -> AsyncIterator[Background]:
    made = Background(CommandShell(root, root / ".mltui" / "tmp"), shell, root / ".mltui" / "tmp")
    yield made
    await made.close()


async def until(condition: object) -> None:
    assert callable(condition)
    for _ in range(3000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came true")


async def test_output_comes_once_and_the_end_is_told(background: Background, root: Path) -> None:
    job, _ = await background.start("echo one; until [ -e go ]; do sleep 0.01; done; echo two; exit 3")
    await until(lambda: "one" in "".join(background._jobs[job].output._unread))  # pyright: ignore[reportPrivateUsage]
    first = await background.read(job)
    assert (first.text, first.state, first.ended) == ("one\n", "running", False)
    (root / "go").touch()
    await until(lambda: not background.running)
    second = await background.read(job)
    assert (second.text, second.state, second.exit_code) == ("two\n", "ended with exit code 3", 3)
    (event,) = background.finished()
    assert (event.job, event.exit_code) == (job, 3)
    assert background.finished() == ()


async def test_a_filter_keeps_matching_lines(background: Background) -> None:
    job, _ = await background.start("printf 'loss 1\\nother\\nloss 2\\n'")
    await until(lambda: not background.running)
    assert (await background.read(job, "loss [0-9]")).text == "loss 1\nloss 2\n"


async def test_a_filter_that_is_none_loses_nothing(background: Background, root: Path) -> None:
    job, _ = await background.start("until [ -e go ]; do sleep 0.01; done; echo hello; echo 'lr = 9' > train.py")
    (root / "go").touch()
    await until(lambda: not background.running)
    with pytest.raises(ToolError, match="no pattern"):
        await background.read(job, "(")
    found = await background.read(job)
    assert found.text == "hello\n"
    assert (root / "train.py").read_text() == "lr = 0.1\n"
    assert any("train.py is under experiment" in note for note in found.notes)


async def test_a_kill_ends_all_of_it(background: Background, root: Path) -> None:
    job, _ = await background.start("(setsid sh -c 'touch begun; until [ -e go ]; do sleep 0.01; done; touch late' &); sleep 45")
    await until(lambda: (root / "begun").exists())
    state, _ = await background.kill(job)
    assert state == "killed"
    (root / "go").touch()
    await asyncio.sleep(0.4)
    assert not (root / "late").exists()


async def test_there_are_not_too_many(background: Background) -> None:
    for _ in range(MOST):
        await background.start("sleep 45")
    with pytest.raises(ToolError, match="KillShell"):
        await background.start("sleep 45")
    with pytest.raises(ToolError, match="no background command"):
        await background.read("bash_99")


async def test_what_it_changes_later_goes_to_the_draft_and_not_to_the_person(
    background: Background, shell: GuardedShell, root: Path, draft: FolderDraft
) -> None:
    await background.start("until [ -e go ]; do sleep 0.01; done; echo 'lr = 9' > train.py; touch done; sleep 45")
    (root / "go").touch()
    await until(lambda: (root / "done").exists())
    result = await shell.run("true", 20, silent)
    assert (root / "train.py").read_text() == "lr = 0.1\n"
    assert draft.read(root / "train.py") == b"lr = 9\n"
    assert any("train.py" in note for note in result.notes)
    assert not any("your own work" in alarm for alarm in shell.untold())


async def test_a_change_is_found_after_it_ended_too(background: Background, shell: GuardedShell, root: Path) -> None:
    await background.start("until [ -e go ]; do sleep 0.01; done; echo 'lr = 9' > train.py")
    (root / "go").touch()
    await until(lambda: not background.running)
    assert any("train.py" in note for note in await shell.look())
    assert (root / "train.py").read_text() == "lr = 0.1\n"
    (root / "train.py").write_text("lr = 7\n")  # nothing runs any more: this is the person's
    await shell.run("true", 20, silent)
    assert (root / "train.py").read_text() == "lr = 7\n"


async def test_what_mltui_writes_itself_is_not_taken_for_its_work(background: Background, shell: GuardedShell, root: Path) -> None:
    await background.start("sleep 45")
    async with shell.undisturbed():
        (root / "train.py").write_text("lr = 5\n")
    assert await shell.look() == ()
    assert (root / "train.py").read_text() == "lr = 5\n"


async def test_a_writer_that_never_stops_leaves_nothing_at_the_end(background: Background, root: Path) -> None:
    await background.start("while :; do echo x >> train.py; sleep 0.01; done")
    await asyncio.sleep(0.1)
    await background.close()
    assert (root / "train.py").read_text() == "lr = 0.1\n"


async def test_the_file_of_a_running_command_holds_all_that_was_said_so_far(background: Background, root: Path) -> None:
    job, _ = await background.start("seq 1 20000; until [ -e go ]; do sleep 0.01; done")
    await until(lambda: background.tail(job).endswith("\n20000\n"))
    said = await background.read(job)
    assert said.state == "running" and said.spill is not None
    assert said.spill.read_text().splitlines() == [str(number) for number in range(1, 20001)]
