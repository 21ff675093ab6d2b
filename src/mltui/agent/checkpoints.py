"""Going back in a session: to which points, what that would do, and doing it. Nothing of the session's file is erased."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mltui.agent.transcript import Transcript
from mltui.core.errors import MltuiError, UsageError
from mltui.core.events import CheckpointCreated, Emit, Event, SessionRewound, Subagent, TurnStarted
from mltui.core.rewind import RewindPlan, RewindPoint, Rewound


class Files(Protocol):
    """What puts files back; see `capabilities.rewinding.Rewinding`."""

    async def plan(self, commit: str, since: Sequence[str]) -> RewindPlan: ...

    async def restore(self, commit: str, since: Sequence[str], overwrite: Collection[str] = ()) -> Rewound: ...

    async def patch(self, old: str, new: str | None) -> tuple[str, tuple[str, ...]]: ...

    async def changed(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, ...]]: ...


@dataclass(slots=True)
class _Turn:
    number: int
    text: str
    at: float
    commits: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True)
class Timeline:
    """The turns of a session with their checkpoints, and the rewinds since the last turn.

    Attributes:
        redoable: rewinds that can be taken back, the last one last.
        undone: the turn whose files were put back last, since the last turn began; 0: none.
    """

    turns: tuple[_Turn, ...]
    redoable: tuple[SessionRewound, ...]
    undone: int
    dropped: frozenset[int]

    @classmethod
    def of(cls, events: Sequence[Event]) -> Timeline:
        turns: list[_Turn] = []
        rewinds: list[SessionRewound] = []
        dropped: list[tuple[int, int]] = []
        for event in events:
            match event:
                case TurnStarted():
                    number = max(turns[-1].number + 1 if turns else 1, event.turn)
                    turns.append(_Turn(number, event.text, event.at))
                    rewinds = []
                case SessionRewound(redo=True):
                    if rewinds and rewinds.pop().conversation and dropped:
                        dropped.pop()
                case SessionRewound():
                    rewinds.append(event)
                    if event.conversation:
                        dropped.append((event.to_turn, turns[-1].number if turns else 0))
                case CheckpointCreated() | Subagent():
                    commit = _commit(event)
                    if commit and turns:
                        turns[-1].commits.append(commit)
                case _:
                    pass
        undone = next((event.to_turn for event in reversed(rewinds) if event.code), 0)
        gone = frozenset(turn.number for turn in turns if any(first <= turn.number <= last for first, last in dropped))
        return cls(tuple(turns), tuple(rewinds), undone, gone)

    def before(self, turn: int) -> tuple[str, tuple[str, ...]]:
        """The checkpoint of the files before a turn, and those made after it; empty where nothing was changed since."""
        commits = [commit for known in self.turns if known.number >= turn for commit in known.commits]
        return (commits[0], tuple(commits[1:])) if commits else ("", ())

    def turn(self, number: int) -> _Turn:
        """Raises: UsageError: there is none of that number."""
        found = next((turn for turn in self.turns if turn.number == number), None)
        if found is None:
            last = self.turns[-1].number if self.turns else 0
            raise UsageError(f"There is no turn {number}", hint=f"Turns go from 1 to {last}" if last else "Nothing was said yet")
        return found


def last_checkpoint(events: Sequence[Event]) -> str:
    """The last checkpoint of a session, or empty."""
    return next((commit for event in reversed(events) if (commit := _commit(event))), "")


def _commit(event: Event) -> str:
    match event:
        case CheckpointCreated(commit=commit) | SessionRewound(before=commit):
            return commit
        case Subagent(event=inner):
            return _commit(inner)
        case _:
            return ""


class History:
    """The points of one session, and the ways back to them.

    Args:
        take: appends an event to the session and folds it.
        busy: whether a turn is running.
    """

    def __init__(self, transcript: Callable[[], Transcript], files: Files, take: Callable[[Event], None], busy: Callable[[], bool]) -> None:
        self._transcript = transcript
        self._files = files
        self._take = take
        self._busy = busy

    async def points(self) -> tuple[RewindPoint, ...]:
        """The turns of the conversation as it is now, the first one first, with what each changed."""
        timeline = self._timeline()
        turns = [turn for turn in timeline.turns if turn.number not in timeline.dropped]
        pairs = [(turn.commits[0], turn.commits[-1]) if turn.commits else ("", "") for turn in turns]
        asked = [pair for pair in pairs if pair[0] != pair[1]]
        changed = dict(zip(asked, await self._files.changed(asked), strict=True)) if asked else {}
        return tuple(
            RewindPoint(turn=turn.number, text=turn.text, at=turn.at, commit=timeline.before(turn.number)[0], files=changed.get(pair, ()))
            for turn, pair in zip(turns, pairs, strict=True)
        )

    async def plan(self, turn: int) -> RewindPlan:
        """What restoring the files before a turn would do. Raises: MltuiError: there is no such turn, or its checkpoint is gone."""
        timeline = self._timeline()
        timeline.turn(turn)
        commit, since = timeline.before(turn)
        return await self._files.plan(commit, since) if commit else RewindPlan(commit="")

    async def rewind(self, turn: int, show: Emit, *, code: bool, conversation: bool, overwrite: Collection[str] = ()) -> Rewound:
        """Goes back to before a turn.

        Args:
            overwrite: files that something outside changed, and that are to be put back nevertheless.

        Raises: MltuiError: a turn is running, there is no such turn, or its checkpoint is gone.
        """
        self._check_idle()
        timeline = self._timeline()
        timeline.turn(turn)
        if conversation and turn in timeline.dropped:
            raise UsageError(f"Turn {turn} is no part of the conversation any more", hint="/redo takes the last rewind back")
        commit, since = timeline.before(turn) if code else ("", ())
        done = await self._files.restore(commit, since, overwrite) if commit else Rewound(before="")
        event = SessionRewound(
            to_turn=turn, code=bool(commit), conversation=conversation, checkpoint=commit, before=done.before, files=len(done.files)
        )
        await self._tell(event, show)
        return done

    def undoable(self) -> int:
        """The last turn that changed files and whose files were not put back yet; 0: there is none."""
        timeline = self._timeline()
        numbers = [turn.number for turn in timeline.turns if turn.commits and (not timeline.undone or turn.number < timeline.undone)]
        return numbers[-1] if numbers else 0

    async def redo(self, show: Emit, *, overwrite: Collection[str] = ()) -> Rewound:
        """Takes the last rewind since the last turn back. Raises: MltuiError: there is none, or a turn is running."""
        self._check_idle()
        last = self._redoable()
        done = await self._files.restore(last.before, (), overwrite) if last.code and last.before else Rewound(before="")
        event = SessionRewound(
            to_turn=last.to_turn,
            code=last.code,
            conversation=last.conversation,
            checkpoint=last.before,
            before=done.before,
            files=len(done.files),
            redo=True,
        )
        await self._tell(event, show)
        return done

    async def redo_plan(self) -> RewindPlan:
        """What `redo` would do to the files. Raises: MltuiError: as `redo`."""
        last = self._redoable()
        return await self._files.plan(last.before, ()) if last.code and last.before else RewindPlan(commit="")

    async def diff(self, turn: int | None = None) -> tuple[str, tuple[str, ...]]:
        """The changes since a turn began, or since the session did: a unified diff, and what it cannot show.

        Raises: MltuiError: there is no such turn, or its checkpoint is gone.
        """
        timeline = self._timeline()
        if turn is not None:
            timeline.turn(turn)
        commit, _ = timeline.before(turn or 0)
        return await self._files.patch(commit, None) if commit else ("", ())

    def _redoable(self) -> SessionRewound:
        redoable = self._timeline().redoable
        if not redoable:
            raise UsageError("There is nothing to redo", hint="/redo takes a rewind back, as long as no new turn began")
        return redoable[-1]

    def _timeline(self) -> Timeline:
        return Timeline.of(self._transcript().events)

    def _check_idle(self) -> None:
        if self._busy():
            raise MltuiError("A turn is running", hint="Interrupt it first")

    async def _tell(self, event: SessionRewound, show: Emit) -> None:
        self._take(event)
        await show(event)
