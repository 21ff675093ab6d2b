from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from mltui.core.errors import InvalidArgumentsError, ToolError
from mltui.tools.catalog import catalog
from mltui.tools.edit import EditArgs
from mltui.tools.preview import digest, preview
from mltui.tools.read import LONGEST_RESULT
from mltui.tools.validation import validate
from mltui.tools.write import WriteArgs
from tests.tools.conftest import Agent


async def test_read_numbers_lines(agent: Agent) -> None:
    (agent.root / "a.py").write_text("one\n\ntwo\x0cstill two\n")
    result = await agent.call("Read", file_path="a.py")
    assert result.content == "     1\tone\n     2\t\n     3\ttwo\x0cstill two"
    assert (await agent.call("Read", file_path=str(agent.root / "a.py"))).content == result.content


async def test_read_is_bounded_and_says_how_to_go_on(agent: Agent) -> None:
    (agent.root / "long").write_text("".join(f"{number}\n" for number in range(1, 5001)))
    result = await agent.call("Read", file_path="long")
    assert result.content.endswith("  2000\t2000\n[3000 more lines left out: Read with offset=2001]")
    part = await agent.call("Read", file_path="long", offset="4999", limit=None)
    assert part.content == "  4999\t4999\n  5000\t5000"
    assert (await agent.call("Read", file_path="long", offset=10, limit=1)).content.startswith("    10\t10\n[4990 more")
    with pytest.raises(ToolError, match="5000 lines"):
        await agent.call("Read", file_path="long", offset=5001)
    (agent.root / "wide").write_text("x" * 5000 + "\n" + "y" * 1900 + "\n")
    assert "[… 3000 more characters in this line" in (await agent.call("Read", file_path="wide")).content
    (agent.root / "big").write_text(("z" * 1000 + "\n") * 1000)
    big = (await agent.call("Read", file_path="big")).content
    assert len(big) < LONGEST_RESULT + 200
    assert "more lines left out: Read with offset=100]" in big


async def test_read_says_what_it_cannot_show(agent: Agent) -> None:
    (agent.root / "empty").touch()
    (agent.root / "model.safetensors").write_bytes(b"\0\1\2")
    (agent.root / "folder").mkdir()
    assert (await agent.call("Read", file_path="empty")).content == "empty is empty"
    with pytest.raises(ToolError, match="safetensors"):
        await agent.call("Read", file_path="model.safetensors")
    with pytest.raises(ToolError, match="List it with Glob"):
        await agent.call("Read", file_path="folder")
    with pytest.raises(ToolError, match=r"Nearest in that folder: model\.safetensors"):
        await agent.call("Read", file_path="model.safetensor")


@pytest.mark.parametrize(
    ("data", "note"),
    [
        (codecs.BOM_UTF8 + "é\r\n".encode(), ""),
        ("é\r\n".encode("utf-16"), "utf-16-le"),
        (b"\xe9\r\n", "latin-1"),
        ("é\r\n".encode(), ""),
    ],
)
async def test_encodings_are_read_and_kept(agent: Agent, data: bytes, note: str) -> None:
    path = agent.root / "f.txt"
    path.write_bytes(data)
    content = (await agent.call("Read", file_path="f.txt")).content
    assert content.startswith("     1\té")
    assert "\r" not in content
    assert note in content
    await agent.call("Edit", file_path="f.txt", old_string="é", new_string="éé\nx")
    assert path.read_bytes() == data.replace("é".encode(_codec(data)), "éé\r\nx".encode(_codec(data)))
    await agent.call("Write", file_path="f.txt", content="ü\nü\n")
    assert path.read_bytes() == data.replace("é".encode(_codec(data)), "ü\r\nü".encode(_codec(data)))


def _codec(data: bytes) -> str:
    return "utf-16-le" if data.startswith(codecs.BOM_UTF16_LE) else "latin-1" if data.startswith(b"\xe9") else "utf-8"


async def test_edit_needs_the_file_seen_and_unchanged(agent: Agent) -> None:
    path = agent.root / "a.py"
    path.write_text("x = 1\n")
    with pytest.raises(ToolError, match="not read in this session"):
        await agent.call("Edit", file_path="a.py", old_string="1", new_string="2")
    with pytest.raises(ToolError, match="not read in this session"):
        await agent.call("Write", file_path="a.py", content="y")
    await agent.call("Read", file_path="a.py")
    path.write_text("x = 1  # changed\n")
    with pytest.raises(ToolError, match="changed since"):
        await agent.call("Edit", file_path="a.py", old_string="1", new_string="2")
    with pytest.raises(ToolError, match="changed since"):
        await agent.call("Write", file_path="a.py", content="y")
    assert path.read_text() == "x = 1  # changed\n"


async def test_edits_follow_each_other(agent: Agent) -> None:
    result = await agent.call("Write", file_path="src/new.py", content="a\nb\n")
    assert result.content == "src/new.py created (+2 −0 lines)"
    result = await agent.call("Edit", file_path="src/new.py", old_string="b", new_string="c\nd")
    assert result.details == {
        "path": str(agent.root / "src/new.py"),
        "diff": "--- a/src/new.py\n+++ b/src/new.py\n@@ -1,2 +1,3 @@\n a\n-b\n+c\n+d\n",
        "staged": False,
        "added": 2,
        "removed": 1,
    }
    await agent.call("Edit", file_path="src/new.py", old_string="c\nd", new_string="e", replace_all="true")
    assert (agent.root / "src/new.py").read_text() == "a\ne\n"


async def test_edit_creates_only_what_is_not_there(agent: Agent) -> None:
    await agent.call("Edit", file_path="new.py", old_string="", new_string="x\n")
    assert (agent.root / "new.py").read_text() == "x\n"
    with pytest.raises(ToolError, match="exists already"):
        await agent.call("Edit", file_path="new.py", old_string="", new_string="y\n")
    with pytest.raises(ToolError, match="does not exist"):
        await agent.call("Edit", file_path="other.py", old_string="a", new_string="b")
    assert not (agent.root / "other.py").exists()


async def test_a_staged_edit_is_said_to_be_in_the_draft(agent: Agent) -> None:
    path = agent.root / "train.py"
    path.write_text("lr = 0.1\n")
    agent.staged.add(path)
    await agent.call("Read", file_path="train.py")
    result = await agent.call("Edit", file_path="train.py", old_string="0.1", new_string="0.5")
    assert "is in the draft, not on disk" in result.content
    assert "ProposeExperiment" in result.content
    assert result.details["staged"] is True
    assert path.read_text() == "lr = 0.1\n"
    assert "lr = 0.5" in (await agent.call("Read", file_path="train.py")).content
    await agent.call("Edit", file_path="train.py", old_string="0.5", new_string="0.7")
    assert agent.draft.read(path) == b"lr = 0.7\n"


async def test_surrogates_are_refused_and_nothing_is_written(agent: Agent) -> None:
    with pytest.raises(ToolError, match="cannot hold"):
        await agent.call("Write", file_path="f", content="a\ud800")
    assert not (agent.root / "f").exists()


@pytest.mark.parametrize("path", ["", "a\0b", "~nosuchuser/x", "x" * 300 + "/" + "y" * 5000])
async def test_impossible_paths_are_said(agent: Agent, path: str) -> None:
    with pytest.raises((InvalidArgumentsError, ToolError)):
        await agent.call("Read", file_path=path)


async def test_a_loop_of_links_is_said(agent: Agent) -> None:
    (agent.root / "a").symlink_to(agent.root / "b")
    (agent.root / "b").symlink_to(agent.root / "a")
    with pytest.raises(InvalidArgumentsError):
        await agent.call("Read", file_path="a")


async def test_effects_name_what_a_link_leads_to(agent: Agent, tmp_path: Path) -> None:
    (agent.root / "link").symlink_to(tmp_path / "outside")
    for tool in catalog()[:3]:
        given = {"Read": {}, "Write": {"content": ""}, "Edit": {"old_string": "a", "new_string": "b"}}[tool.name]
        effects = tool.effects(validate(tool, {"file_path": "link", **given}), agent.workspace)
        assert {effect.target for effect in effects} == {str(tmp_path / "outside")}


def test_a_preview_is_what_will_be_done_or_why_not() -> None:
    seen = digest(b"a\nb\n")
    edit = EditArgs(file_path="f", old_string="b", new_string="c")
    assert preview(edit, "f", b"a\nb\n", seen) == "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"
    assert preview(WriteArgs(file_path="f", content="x\n"), "f", None, None) == "--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+x\n"
    assert preview(WriteArgs(file_path="f", content="a\nb\n"), "f", b"a\nb\n", seen) == ""
    assert preview(WriteArgs(file_path="f", content="x"), "f", b"\0\1", digest(b"\0\1")) == "Binary file f differs\n"
    for args, current, known in [
        (edit, b"a\nb\n", None),
        (edit, b"a\nB\n", seen),
        (edit, None, None),
        (EditArgs(file_path="f", old_string="zzz", new_string="c"), b"a\nb\n", seen),
        (WriteArgs(file_path="f", content="x"), b"old", None),
    ]:
        with pytest.raises(ToolError):
            preview(args, "f", current, known)
