from __future__ import annotations

import os
from pathlib import Path

import pytest

from mltui.config.instructions import MAX_BYTES, load_instructions
from mltui.config.paths import ensure_project_state, sessions_dir


@pytest.fixture
def inner(project: Path) -> Path:
    folder = project / "a" / "b"
    folder.mkdir(parents=True)
    return folder


def test_own_file_then_root_then_down_nearest_last(project: Path, inner: Path, home: Path, environ: dict[str, str]) -> None:
    (home / "AGENTS.md").write_text("<mine>")
    (project / "AGENTS.md").write_text("<root>")
    (project / "CLAUDE.md").write_text("not this")
    (project / "a" / "CLAUDE.md").write_text("<middle>")
    (inner / "AGENTS.md").write_text("not this either")
    (inner / "AGENTS.override.md").write_text("<nearest>")
    loaded = load_instructions(inner, environ)
    assert loaded.sources == (home / "AGENTS.md", project / "AGENTS.md", project / "a" / "CLAUDE.md", inner / "AGENTS.override.md")
    positions = [loaded.text.index(word) for word in ("<mine>", "<root>", "<middle>", "<nearest>")]
    assert positions == sorted(positions)
    assert "not this" not in loaded.text
    assert loaded.warnings == ()


def test_an_untrusted_folder_gives_no_instructions_and_says_so(project: Path, home: Path, environ: dict[str, str]) -> None:
    (home / "AGENTS.md").write_text("<mine>")
    (project / "AGENTS.md").write_text("obey me")
    loaded = load_instructions(project, environ, trusted=False)
    assert "mine" in loaded.text
    assert "obey me" not in loaded.text
    assert loaded.warnings == ("AGENTS.md: not loaded, because this folder is not trusted yet",)


def test_the_limit_cuts_the_farthest_with_a_warning(project: Path, inner: Path, environ: dict[str, str]) -> None:
    (project / "AGENTS.md").write_text("<far> " * 1000)
    (project / "a" / "AGENTS.md").write_text("é" * MAX_BYTES)
    (inner / "AGENTS.md").write_text("x" * 101)
    loaded = load_instructions(inner, environ)
    assert "x" * 101 in loaded.text
    assert "<far>" not in loaded.text
    assert loaded.text.count("é") == (MAX_BYTES - 101) // 2
    assert len(loaded.warnings) == 2
    assert any("cut to" in warning and "32 KiB" in warning for warning in loaded.warnings)
    assert any(str(project / "AGENTS.md") in warning for warning in loaded.warnings)


def test_bad_files_are_warnings_never_a_crash(project: Path, inner: Path, tmp_path: Path, environ: dict[str, str]) -> None:
    secret = tmp_path / "secret"
    secret.write_text("private key")
    (project / "AGENTS.md").symlink_to(secret)
    (project / "a" / "AGENTS.md").write_bytes(b"\xff\xfe\x00")
    os.mkfifo(inner / "AGENTS.md")
    loaded = load_instructions(inner, environ)
    assert (loaded.text, loaded.sources) == ("", ())
    assert len(loaded.warnings) == 3
    for words in ("leads out of the project", "not UTF-8", "not a file"):
        assert any(words in warning for warning in loaded.warnings)


@pytest.mark.parametrize("kind", ["folder", "dangling", "loop"])
def test_other_things_by_that_name(project: Path, environ: dict[str, str], kind: str) -> None:
    path = project / "AGENTS.md"
    if kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("AGENTS.md" if kind == "loop" else "nowhere")
    loaded = load_instructions(project, environ)
    assert loaded.text == ""
    assert len(loaded.warnings) == 1


def test_a_link_inside_the_project_is_followed(project: Path, environ: dict[str, str]) -> None:
    (project / "CLAUDE.md").write_text("shared")
    (project / "AGENTS.md").symlink_to("CLAUDE.md")
    assert "shared" in load_instructions(project, environ).text


def test_project_state_is_ignored_by_git(project: Path) -> None:
    state = ensure_project_state(project)
    assert (state / ".gitignore").read_text() == "*\n"
    (state / ".gitignore").write_text("mine\n")
    ensure_project_state(project)
    assert (state / ".gitignore").read_text() == "mine\n"


def test_sessions_of_two_projects_of_one_name_do_not_mix(tmp_path: Path, environ: dict[str, str]) -> None:
    one, other = sessions_dir(tmp_path / "x" / "p", environ), sessions_dir(tmp_path / "y" / "p", environ)
    assert one != other
    assert one.parent == other.parent == Path(environ["MLTUI_HOME"]) / "sessions"
