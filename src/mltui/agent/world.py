"""The capabilities of one session, made once; the gate hands them to calls, each limited to what was granted."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from mltui.agent.policy import Policy
from mltui.capabilities.background import Background
from mltui.capabilities.checkpoints import Checkpoints, Keeping
from mltui.capabilities.committing import Committing
from mltui.capabilities.confinement import ProjectConfining
from mltui.capabilities.controlled_guard import ControlledGuard
from mltui.capabilities.file_index import FileIndex
from mltui.capabilities.files import SessionFiles
from mltui.capabilities.guarded_shell import GuardedShell
from mltui.capabilities.ignored_files import declared_patterns
from mltui.capabilities.outside import Outside
from mltui.capabilities.own_state import OwnState
from mltui.capabilities.rewinding import Rewinding
from mltui.capabilities.search import RipgrepSearch
from mltui.capabilities.shell import CommandShell
from mltui.capabilities.shell_folder import ShellFolder
from mltui.capabilities.training_watch import TrainingWatch
from mltui.core.effects import Effect
from mltui.experiments.orphans import Orphans
from mltui.experiments.records import ChangePassed
from mltui.experiments.service import Experiments
from mltui.experiments.unplanned import UnplannedWatch
from mltui.extensions.loading import Extensions
from mltui.sandbox import Sandbox, choose
from mltui.tools.base import Todo, Workspace


@dataclass(slots=True)
class TodoList:
    """The session's todo list; implements `tools.base.Notes`."""

    todos: tuple[Todo, ...] = ()

    def set_todos(self, todos: Sequence[Todo]) -> None:
        self.todos = tuple(todos)


@dataclass(frozen=True, slots=True)
class World:
    files: SessionFiles
    search: RipgrepSearch
    shell: GuardedShell
    folder: ShellFolder
    background: Background
    guard: ControlledGuard
    own: OwnState
    sandbox: Sandbox
    training: TrainingWatch
    checkpoints: Checkpoints
    rewinding: Rewinding
    committing: Committing
    outside: Outside
    notes: TodoList = field(default_factory=TodoList)

    @classmethod
    def open(
        cls,
        workspace: Workspace,
        experiments: Experiments,
        session_id: str,
        author: Callable[[], str],
        policy: Policy,
        environ: Mapping[str, str],
        extensions: Extensions,
    ) -> World:
        draft = experiments.draft(session_id)
        control = experiments.control
        state = experiments.state / "tmp"

        def passed(path: str, reason: str) -> None:
            by = author()
            experiments.note(ChangePassed(path=path, reason=reason, by=by), by)

        def kept(path: str, content: bytes | None) -> bool:
            """What a person kept is no command's doing, unless what acts could have written that into the journal itself."""
            by = experiments.put_by(path, content)
            return bool(by) and (guarded.confined or by not in own.doubted)

        declared = declared_patterns(experiments.config.experiments)
        guard = ControlledGuard(
            experiments.root, control, draft=draft, state=experiments.state, declared=declared, on_passed=passed, own=kept
        )
        settings = experiments.config.sandbox
        sandbox = choose(settings, environ)
        confining = ProjectConfining(workspace, experiments.root, control.files, network=settings.network == "allow")
        own_watch = partial(_watch, experiments, session_id)
        training = own_watch()
        shell = CommandShell(workspace.cwd, state / "output", environ=environ, sandbox=sandbox, confining=confining, training=training)
        own = _own_state(experiments, policy, draft.folder)
        kept_for = experiments.config.checkpoints
        checkpoints = Checkpoints(experiments.root, session_id, guard, draft, Keeping(kept_for.keep_days, kept_for.keep))
        guarded = GuardedShell(shell, guard, own, sandboxed=sandbox.name != "none", checkpoints=checkpoints)

        folder = ShellFolder(workspace, (*policy.guarded, *policy.secret))
        background = Background(shell, guarded, state / "output", own_watch)
        rewinding = Rewinding(checkpoints, guarded, control, experiments.put_by, state / "set-aside")
        committing = Committing(experiments.root, environ, guarded.acting)

        search = _search(workspace, experiments, policy, session_id)
        outside = Outside.open(
            extensions,
            experiments.config,
            workspace.cwd,
            experiments.root,
            state / "output",
            guard=guarded,
            training=training,
            sandbox=sandbox,
            confining=confining,
            environ=environ,
        )
        hands = (SessionFiles(draft, _may_read(policy)), search, guarded, folder, background)
        return cls(*hands, guard, own, sandbox, training, checkpoints, rewinding, committing, outside)

    async def close(self) -> None:
        """Ends what the capabilities hold. Safe to call twice."""
        with contextlib.suppress(OSError):
            await self.background.close()
        await self.outside.close()
        with contextlib.suppress(OSError):
            await asyncio.to_thread(self.checkpoints.close)
            await asyncio.to_thread(self.guard.close)
            await asyncio.to_thread(self.own.close)
            await asyncio.to_thread(self.training.close)


def _search(workspace: Workspace, experiments: Experiments, policy: Policy, session_id: str) -> RipgrepSearch:
    return RipgrepSearch(workspace, root=experiments.root, draft=experiments.draft(session_id), may_read=_may_read(policy))


def _may_read(policy: Policy) -> Callable[[Path], bool]:
    return lambda path: policy.judge("Read", (Effect(kind="read", target=str(path)),), frozenset()).answer != "deny"


def file_index(policy: Policy) -> FileIndex:
    """The names of the files that a person may choose from."""
    return FileIndex(policy.workspace.cwd, _may_read(policy))


def _own_state(experiments: Experiments, policy: Policy, draft: Path) -> OwnState:
    def mine(record: str) -> bool:
        return record in experiments.ledger.journal.written

    def staged(proposal_id: str) -> Mapping[str, str]:
        return experiments.ledger.created(proposal_id).staged

    return OwnState(experiments.root, experiments.state, policy.guarded, policy.obeyed, draft, mine=mine, staged=staged)


def _watch(experiments: Experiments, session_id: str) -> TrainingWatch:
    watch = UnplannedWatch(Orphans(experiments.state), session_id, experiments.config.experiments, experiments.root)
    return TrainingWatch(watch, experiments.control.launch)
