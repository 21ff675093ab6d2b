"""What an edit would do to its file, before it is decided on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from mltui.config.own_section import settings_section
from mltui.core.effects import Effect
from mltui.tools.base import Args, Workspace
from mltui.tools.preview import outcome, preview, target


class SeenFiles(Protocol):
    async def exists(self, path: Path) -> bool: ...

    async def read(self, path: Path) -> bytes: ...

    def seen(self, path: Path) -> str | None:
        """The digest of what the model read of the file."""
        ...


async def preview_of(args: Args, effects: Sequence[Effect], workspace: Workspace, files: SeenFiles) -> str:
    """The diff that the person decides on. Raises: ToolError: the call would fail anyway, so nobody is asked."""
    if target(args) is None:
        return ""
    for effect in effects:
        if effect.kind == "write":
            path = Path(effect.target)
            current = await files.read(path) if await files.exists(path) else None
            return preview(args, workspace.relative(path), current, files.seen(path))
    return ""


async def changes_settings(args: Args, effects: Sequence[Effect], files: SeenFiles) -> bool:
    """Whether an edit of a `pyproject.toml` changes what it says to mltui. Raises: ToolError: the call would fail anyway."""
    if target(args) is None:
        return False
    path = next(Path(effect.target) for effect in effects if effect.kind == "write")
    if path.name.lower() != "pyproject.toml":
        return False
    before = await files.read(path) if await files.exists(path) else None
    after = outcome(args, path.name, before)
    return settings_section(before) != settings_section(after)
