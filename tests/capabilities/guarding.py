"""A small stand-in for `Control`: some names are under experiment, and so is whatever trains by its content."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mltui.capabilities.controlled_guard import ControlledGuard
from mltui.core.experiment import ControlledChange
from mltui.experiments.globs import Globs
from tests.capabilities.conftest import FolderDraft

CONTROLLED = ("train.py", "conf/optim.yaml", "prompts/system.txt")
TRAINS = b"fit("


class Named:
    """Under experiment: CONTROLLED, what `declared` matches, and what holds TRAINS. What train.py imports is too."""

    def __init__(self, root: Path, declared: tuple[str, ...] = ()) -> None:
        self.root = root
        self.declared = Globs.of(declared)

    def files(self) -> list[Path]:
        found = [path for path in sorted(self.root.rglob("*")) if path.is_file() and not {".git", ".mltui"} & set(path.parts)]
        # As git sees the tree: the ignored data is not among them.
        return [path for path in found if (why := self.explain(path)) is not None and why.kind != "data"]

    def explain(self, path: Path) -> ControlledChange | None:
        try:
            content = path.read_bytes() if path.is_file() else b""
        except OSError:
            content = b""
        return self._judge(path, content)

    def explain_change(self, path: Path, before: bytes | None, after: bytes | None) -> ControlledChange | None:
        return next((found for content in (before, after) if (found := self._judge(path, content or b""))), None)

    def harmless(self, path: Path, before: bytes | None, after: bytes | None) -> str | None:
        if before is None or after is None or path.suffix != ".py":
            return None
        return "only comments changed" if _code(before) == _code(after) else None

    def _judge(self, path: Path, content: bytes) -> ControlledChange | None:
        name = path.relative_to(self.root).as_posix()
        imported = name in self._imported("train.py", frozenset())
        if name in CONTROLLED:
            return ControlledChange(path=name, kind="train", reason="declared")
        if self.declared.match(name):
            return ControlledChange(path=name, kind="data" if name.startswith("data/") else "hparam", reason="pattern")
        if TRAINS in content or imported:
            return ControlledChange(path=name, kind="train", reason="imported" if imported else "trains")
        return None

    def _imported(self, name: str, seen: frozenset[str]) -> frozenset[str]:
        path = self.root / name
        lines = path.read_text(errors="replace").splitlines() if path.is_file() else []
        direct = {f"{line.removeprefix('import ')}.py" for line in lines if line.startswith("import ")} - seen
        return frozenset(direct).union(*(self._imported(inner, seen | direct) for inner in direct))


def _code(data: bytes) -> list[bytes]:
    return [line for line in data.splitlines() if not line.startswith(b"#")]


@contextmanager
def guarding(
    root: Path, draft: FolderDraft, declared: tuple[str, ...] = (), passed: list[tuple[str, str]] | None = None
) -> Iterator[ControlledGuard]:
    def on_passed(path: str, reason: str) -> None:
        if passed is not None:
            passed.append((path, reason))

    control = Named(root, declared)
    guard = ControlledGuard(root, control, draft=draft, state=root / ".mltui", declared=control.declared, on_passed=on_passed)
    try:
        yield guard
    finally:
        guard.close()
