"""Trees are made without touching what the person sees of git."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psutil
import pytest
from tests.experiments.conftest import Project, git

from mltui.core.errors import ExperimentError, NotARepositoryError
from mltui.core.experiment import ProposalRequest
from mltui.experiments.datasets import Digests, difference, versions
from mltui.experiments.git_tree import LARGE, PATCH_LIMIT, GitTree
from mltui.experiments.service import Experiments


def seen(root: Path) -> tuple[str, ...]:
    index = (root / ".git" / "index").read_bytes().hex()
    return (
        index,
        *(git(root, *words.split()) for words in ("status --porcelain", "rev-parse HEAD", "branch -a", "stash list", "diff --cached")),
    )


@pytest.fixture
def tree(project: Project) -> GitTree:
    return GitTree(project.root, project.experiments.state)


def names(project: Project, tree: str) -> set[str]:
    return set(project.git("ls-tree", "-r", "--name-only", tree).split())


def test_a_snapshot_holds_the_working_tree(project: Project, tree: GitTree) -> None:
    assert tree.snapshot().tree == tree.tree_of("HEAD")
    project.write("README.md", "changed\n")
    project.write("new/é file.txt", "new\n")
    project.write("new/ignored.bin", "no\n")
    project.write("staged.txt", "staged\n")
    project.git("add", "staged.txt")
    (project.root / "data/rows.csv").unlink()
    (project.root / "big.dat").write_bytes(b"0" * (LARGE + 1))
    project.write(".mltui/secret", "state\n")
    before = seen(project.root)
    snapshot = tree.snapshot()
    assert snapshot.left_out == ("big.dat",)
    listed = tree.entries(snapshot.tree)
    assert set(listed) == {".gitignore", "README.md", "conf/optim.yaml", "train.py", "staged.txt", "new/é file.txt"}
    assert tree.read(snapshot.tree, "README.md") == b"changed\n"
    assert seen(project.root) == before
    assert not list((project.root / ".mltui" / "tmp").iterdir())


def test_changes_are_applied_and_shown(project: Project, tree: GitTree) -> None:
    (project.root / "train.py").chmod(0o755)
    project.git("commit", "-q", "-am", "executable")
    before = seen(project.root)
    base = tree.snapshot().tree
    made = tree.apply(base, {"train.py": b"new\n", "data/rows.csv": None, "prompts/a b.txt": b"hi"})
    assert tree.changed(base, made) == {"data/rows.csv": "D", "prompts/a b.txt": "A", "train.py": "M"}
    assert tree.entries(made, ("train.py",))["train.py"].mode == "100755"
    assert "+hi" in tree.diff(base, made) and "deleted file mode" in tree.diff(base, made)
    commit = tree.commit(made, tree.head(), "P-0001 try", "proposals/P-0001")
    assert project.git("log", "-1", "--format=%an <%ae> %s", commit).strip() == "mltui <mltui@localhost> P-0001 try"
    assert project.git("rev-parse", "refs/mltui/proposals/P-0001").strip() == commit
    assert tree.tree_of(commit) == made and tree.tree_of("0" * 40) is None
    assert seen(project.root) == before


def test_a_worktree_comes_and_goes_without_hooks(project: Project, tree: GitTree) -> None:
    unmounted = project.root.parent / "unmounted"
    project.git("worktree", "add", "-q", str(unmounted), "-b", "side")
    unmounted.rename(project.root.parent / "away")
    hook = project.root / ".git" / "hooks" / "post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {project.root.parent}/hooked\n")
    hook.chmod(0o755)
    before = seen(project.root)
    folder = project.root / ".mltui" / "worktrees" / "x"
    tree.add_worktree(folder, tree.head(), tree.entries(tree.head()))
    assert (folder / "train.py").read_text() == (project.root / "train.py").read_text()
    tree.remove_worktree(folder)
    tree.remove_worktree(folder)
    assert not folder.exists() and not (project.root.parent / "hooked").exists()
    assert seen(project.root) == before
    assert [line.split()[0] for line in project.git("worktree", "list").splitlines()] == [str(project.root), str(unmounted)]


def test_line_endings_of_the_checkout_do_not_count_as_changes(project: Project, tree: GitTree) -> None:
    project.write(".gitattributes", "*.txt text eol=crlf\n")
    (project.root / "a.txt").write_bytes(b"one\r\ntwo\r\n")
    snapshot = tree.snapshot().tree
    assert tree.working_blob("a.txt") == tree.entries(snapshot, ("a.txt",))["a.txt"].blob
    assert tree.read(snapshot, "a.txt") == b"one\r\ntwo\r\n"


def test_a_long_patch_is_cut_and_says_so(tree: GitTree) -> None:
    base = tree.snapshot().tree
    made = tree.apply(base, {"train.py": b"x = 1\n" * 100_000})
    patch = tree.diff(base, made)
    assert len(patch) < PATCH_LIMIT + 200 and "more lines: git diff" in patch


def test_without_repository_or_commit_the_commands_are_named(project: Project, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    request = ProposalRequest(title="t", hypothesis="h", changes={"lr": 0.2})
    for hint, prepare in (("git init && git add -A && git commit", []), ("has no commit yet.*git add -A", ["git", "init", "-q"])):
        if prepare:
            subprocess.run(prepare, cwd=bare, check=True)
        with pytest.raises(NotARepositoryError, match=hint):
            Experiments.open(bare, project.config).propose(request, session_id=None, author="model")


def test_many_data_files_are_digested_by_folder(tmp_path: Path) -> None:
    for index in range(100):
        (tmp_path / "images").mkdir(exist_ok=True)
        (tmp_path / "images" / f"{index:03}.png").write_text(str(index))
    (tmp_path / "labels.csv").write_text("1")
    files = [f"images/{index:03}.png" for index in range(100)] + ["labels.csv"]
    digests = Digests(tmp_path / "cache.json")
    found = versions(tmp_path, files, digests)
    assert [(item.name, item.size) for item in found] == [("images/", 190), ("labels.csv", 1)]
    again = versions(tmp_path, files, Digests(tmp_path / "cache.json"))
    assert again == found and difference(found, again) is None
    (tmp_path / "images" / "050.png").write_text("other")
    assert difference(found, versions(tmp_path, files, digests)) == "images/ changed"
    assert difference(found, found[1:]) == "images/ is gone"
    assert difference(found[1:], found) == "images/ is new"


def with_submodule(project: Project, tmp_path: Path) -> Path:
    library = tmp_path / "library"
    (library / "pkg").mkdir(parents=True)
    (library / "pkg" / "maths.py").write_text("ONE = 1\n")
    git(library, "init", "-q")
    git(library, "add", "-A")
    git(library, "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "library")
    project.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library), "lib")
    project.git("-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "with a library")
    return project.root / "lib"


def test_a_checkout_has_the_files_of_submodules(project: Project, tree: GitTree, tmp_path: Path) -> None:
    with_submodule(project, tmp_path)
    before = seen(project.root)
    checkout = tmp_path / "checkout"
    tree.add_worktree(checkout, tree.head(), tree.entries(tree.head()))
    assert (checkout / "lib" / "pkg" / "maths.py").read_text() == "ONE = 1\n"
    tree.remove_worktree(checkout)
    assert not checkout.exists()
    assert seen(project.root) == before


def test_a_submodule_with_uncommitted_changes_is_refused(project: Project, tree: GitTree, tmp_path: Path) -> None:
    library = with_submodule(project, tmp_path)
    tree.snapshot()
    (library / "pkg" / "maths.py").write_text("ONE = 2\n")
    with pytest.raises(ExperimentError, match="submodule lib has changes that are not committed"):
        tree.snapshot()


def test_a_change_inside_a_submodule_does_not_replace_it(project: Project, tree: GitTree, tmp_path: Path) -> None:
    with_submodule(project, tmp_path)
    with pytest.raises(ExperimentError, match="belongs to the submodule lib"):
        tree.apply(tree.snapshot().tree, {"lib/pkg/maths.py": b"ONE = 3\n"})


def test_linked_worktrees_keep_their_proposals_apart_and_from_gc(project: Project, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    project.git("worktree", "add", "-q", "--detach", str(linked))
    made: list[str] = []
    for root in (project.root, linked):
        (root / "README.md").write_text(f"{root}\n")
        tree = GitTree(root, root / ".mltui")
        made.append(tree.commit(tree.snapshot().tree, tree.head(), "P-0001", "proposals/P-0001"))
    project.git("gc", "-q", "--prune=now")
    assert [project.git("cat-file", "-t", commit).strip() for commit in made] == ["commit", "commit"]
    assert made[0] != made[1]


def test_a_bare_repository_says_what_to_do(project: Project, tmp_path: Path) -> None:
    project.git("clone", "-q", "--bare", ".", str(tmp_path / "bare.git"))
    with pytest.raises(NotARepositoryError, match="Clone it"):
        GitTree(tmp_path / "bare.git", tmp_path / "state")


def test_no_git_process_stays_that_ctrl_c_in_the_terminal_could_end(project: Project, tree: GitTree) -> None:
    tree.commit(tree.snapshot().tree, tree.head(), "P-0001", "proposals/P-0001")
    assert not psutil.Process().children(recursive=True)
