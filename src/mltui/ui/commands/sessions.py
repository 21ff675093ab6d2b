"""Commands about sessions: going on with another, naming, copying and writing down this one."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from mltui.agent import export as documents
from mltui.agent import library
from mltui.config import paths
from mltui.core.errors import MltuiError
from mltui.ui.commands.base import Console
from mltui.ui.figures import dollars, duration

Choose = Callable[[str, Sequence[tuple[str, str]], Callable[[int], str]], Awaitable[int | None]]
_MOST = 500
"""Sessions that a picker offers: the latest."""


async def pick(folder: Path, choose: Choose, without: str = "") -> str | None:
    """Lets the person pick one of the sessions in a folder.

    Args:
        without: the id of a session that is not offered.

    Returns: its id; None if they picked none.

    Raises: SessionError: there is none to pick.
    """
    found = await asyncio.to_thread(library.listed, folder)
    rows = [row for row in found.rows if row.id != without][:_MOST]
    if not rows:
        raise MltuiError("There is no other session in this project" if without else "There is no session in this project yet")
    place = await choose("Go on with a session", [_option(row) for row in rows], lambda at: library.preview(rows[at].path))
    return None if place is None else rows[place].id


def _option(row: library.SessionRow) -> tuple[str, str]:
    facts = [f"{duration(max(0.0, time.time() - row.changed))} ago", f"{row.turns} turn{'s' if row.turns != 1 else ''}", row.model]
    if row.cost_usd:
        facts.append(dollars(row.cost_usd))
    return row.name or "(nothing was said)", " · ".join((*facts, row.id[:8]))


async def sessions(console: Console, argument: str) -> None:
    session = console.session
    folder = paths.sessions_dir(paths.project_root(session.workspace.cwd), os.environ)
    chosen = argument or await pick(folder, console.choose, session.id)
    if chosen:
        await console.switch(chosen)


async def rename(console: Console, argument: str) -> None:
    await console.session.rename(argument, console.show)
    console.tell("info", f"This session is called {console.session.transcript.title}")


async def fork(console: Console, argument: str) -> None:
    here = console.session.id
    copy = await console.session.fork(argument)
    await console.switch(copy)
    console.tell("info", "This is a copy; the session goes on apart from it", f"Back to it: /sessions {here}")


def _document(folder: Path, name: str) -> Path:
    return folder / Path(name).expanduser()


async def export(console: Console, argument: str) -> None:
    session = console.session
    path = _document(session.workspace.cwd, argument or f"session-{session.id[:8]}.md")
    form = documents.as_format(path.suffix or "markdown")
    events = tuple(session.transcript.events)
    await asyncio.to_thread(lambda: documents.write(path, documents.export(events, form)))
    console.tell("info", f"Written to {path}")
