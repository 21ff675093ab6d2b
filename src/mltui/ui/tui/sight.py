"""Whether this terminal shows pictures, and how: it is asked with the other questions, and never over a slow link."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

from mltui.ui.terminal.profile import SLOW_LINK
from mltui.ui.terminal.replies import ASK_CELL, ASK_KITTY

if TYPE_CHECKING:
    from collections.abc import Callable

    from mltui.ui.terminal.drawing import Cell, Protocol
    from mltui.ui.terminal.frames import FrameWriter
    from mltui.ui.terminal.replies import Reply
    from mltui.ui.tui.gallery import Gallery
    from mltui.ui.tui.terminal_app import TerminalApp

Choice = Literal["auto", "kitty", "sixel", "off"]


class Sight:
    """What is known of it by now.

    Attributes:
        gallery: draws them; None: they are lines of text.
        writer: of the frames; None: the app draws to no terminal.
    """

    def __init__(self, app: TerminalApp, write: Callable[[str], None]) -> None:
        self._app = app
        self._write = write
        self._choice: Choice = "auto"
        self._kitty = self._sixel = self._asked = False
        self._cell: Cell | None = None
        self.gallery: Gallery | None = None
        self.writer: FrameWriter | None = None

    # ── the terminal ─────────────────────────────────────────────────────────────

    def questions(self) -> str:
        """Returns: what is asked of the terminal beside the rest, once."""
        if self._asked or self._app.profile.low_bandwidth or self._app.profile.depth != "true" or os.environ.get("TERM") == "linux":
            return ""
        from mltui.ui.terminal.drawing import asks_for_kitty, cell_of

        self._asked = True
        if self._app.streams is not None:
            self._cell = cell_of(self._app.streams.terminal)
        return (ASK_KITTY if asks_for_kitty(os.environ) else "") + ("" if self._cell else ASK_CELL)

    def said(self, reply: Reply) -> None:
        """Takes an answer. What stands last is the terminal's kind: then everything is known."""
        from mltui.ui.terminal.drawing import window_cell

        if reply.cell is not None:
            self._cell = window_cell(*reply.cell)
        self._kitty = self._kitty or reply.kitty
        self._sixel = self._sixel or reply.sixel
        if reply.kind == "kind":
            self._app.call_later(self._decide)

    # ── the person ───────────────────────────────────────────────────────────────

    def use(self, choice: Choice) -> None:
        """Takes what the person set."""
        self._choice = choice
        self._decide()

    @property
    def _protocol(self) -> Protocol | None:
        latency = self._app.latency.best
        if self._app.profile.low_bandwidth or latency is None or latency > SLOW_LINK:
            return None
        match self._choice:
            case "auto":
                # What a terminal says that speaks both: kitty's is drawn by the terminal itself, and moves with the text.
                return "kitty" if self._kitty else "sixel" if self._sixel and self._cell else None
            case "kitty":
                return "kitty"
            case "sixel":
                return "sixel" if self._cell else None
            case "off":
                return None

    def _decide(self) -> None:
        protocol, writer = self._protocol, self.writer
        if writer is None or self._app.profile.depth != "true" or (protocol is None) == (self.gallery is None):
            return
        if protocol is None:
            self.leave()
            self.gallery = None
        else:
            from mltui.ui.terminal.drawing import USUAL
            from mltui.ui.tui.gallery import Gallery

            self.gallery = Gallery(self._app, protocol, self._cell or USUAL, writer, self._write, self._redraw)
        self._redraw()

    def _redraw(self) -> None:
        """Makes the items with pictures anew: there is room for them now, or none any more."""
        view: Any = getattr(self._app, "view", None)
        for item in view.live if view is not None else ():
            if getattr(item.state, "pictures", ()):
                item.changed()

    # ── the screen ───────────────────────────────────────────────────────────────

    def wrote(self) -> None:
        if self.gallery is not None:
            self.gallery.wrote()

    def forget(self) -> None:
        """Nothing is known of the screen any more."""
        if self.gallery is not None:
            self.gallery.forget()

    def leave(self) -> None:
        """The terminal is given back."""
        if self.gallery is not None:
            self.gallery.leave()
