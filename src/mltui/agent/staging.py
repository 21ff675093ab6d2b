"""Which writes of a call go to the draft: those that change what is under experiment, before or after."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mltui.core.effects import Effect
from mltui.core.errors import MltuiError
from mltui.experiments.control import Control
from mltui.tools.base import Args, Workspace
from mltui.tools.preview import outcome, target


class SeenFiles(Protocol):
    """The files as the session sees them, the draft first, and as they are on disk."""

    async def read(self, path: Path) -> bytes: ...

    async def exists(self, path: Path) -> bool: ...

    async def on_disk(self, path: Path) -> bytes | None: ...

    def drafted(self, path: Path) -> bool: ...


@dataclass(frozen=True, slots=True)
class Staged:
    """Attributes:
    targets: writes that go to the draft.
    passed: writes to files under experiment that change nothing of it, and so go to disk: target to reason.
    """

    targets: frozenset[str] = frozenset()
    passed: dict[str, str] = field(default_factory=dict[str, str])

    def tightened(self, now: Staged) -> Staged:
        """With what is judged otherwise by now: nothing that was to be staged goes to disk, for nobody was asked about that."""
        targets = self.targets | now.targets
        return Staged(targets, {target: reason for target, reason in now.passed.items() if target not in targets})


async def staged_writes(args: Args, effects: Sequence[Effect], workspace: Workspace, files: SeenFiles, control: Control) -> Staged:
    """Judges each write by the content that it would leave, so that a file which begins to train is caught as it does."""
    targets: set[str] = set()
    passed: dict[str, str] = {}
    for effect in effects:
        if effect.kind != "write":
            continue
        path = Path(effect.target)
        change = await _change(args, path, workspace, files)
        if change is None:
            # The call will fail, or is no edit of a file: what is there decides.
            if await asyncio.to_thread(control.explain, path) is not None:
                targets.add(effect.target)
            continue
        before, after = change
        if await asyncio.to_thread(control.explain_change, path, before, after) is None:
            continue
        reason = None if files.drafted(path) else await asyncio.to_thread(control.harmless, path, before, after)
        if reason is None:
            targets.add(effect.target)
        else:
            passed[effect.target] = reason
    return Staged(frozenset(targets), passed)


async def _change(args: Args, path: Path, workspace: Workspace, files: SeenFiles) -> tuple[bytes | None, bytes] | None:
    """The file on disk, and what the call would make of the session's view of it."""
    if target(args) is None:
        return None
    try:
        current = await files.read(path) if await files.exists(path) else None
        after = outcome(args, workspace.relative(path), current)
        return await files.on_disk(path), after
    except (MltuiError, OSError):
        return None
