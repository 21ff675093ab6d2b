"""The points and the commits of a session in memory; what was asked for is kept in `calls`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from mltui.core.commits import PendingCommit
from mltui.core.errors import ExperimentError
from mltui.core.events import Emit, Event, SessionRewound
from mltui.core.rewind import RewindPlan, RewindPoint, Rewound

PATCH = "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x = 1\n+x = 2\n"


class FakeHistory:
    def __init__(self, points: Sequence[RewindPoint] = (), plan: RewindPlan | None = None) -> None:
        self.all = tuple(points)
        self.planned = plan or RewindPlan(commit="c", restore=("a.py",))
        self.notes: tuple[str, ...] = ()
        self.calls: list[tuple[object, ...]] = []
        self.take: Callable[[Event], None] = lambda event: None

    async def points(self) -> tuple[RewindPoint, ...]:
        return self.all

    async def plan(self, turn: int) -> RewindPlan:
        return self.planned

    async def rewind(self, turn: int, show: Emit, *, code: bool, conversation: bool, overwrite: Collection[str] = ()) -> Rewound:
        self.calls.append(("rewind", turn, code, conversation, tuple(overwrite)))
        files = (*self.planned.restore, *self.planned.remove) if code else ()
        event = SessionRewound(to_turn=turn, code=code, conversation=conversation, files=len(files))
        self.take(event)
        await show(event)
        return Rewound(before="b", files=files, notes=self.notes)

    def undoable(self) -> int:
        return self.all[-1].turn if self.all else 0

    async def redo(self, show: Emit, *, overwrite: Collection[str] = ()) -> Rewound:
        self.calls.append(("redo", tuple(overwrite)))
        return Rewound(before="b", files=("a.py",))

    async def redo_plan(self) -> RewindPlan:
        return self.planned

    async def diff(self, turn: int | None = None) -> tuple[str, tuple[str, ...]]:
        self.calls.append(("diff", turn))
        return (PATCH if self.all else ""), self.notes


class FakeCommits:
    def __init__(self, said: str = "[main 1234567] Change a.py", refusal: str = "") -> None:
        self.said = said
        self.refusal = refusal
        self.calls: list[tuple[str, ...]] = []

    async def pending(self) -> PendingCommit:
        return PendingCommit(staged=True, patch=PATCH, paths=("a.py",), untracked=("new.txt",))

    async def message(self, pending: PendingCommit, hint: str, show: Emit) -> str:
        self.calls.append(("message", hint))
        return "Change a.py\n\nIt was wrong."

    async def commit(self, pending: PendingCommit, message: str) -> str:
        self.calls.append(("commit", message))
        if self.refusal:
            raise ExperimentError(f"git or a hook refused the commit:\n{self.refusal}", hint="Nothing was committed")
        return self.said
