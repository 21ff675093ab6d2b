"""What the composer wishes of the app, and what becomes of a prompt when its turn comes."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from typing import TYPE_CHECKING

from mltui.ui.pasting import clean
from mltui.ui.shell_line import ShellLine

if TYPE_CHECKING:
    from mltui.ui.history import PromptHistory
    from mltui.ui.session import AgentSession
    from mltui.ui.tui.app import MltuiApp
    from mltui.ui.tui.prompt_area import Wish


async def perform(app: MltuiApp, session: AgentSession, text: str) -> None:
    """Runs a turn, or a command that was typed for the shell. Raises: MltuiError: what the session raises."""
    if isinstance(text, ShellLine):
        await session.shell.run(text.command, app.show)
    elif pictures := app.composer.pictures(text):
        await session.prompt(text, app.show, images=pictures)
    else:
        await session.prompt(text, app.show)


def attach(app: MltuiApp, session: AgentSession) -> None:
    """Gives the composer what it has of the session: names of files, earlier prompts, the person's settings."""
    from mltui.ui.history import PromptHistory, history_file

    composer = app.composer
    composer.files = session.files.matches
    composer.area.folder = session.workspace.cwd
    composer.area.vim.on = session.ui.vim
    composer.history = PromptHistory(history_file(session.workspace.cwd, os.environ))
    own = [
        text
        for event in session.transcript.events
        if event.type == "turn.started" and isinstance(text := getattr(event, "text", None), str)
    ]
    composer.area.sent += map(clean, own)
    app.run_worker(partial(_earlier, app, composer.history, own), name="history", exit_on_error=False)


async def _earlier(app: MltuiApp, history: PromptHistory, own: list[str]) -> None:
    """Puts the prompts of other sessions before this one's."""
    known = set(own)
    app.composer.area.sent[:0] = [clean(text) for text in await asyncio.to_thread(history.load) if text not in known]


async def fulfil(app: MltuiApp, wish: Wish) -> None:
    """Opens the editor, or takes the clipboard's picture. What goes wrong is told."""
    from mltui.core.errors import MltuiError

    try:
        if wish == "editor":
            await edit_prompt(app)
        elif wish == "picture":
            await paste_picture(app)
    except MltuiError as error:
        app.tell("warning", str(error.args[0]), error.hint)


async def edit_prompt(app: MltuiApp) -> None:
    """Lets the person's editor have the terminal. Nothing is drawn meanwhile; a turn goes on.

    Raises: MltuiError: there is no editor, it failed, or the terminal cannot be lent.
    """
    from textual.app import SuspendNotSupported

    from mltui.core.errors import MltuiError
    from mltui.ui.editor import edit, editor

    area = app.composer.area
    command = editor(os.environ)
    before = area.pastes.whole(area.text)
    try:
        with app.batch_update(), app.suspend():
            after = await asyncio.to_thread(edit, command, before)
    except SuspendNotSupported:
        raise MltuiError("The terminal cannot be lent to an editor here") from None
    if after != before:
        area.put(clean(after))
    app.refresh(layout=True)


async def paste_picture(app: MltuiApp) -> None:
    """Raises: MltuiError: there is no picture, or nothing that could read it."""
    from mltui.ui.clipboard_picture import clipboard_picture

    area = app.composer.area
    image = await asyncio.to_thread(clipboard_picture, os.environ)
    start, end = area.selection
    area.replace(f"{area.pastes.add_picture(image)} ", start, end, maintain_selection_offset=False)
