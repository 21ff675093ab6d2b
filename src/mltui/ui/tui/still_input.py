"""A line of input that writes to the terminal only when something changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.widgets._input import Input  # loaded by textual.app already; the public name is a lazy import of the same

from mltui.ui.tui.key_order import run_binding

if TYPE_CHECKING:
    from textual import events
    from textual.screen import Screen


class StillInput(Input):
    """Its cursor does not blink: over a slow link a blink is traffic, and a timer keeps the machine awake."""

    def __init__(self, value: str = "", *, placeholder: str = "", id: str | None = None, compact: bool = False) -> None:
        # What is selected when the focus comes is a matter of `take_focus`: Textual selects it when more may be typed already.
        super().__init__(value, placeholder=placeholder, id=id, compact=compact, select_on_focus=False)

    def on_mount(self) -> None:
        self.cursor_blink = False

    def take_focus(self, *, replace: bool = True) -> None:
        """Has the keys from now on, where `focus` has them a moment later.

        Args: replace: what is typed replaces what stands there.
        """
        self.screen.set_focus(self)
        if replace:
            self.select_all()

    async def takes(self, event: events.Key) -> bool:
        """Carries a key out. Returns: whether it was one of the line's own. Enter is that of the screen around it."""
        if event.is_printable:
            await super()._on_key(event)
            return True
        return event.key != "enter" and await run_binding(self, event)

    async def _on_key(self, event: events.Key) -> None:
        # A key that was on its way when the focus went to another line is meant for that one.
        focused = self.screen.focused
        if await (focused if isinstance(focused, StillInput) else self).takes(event):
            event.stop()
            event.prevent_default()


async def hand_on(screen: Screen[Any], event: events.Key) -> bool:
    """Gives a key that was on its way when a line of input got the focus to that line. Returns: whether it took it."""
    focused = screen.focused
    if not isinstance(focused, StillInput) or not await focused.takes(event):
        return False
    event.stop()
    event.prevent_default()
    return True
