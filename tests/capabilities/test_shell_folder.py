"""`cd` lasts, within the workspace, and whatever a command says of its folder is looked at."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltui.capabilities.shell import CommandShell
from mltui.capabilities.shell_folder import ShellFolder
from mltui.config.schema import Sandbox
from mltui.core.errors import ToolError
from mltui.core.messages import Message, ToolMessage
from mltui.sandbox.choice import choose
from mltui.tools.base import ShellResult, Workspace
from tests.capabilities.conftest import silent, write_files


@pytest.fixture
def added(tmp_path: Path) -> Path:
    folder = (tmp_path / "added").resolve()
    folder.mkdir()
    return folder


@pytest.fixture
def folder(root: Path, added: Path) -> ShellFolder:
    write_files(root, {"sub/deep/a.txt": "a", ".git/HEAD": "", ".mltui/x": "", "closed/x": ""})
    (root / "link").symlink_to("sub/deep")
    return ShellFolder(Workspace(root, (root, added)), (root / "closed",))


def at(folder: ShellFolder) -> Path:
    start = folder.workspace.start
    assert start is not None
    return start


@pytest.fixture(params=[False, True], ids=["plain", "sandbox"])
def shell(request: pytest.FixtureRequest, root: Path, tmp_path: Path) -> CommandShell:
    environ = {**os.environ, "CDPATH": "/usr"}
    sandbox = choose(Sandbox(enabled=request.param), environ)
    return CommandShell(root, tmp_path / "spill", environ=environ, sandbox=sandbox)


async def run(shell: CommandShell, command: str, folder: Path, timeout: float = 20) -> ShellResult:
    return await shell.run(command, timeout, silent, folder)


@pytest.mark.parametrize(
    ("command", "ends"),
    [
        ("cd sub", "sub"),
        ("cd sub && cd deep && false", "sub/deep"),
        ("cd sub; exit 3", "sub"),
        ("set -eux; cd sub; false; cd deep", "sub"),
        ("pushd sub >/dev/null; pushd deep >/dev/null; popd >/dev/null", "sub"),
        ("(cd sub); cd sub | cat; $(cd sub)", "."),
        ("cd link", "sub/deep"),
        ("cd link; cd ..", "."),
        ("cd nowhere", "."),
        ("cd sub\npwd() { echo /; }\ncd deep  # there", "sub/deep"),
        ("cd bin", "."),
    ],
)
async def test_a_command_says_where_it_ended(shell: CommandShell, folder: ShellFolder, root: Path, command: str, ends: str) -> None:
    assert (await run(shell, command, root)).folder == (root / ends).resolve()


async def test_a_command_is_none_the_wiser_for_being_asked(shell: CommandShell, folder: ShellFolder, root: Path) -> None:
    result = await run(shell, 'cd sub; echo "$# $0 $LINENO"\nls; exit 7', root)
    assert (result.output.split()[0], result.output.split()[2:], result.exit_code) == ("0", ["1", "deep"], 7)
    assert (await run(shell, "cd sub; kill -9 $$", root)).exit_code == -9
    broken = await run(shell, "cd sub; echo (", root)
    assert "syntax error" in broken.output and broken.exit_code == 2 and broken.folder is not None
    assert (await run(shell, "echo $PWD; pwd", root / "sub")).output == f"{root}/sub\n" * 2


@pytest.mark.parametrize("command", ["ls", "cd sub; exec true", "cd sub; trap 'true' EXIT", "cd sub; sleep 60"])
async def test_where_nothing_is_said_nothing_is_believed(shell: CommandShell, folder: ShellFolder, root: Path, command: str) -> None:
    assert (await run(shell, command, root, timeout=0.3 if "sleep" in command else 20)).folder is None


async def test_a_forged_answer_is_a_folder_like_any_other(shell: CommandShell, folder: ShellFolder, root: Path) -> None:
    forged = "true cd; exec > /dev/null; for f in /proc/$$/fd/*; do echo /etc > $f; done; trap - EXIT"
    result = await run(shell, forged, root)
    assert "outside the workspace" in folder.ended(result.folder)
    assert at(folder) == root


async def test_the_folder_lasts_within_the_workspace(folder: ShellFolder, root: Path, added: Path) -> None:
    assert at(folder) == root
    assert folder.ended(root / "sub") == "Commands start in sub"
    folder.check()
    assert at(folder) == root / "sub"
    assert folder.ended(root / "sub") == folder.ended(None) == ""
    assert folder.ended(added) == f"Commands start in {added}"
    assert folder.ended(root) == "Commands start in the workspace's folder"
    folder.ended(root / "sub")
    assert at(folder.anew()) == root, "a subagent begins in the workspace"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("..", "outside"),
        ("/", "outside"),
        (".git", "belongs"),
        (".mltui", "belongs"),
        (".GIT", "gone"),
        ("closed", "belongs"),
        ("gone", "gone"),
        ("link", "gone"),
        ("sub/deep/a.txt", "gone"),
        ("sub/../sub", "gone"),
    ],
)
def test_no_command_starts_where_it_has_no_business(folder: ShellFolder, root: Path, name: str, why: str) -> None:
    folder.ended(root / "sub")
    wanted = Path(os.path.normpath(root / name)) if name == ".." else root / name
    said = folder.ended(wanted)
    assert "does not last" in said and why in said
    assert at(folder) == root / "sub"


@pytest.mark.parametrize("how", ["removed", "linked", "a file"])
def test_a_folder_that_vanished_is_told_before_anything_runs(folder: ShellFolder, root: Path, how: str) -> None:
    folder.ended(root / "sub")
    shutil.move(root / "sub", root / "moved")
    if how == "linked":
        (root / "sub").symlink_to("moved")
    elif how == "a file":
        (root / "sub").touch()
    with pytest.raises(ToolError, match=r"sub is gone\. Nothing was run\. Commands start in the workspace's folder"):
        folder.check()
    folder.check()
    assert at(folder) == root


def said(*texts: str) -> Sequence[Message]:
    return [ToolMessage(call_id=str(number), name="Bash", content=text) for number, text in enumerate(texts)]


def test_a_command_meant_for_another_folder_does_not_run(folder: ShellFolder, root: Path) -> None:
    messages = said("(no output)\n[Commands start in sub]", "ok")
    folder.conversation = lambda: messages
    with pytest.raises(ToolError, match=r"meant for sub\. Nothing was run\. Commands start in the workspace's folder") as refused:
        folder.check()  # the session was resumed: the conversation says otherwise than it is
    messages = [*messages, *said(str(refused.value))]
    folder.check()
    note = folder.ended(root / "sub/deep")
    messages = [*messages, *said(f"x\n[{note}]")]
    folder.check()
    messages = said("a summary took its place")
    with pytest.raises(ToolError, match="meant for the workspace's folder"):
        folder.check()


@given(st.text(min_size=1, max_size=20).filter(lambda name: name not in (".", "..") and not {"/", "\0"} & set(name)))
def test_whatever_a_folder_is_called_no_command_is_refused_for_ever(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    root = tmp_path_factory.mktemp("named").resolve()
    try:
        (root / name).mkdir()
    except (OSError, UnicodeEncodeError):
        return
    folder = ShellFolder(Workspace(root, (root,)))
    messages = said(f"[{folder.ended(root / name)}]")
    folder.conversation = lambda: messages
    refusals = 0
    while refusals < 3:
        try:
            folder.check()
        except ToolError as error:
            messages = [*messages, *said(str(error))]
            refusals += 1
        else:
            break
    assert refusals < 2
