"""How the app looks here: its theme, and how much it writes, as the person and the terminal say."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mltui.ui.terminal.colors import said_dark
from mltui.ui.terminal.profile import SLOW_LINK, profile_of, switch_of, under_mosh
from mltui.ui.tui.once import once
from mltui.ui.tui.themes import theme_for

if TYPE_CHECKING:
    from mltui.config.schema import Ui
    from mltui.ui.terminal.profile import Latency, Switch
    from mltui.ui.tui.terminal_app import TerminalApp


class Look:
    """The choice of a person, applied to what is known of the terminal by now."""

    def __init__(self, app: TerminalApp) -> None:
        self._app = app
        self._dark = True
        self.choice = "auto"
        self.flag: Switch | None = None
        """What the command line says of low bandwidth."""

    def begin(self) -> None:
        """Goes by what the environment says of the terminal, until that answers for itself."""
        self._dark = said_dark(os.environ) is not False
        self.apply()

    def apply(self) -> None:
        """Draws in the theme of the choice. A theme that there is not leaves the one that there is."""
        name = theme_for(self.choice, self._app.profile.depth, dark=self._dark)
        if name in self._app.available_themes and name != self._app.theme:
            self._app.theme = name

    def use_theme(self, choice: str) -> bool:
        """Args: choice: one of those of `/theme`, or a theme's name. Returns: whether there is such a theme."""
        if theme_for(choice, self._app.profile.depth, dark=self._dark) not in self._app.available_themes:
            return False
        self.choice = choice
        self.apply()
        return True

    def use_background(self, dark: bool) -> None:
        """The terminal said what its background is."""
        self._dark = dark
        self.apply()

    def use_settings(self, ui: Ui) -> None:
        """Takes what the person set; the command line and MLTUI_LOW_BANDWIDTH say more than the files."""
        app = self._app
        if not self.use_theme(ui.theme):
            _tell(app, "warning", f"There is no theme {ui.theme!r}", f"Themes: {', '.join(sorted(app.available_themes))}")
        if app.streams is None:
            return
        said = self.flag or (switch_of(os.environ) if os.environ.get("MLTUI_LOW_BANDWIDTH") else ui.low_bandwidth)
        profile = profile_of(os.environ, said, reduced_motion=ui.reduced_motion)
        if profile.undecided and under_mosh():
            profile = replace(profile, low_bandwidth=True, still=True, undecided=False)
        if app.profile.low_bandwidth and profile.undecided:  # measured by now
            profile = replace(profile, low_bandwidth=True, still=True, undecided=False)
        app.use_profile(profile)
        app.sight.use(ui.pictures)
        app.attention.way, app.attention.titled = ui.notify, ui.title
        if not ui.title:
            app.attention.leaves()

    def measured(self, latency: Latency) -> None:
        """The terminal answered: over a slow link less is written from now on, and the person is told why."""
        app = self._app
        if not app.profile.undecided:
            return
        if not latency.decided:
            app.ask_terminal()
            return
        app.profile = replace(app.profile, undecided=False)
        if latency.best is not None and latency.best > SLOW_LINK:
            app.use_profile(replace(app.profile, low_bandwidth=True, still=True))
            ms = round(latency.best * 1000)
            _tell(app, "info", f"The link is slow ({ms} ms): less is drawn", '--low-bandwidth, or `[ui] low_bandwidth = "off"`, decides it')


def _tell(app: Any, level: str, text: str, hint: str) -> None:
    """Says it in the conversation, as soon as there is one."""
    if getattr(app, "presenter", None) is not None:
        app.tell(level, text, hint)
    elif not app.is_running:
        return
    else:
        once(app, 0.5, lambda: _tell(app, level, text, hint))
