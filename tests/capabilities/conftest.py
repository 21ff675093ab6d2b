from __future__ import annotations

from pathlib import Path

import pytest

from mltui.tools.base import Workspace


class FolderDraft:
    """A draft in a folder, as small as it can be."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._root = root
        self.folder = folder
        self._deleted: set[str] = set()

    def _name(self, path: Path) -> str | None:
        full = path if path.is_absolute() else self._root / path
        return full.relative_to(self._root).as_posix() if full.is_relative_to(self._root) else None

    def read(self, path: Path) -> bytes | None:
        name = self._name(path)
        place = self.folder / "files" / name if name is not None else None
        return place.read_bytes() if place is not None and place.is_file() else None

    def deleted(self, path: Path) -> bool:
        return self._name(path) in self._deleted

    def write(self, path: Path, data: bytes) -> None:
        name = self._name(path)
        assert name is not None
        place = self.folder / "files" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        self._deleted.discard(name)

    def delete(self, path: Path) -> None:
        name = self._name(path)
        assert name is not None
        (self.folder / "files" / name).unlink(missing_ok=True)
        self._deleted.add(name)

    def paths(self) -> tuple[str, ...]:
        files = self.folder / "files"
        return tuple(sorted({*(path.relative_to(files).as_posix() for path in files.rglob("*") if path.is_file()), *self._deleted}))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = (tmp_path / "project").resolve()
    folder.mkdir()
    return folder


@pytest.fixture
def draft(root: Path) -> FolderDraft:
    return FolderDraft(root, root / ".mltui" / "drafts" / "s1")


@pytest.fixture
def workspace(root: Path) -> Workspace:
    return Workspace(root, (root,))


def write_files(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


async def silent(_: str) -> None:
    pass
