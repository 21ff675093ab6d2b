"""The slash commands, as the app carries them out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mltui.ui.commands.base import Command, Level
from mltui.ui.tui import screens
from mltui.ui.tui.text import clean

if TYPE_CHECKING:
    from mltui.core.events import Event
    from mltui.ui.session import AgentSession
    from mltui.ui.tui.app import MltuiApp


class AppConsole:
    """Implements `ui.commands.base.Console`."""

    def __init__(self, app: MltuiApp, session: AgentSession) -> None:
        self._app = app
        self.session = session

    @property
    def size(self) -> tuple[int, int]:
        return self._app.size.width, self._app.size.height

    def tell(self, level: Level, text: str, hint: str = "") -> None:
        self._app.tell(level, text, hint)

    async def show(self, event: Event) -> None:
        await self._app.show(event)

    async def choose(self, title: str, options: Sequence[tuple[str, str]], preview: Callable[[int], str] | None = None) -> int | None:
        from mltui.ui.tui.chooser import Chooser

        return await self._app.push_screen_wait(Chooser(title, options, preview))

    async def switch(self, session_id: str) -> None:
        from mltui.ui.tui.opening import switch

        await switch(self._app, session_id)

    async def patch(self, title: str, patch: str) -> None:
        from mltui.ui.tui.diff_screen import DiffScreen

        await self._app.push_screen_wait(DiffScreen(title, patch))

    def suggest(self, text: str) -> None:
        if not self._app.composer.area.text:
            self._app.composer.area.put(clean(text))

    async def edit(self, title: str, text: str) -> str | None:
        from mltui.ui.tui.text_screen import TextScreen

        return await self._app.push_screen_wait(TextScreen(title, text))

    async def copy(self, text: str) -> None:
        await self._app.copied(text)

    async def prompt(self, text: str) -> None:
        self._app.send(text)


async def run_command(app: MltuiApp, command: Command, argument: str) -> None:
    """Does what a command says; those that need a session say so while there is none."""
    match command.name:
        case "help":
            app.action_help()
        case "quit":
            await app.action_quit()
        case "clear":
            app.view.clear()
        case "vim":
            vim = app.composer.area.vim
            vim.on = not vim.on
            app.tell("info", "vi's keys are on: Esc, then i to type" if vim.on else "vi's keys are off", "For good: [ui] vim = true")
        case _ if app.session is None:
            app.tell("warning", f"/{command.name} needs the session, which is not open")
        case "experiments":
            app.action_log(argument)
        case "find":
            app.find(argument)
        case "review":
            screens.review(app)
        case "jobs" if not argument:
            screens.jobs(app)
        case "keys":
            screens.help_page(app)
        case "sessions" if not argument:
            await screens.sessions(app, app.session)
            app.refresh_status()
        case "model" if not argument:
            await screens.models(app, app.session)
            app.refresh_status()
        case "personas":
            screens.personas(app, argument)
        case "theme":
            from mltui.ui.commands.theme import theme

            await theme(AppConsole(app, app.session), argument, app.look.use_theme)
        case "settings":
            screens.settings(app, argument)
        case _:
            await command.load()(AppConsole(app, app.session), argument)
            app.refresh_status()
