"""Keys take effect in the order in which they were pressed, also when many come at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from textual import events
    from textual.app import App
    from textual.widget import Widget


async def run_binding(widget: Widget, event: events.Key) -> bool:
    """Does what a key is bound to where one types.

    Textual does it only when the key has gone up to the app. What was typed in the meantime stands in the text by then, and
    Backspace takes the wrong character: over a slow link, or while the app is busy.

    Returns: whether it was bound to anything.
    """
    active = widget.screen.active_bindings.get(event.key)
    app: App[object] = cast("Any", widget).app
    if active is None or active.node is not widget or not await app.run_action(active.binding.action, widget):
        return False
    event.stop()
    event.prevent_default()
    return True
