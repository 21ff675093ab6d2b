"""Opens the app's session: the one that was asked for, one that the person picks, or another one later on."""

from __future__ import annotations

import asyncio
import importlib
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mltui.ui.session import AgentSession
    from mltui.ui.tui.app import MltuiApp

REPLAYED = 60
"""Items of a resumed conversation that are on screen at once; the rest is paged out."""


async def begin(app: MltuiApp) -> None:
    """Loads what events need, opens the session and shows what it has behind it. What goes wrong is told."""
    module = await asyncio.to_thread(importlib.import_module, "mltui.ui.tui.presenter")
    app.presenter = module.Presenter(app.view)
    from mltui.ui.tui.catching_up import watch_focus
    from mltui.ui.tui.keys.taking import take_keys

    await take_keys(app)
    watch_focus(app)
    from mltui.core.errors import MltuiError

    try:
        session = await _picked(app) if app.pick_from is not None else await app.open_session(app.approver)
    except MltuiError as error:
        _fail(app, str(error.args[0]), error.hint, error.exit_code)
        return
    except Exception as error:
        _fail(app, f"{type(error).__name__}: {error}", "This is a bug in mltui; Ctrl+C twice quits", 1)
        return
    app.look.use_settings(session.ui)
    app.use_settings(session.ui)
    _take(app, session)


async def switch(app: MltuiApp, session_id: str) -> None:
    """Goes on with another session; the one that is open stays if that cannot be opened.

    Raises: MltuiError: a turn is running, or what opening raises.
    """
    from mltui.core.errors import MltuiError

    old = app.session
    if app.working:
        raise MltuiError("A turn is running", hint="Interrupt it first")
    app.status_line.put(activity="opening")
    try:
        session = await app.open_session(app.approver, session_id)
    finally:
        app.status_line.put(activity="")
    if old is not None:
        await old.close()
    app.view.clear()
    app.composer.area.sent.clear()
    _take(app, session)


async def _picked(app: MltuiApp) -> AgentSession:
    """The session that the person picks of those on disk; a new one if they pick none."""
    from mltui.core.errors import MltuiError
    from mltui.ui.commands.sessions import rows_of
    from mltui.ui.tui.sessions_screen import SessionsScreen

    assert app.pick_from is not None
    chosen: tuple[str, str] | None = None
    try:
        await asyncio.to_thread(rows_of, app.pick_from)
        chosen = await app.push_screen_wait(SessionsScreen(app.pick_from))
    except MltuiError as error:
        app.tell("warning", f"{error}: this is a new one")
    if chosen is None:
        return await app.open_session(app.approver)
    session = await app.open_session(app.approver, chosen[1])
    if chosen[0] == "copy":
        app.call_later(app.run_named, "fork")
    return session


def _take(app: MltuiApp, session: AgentSession) -> None:
    from mltui.ui.tui.presenter import Presenter

    app.session = session
    app.attention.name(session.transcript.title or session.workspace.cwd.name)
    app.presenter = Presenter(app.view, session.workspace.cwd)
    _welcome(app, session)
    app.status_line.put(activity="")
    app.refresh_status()
    app.run_worker(partial(_warm_up, app, session), name="warm-up", exit_on_error=False)
    app.send_next()


def redraw(app: MltuiApp) -> None:
    """Shows the conversation anew: what a rewind took out is gone, what a redo brought back is there."""
    from mltui.ui.tui.presenter import Presenter

    if app.session is not None:
        app.view.clear()
        app.presenter = Presenter(app.view, app.session.workspace.cwd)
        _show_past(app, app.session)
        app.view.anchor()


def _fail(app: MltuiApp, message: str, hint: str, exit_code: int) -> None:
    app.exit_code = exit_code
    app.tell("error", message, hint or "Ctrl+C twice quits")
    app.status_line.put(activity="", hint="not started")


def _welcome(app: MltuiApp, session: AgentSession) -> None:
    from mltui.ui.first_steps import opening
    from mltui.ui.tui.wishes import attach

    attach(app, session)
    _show_past(app, session)
    found = opening(session)
    for warning in found.warnings:
        app.tell("warning", warning)
    if found.steps:
        app.tell("info", "\n".join(found.steps))


def _show_past(app: MltuiApp, session: AgentSession) -> None:
    """What the conversation is by now; nothing of it that a rewind took out."""
    from mltui.agent.remaining import remaining
    from mltui.ui.first_steps import opening
    from mltui.ui.tui.welcome import Welcomed, WelcomeItem

    info = session.model_info
    app.view.add(WelcomeItem(Welcomed(info.id, opening(session).note, session.persona_name, str(session.workspace.cwd))))
    events = remaining(session.transcript.events)
    if app.presenter is not None and any(event.type in ("turn.started", "session.rewound") for event in events):
        from mltui.ui.tui.catching_up import catch_up
        from mltui.ui.tui.replaying import replay

        replay(app.presenter, events, session.workspace.cwd, REPLAYED)
        catch_up(app, [event.proposal.id for event in events if event.type == "experiment.proposed"])


async def _warm_up(app: MltuiApp, session: AgentSession) -> None:
    from mltui.core.errors import MltuiError
    from mltui.ui.tui.highlight import warm_up

    try:
        await session.warm_up()
    except MltuiError as error:
        app.tell("error", str(error.args[0]), error.hint)
    await asyncio.to_thread(warm_up)
