"""Files put back as they were, and what a command made of them moved to the draft or aside. Nothing is lost."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from pathlib import Path

from mltui.capabilities.atomic import write_atomically
from mltui.capabilities.files import DraftFiles
from mltui.core.errors import ExperimentError
from mltui.experiments.signature import Signature

LARGEST = 50_000_000
"""Bytes of the largest file that goes to the draft."""

_PROPOSE = "propose it with ProposeExperiment"


class PuttingBack:
    """Acts on one project. Each method returns what to say, and raises OSError where the disk refuses; nothing is then half-written.

    Args:
        aside: where what fits neither the tree nor the draft goes; made on demand.
    """

    def __init__(self, root: Path, draft: DraftFiles, aside: Path) -> None:
        self._root = root
        self._draft = draft
        self._aside = aside

    def restore(self, path: Path, old: bytes, permissions: int | None) -> str | None:
        """Writes a file as it was. None when nothing but its times had changed.

        Args:
            permissions: as they were; None where only git's view of them is known and it is unchanged.
        """
        moved = self.clear_parents(path)
        now = Signature.of(path)
        note: str | None
        if now is not None and now.is_file and now.size <= LARGEST:
            new = path.read_bytes()
            if new == old:
                return self._restore_mode(path, permissions, now)
            note = self.stage(path, new)
        elif now is not None:
            note = f"what the command put in its place is in {self.move_aside(path)}"
        else:
            note = moved or self.stage_deletion(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, old, mode=permissions)
        return note

    def restore_link(self, path: Path, target: bytes) -> str | None:
        """Makes a link lead where it led."""
        moved = self.clear_parents(path)
        now = Signature.of(path)
        if now is not None and now.is_link and os.fsencode(path.readlink()) == target:
            return None
        note = moved or (f"what the command put in its place is in {self.move_aside(path)}" if now is not None else "it was put back")
        path.parent.mkdir(parents=True, exist_ok=True)
        spare = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}.tmp")
        spare.symlink_to(os.fsdecode(target))
        spare.replace(path)
        return note

    def take_away(self, path: Path) -> str | None:
        """A new file under experiment belongs in the draft."""
        now = Signature.of(path)
        if now is None or os.path.realpath(path.parent) != str(path.parent):
            return None
        if not now.is_file or now.size > LARGEST:
            return f"what the command made cannot be part of a proposal, and is in {self.move_aside(path)}"
        note = self.stage(path, path.read_bytes())
        path.unlink()
        return note

    def stage(self, path: Path, new: bytes) -> str:
        """The command's version goes to the draft, unless another edit is there."""
        staged = self._draft.read(path)
        if staged == new:
            return f"the draft holds that change already: {_PROPOSE}"
        if staged is not None or self._draft.deleted(path):
            return f"another edit of it is in the draft, which was kept; the command's version is in {self._set_aside(path, new)}"
        try:
            self._draft.write(path, new)
        except (ExperimentError, OSError) as error:
            return f"the change could not be moved to the draft ({error}), and is in {self._set_aside(path, new)}"
        return f"the change was moved to the draft: {_PROPOSE}"

    def stage_deletion(self, path: Path) -> str:
        if self._draft.read(path) is not None:
            return "it has an edit in the draft, so its deletion was undone"
        try:
            self._draft.delete(path)
        except (ExperimentError, OSError) as error:
            return f"its deletion was undone ({error})"
        return f"its deletion was moved to the draft: {_PROPOSE}"

    def clear_parents(self, path: Path) -> str | None:
        """Nothing is written through a link, or over a file, that a command put in the place of a folder."""
        for parent in reversed(path.parents):
            if self._root in parent.parents and (parent.is_symlink() or (parent.exists() and not parent.is_dir())):
                return f"what the command put in the place of its folder is in {self.move_aside(parent)}"
        return None

    def move_aside(self, path: Path) -> Path:
        self._aside.mkdir(parents=True, exist_ok=True)
        aside = self._aside / f"{secrets.token_hex(4)}-{path.name[:200]}"
        shutil.move(path, aside)
        return aside

    def _restore_mode(self, path: Path, permissions: int | None, now: Signature) -> str | None:
        if permissions is None or now.permissions == permissions:
            return None
        path.chmod(permissions)
        return "its mode was put back"

    def _set_aside(self, path: Path, data: bytes) -> Path:
        self._aside.mkdir(parents=True, exist_ok=True)
        aside = self._aside / f"{secrets.token_hex(4)}-{path.name[:200]}"
        write_atomically(aside, data)
        return aside


def content_now(path: Path) -> bytes | None:
    """What lies there: nothing is None; a link, a folder or what is too large is known by its name alone, as if it were empty."""
    now = Signature.of(path)
    if now is None:
        return None
    with contextlib.suppress(OSError):
        if now.is_file and now.size <= LARGEST:
            return path.read_bytes()
    return b""


def shown(name: str) -> str:
    """A file's name on one line."""
    return name if name.isprintable() else ascii(name)
