"""The screen of the conversation: what a key did is drawn at once, whatever else is to be drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from textual.screen import Screen

if TYPE_CHECKING:
    from textual import events

    from mltui.ui.tui.terminal_app import TerminalApp


class EchoScreen(Screen[None]):
    """Draws the widget that has the keys as soon as it changed.

    Textual draws by a clock of 60 ticks a second and lays out first. While an answer streams, a letter would wait for both.
    """

    async def _on_idle(self, event: events.Idle) -> None:
        # Textual's own handler comes after this one.
        app: TerminalApp = cast("Any", self).app
        focused = self.focused
        if focused is None or focused not in self._dirty_widgets or not app.answers_key(self):
            return
        others = self._dirty_widgets - {focused}
        self._compositor.update_widgets({focused})
        self._compositor_refresh()  # which takes all as drawn
        self._dirty_widgets.update(others)
        app.echo()
