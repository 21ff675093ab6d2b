from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from mltui.capabilities import spill
from mltui.capabilities.shell import CommandShell, shell_environment
from mltui.core.errors import ToolError
from mltui.tools.base import ShellResult
from tests.capabilities.conftest import silent


@pytest.fixture
def shell(root: Path, tmp_path: Path) -> CommandShell:
    return CommandShell(root, tmp_path / "spill", environ={**os.environ, "SOME_API_KEY": "k", "KEPT": "yes"})


async def run(shell: CommandShell, command: str, timeout: float = 20) -> ShellResult:
    return await shell.run(command, timeout, silent)


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def gone(process: int) -> bool:
    for _ in range(200):
        if not is_running(process):
            return True
        await asyncio.sleep(0.01)
    return False


async def test_output_and_exit_code(shell: CommandShell, root: Path) -> None:
    result = await run(shell, "pwd; echo err >&2; exit 3")
    assert result.output == f"{root}\nerr\n"
    assert result.exit_code == 3
    assert (await run(shell, "kill -9 $$")).exit_code == -9
    assert (await run(shell, "nosuchcommand")).exit_code == 127
    assert (await run(shell, "true")) == ShellResult("", 0)


async def test_there_is_no_terminal_and_nothing_to_type(shell: CommandShell) -> None:
    result = await run(shell, "test -t 0 || echo no; cat; echo $PAGER $TERM; ps -o tty= -p $$")
    assert result.output.split() == ["no", "cat", "dumb", "?"]


async def test_each_command_starts_afresh(shell: CommandShell, root: Path) -> None:
    await run(shell, "cd /; export A=1")
    assert (await run(shell, "pwd; echo [$A]")).output == f"{root}\n[]\n"


async def test_credentials_are_not_in_the_environment(shell: CommandShell) -> None:
    assert (await run(shell, "echo [$SOME_API_KEY] [$KEPT]")).output == "[] [yes]\n"
    names = ["OPENAI_API_KEY", "HF_TOKEN", "AWS_PROFILE", "MLFLOW_TRACKING_URI", "WANDB_MODE", "MY_SECRET_X", "DB_PASSWORD", "PATH", "HOME"]
    assert {"PATH", "HOME"} == set(names) & set(shell_environment(dict.fromkeys(names, "x")))
    assert "HF_TOKEN" in shell_environment({"HF_TOKEN": "x"}, keep={"HF_TOKEN"})


async def test_a_time_out_ends_the_whole_group(shell: CommandShell, root: Path) -> None:
    result = await run(shell, "echo begun; (trap '' TERM; echo $BASHPID > stubborn; sleep 60; sleep 60) & sleep 60", timeout=0.5)
    assert result.exit_code is None
    assert result.output == "begun\n"
    assert await gone(int((root / "stubborn").read_text()))


@pytest.mark.parametrize(
    "start", ["sleep 60 &", "nohup sleep 60 >/dev/null 2>&1 &", "setsid sleep 60 >/dev/null 2>&1 &", "(setsid sleep 60 &)"]
)
async def test_nothing_is_left_in_the_background(shell: CommandShell, start: str) -> None:
    before = sleeping()
    result = await run(shell, f"{start}\nsleep 0.1; echo done")
    assert result.output == "done\n"
    assert result.exit_code == 0
    assert result.notes == ("processes that it left in the background were ended",)
    assert sleeping() <= before


def sleeping() -> set[str]:
    """Ids of the `sleep 60` that run now."""
    found: set[str] = set()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and (entry / "cmdline").read_bytes() == b"sleep\x0060\x00" and is_running(int(entry.name)):
                found.add(entry.name)
        except OSError:
            continue
    return found


async def test_cancelling_ends_the_command(shell: CommandShell, root: Path) -> None:
    task = asyncio.create_task(run(shell, "echo $$ > pid; sleep 60; echo late > late"))
    while not (root / "pid").exists() or not (root / "pid").read_text().strip():
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await gone(int((root / "pid").read_text()))
    assert not (root / "late").exists()


async def test_an_error_of_the_listener_ends_the_command(shell: CommandShell) -> None:
    async def broken(_: str) -> None:
        raise RuntimeError("broken")

    before = sleeping()
    with pytest.raises(RuntimeError, match="broken"):
        await shell.run("echo x; sleep 60", 20, broken)
    assert sleeping() <= before


async def test_output_is_shown_while_it_comes(shell: CommandShell) -> None:
    shown: list[str] = []
    first = asyncio.Event()

    async def show(text: str) -> None:
        shown.append(text)
        first.set()

    task = asyncio.create_task(shell.run("echo one; until test -e go; do sleep 0.01; done; echo two", 20, show))
    await asyncio.wait_for(first.wait(), 10)
    assert shown == ["one\n"]
    await run(shell, "touch go")
    result = await task
    assert "".join(shown) == result.output == "one\ntwo\n"


async def test_long_output_is_spilled_whole(shell: CommandShell) -> None:
    result = await run(shell, "seq 1 20000")
    whole = "".join(f"{number}\n" for number in range(1, 20001))
    assert result.spill is not None
    assert result.spill.read_text() == whole
    assert len(result.output) < spill.IN_CONTEXT + 100
    head, _, tail = result.output.partition("\n[… ")
    assert whole.startswith(head)
    assert whole.endswith(tail.partition("…]\n")[2])
    assert f"{len(whole) - 30_000:,} characters left out" in tail


async def test_output_without_end_is_capped_on_disk(shell: CommandShell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spill, "ON_DISK", 100_000)
    result = await run(shell, "yes | head -c 500000; echo; echo end")
    assert result.spill is not None
    assert result.spill.stat().st_size == 100_000
    assert result.output.endswith("\nend\n")
    assert any("longer than" in note for note in result.notes)


async def test_a_spill_folder_that_cannot_be_made_costs_only_the_spill(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = await run(CommandShell(root, tmp_path / "file" / "spill"), "seq 1 20000")
    assert result.spill is None
    assert "could not be kept" in result.notes[0]
    assert result.output.endswith("20000\n")


async def test_colours_and_progress_bars_are_made_plain(shell: CommandShell) -> None:
    result = await run(shell, r"printf '\e[31mred\e[0m\n 1%%\r 50%%\r100%%\nabc\b\bX\n\e]0;title\x07t\r\n'")
    assert result.output == "red\n100%\naX\nt\n"


async def test_bytes_that_are_no_text_do_no_harm(shell: CommandShell) -> None:
    result = await run(shell, r"printf 'a\xff\xe2\x82'; sleep 0.05; printf '\xac'")
    assert result.output == "a\ufffd€"


async def test_a_missing_working_folder_is_said(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="is gone"):
        await run(CommandShell(root / "nowhere", tmp_path), "true")


async def test_a_command_that_is_too_long_is_said(shell: CommandShell) -> None:
    with pytest.raises(ToolError, match="cannot be started"):
        await run(shell, "echo " + "x" * 3_000_000)


async def test_no_descriptor_is_left_open(shell: CommandShell) -> None:
    await run(shell, "true")
    before = len(os.listdir("/proc/self/fd"))
    for command in ("true", "sleep 60 & true", "false"):
        await run(shell, command)
    assert len(os.listdir("/proc/self/fd")) == before
