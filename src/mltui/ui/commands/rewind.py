"""Going back: /rewind, /undo, /redo and /diff."""

from __future__ import annotations

import time
from collections.abc import Sequence

from mltui.core.errors import UsageError
from mltui.core.rewind import RewindPlan, RewindPoint, Rewound
from mltui.ui.commands.base import Console

_MOST_NAMED = 8
_IGNORED = "Files that git ignores, and those outside the project, are never touched."


async def rewind(console: Console, argument: str) -> None:
    history = console.session.history
    points = await history.points()
    if argument:
        turn = turn_of(argument)
        point = next((known for known in points if known.turn == turn), None)
        if point is None:
            raise UsageError(f"There is no turn {turn} in this conversation", hint="/rewind lists them")
    else:
        if not points:
            console.tell("info", "There is nothing to go back to yet.")
            return
        newest = tuple(reversed(points))
        picked = await console.choose("Go back to before which prompt?", [point_row(point) for point in newest])
        if picked is None:
            return
        point = newest[picked]
    plan = await history.plan(point.turn)
    ways = _ways(plan)
    picked = await console.choose(f"Go back to before turn {point.turn}: what?", [(label, about) for label, about, _, _ in ways])
    if picked is None:
        return
    _, _, code, conversation = ways[picked]
    overwrite = await _ask_outside(console, plan) if code else ()
    if overwrite is None:
        return
    done = await history.rewind(point.turn, console.show, code=code, conversation=conversation, overwrite=overwrite)
    _tell(console, done)
    if conversation:
        console.suggest(point.text)


def _ways(plan: RewindPlan) -> list[tuple[str, str, bool, bool]]:
    """What can be put back: label, what it means, code, conversation."""
    conversation = ("conversation", "the files stay; the prompt and all after it are sent to the model no more", False, True)
    if plan.empty and not plan.notes:
        return [("conversation", "no file changed since; the prompt and all after it are sent to the model no more", False, True)]
    return [
        ("code and conversation", f"{changes(plan)}; the prompt and all after it are sent to the model no more", True, True),
        conversation,
        ("code", f"{changes(plan)}; the conversation stays", True, False),
    ]


async def undo(console: Console, _argument: str) -> None:
    history = console.session.history
    turn = history.undoable()
    if not turn:
        console.tell("info", "No turn changed files that could be put back.")
        return
    plan = await history.plan(turn)
    overwrite = await _ask_outside(console, plan)
    if overwrite is None:
        return
    _tell(console, await history.rewind(turn, console.show, code=True, conversation=False, overwrite=overwrite))


async def redo(console: Console, _argument: str) -> None:
    history = console.session.history
    overwrite = await _ask_outside(console, await history.redo_plan())
    if overwrite is not None:
        _tell(console, await history.redo(console.show, overwrite=overwrite), again=True)


async def diff(console: Console, argument: str) -> None:
    turn = turn_of(argument) if argument else None
    patch, notes = await console.session.history.diff(turn)
    since = f"since turn {turn} began" if turn else "since the session began"
    if patch:
        await console.patch(f"Changes {since}", patch)
    else:
        console.tell("info", f"No file changed {since}.")
    for note in notes:
        console.tell("info", note)


async def _ask_outside(console: Console, plan: RewindPlan) -> tuple[str, ...] | None:
    """The files changed outside that the person wants put back too; None: they left it."""
    if not plan.outside:
        return ()
    names = named(plan.outside)
    options = [
        ("keep my changes", "put back all other files"),
        ("put them back too", "what they hold now is in a checkpoint: /redo brings it again"),
        ("leave it", "change nothing"),
    ]
    picked = await console.choose(f"Changed outside this session since then: {names}", options)
    return None if picked is None or picked == 2 else plan.outside if picked == 1 else ()


def _tell(console: Console, done: Rewound, *, again: bool = False) -> None:
    for note in done.notes:
        console.tell("warning", note)
    if done.files:
        console.tell("info", f"Put back: {named(done.files)}", _IGNORED if again else f"/redo takes it back. {_IGNORED}")


def turn_of(text: str) -> int:
    """The number of a turn. Raises: UsageError: it is none."""
    if not (text.isascii() and text.isdecimal()):
        raise UsageError(f"{text!r} is no number of a turn", hint="/rewind lists the turns")
    return int(text)


def point_row(point: RewindPoint) -> tuple[str, str]:
    """How a turn stands in a list: its prompt, and what it changed and when."""
    files = counted(len(point.files), "file") if point.files else "no files"
    when = time.strftime("%H:%M" if time.time() - point.at < 43_200 else "%Y-%m-%d %H:%M", time.localtime(point.at))
    return f"{point.turn}  {' '.join(point.text.split())[:60]}", f"{when}, {files} changed"


def changes(plan: RewindPlan) -> str:
    """What a plan does to the files, in words."""
    parts = [f"{counted(len(plan.restore), 'file')} put back"] if plan.restore else []
    parts += [f"{counted(len(plan.remove), 'new file')} removed"] if plan.remove else []
    parts += ["staged edits put back"] if plan.draft else []
    return ", ".join(parts) or "no file changes"


def counted(count: int, what: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def shown(path: str) -> str:
    """A file's name on one line."""
    return path if path.isprintable() else ascii(path)


def named(paths: Sequence[str]) -> str:
    """Some of the paths and how many more there are."""
    more = len(paths) - _MOST_NAMED
    return ", ".join(shown(path) for path in paths[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
