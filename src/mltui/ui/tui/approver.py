"""The person at the terminal as the authority that answers: every request becomes a pane."""

from __future__ import annotations

import asyncio
import getpass
from typing import TYPE_CHECKING, Any, TypeVar

from textual.screen import Screen

from mltui.ui.tui.terminal_app import TerminalApp

if TYPE_CHECKING:
    from textual.app import App

    from mltui.core.approval import ApprovalRequest, Decision, TrustRequest

T = TypeVar("T")


def person() -> str:
    """Returns: the login name, for the journal."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "person"


class PaneApprover:
    """Shows one pane at a time; a cancelled turn takes its pane away again."""

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._turn = asyncio.Lock()
        self.asking: Screen[Any] | None = None
        """The pane that the session waits for."""
        self.by = person()

    async def decide(self, request: ApprovalRequest | TrustRequest) -> Decision:
        """Raises: asyncio.CancelledError: the turn was cancelled; the pane is gone then."""
        from mltui.ui.tui.panes import pane_for  # loads every pane: not before one is needed

        return await self._ask(pane_for(request, self.by))

    async def _ask(self, pane: Screen[T]) -> T:
        async with self._turn:
            answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()

            def settle(result: T | None) -> None:
                if not answer.done() and result is not None:
                    answer.set_result(result)

            self.asking = pane
            self._call(pane)
            await self._app.push_screen(pane, settle)
            try:
                return await answer
            finally:
                self.asking = None
                self._call(None)
                await self._take_away(pane)

    def _call(self, pane: Screen[Any] | None) -> None:
        """Calls the person to a pane that waits, or says that none does."""
        if not isinstance(self._app, TerminalApp):
            return
        if pane is None:
            self._app.attention.answered()
        else:
            self._app.attention.needs(pane.title or "it needs your answer")

    async def _take_away(self, pane: Screen[T]) -> None:
        """Removes a pane that was not answered, with whatever lies on it (the help screen)."""
        while pane in self._app.screen_stack:
            await self._app.pop_screen()
