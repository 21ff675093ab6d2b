"""Errors in a widget, a handler or a worker are told in their place, and the app goes on.

Textual ends the app at any exception, and stops the messages of the widget it came from. Here the exception ends at the
message that it came from. Apps that do not ask for this (tests) see Textual's own way.
"""

from __future__ import annotations

import os
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, cast

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget
from textual.worker import WorkerFailed

from mltui.ui.terminal import reports

if TYPE_CHECKING:
    from pathlib import Path

    from textual.geometry import Region
    from textual.message import Message

    from mltui.ui.tui.terminal_app import TerminalApp

MOST: Final = 40
"""Errors within `WINDOW` seconds from which the app is beyond help, and ends."""
WINDOW: Final = 5.0


class Boundary:
    """Where the errors of an app end up."""

    def __init__(self, app: TerminalApp) -> None:
        self._app = app
        self._known: dict[str, Path | None] = {}
        self._times: list[float] = []
        _install()

    def caught(self, error: Exception, where: str) -> Path | None:
        """Writes a report of a new error and tells the person. Returns: the report."""
        if isinstance(error, WorkerFailed) and isinstance(error.error, Exception):
            error = error.error
        now = monotonic()
        self._times = [time for time in self._times if now - time < WINDOW] + [now]
        if len(self._times) >= MOST:
            self.fatal(error, where)
            return None
        key = reports.signature(error)
        if key not in self._known:
            self._known[key] = reports.write(error, where, os.environ)
            path = self._known[key]
            hint = f"The session goes on. To report it: {path}" if path else "The session goes on"
            self._app.call_later(_tell, self._app, f"A part of mltui failed ({where}): {reports.named(error)}", hint)
        return self._known[key]

    def fatal(self, error: BaseException, where: str) -> None:
        """Ends the app; what happened is said where it was."""
        path = reports.write(error, where, os.environ)
        words = [f"mltui had to stop: {reports.named(error)}", "  The session is kept: mltui --continue goes on with it"]
        self._app.last_words = "\n".join([*words, f"  To report it: {path}"] if path else words)
        self._app.end(1)


def _tell(app: Any, text: str, hint: str) -> None:
    if getattr(app, "presenter", None) is not None:
        app.tell("error", text, hint)


def boundary_of(node: MessagePump) -> Boundary | None:
    """Returns: the boundary of the node's app, if it has one and runs."""
    try:
        app = cast("Any", node).app
    except Exception:  # a node that is not in an app, or no more
        return None
    # What the app itself does before the first screen stands cannot be gone on without.
    bare = node is app and not app._dom_ready
    return cast("Boundary | None", getattr(app, "boundary", None)) if app.is_running and not bare else None


def instead(widget: Widget, error: Exception, width: int) -> list[Strip]:
    """Returns: the line that is shown in place of what a widget could not draw. Raises: the error, where there is no boundary."""
    boundary = boundary_of(widget)
    if boundary is None:
        raise error
    path = boundary.caught(error, type(widget).__name__)
    text = f"✗ {type(widget).__name__} cannot be shown: {reports.named(error)}" + (f" · {path.name}" if path else "")
    return [Strip([Segment(text, Style(bold=True))]).adjust_cell_length(max(0, width))]


def _install() -> None:
    """Puts the boundary where Textual hands out messages and draws widgets. Doing so again changes nothing."""
    if getattr(MessagePump._dispatch_message, "guarded", False):  # pyright: ignore[reportPrivateUsage]
        return
    dispatch, render = MessagePump._dispatch_message, Widget.render_lines  # pyright: ignore[reportPrivateUsage]

    async def dispatch_message(self: MessagePump, message: Message) -> None:
        try:
            await dispatch(self, message)
        except Exception as error:
            boundary = boundary_of(self)
            if boundary is None:
                raise
            boundary.caught(error, f"{type(self).__name__}, {type(message).__name__}")
            if isinstance(self, Screen) and isinstance(message, events.Compose | events.Mount):
                cast("Any", self).app.call_later(_leave, self)

    def render_lines(self: Widget, crop: Region) -> list[Strip]:
        try:
            return render(self, crop)
        except Exception as error:
            line = instead(self, error, crop.width)
            return [*line, *[Strip.blank(crop.width)] * (crop.height - 1)][: crop.height]

    dispatch_message.guarded = True  # pyright: ignore[reportFunctionMemberAccess]
    MessagePump._dispatch_message = dispatch_message  # pyright: ignore[reportPrivateUsage]
    Widget.render_lines = render_lines


async def _leave(screen: Screen[Any]) -> None:
    """Takes a screen away that could not be made: it would take the keys and show nothing. What waits for it is interrupted."""
    app = cast("Any", screen).app
    if screen in app.screen_stack[1:]:
        approver, session = getattr(app, "approver", None), getattr(app, "session", None)
        if approver is not None and approver.asking is screen and session is not None:
            session.interrupt()
        else:
            while screen in app.screen_stack:
                await app.pop_screen()
