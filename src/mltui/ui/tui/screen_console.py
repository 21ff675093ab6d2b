"""The console of a command that is carried out over a screen: what it says is shown there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mltui.ui.tui.slash import AppConsole

if TYPE_CHECKING:
    from mltui.ui.commands.base import Level
    from mltui.ui.session import AgentSession
    from mltui.ui.tui.app import MltuiApp


class ScreenConsole(AppConsole):
    def __init__(self, app: MltuiApp, session: AgentSession, say: Callable[[Level, str], None]) -> None:
        super().__init__(app, session)
        self._say = say

    def tell(self, level: Level, text: str, hint: str = "") -> None:
        self._say(level, f"{text}. {hint}" if hint else text)
