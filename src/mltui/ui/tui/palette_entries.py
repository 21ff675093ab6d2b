"""What the palette finds."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from mltui.config import paths
from mltui.ui.commands import conversation, models, sessions
from mltui.ui.commands.base import Command
from mltui.ui.commands.extensions import more
from mltui.ui.commands.table import offered
from mltui.ui.tui import screens
from mltui.ui.tui.keys import names
from mltui.ui.tui.keys.line import live
from mltui.ui.tui.palette import Entry, Source

if TYPE_CHECKING:
    from mltui.ui.tui.app import MltuiApp

_SAME = {"help": "app.help", "experiments": "app.log", "model": "app.model", "jobs": "app.jobs", "mode": "app.mode"}
"""Commands to the keys that do the same, or begin the same."""
_NOT_LISTED = frozenset({"app.palette", "app.help-sign", "app.page-up", "app.page-down", "app.escape", "app.interrupt"})
_MOST = 300


def sources(app: MltuiApp) -> list[Source]:
    """The parts of the palette, to be read beside each other; each is empty while there is no session."""
    keys = live(app.screen)
    bindings = {active.binding.id or "": active.binding for active in app.screen.active_bindings.values()}

    async def commands() -> Sequence[Entry]:
        return [_command(app, command, keys) for command in (*offered("tui"), *more(app.session))]

    async def actions() -> Sequence[Entry]:
        listed = [id_ for id_ in keys if id_.startswith("app.") and id_ not in _NOT_LISTED and id_ not in _SAME.values()]
        return [
            Entry("key", bindings[id_].description, "", partial(_act, app, bindings[id_].action), names.shown(keys[id_])) for id_ in listed
        ]

    async def other_sessions() -> Sequence[Entry]:
        if (session := app.session) is None:
            return []
        folder = paths.sessions_dir(paths.project_root(session.workspace.cwd), os.environ)
        found = await asyncio.to_thread(sessions.rows_of, folder, session.id)
        named = [(row.id, *sessions.option(row)) for row in found[:_MOST]]
        return [Entry("session", label, what, partial(_run, app, "sessions", id_)) for id_, label, what in named]

    async def other_models() -> Sequence[Entry]:
        if (session := app.session) is None:
            return []
        found = await asyncio.to_thread(session.model_options)
        return [Entry("model", option.name, models.described(option), partial(_run, app, "model", option.name)) for option in found]

    async def personas() -> Sequence[Entry]:
        if (session := app.session) is None:
            return []
        found = await asyncio.to_thread(conversation.known_personas, session.workspace.cwd)
        return [Entry("persona", name, what, partial(_run, app, "personas", name)) for name, what in found]

    async def experiments() -> Sequence[Entry]:
        if (session := app.session) is None:
            return []
        rows = await asyncio.to_thread(session.experiments.rows)
        newest = sorted(rows, key=lambda row: row.created, reverse=True)[:_MOST]
        return [Entry("experiment", f"{row.id} {row.title}", f"{row.state}", partial(screens.log, app, row.id)) for row in newest]

    async def settings() -> Sequence[Entry]:
        from mltui.ui.commands.settings import described

        return [Entry("setting", key, what, partial(screens.settings, app, key)) for key, what in await asyncio.to_thread(described)]

    return [commands, actions, other_sessions, other_models, personas, experiments, settings]


def _command(app: MltuiApp, command: Command, keys: dict[str, str]) -> Entry:
    needs = bool(command.argument) and not command.argument.startswith("[")
    run: Callable[[], None] = partial(_type, app, f"/{command.name} ") if needs else partial(_run, app, command.name, "")
    key = keys.get(_SAME.get(command.name, ""), "")
    return Entry("command", command.usage, command.help, run, names.shown(key) if key else "")


def _run(app: MltuiApp, name: str, argument: str) -> None:
    app.run_named(name, argument)


def _type(app: MltuiApp, text: str) -> None:
    app.composer.area.put(text)
    app.composer.area.focus()


def _act(app: MltuiApp, action: str) -> None:
    app.run_worker(partial(app.run_action, action, app), name="action", exit_on_error=True)
