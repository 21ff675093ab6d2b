"""A project inside a home folder full of secrets, and the sandboxes that this machine has."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mltui.config.schema import Sandbox as Settings
from mltui.sandbox import Confinement, Sandbox, bubblewrap, landlock
from mltui.sandbox.bubblewrap import Bubblewrap
from mltui.sandbox.choice import programs
from mltui.sandbox.landlock import Landlock
from mltui.sandbox.surroundings import Surroundings

PROGRAMS = [program for program in programs() if not bubblewrap.probe(program, own_users=False)]
KINDS = [*PROGRAMS, *(["landlock"] if not landlock.probe(landlock.version()) else [])]
"""What works here. Nothing is skipped where a kind does not work: `test_choice` shows that mltui then says so."""


@dataclass(frozen=True)
class World:
    home: Path
    root: Path
    environ: dict[str, str]

    @property
    def surroundings(self) -> Surroundings:
        return Surroundings.of(self.environ, Settings())

    def sandbox(self, kind: str) -> Sandbox:
        return Landlock(landlock.version(), self.surroundings) if kind == "landlock" else Bubblewrap(kind, self.surroundings)

    def confinement(self, *, network: bool = True) -> Confinement:
        protected = ("train.py", "conf", "deep/er/model.py", ".git", ".mltui")
        return Confinement(self.root, (self.root,), tuple(self.root / name for name in protected), network=network)

    def run(self, sandbox: Sandbox, command: str, *, network: bool = True, brand: int = 0) -> tuple[int, str]:
        """Exit code and output."""
        process = sandbox.start(
            ["/bin/bash", "-c", command],
            self.confinement(network=network),
            brand=brand,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        output, _ = process.communicate(timeout=60)
        return process.exit_code(), output.decode(errors="replace")

    def protected(self) -> dict[str, bytes]:
        """Every protected file with its content; Git's own files, which change with the time, by name alone."""
        found = {name: (self.root / name).read_bytes() for name in ("train.py", "conf/optim.yaml", "deep/er/model.py")}
        for folder in (".git", ".mltui"):
            for path in sorted((self.root / folder).rglob("*")):
                found[str(path.relative_to(self.root))] = path.read_bytes() if path.is_file() else b""
        return found


def build_world(place: Path) -> World:
    home = place / "home"
    secrets = (
        ".ssh/id_ed25519",
        ".aws/credentials",
        ".netrc",
        ".cache/huggingface/token",
        ".config/mltui/auth.json",
        ".kaggle/kaggle.json",
    )
    for name in (*secrets, "letters/private.txt", ".local/share/keyrings/login", ".git-credentials", ".cargo/credentials.toml"):
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("SECRET\n")
    (home / ".gitconfig").write_text("[user]\n\tname = Visible\n\temail = v@example.com\n")
    root = home / "project"
    for name in ("train.py", "conf/optim.yaml", "deep/er/model.py", "lib/util.py", ".mltui/journal.jsonl"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name}\n")
    subprocess.run(["git", "init", "-q", str(root)], check=True, env={**os.environ, "HOME": str(home)})
    environ = {**os.environ, "HOME": str(home), "MLTUI_HOME": str(home / ".config" / "mltui")}
    return World(home, root, environ)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return build_world(tmp_path.resolve())


@pytest.fixture
def everybodys_folder() -> Iterator[Callable[[], Path]]:
    """Makes a folder that other users can enter; `tmp_path` is closed to them."""
    made: list[Path] = []

    def make() -> Path:
        made.append(Path(tempfile.mkdtemp(prefix="mltui-test-")).resolve())
        made[-1].chmod(0o777)
        return made[-1]

    yield make
    for folder in made:
        shutil.rmtree(folder, ignore_errors=True)
