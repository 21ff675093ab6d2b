from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from mltui.capabilities import ripgrep
from mltui.capabilities.search import RipgrepSearch
from mltui.core.errors import ToolError
from mltui.tools.base import Found, GrepQuery, Workspace
from tests.capabilities.conftest import FolderDraft, write_files


@pytest.fixture
def search(root: Path, workspace: Workspace, draft: FolderDraft) -> RipgrepSearch:
    write_files(
        root,
        {
            "train.py": "lr = 0.1\nprint(lr)\n",
            "src/model.py": "class Model:\n    lr: float\n",
            "src/notes.md": "lr is 0.1\n",
            ".hidden/conf.yaml": "lr: 0.1\n",
            "skipped.py": "lr = 9\n",
            "ignored/x.py": "lr = 9\n",
            ".git/config": "lr = 9\n",
            ".mltui/journal.jsonl": "lr = 9\n",
            ".gitignore": "ignored/\nskipped.py\n",
        },
    )
    return RipgrepSearch(workspace, root=root, draft=draft)


async def grep(search: RipgrepSearch, root: Path, pattern: str, **options: object) -> tuple[str, ...]:
    return (await search.grep(GrepQuery(pattern, root, **options))).lines  # type: ignore[arg-type]


async def test_ignored_files_and_gits_own_are_left_out(search: RipgrepSearch, root: Path) -> None:
    assert await grep(search, root, "lr") == (".hidden/conf.yaml", "src/model.py", "src/notes.md", "train.py")


async def test_a_glob_does_not_bring_back_what_is_ignored(search: RipgrepSearch, root: Path) -> None:
    assert await grep(search, root, "lr", glob="*.py") == ("src/model.py", "train.py")
    assert await grep(search, root, "lr", glob="*.{py,md}") == ("src/model.py", "src/notes.md", "train.py")
    assert await grep(search, root, "lr", glob="*.md, train.py") == ("src/notes.md", "train.py")
    assert await grep(search, root, "lr", glob="src/**") == ("src/model.py", "src/notes.md")
    assert await grep(search, root, "lr", glob="!*.py") == (".hidden/conf.yaml", "src/notes.md")
    assert sorted((await search.glob("**/*.py", root, 10)).lines) == ["src/model.py", "train.py"]


async def test_modes(search: RipgrepSearch, root: Path) -> None:
    assert await grep(search, root, "lr", type="py", output_mode="count") == ("src/model.py:1", "train.py:2")
    assert await grep(search, root, "LR =", output_mode="content", ignore_case=True) == ("train.py:1:lr = 0.1",)
    assert await grep(search, root, "class", output_mode="content", line_numbers=False, after=1) == (
        "src/model.py:class Model:",
        "src/model.py-    lr: float",
    )
    assert await grep(search, root, r"Model:.*float", output_mode="content", multiline=True) == (
        "src/model.py:1:class Model:",
        "src/model.py:2:    lr: float",
    )


async def test_one_file_may_be_searched_even_if_it_is_ignored(search: RipgrepSearch, root: Path) -> None:
    assert await grep(search, root / "skipped.py", "lr", output_mode="content") == ("skipped.py:1:lr = 9",)


async def test_a_folder_that_is_itself_ignored_may_be_searched(search: RipgrepSearch, root: Path) -> None:
    write_files(root, {".venv/.gitignore": "*\n", ".venv/lib/x.py": "lr = 8\n"})
    assert await grep(search, root / ".venv" / "lib", "lr", output_mode="content") == (".venv/lib/x.py:1:lr = 8",)
    assert (await search.glob("**/*.py", root / "ignored", 5)).lines == ("ignored/x.py",)
    assert await grep(search, root / "src", "lr = 9") == ()
    assert "skipped.py" not in await grep(search, root, "lr = [89]")


async def test_groups_are_separated(search: RipgrepSearch, root: Path) -> None:
    write_files(root, {"a.txt": "hit\n1\n2\n3\nhit\n", "b.txt": "hit\n"})
    assert await grep(search, root, "hit", output_mode="content", after=1) == (
        "a.txt:1:hit",
        "a.txt-2-1",
        "--",
        "a.txt:5:hit",
        "--",
        "b.txt:1:hit",
    )


async def test_what_is_left_out_is_counted(search: RipgrepSearch, root: Path) -> None:
    write_files(root, {"many.txt": "hit\n" * 1000})
    found = await search.grep(GrepQuery("hit", root, output_mode="content", limit=10))
    assert len(found.lines) == 10
    assert found.omitted == 990
    assert await search.glob("*.py", root, 1) == Found((await search.glob("*.py", root, 9)).lines[:1], 1)


async def test_long_lines_are_cut(search: RipgrepSearch, root: Path) -> None:
    write_files(root, {"long.txt": "hit" + "x" * 10_000})
    (line,) = await grep(search, root, "hit", output_mode="content")
    assert len(line) < 600
    assert line.endswith("[… cut]")


@pytest.mark.parametrize(
    ("options", "said"),
    [({"pattern": "a("}, "unclosed group"), ({"pattern": "x", "type": "nope"}, "unrecognized file type: nope")],
)
async def test_errors_are_one_line(search: RipgrepSearch, root: Path, options: dict[str, str], said: str) -> None:
    with pytest.raises(ToolError) as caught:
        await grep(search, root, **options)
    assert str(caught.value) == said


async def test_a_missing_folder_is_said(search: RipgrepSearch, root: Path) -> None:
    with pytest.raises(ToolError, match="does not exist"):
        await grep(search, root / "nowhere", "x")


async def test_patterns_that_look_like_options_are_patterns(search: RipgrepSearch, root: Path) -> None:
    write_files(root, {"-x.txt": "--files\n"})
    assert await grep(search, root, "--files", output_mode="content") == ("-x.txt:1:--files",)
    assert (await search.glob("-x.*", root, 5)).lines == ("-x.txt",)


async def test_the_draft_is_searched_instead_of_the_disk(search: RipgrepSearch, root: Path, draft: FolderDraft) -> None:
    draft.write(root / "train.py", b"lr = 0.5\n")
    draft.write(root / "src/new.py", b"lr = 0.7\n")
    draft.delete(root / "src/notes.md")
    assert await grep(search, root, r"lr = ", output_mode="content") == ("src/new.py:1:lr = 0.7", "train.py:1:lr = 0.5")
    assert await grep(search, root / "train.py", "0.1") == ()
    assert await grep(search, root / "train.py", "0.5") == ("train.py",)
    assert await grep(search, root / "src", "lr", glob="*.py") == ("src/model.py", "src/new.py")
    assert await grep(search, root.parent, "0.7") == ("src/new.py",)
    assert sorted((await search.glob("**/*", root, 20)).lines) == [
        ".gitignore",
        ".hidden/conf.yaml",
        "src/model.py",
        "src/new.py",
        "train.py",
    ]
    with pytest.raises(ToolError, match="deletion is in the draft"):
        await grep(search, root / "src/notes.md", "lr")


async def test_glob_gives_the_latest_changed_first(search: RipgrepSearch, root: Path) -> None:
    for age, name in enumerate(["b.cfg", "c.cfg", "a.cfg"]):
        (root / name).touch()
        os.utime(root / name, (1_000_000 - age, 1_000_000 - age))
    os.utime(root / "c.cfg", (1_000_000, 1_000_000))
    assert (await search.glob("*.cfg", root, 10)).lines == ("b.cfg", "c.cfg", "a.cfg")


async def test_of_many_files_the_latest_come_first_and_all_are_counted(
    root: Path, workspace: Workspace, draft: FolderDraft, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mltui.capabilities.search._LATEST", 5)
    for age in range(30):
        write_files(root, {f"many/{age:02}.cfg": ""})
        os.utime(root / f"many/{age:02}.cfg", (1_000_000 - age, 1_000_000 - age))
    draft.write(root / "many/07.cfg", b"newer")
    search = RipgrepSearch(workspace, root=root, draft=draft, may_read=lambda path: int(path.stem) > 3)
    for pattern in ("*.cfg", "**/*.cfg", "many/*.cfg"):
        found = await search.glob(pattern, root, 4)
        assert found == Found(("many/07.cfg", "many/04.cfg", "many/05.cfg", "many/06.cfg"), 26), pattern


@pytest.mark.parametrize("pattern", ["*.py", "**/*.py", "m*.p[xy]", "*.{py,none}", "*", "**/*", "[!x]*", "model.py", ".*", "src", "!*.py"])
async def test_a_glob_of_names_finds_what_one_of_paths_does(search: RipgrepSearch, root: Path, pattern: str) -> None:
    write_files(root, {".env": "", "deep/.x/model.py": "", "deep/src/y": ""})
    as_paths = "**/" + pattern.removeprefix("**/") if not pattern.startswith("!") else pattern
    found = await search.glob(pattern, root, 99)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("mltui.capabilities.search._by_name", _never)
        assert set(found.lines) == set((await search.glob(as_paths, root, 99)).lines)
    assert found.lines or pattern == "src"


async def test_globs(search: RipgrepSearch, root: Path) -> None:
    assert (await search.glob("src/*.py", root, 9)).lines == ("src/model.py",)
    assert (await search.glob("./src/model.py", root, 9)).lines == ("src/model.py",)
    assert sorted((await search.glob("src/", root, 9)).lines) == ["src/model.py", "src/notes.md"]
    assert (await search.glob("*.nothing", root, 9)) == Found(())


async def test_what_may_not_be_read_is_not_shown(root: Path, workspace: Workspace) -> None:
    write_files(root, {".env": "KEY=1\n", "a.py": "KEY=2\n"})
    search = RipgrepSearch(workspace, root=root, may_read=lambda path: path.name != ".env")
    assert await grep(search, root, "KEY", output_mode="content") == ("a.py:1:KEY=2",)
    assert (await search.glob("*", root, 9)).lines == ("a.py",)


async def test_odd_names_and_bytes(search: RipgrepSearch, root: Path) -> None:
    (root / "latin.txt").write_bytes(b"caf\xe9 hit\n")
    write_files(root, {"with space é.txt": "hit\n"})
    assert await grep(search, root, "hit", output_mode="content") == ("latin.txt:1:caf\ufffd hit", "with space é.txt:1:hit")
    assert "with space é.txt" in (await search.glob("*.txt", root, 9)).lines


async def test_a_search_can_be_cancelled(search: RipgrepSearch, root: Path) -> None:
    os.mkfifo(root / "pipe")
    # rg skips pipes that it finds, but waits for one that it is told to search.
    task = asyncio.create_task(_collect(root))
    await asyncio.sleep(0.2)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not list(_children("rg"))


def _never(_: str) -> None:
    return None


async def _collect(root: Path) -> list[bytes]:
    return [record async for records in ripgrep.run(["--regexp=x", "--", "./pipe"], root, b"\n") for record in records]


def _children(name: str) -> list[str]:
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [child for child in children if Path(f"/proc/{child}/comm").read_text().strip() == name]


async def test_rg_is_found_in_mltuis_own_environment() -> None:
    assert Path(ripgrep.program()).is_file()
