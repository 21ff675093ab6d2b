"""How far a command of the agent is confined in a project, and what the model is told of it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltui.capabilities.confinement import ProjectConfining
from mltui.capabilities.git_commands import changes_repository
from mltui.capabilities.protected_paths import MOST, fold
from mltui.tools.base import Workspace
from tests.capabilities.conftest import write_files


def confining(root: Path, *files: str) -> ProjectConfining:
    return ProjectConfining(Workspace(root, (root,)), root, lambda: [root / name for name in files])


@pytest.fixture
def project(root: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    write_files(root, {"train.py": "", "conf/a.yaml": "", "conf/b.yaml": "", "src/model.py": "", "src/util.py": ""})
    return root


def kept(root: Path, command: str, *files: str) -> set[str]:
    return {path.relative_to(root).as_posix() for path in confining(root, *files).confinement(command).read_only}


def test_files_under_experiment_git_and_mltui_are_read_only(project: Path) -> None:
    assert kept(project, "ls", "train.py", "conf/a.yaml", "conf/b.yaml", "src/model.py") == {
        "train.py", "conf", "src/model.py", ".git", ".mltui",
    }  # fmt: skip
    assert (project / ".mltui").is_dir()


def test_ordinary_git_commands_may_change_the_repository_but_not_what_git_obeys(project: Path) -> None:
    assert kept(project, "git add -A && git commit -qm x", "train.py") == {"train.py", ".git/hooks", ".git/config", ".git/info", ".mltui"}
    confinement = confining(project).confinement("git commit -m x")
    assert project / ".git" in confinement.writable


def test_a_linked_worktree_keeps_the_shared_repository(project: Path, tmp_path: Path) -> None:
    git = ["git", "-C", str(project), "-c", "user.name=x", "-c", "user.email=x@x"]
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    subprocess.run([*git, "worktree", "add", "-q", str(tmp_path / "linked")], check=True)
    root = (tmp_path / "linked").resolve()
    confinement = confining(root).confinement("ls")
    assert {project / ".git", project / ".git" / "worktrees" / "linked", root / ".git"} <= set(confinement.read_only)


@pytest.mark.parametrize(
    "command",
    [
        "git add -A && git commit -m 'a message'",
        "cd src && git -C .. stash; git status",
        'git commit -m "$(cat <<EOF\nlong\nEOF\n)"',
        "git switch -c new 2>/dev/null || echo there",
        "git --no-pager merge main",
        "git rebase main",
    ],
)
def test_lines_of_ordinary_git_commands(command: str) -> None:
    assert changes_repository(command)


@pytest.mark.parametrize(
    "command",
    [
        "git status",
        "ls",
        "",
        "git add -A; python x.py",
        "git -c core.hooksPath=/tmp/x commit -m x",
        "git -c alias.add='!sh' add",
        "git --exec-path=/tmp commit",
        "git --git-dir=/tmp/x commit -m x",
        "GIT_DIR=/tmp/x git commit -m x",
        "git config core.hooksPath x && git commit -m x",
        "git rebase -x 'echo x' main",
        "git rebase --exec 'echo x' main",
        "git clone -c core.x=y a b",
        "git fetch --upload-pack=evil origin",
        "git fetch --upload-pa=evil origin",
        "git push --receive evil origin",
        "git rebase --exe evil main",
        "git fetch 'ext::sh -c evil' x",
        "git commit -m x > .git/HEAD",
        "echo x > .git/HEAD; git add .",
        "$GIT commit",
        "env git commit -m x",
        "git filter-branch x",
        "git submodule add x",
        'git commit -m "$(rm -rf .git/hooks)"',
        "echo() { rm -rf .git; }; git add .; echo",
        "git add . | sh",
    ],
)
def test_lines_that_may_be_more_than_that(command: str) -> None:
    assert not changes_repository(command)


def test_other_names_of_a_protected_file_are_protected_too(project: Path) -> None:
    os.link(project / "train.py", project / "src" / "alias.py")
    made = confining(project, "train.py")
    assert project / "src" / "alias.py" in made.confinement("ls").read_only
    [note] = made.notes("echo x > src/alias.py", "bash: src/alias.py: Read-only file system", 1)
    assert "src/alias.py is the same file as train.py" in note


def test_a_link_stands_for_what_it_leads_to(project: Path, tmp_path: Path) -> None:
    (project / "prompts").symlink_to("src")
    (project / "link.yaml").symlink_to("conf/a.yaml")
    (project / "away.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    (tmp_path / "elsewhere.yaml").touch()
    assert fold([project / "link.yaml", project / "away.yaml"], [project]) == [project / "conf" / "a.yaml"]


def test_many_files_cost_few_places(project: Path) -> None:
    names = [f"pkg/d{number % 25}/p{number}.py" for number in range(500)]
    write_files(project, dict.fromkeys(names, "") | {f"pkg/d{number}/free.txt": "" for number in range(25)})
    found = fold([project / name for name in names], [project])
    assert len(found) <= MOST
    assert all(any((project / name).is_relative_to(place) for place in found) for name in names)
    assert project not in found


@given(st.sets(st.sampled_from(["a", "b/a", "b/b", "b/c/a", "b/c/b", "d/e/f/a", "d/g"])), st.integers(0, 5))
def test_what_is_folded_covers_the_files_and_never_the_workspace(chosen: set[str], most: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        write_files(root, dict.fromkeys(["a", "b/a", "b/b", "b/c/a", "b/c/b", "d/e/f/a", "d/g", "d/e/free"], ""))
        found = fold([root / name for name in chosen], [root], most)
        assert root not in found
        for name in chosen:
            assert any((root / name).is_relative_to(place) for place in found)
        if most == 5:  # nothing was too many, so nothing free is covered
            free = {"a", "b/a", "b/b", "b/c/a", "b/c/b", "d/e/f/a", "d/g", "d/e/free"} - chosen
            assert len(chosen) > 5 or not any((root / name).is_relative_to(place) for name in free for place in found)


@pytest.mark.parametrize(
    ("command", "output", "code", "said"),
    [
        ("echo x > train.py", "bash: line 1: train.py: Read-only file system", 1, "train.py is under experiment"),
        ("sed -i s/a/b/ conf/a.yaml", "sed: cannot rename conf/sedx: Device or resource busy", 4, "conf/a.yaml is under experiment"),
        ("sed -i s/a/b/ train.py; true", "sed: couldn't open temporary file ./sedx: Permission denied", 0, "train.py is under experiment"),
        (
            "git config a.b c",
            "error: could not lock config file .git/config: Read-only file system",
            255,
            "git could not write .git/config, which commands cannot change",
        ),
        ("touch /usr/x", "touch: cannot touch '/usr/x': Read-only file system", 1, "sandbox.write"),
        ("cat log", "Permission denied", 0, ""),
        ("cat train.py", "all is well", 1, ""),
        ("echo x > retrain.py", "bash: line 1: /x/retrain.py: Permission denied", 1, "sandbox.write"),
    ],
)
def test_the_model_is_told_why_something_was_refused(project: Path, command: str, output: str, code: int, said: str) -> None:
    made = confining(project, "train.py", "conf/a.yaml", "src/model.py")
    made.confinement(command)
    notes = made.notes(command, output, code)
    assert (said in notes[0]) if said else not notes
