"""A line of input that writes to the terminal only when something changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets._input import Input  # loaded by textual.app already; the public name is a lazy import of the same

from mltui.ui.tui.key_order import run_binding

if TYPE_CHECKING:
    from textual import events


class StillInput(Input):
    """Its cursor does not blink: over a slow link a blink is traffic, and a timer keeps the machine awake."""

    def on_mount(self) -> None:
        self.cursor_blink = False

    async def _on_key(self, event: events.Key) -> None:
        # Enter is that of the screen around it.
        if event.is_printable or event.key == "enter" or not await run_binding(self, event):
            await super()._on_key(event)
