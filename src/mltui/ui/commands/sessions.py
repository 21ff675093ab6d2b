"""Commands about sessions: going on with another, naming, copying and writing down this one."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from mltui.agent import export as documents
from mltui.agent import library, naming, store
from mltui.config import paths
from mltui.core.errors import MltuiError, UsageError
from mltui.ui.commands.base import Console
from mltui.ui.figures import dollars, duration

Choose = Callable[[str, Sequence[tuple[str, str]], Callable[[int], str]], Awaitable[int | None]]
MOST = 500
"""Sessions that a picker offers: the latest."""
_USAGE = "/sessions, /sessions ID, /sessions find WORDS, /sessions rename ID TITLE, /sessions copy ID, /sessions delete ID"


async def pick(folder: Path, choose: Choose, without: str = "") -> str | None:
    """Lets the person pick one of the sessions in a folder.

    Args:
        without: the id of a session that is not offered.

    Returns: its id; None if they picked none.

    Raises: SessionError: there is none to pick.
    """
    rows = await asyncio.to_thread(rows_of, folder, without)
    place = await choose("Go on with a session", [option(row) for row in rows], lambda at: library.preview(rows[at].path))
    return None if place is None else rows[place].id


def rows_of(folder: Path, without: str = "") -> list[library.SessionRow]:
    """The latest sessions of a folder. Blocks. Raises: MltuiError: there is none."""
    rows = [row for row in library.listed(folder).rows if row.id != without][:MOST]
    if not rows:
        raise MltuiError("There is no other session in this project" if without else "There is no session in this project yet")
    return rows


def option(row: library.SessionRow) -> tuple[str, str]:
    """What it is called, and facts of it."""
    facts = [f"{duration(max(0.0, time.time() - row.changed))} ago", f"{row.turns} turn{'s' if row.turns != 1 else ''}", row.model]
    if row.cost_usd:
        facts.append(dollars(row.cost_usd))
    return row.name or "(nothing was said)", " · ".join((*facts, row.id[:8]))


async def sessions(console: Console, argument: str) -> None:
    session = console.session
    folder = folder_of(console)
    word, _, rest = argument.partition(" ")
    match word, rest.split():
        case "find", words if words:
            await _find(console, folder, rest)
        case "rename", [id_, *title] if title:
            path = store.find(folder, id_)
            console.tell("info", f"{path.stem} is called {await asyncio.to_thread(naming.rename_file, path, ' '.join(title))}")
        case "copy", [id_]:
            await copy(console, store.find(folder, id_).stem)
        case "delete", [id_]:
            await _delete(console, store.find(folder, id_))
        case (("find" | "rename" | "copy" | "delete"), _):
            raise UsageError(f"/sessions {word} needs to know more", hint=_USAGE)
        case _:
            chosen = argument or await pick(folder, console.choose, session.id)
            if chosen:
                await console.switch(chosen)


def folder_of(console: Console) -> Path:
    return paths.sessions_dir(paths.project_root(console.session.workspace.cwd), os.environ)


async def copy(console: Console, id_: str) -> None:
    """Goes on in a copy of that session, which may be the open one."""
    if id_ != console.session.id:
        await console.switch(id_)
    await fork(console, "")


async def _find(console: Console, folder: Path, words: str) -> None:
    hits = await asyncio.to_thread(lambda: list(library.search(folder, words, limit=30, each=1)))
    lines = [f"{hit.path.stem[:8]}  {hit.who}: {hit.text}" for hit in hits]
    console.tell("info", "\n".join(lines) or f"No session has {words!r} in it", "/sessions ID goes on with it" if lines else "")


async def _delete(console: Console, path: Path) -> None:
    if path.stem == console.session.id:
        raise UsageError("This session is open", hint="Go on with another one first")
    place = await console.choose(f"Delete {path.stem} for good?", [("no", "keep it"), ("yes", "delete it")])
    if place == 1:
        await asyncio.to_thread(library.delete, path)
        console.tell("info", f"Deleted {path.stem}")
    else:
        console.tell("info", "Nothing was deleted")


async def rename(console: Console, argument: str) -> None:
    await console.session.rename(argument, console.show)
    console.tell("info", f"This session is called {console.session.transcript.title}")


async def fork(console: Console, argument: str) -> None:
    here = console.session.id
    copied = await console.session.fork(argument)
    await console.switch(copied)
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
