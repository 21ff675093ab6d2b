"""A session that is not running, opened for its checkpoints alone: no model, no tools."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mltui.agent.checkpoints import History, last_checkpoint
from mltui.agent.store import SessionFile, load
from mltui.agent.transcript import Transcript
from mltui.capabilities.checkpoints import Checkpoints, Keeping
from mltui.capabilities.controlled_guard import ControlledGuard
from mltui.capabilities.guarded_shell import GuardedShell
from mltui.capabilities.ignored_files import declared_patterns
from mltui.capabilities.rewinding import Rewinding
from mltui.core.errors import MltuiError
from mltui.core.events import Event
from mltui.experiments.records import ChangePassed
from mltui.experiments.service import Experiments
from mltui.tools.base import ShellResult


class _NoShell:
    async def run(self, *_: Any, **__: Any) -> ShellResult:
        raise MltuiError("Nothing runs in a session that was only opened to look at it")


@contextmanager
def reopened(path: Path, experiments: Experiments, by: str, *, change: bool) -> Generator[History]:
    """The points of the session in a file.

    Args:
        by: who goes back, for the journal.
        change: whether it will go back; the session must not be open elsewhere then.

    Raises: SessionError: it cannot be read, or is open in another mltui.
    """
    file = SessionFile(path) if change else None
    try:
        events = load(path).events
        transcript = Transcript.fold(events)
        session_id = transcript.head.session_id if transcript.head is not None else path.stem

        def passed(name: str, reason: str) -> None:
            experiments.note(ChangePassed(path=name, reason=reason, by=by), by)

        draft = experiments.draft(session_id)
        guard = ControlledGuard(
            experiments.root,
            experiments.control,
            draft=draft,
            state=experiments.state,
            declared=declared_patterns(experiments.config.experiments),
            on_passed=passed,
            own=lambda name, content: bool(experiments.put_by(name, content)),
        )
        kept = experiments.config.checkpoints
        checkpoints = Checkpoints(experiments.root, session_id, guard, draft, Keeping(kept.keep_days, kept.keep))
        if last := last_checkpoint(events):
            checkpoints.resume(last)
        shell = GuardedShell(_NoShell(), guard, checkpoints=checkpoints)
        files = Rewinding(checkpoints, shell, experiments.control, experiments.put_by, experiments.state / "tmp" / "set-aside")

        def take(event: Event) -> None:
            if file is not None:
                file.append(event)
            transcript.apply(event)

        try:
            yield History(lambda: transcript, files, take, lambda: False)
        finally:
            checkpoints.close()
            guard.close()
    finally:
        if file is not None:
            file.close()
