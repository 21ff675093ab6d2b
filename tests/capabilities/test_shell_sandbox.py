"""The shell inside a sandbox keeps what it promises without one."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mltui.capabilities.confinement import ProjectConfining
from mltui.capabilities.shell import CommandShell
from mltui.sandbox.choice import Unconfined
from mltui.tools.base import ShellResult, Workspace
from mltui.tools.notebook_run import RUNNER
from tests.capabilities.conftest import silent, write_files
from tests.sandbox.conftest import KINDS, World, build_world


@pytest.fixture
def world(tmp_path: Path) -> World:
    return build_world(tmp_path.resolve())


@pytest.fixture(params=[*KINDS, "none"])
def shell(request: pytest.FixtureRequest, world: World) -> CommandShell:
    sandbox = Unconfined() if request.param == "none" else world.sandbox(request.param)
    write_files(world.root, {"lib/free.py": "", "out/keep": ""})
    confining = ProjectConfining(Workspace(world.root, (world.root,)), world.root, lambda: [world.root / "train.py"])
    return CommandShell(world.root, world.root / ".mltui" / "tmp", environ=world.environ, sandbox=sandbox, confining=confining)


async def run(shell: CommandShell, command: str, timeout: float = 20) -> ShellResult:
    return await shell.run(command, timeout, silent)


def running(seconds: str) -> list[str]:
    """Processes `sleep SECONDS` that run now."""
    found: list[str] = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and (entry / "cmdline").read_bytes() == f"sleep\0{seconds}\0".encode():
                found.append(entry.name)
        except OSError:
            continue
    return found


async def gone(seconds: str) -> bool:
    for _ in range(300):
        if not running(seconds):
            return True
        await asyncio.sleep(0.01)
    return False


async def started(seconds: str) -> None:
    while not running(seconds):
        await asyncio.sleep(0.01)


async def test_output_codes_and_signals(shell: CommandShell, world: World) -> None:
    result = await run(shell, "pwd; echo err >&2; exit 3")
    assert (result.output, result.exit_code) == (f"{world.root}\nerr\n", 3)
    assert [(await run(shell, command)).exit_code for command in ("true", "kill -9 $$", "kill -SEGV $$", "nosuchcommand")] == [
        0,
        -9,
        -11,
        127,
    ]
    assert await run(shell, "true") == ShellResult("", 0)


async def test_the_time_of_the_command_and_its_descendants_is_counted(shell: CommandShell) -> None:
    burn = "python3 -c 'import time\nwhile time.process_time() < 0.6: pass'"
    assert (await run(shell, f"({burn}); true")).cpu_seconds >= 0.5
    assert (await run(shell, "true")).cpu_seconds < 0.5


async def test_a_time_out_ends_everything_and_asks_first(shell: CommandShell, world: World) -> None:
    polite = "trap 'echo bye > lib/bye; exit' TERM; while :; do sleep 0.05; done"
    result = await run(shell, f"echo begun; (trap '' TERM; sleep 600.1; sleep 600.1) & bash -c \"{polite}\"", timeout=0.8)
    assert result.exit_code is None
    assert result.output.startswith("begun\n")
    assert (world.root / "lib" / "bye").read_text() == "bye\n"
    assert await gone("600.1")


@pytest.mark.parametrize(
    "start", ["sleep 600.2 &", "nohup sleep 600.2 >/dev/null 2>&1 &", "setsid -f sleep 600.2", "env -i setsid -f sleep 600.2"]
)
async def test_nothing_is_left_in_the_background(shell: CommandShell, start: str) -> None:
    result = await run(shell, f"{start}\nsleep 0.1; echo done")
    assert (result.output, result.exit_code) == ("done\n", 0)
    assert result.notes == ("processes that it left in the background were ended",)
    assert await gone("600.2")


async def test_cancelling_ends_the_command(shell: CommandShell, world: World) -> None:
    task = asyncio.create_task(run(shell, "(setsid sleep 600.3 &); sleep 600.3; echo late > lib/late"))
    await started("600.3")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await gone("600.3")
    assert not (world.root / "lib" / "late").exists()


async def test_no_descriptor_is_left_open(shell: CommandShell) -> None:
    await run(shell, "true")
    before = len(os.listdir("/proc/self/fd"))
    for command in ("true", "sleep 60 & true", "false"):
        await run(shell, command)
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("kind", KINDS)
async def test_a_file_under_experiment_is_read_only_and_the_model_is_told(world: World, kind: str) -> None:
    confining = ProjectConfining(Workspace(world.root, (world.root,)), world.root, lambda: [world.root / "train.py"])
    shell = CommandShell(world.root, world.root / ".mltui", environ=world.environ, sandbox=world.sandbox(kind), confining=confining)
    result = await run(shell, "echo x > train.py")
    assert result.exit_code == 1
    assert "train.py is under experiment and read-only to commands" in result.notes[0]
    assert (world.root / "train.py").read_text() == "train.py\n"
    assert (await run(shell, "mkdir -p .mltui/x || echo '{}' >> .mltui/journal.jsonl")).exit_code == 1
    assert (world.root / ".mltui" / "journal.jsonl").read_text() == ".mltui/journal.jsonl\n"


@pytest.mark.parametrize("kind", KINDS)
async def test_ordinary_git_work_is_done_and_what_git_obeys_is_kept(world: World, kind: str) -> None:
    confining = ProjectConfining(Workspace(world.root, (world.root,)), world.root, lambda: [world.root / "train.py"])
    shell = CommandShell(world.root, world.root / ".mltui", environ=world.environ, sandbox=world.sandbox(kind), confining=confining)
    result = await run(shell, "git add -A && git commit -qm first && git branch other && git log --oneline | wc -l")
    if kind == "landlock":  # nothing new can be made directly in .git, such as the lock of its index
        assert result.exit_code != 0
        return
    assert (result.exit_code, result.output.strip()) == (0, "1"), result
    assert (await run(shell, "git switch -q other && git stash list && git tag v1 && git status --short")).exit_code == 0
    before = (world.root / ".git" / "config").read_bytes()
    assert (await run(shell, "git config core.hooksPath /tmp/x")).exit_code != 0
    assert (await run(shell, "git commit --allow-empty -qm x; touch .git/x")).exit_code == 1
    assert (world.root / ".git" / "config").read_bytes() == before
    assert not (world.root / ".git" / "x").exists()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "landlock"])
@pytest.mark.parametrize(
    "command", ["git push -q -u origin HEAD", "git branch --set-upstream-to=origin/main", "git remote add other ../x", "git config a.b c"]
)
async def test_that_git_cannot_write_its_settings_is_said_with_what_to_do(world: World, kind: str, command: str) -> None:
    """Nor is anything lost: what git did before is done."""
    confining = ProjectConfining(Workspace(world.root, (world.root,)), world.root, lambda: [world.root / "train.py"])
    shell = CommandShell(world.root, world.root / ".mltui", environ=world.environ, sandbox=world.sandbox(kind), confining=confining)
    remote = world.root / "lib" / "remote.git"
    for words in (
        ("init", "-q", "--bare", str(remote)),
        ("remote", "add", "origin", str(remote)),
        ("checkout", "-q", "-B", "main"),
        ("-c", "user.name=t", "-c", "user.email=t@t", "commit", "-q", "--allow-empty", "-m", "x"),
        ("push", "-q", "origin", "main"),
    ):
        subprocess.run(["git", *words], cwd=world.root, check=True, env=world.environ, capture_output=True)
    before = (world.root / ".git" / "config").read_bytes()
    result = await run(shell, command)
    assert any("git could not write .git/config" in note and "git push origin BRANCH" in note for note in result.notes), result
    assert (world.root / ".git" / "config").read_bytes() == before
    assert not (world.root / ".git" / "config.lock").exists()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_hook_of_the_project_runs_inside(world: World, kind: str) -> None:
    hook = world.root / ".git" / "hooks" / "pre-commit"
    hook.write_text("#!/bin/sh\necho x > train.py\necho evil > .git/hooks/post-commit\necho x > .git/config\ntouch lib/ran\nexit 0\n")
    hook.chmod(0o755)
    before = (world.root / ".git" / "config").read_bytes()
    confining = ProjectConfining(Workspace(world.root, (world.root,)), world.root, lambda: [world.root / "train.py"])
    shell = CommandShell(world.root, world.root / ".mltui", environ=world.environ, sandbox=world.sandbox(kind), confining=confining)
    await run(shell, "git commit --allow-empty -qm x")
    assert (world.root / "train.py").read_text() == "train.py\n"
    assert (world.root / ".git" / "config").read_bytes() == before
    assert not (world.root / ".git" / "hooks" / "post-commit").exists()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_command_cannot_decide_in_the_persons_place(world: World, kind: str) -> None:
    confining = ProjectConfining(Workspace(world.root, (world.root,)), world.root, lambda: [])
    shell = CommandShell(world.root, world.root / ".mltui", environ=world.environ, sandbox=world.sandbox(kind), confining=confining)
    decide = "from mltui.cli.standing import require_person; require_person()"
    for start in ("", "env -u MLTUI_SHELL_CALL ", "env -i HOME=$HOME setsid -w "):
        result = await run(shell, f"{start}{sys.executable} -c '{decide}'")
        assert result.exit_code == 1
        assert "shell decides nothing" in result.output, result


async def test_a_command_says_where_it_ended_and_answers_from_inside(shell: CommandShell, world: World) -> None:
    command = "cd lib; echo from $PWD >&$MLTUI_ANSWER"
    result = await shell.run(command, 20, silent, world.root, answer=True)
    assert (result.folder, result.answer, result.output) == (world.root / "lib", f"from {world.root}/lib\n".encode(), "")
    inside = await shell.run("pwd; echo x > new", 20, silent, world.root / "lib")
    assert inside.output == f"{world.root}/lib\n" and (world.root / "lib/new").exists()


CELL = """\
import os
os.chdir('..')
for name in ('train.py', '.git/hooks/x', '.mltui/x'):
    try:
        open(name, 'a').write('x')
    except OSError:
        print('no')
"""


@pytest.mark.slow
async def test_the_cells_of_a_notebook_are_held_as_any_command(shell: CommandShell, world: World) -> None:
    cell: dict[str, Any] = {"cell_type": "code", "id": "a", "metadata": {}, "execution_count": None, "outputs": [], "source": CELL}
    (world.root / "lib/nb.ipynb").write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    train = (world.root / "train.py").read_bytes()
    result = await shell.run(shlex.join([sys.executable, "-P", str(RUNNER), "lib/nb.ipynb", "--answer"]), 60, silent, answer=True)
    assert result.exit_code == 0, result.output
    (ran,) = json.loads(result.answer)
    if not isinstance(shell._sandbox, Unconfined):  # pyright: ignore[reportPrivateUsage]
        assert "".join(ran["outputs"][0]["text"]) == "no\n" * 3
        assert (world.root / "train.py").read_bytes() == train
