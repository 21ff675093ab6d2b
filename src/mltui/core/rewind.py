"""What going back in a session means, as data."""

from __future__ import annotations

from mltui.core.data import Data


class RewindPoint(Data):
    """A turn that a person can go back to before.

    Attributes:
        text: its prompt; at: when it began, in seconds since the epoch.
        commit: the checkpoint of the files before it; empty where nothing was changed since.
        files: what the turn changed, relative to the project.
    """

    turn: int
    text: str
    at: float
    commit: str = ""
    files: tuple[str, ...] = ()


class RewindPlan(Data):
    """What restoring a checkpoint would do; nothing was done yet. Paths are relative to the project.

    Attributes:
        restore: files that get the content that they had.
        remove: files that did not exist then.
        outside: those of both that something else changed meanwhile: the person, another session, a program that still ran.
        draft: whether staged edits change too.
        notes: a line for each thing that stays as it is, with the reason.
    """

    commit: str
    restore: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    draft: bool = False
    notes: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        return not (self.restore or self.remove or self.draft)


class Rewound(Data):
    """What restoring a checkpoint did.

    Attributes:
        before: the checkpoint of the files just before; it takes all of this back.
        files: paths that were written or removed.
    """

    before: str
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
