"""A line of input that writes to the terminal only when something changes."""

from __future__ import annotations

from textual.widgets._input import Input  # loaded by textual.app already; the public name is a lazy import of the same


class StillInput(Input):
    """Its cursor does not blink: over a slow link a blink is traffic, and a timer keeps the machine awake."""

    def on_mount(self) -> None:
        self.cursor_blink = False
