"""Lines for AGENTS.md."""

from __future__ import annotations

from pathlib import Path

from mltui.config.memory import places, remember


def test_the_places_are_the_files_that_count(tmp_path: Path) -> None:
    root = tmp_path / "p"
    (root / ".git").mkdir(parents=True)
    (root / "sub").mkdir()
    (root / "CLAUDE.md").write_text("x")
    environ = {"MLTUI_HOME": str(tmp_path / "home")}
    assert [path for _, path in places(root / "sub", environ)] == [
        root / "CLAUDE.md",
        root / "sub" / "AGENTS.md",
        tmp_path / "home" / "AGENTS.md",
    ]
    assert len(places(root, environ)) == 2


def test_a_line_becomes_a_list_item_and_the_rest_stays(tmp_path: Path) -> None:
    path = tmp_path / "new" / "AGENTS.md"
    remember(path, "always  use\npolars")
    assert path.read_text() == "- always use polars\n"
    remember(path, "test first")
    assert path.read_text() == "- always use polars\n- test first\n"
    path.write_bytes(b"# Rules\r\n\r\nBe kind.")
    path.chmod(0o600)
    remember(path, "x")
    assert path.read_bytes() == b"# Rules\r\n\r\nBe kind.\r\n\r\n- x\r\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "AGENTS.md").write_text("")
    (tmp_path / "CLAUDE.md").symlink_to("AGENTS.md")
    remember(tmp_path / "CLAUDE.md", "x")
    assert (tmp_path / "CLAUDE.md").is_symlink()
    assert (tmp_path / "AGENTS.md").read_text() == "- x\n"
