"""Whatever a command does to a tree, what is under experiment is as before, and nothing that it made is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.capabilities.conftest import FolderDraft, write_files
from tests.capabilities.guarding import TRAINS, guarding

PATHS = ("train.py", "conf/optim.yaml", "prompts/system.txt", "free.py", "src/a.py", "src/deep/b.py", "conf", "src", "new.py", "run.sh")
CONTENTS = (b"", b"x = 1\n", b"m.fit(1)\n", b"m.fit(2)\n", b"# c\nlr = 0.1\n", b"\0fit(")
START = {"train.py": "lr = 0.1\n", "conf/optim.yaml": "lr: 0.1\n", "free.py": "x = 1\n", "src/a.py": "m.fit(0)\n", "run.sh": "fit(\n"}
NAMED = ("train.py", "conf/optim.yaml", "prompts/system.txt")

paths = st.sampled_from(PATHS)
steps = st.one_of(
    st.tuples(st.sampled_from(["write", "append", "replace"]), paths, st.sampled_from(CONTENTS)),
    st.tuples(st.sampled_from(["rename", "link", "hardlink", "copy"]), paths, paths),
    st.tuples(st.sampled_from(["delete", "mkdir", "chmod", "swap", "fifo", "ignore", "repository"]), paths, st.just(b"")),
)


def act(root: Path, step: tuple[str, str, str | bytes]) -> bytes | None:
    """Does it as a command would. Returns the content that it wrote by itself, if any."""
    verb, name, other = step
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_fifo():
        path.unlink()  # whoever opens one waits
    if isinstance(other, bytes):
        if verb == "write":
            path.write_bytes(other)
            return other
        if verb == "append":
            with path.open("ab") as file:
                file.write(other)
            return path.read_bytes()
        if verb == "replace":
            (root / "spare").write_bytes(other)
            (root / "spare").replace(path)
            return other
    if verb == "rename":
        path.rename(root / str(other))
    elif verb == "link":
        (root / str(other)).symlink_to(path)
    elif verb == "hardlink":
        os.link(path, root / str(other))
    elif verb == "copy":
        shutil.copyfile(path, root / str(other))
    elif verb == "delete":
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    elif verb == "mkdir":
        path.unlink(missing_ok=True)
        path.mkdir()
    elif verb == "chmod":
        path.chmod(0o755)
    elif verb == "swap":
        path.rename(root / "moved")
        path.symlink_to(root / "moved")
    elif verb == "fifo":
        path.unlink(missing_ok=True)
        os.mkfifo(path)
    elif verb == "ignore":
        (root / ".gitignore").write_text(f"/{name}\n")
    elif verb == "repository":
        (path / ".git").mkdir(parents=True)
        (path / ".git/HEAD").write_text("ref: refs/heads/x\n")
    return None


def hidden(root: Path) -> str:
    """The path that git ignores by now, as `ignore` writes it; new files there are nobody's, for no proposal can hold them."""
    rules = root / ".gitignore"
    return rules.read_text().strip().strip("/") if rules.is_file() else ""


def controlled(root: Path, ignored: str = "") -> dict[str, tuple[int, bytes]]:
    """Mode and content of all that is under experiment. Links are followed by nobody."""
    found: dict[str, tuple[int, bytes]] = {}
    for place, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in (".git", ".mltui")]
        for name in names:
            path = Path(place, name)
            relative = path.relative_to(root).as_posix()
            if ignored and relative not in START and relative not in NAMED and f"{relative}/".startswith(f"{ignored}/"):
                continue
            if path.is_fifo() and relative not in START:
                continue  # a pipe where nothing was: git cannot hold it, and no run ever sees it
            data = path.read_bytes() if path.is_file() and not path.is_symlink() else None
            if relative in NAMED or (data is not None and TRAINS in data):
                found[relative] = (path.lstat().st_mode, data if data is not None else b"no file")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("repository", [True, False])
@settings(max_examples=60, deadline=None)
@example(rounds=[[("rename", "src", "new.py"), ("ignore", "train.py", b"")]])
@example(rounds=[[("ignore", "src/deep/b.py", b"")], [("write", "src/deep/b.py", b"m.fit(1)\n")]])
@given(rounds=st.lists(st.lists(steps, max_size=6), min_size=1, max_size=3))
def test_controlled_files_are_as_before_and_nothing_is_lost(repository: bool, rounds: list[list[tuple[str, str, str | bytes]]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve() / "p"
        write_files(root, START)
        if repository:
            subprocess.run("git init -q && git add -A && git -c user.name=a -c user.email=a commit -qm x", shell=True, cwd=root, check=True)
        draft = FolderDraft(root, root / ".mltui" / "drafts" / "s1")
        before, made = controlled(root), set[bytes]()
        with guarding(root, draft) as guard:
            for commands in rounds:
                ignored = hidden(root)
                guard.remember()
                for step in commands:
                    try:
                        act(root, step)
                    except OSError:
                        continue
                made |= {data for _, data in controlled(root, ignored).values()} - {data for _, data in before.values()}
                guard.put_back()
                # Only comments changed: that may stay.
                after = {path: (mode, data.replace(b"# c\n", b"")) for path, (mode, data) in controlled(root, ignored).items()}
                assert after == before
                kept = {path.read_bytes() for path in (root / ".mltui").rglob("*") if path.is_file() and not path.is_symlink()}
                kept |= {path.read_bytes() for path in root.rglob("*") if path.is_file() and ".mltui" not in path.parts}
                assert all(data in kept for data in made - {b"no file"})
