from __future__ import annotations

import os
from pathlib import Path

import pytest

from mltui.capabilities.files import SessionFiles
from mltui.core.effects import Effect, EffectKind, Grant
from mltui.core.errors import DeniedError, ToolError, UndeclaredEffectError
from tests.capabilities.conftest import FolderDraft


def grant(kind: EffectKind, path: Path, *, staged: bool = False) -> Grant:
    return Grant(effect=Effect(kind=kind, target=str(path)), staged=staged)


def both(path: Path, *, staged: bool = False) -> list[Grant]:
    return [grant("read", path), grant("write", path, staged=staged)]


async def test_only_what_was_granted_is_read_and_written(root: Path) -> None:
    (root / "a").write_text("a")
    files = SessionFiles().granted([grant("read", root / "a"), grant("write", root / "b")])
    assert await files.read(root / "a") == b"a"
    assert await files.write(root / "b", b"b") == "written"
    for forbidden in (files.read(root / "b"), files.write(root / "a", b"x"), files.exists(root / "c")):
        with pytest.raises(UndeclaredEffectError):
            await forbidden
    assert (root / "a").read_bytes() == b"a"


async def test_a_link_that_appears_after_the_decision_is_not_followed(root: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    files = SessionFiles().granted(both(root / "dir" / "f"))
    (root / "dir").symlink_to(tmp_path)
    with pytest.raises(DeniedError, match="not what was approved"):
        await files.write(root / "dir" / "f", b"x")
    (root / "link").symlink_to(secret)
    files = SessionFiles().granted(both(root / "link"))
    with pytest.raises(DeniedError):
        await files.read(root / "link")
    with pytest.raises(DeniedError):
        await files.write(root / "link", b"x")
    assert secret.read_text() == "secret"


async def test_a_staged_write_goes_to_the_draft(root: Path, draft: FolderDraft) -> None:
    path = root / "train.py"
    path.write_text("old")
    session = SessionFiles(draft)
    assert await session.granted(both(path, staged=True)).write(path, b"new") == "staged"
    assert path.read_text() == "old"
    assert await session.read(path) == b"new"
    # A later write that nobody marked as staged must not leave half of the change on disk.
    assert await session.granted(both(path)).write(path, b"newer") == "staged"
    assert path.read_text() == "old"


async def test_a_staged_write_without_a_draft_is_refused(root: Path) -> None:
    with pytest.raises(ToolError, match="no draft"):
        await SessionFiles().granted(both(root / "train.py", staged=True)).write(root / "train.py", b"x")


async def test_a_staged_deletion_hides_the_file(root: Path, draft: FolderDraft) -> None:
    (root / "train.py").write_text("x")
    draft.delete(root / "train.py")
    files = SessionFiles(draft)
    assert not await files.exists(root / "train.py")
    with pytest.raises(ToolError, match="deletion is in the draft"):
        await files.read(root / "train.py")


async def test_a_write_keeps_the_mode_makes_folders_and_leaves_nothing_else(root: Path) -> None:
    script = root / "run.sh"
    script.write_text("old")
    script.chmod(0o750)
    files = SessionFiles().granted([*both(script), *both(root / "x/y/z")])
    await files.write(script, b"new")
    await files.write(root / "x/y/z", b"deep")
    assert script.stat().st_mode & 0o777 == 0o750
    assert (root / "x/y/z").read_bytes() == b"deep"
    assert sorted(path.name for path in root.rglob("*")) == ["run.sh", "x", "y", "z"]


async def test_what_is_no_file_is_refused(root: Path) -> None:
    os.mkfifo(root / "pipe")
    (root / "folder").mkdir()
    with (root / "big").open("wb") as big:
        big.truncate(50_000_001)
    files = SessionFiles()
    for name, reason in {"pipe": "pipe", "folder": "folder", "big": "50,000,001", "missing": "does not exist"}.items():
        with pytest.raises(ToolError, match=reason):
            await files.read(root / name)
    for name in ("pipe", "folder"):
        with pytest.raises(ToolError):
            await files.granted(both(root / name)).write(root / name, b"x")
    with pytest.raises(ToolError, match="does not exist"):
        await files.read(root / "pipe" / "x" / "y")


async def test_the_nearest_name_is_offered(root: Path) -> None:
    (root / "train_model.py").touch()
    with pytest.raises(ToolError, match=r"train_model\.py"):
        await SessionFiles().read(root / "Train_models.py")


async def test_a_file_that_cannot_be_replaced_is_left_alone(root: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    (root / "fixed").write_text("x")
    (root / "fixed").chmod(0o444)
    with pytest.raises(ToolError, match="read-only"):
        await SessionFiles().granted(both(root / "fixed")).write(root / "fixed", b"y")


@pytest.mark.parametrize("staged", [False, True])
@pytest.mark.parametrize("name", ["util.py/x.txt", "util.py/deep/x.txt"])
async def test_a_write_below_a_file_names_the_file(root: Path, draft: FolderDraft, name: str, staged: bool) -> None:
    (root / "util.py").write_text("")
    with pytest.raises(ToolError, match=r"util\.py is no folder"):
        await SessionFiles(draft).granted(both(root / name, staged=staged)).write(root / name, b"x")
    assert not draft.paths()


async def test_a_folder_may_take_the_place_of_a_file_that_the_draft_deletes(root: Path, draft: FolderDraft) -> None:
    (root / "util.py").write_text("")
    draft.delete(root / "util.py")
    assert await SessionFiles(draft).granted(both(root / "util.py/x", staged=True)).write(root / "util.py/x", b"x") == "staged"


async def test_too_much_is_not_written(root: Path) -> None:
    with pytest.raises(ToolError, match="too much"):
        await SessionFiles().granted(both(root / "f")).write(root / "f", bytes(50_000_001))
    assert not (root / "f").exists()
