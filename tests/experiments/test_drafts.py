"""Staged edits live beside the working tree and nowhere else."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mltui.core.errors import ExperimentError
from mltui.experiments.drafts import Draft


@pytest.fixture
def draft(tmp_path: Path) -> Draft:
    (tmp_path / "train.py").write_text("a\nb\n")
    return Draft(tmp_path, tmp_path / ".mltui", "session-1")


def test_staging_leaves_the_tree_alone_and_survives(draft: Draft, tmp_path: Path) -> None:
    draft.write(tmp_path / "train.py", b"a\nc\n")
    draft.write(Path("prompts/deep/new.txt"), b"hello")
    again = Draft(tmp_path, tmp_path / ".mltui", "session-1")
    assert again.paths() == ("prompts/deep/new.txt", "train.py")
    assert again.read(Path("train.py")) == b"a\nc\n" and again.read(tmp_path / "other") is None
    assert (tmp_path / "train.py").read_text() == "a\nb\n"
    assert again.diff() == (
        "--- /dev/null\n+++ b/prompts/deep/new.txt\n@@ -0,0 +1 @@\n+hello\n\\ No newline at end of file\n"
        "--- a/train.py\n+++ b/train.py\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"
    )
    assert Draft(tmp_path, tmp_path / ".mltui", "session-2").paths() == ()
    again.drop(["train.py", "never-there"])
    assert again.paths() == ("prompts/deep/new.txt",)
    again.drop(again.paths())
    assert again.paths() == () and again.diff() == ""
    assert not list((again.folder / "files").iterdir())


def test_a_deletion_is_marked(draft: Draft) -> None:
    draft.write(Path("train.py"), b"x")
    draft.delete(Path("train.py"))
    assert (draft.paths(), draft.read(Path("train.py")), draft.deleted(Path("train.py"))) == (("train.py",), None, True)
    assert "+++ /dev/null" in draft.diff()
    draft.write(Path("train.py"), b"back")
    assert not draft.deleted(Path("train.py")) and draft.read(Path("train.py")) == b"back"


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/passwd", ".git/config", ".mltui/journal.jsonl", "."])
def test_paths_outside_are_refused(draft: Draft, path: str) -> None:
    for act in (lambda: draft.write(Path(path), b""), lambda: draft.delete(Path(path))):
        with pytest.raises(ExperimentError, match="cannot be staged"):
            act()
    assert draft.read(Path(path)) is None
    draft.drop([path])


def test_a_link_does_not_lead_out(draft: Draft, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path.parent)
    with pytest.raises(ExperimentError, match="cannot be staged"):
        draft.write(tmp_path / "link" / "x", b"")


@pytest.mark.parametrize("session", ["", "..", "a/b", ".hidden", "a" * 200])
def test_session_ids_are_names(tmp_path: Path, session: str) -> None:
    with pytest.raises(ExperimentError, match="no session id"):
        Draft(tmp_path, tmp_path / ".mltui", session)


SEGMENTS = st.text(st.characters(codec="utf-8", exclude_characters="/\0", exclude_categories=("Cs", "Cc")), min_size=1, max_size=8)


@given(st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join), st.binary(max_size=50))
@settings(max_examples=60, deadline=None)
def test_any_path_is_kept_inside_or_refused(path: str, content: bytes) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder).resolve() / "root"
        root.mkdir()
        draft = Draft(root, root / ".mltui", "s")
        try:
            draft.write(Path(path), content)
        except ExperimentError:
            assert draft.paths() == ()
        else:
            assert draft.read(Path(path)) == content
            assert len(draft.paths()) == 1 and (draft.folder / "files" / draft.paths()[0]).read_bytes() == content
        assert [item.name for item in root.iterdir()] in ([], [".mltui"])
        assert [item.name for item in root.parent.iterdir()] == ["root"]


def test_what_a_crash_left_half_written_is_not_staged(draft: Draft) -> None:
    draft.write(Path("notes.tmp"), b"mine")
    (draft.folder / "files" / ".train.py.0a1b2c3d.tmp").write_bytes(b"half")
    assert draft.paths() == ("notes.tmp",)


def test_binary_differences_are_named(draft: Draft) -> None:
    draft.write(Path("train.py"), b"\0\1\2")
    assert draft.diff() == "--- a/train.py\n+++ b/train.py\nBinary or large file: 4 -> 3 bytes\n"
