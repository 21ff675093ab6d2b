"""What the app opens over the conversation. Each screen is loaded when it is first opened."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mltui.ui.deciding import Decider
    from mltui.ui.session import AgentSession
    from mltui.ui.tui.app import MltuiApp


def _session(app: MltuiApp) -> AgentSession | None:
    """The session; while there is none, that is said."""
    if app.session is None:
        app.status_line.put(hint="the session is not open yet")
    return app.session


def decider(app: MltuiApp, session: AgentSession) -> Decider:
    from mltui.experiments.origin import origin
    from mltui.ui.deciding import Decider

    return Decider(session.experiments, app.approver.by, partial(origin, session.workspace.cwd, "app"))


def log(app: MltuiApp, chosen: str = "") -> None:
    """Shows the experiment log. `chosen`: the id that is looked at first."""
    from mltui.ui.tui.catching_up import catch_up
    from mltui.ui.tui.log_screen import LogScreen

    if (session := _session(app)) is not None:
        app.push_screen(LogScreen(decider(app, session), app.follow, app.ask_agent, chosen), lambda _: catch_up(app))


def review(app: MltuiApp) -> None:
    """Shows every proposal that waits for a decision."""
    from mltui.ui.tui.catching_up import catch_up
    from mltui.ui.tui.review_screen import ReviewScreen

    if (session := _session(app)) is not None:
        app.push_screen(ReviewScreen(decider(app, session), app.follow, app.ask_agent), lambda _: catch_up(app))


def help_page(app: MltuiApp) -> None:
    from mltui.ui.tui.help_screen import HelpScreen

    if not isinstance(app.screen, HelpScreen):
        app.push_screen(HelpScreen())


def palette(app: MltuiApp) -> None:
    """Shows everything that can be done or gone to, to be found by typing."""
    from mltui.ui.tui.palette import Palette
    from mltui.ui.tui.palette_entries import sources

    def take(run: Callable[[], None] | None) -> None:
        if run is not None:
            run()

    app.push_screen(Palette(sources(app)), take)


def jobs(app: MltuiApp) -> None:
    from mltui.ui.tui.jobs_screen import JobsScreen
    from mltui.ui.tui.slash import AppConsole

    if (session := _session(app)) is not None:
        app.push_screen(JobsScreen(session, AppConsole(app, session), partial(log, app)))


def settings(app: MltuiApp, narrow: str = "") -> None:
    from mltui.ui.tui.screen_console import ScreenConsole
    from mltui.ui.tui.settings_screen import SettingsScreen

    if (session := _session(app)) is not None:
        app.push_screen(SettingsScreen(session.workspace.cwd, partial(ScreenConsole, app, session), narrow))


async def models(app: MltuiApp, session: AgentSession) -> None:
    """Lets the person go on with another model. Raises: MltuiError: it cannot be asked."""
    from mltui.ui.tui.models_screen import ModelsScreen
    from mltui.ui.tui.screen_console import ScreenConsole

    name = await app.push_screen_wait(ModelsScreen(session, partial(ScreenConsole, app, session)))
    if name is not None:
        await session.set_model(name, app.show)


def personas(app: MltuiApp, narrow: str = "") -> None:
    from mltui.ui.tui.personas_screen import PersonasScreen
    from mltui.ui.tui.screen_console import ScreenConsole

    if (session := _session(app)) is not None:
        app.push_screen(PersonasScreen(session, partial(ScreenConsole, app, session), narrow))


async def sessions(app: MltuiApp, session: AgentSession) -> None:
    """Lets the person go on with another session, or in a copy of one. Raises: MltuiError: it cannot be opened."""
    from mltui.ui.commands.sessions import copy, folder_of
    from mltui.ui.tui.sessions_screen import SessionsScreen
    from mltui.ui.tui.slash import AppConsole

    console = AppConsole(app, session)
    match await app.push_screen_wait(SessionsScreen(folder_of(console), session.id)):
        case ("copy", id_):
            await copy(console, id_)
        case (_, id_):
            await console.switch(id_)
        case None:
            pass
