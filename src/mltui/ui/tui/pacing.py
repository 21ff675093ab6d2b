"""When frames are written: together, at most so many a second, and none while the one before is on its way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Final

from textual._compositor import ChopsUpdate, LayoutUpdate

if TYPE_CHECKING:
    from textual._compositor import CompositorUpdate
    from textual.geometry import Offset, Size

    from mltui.ui.terminal.frames import FrameWriter

GATHER: Final = 0.003
"""Seconds in which what belongs together becomes one frame."""
AFTER_KEY: Final = 0.2
"""Seconds after a key in which frames need not wait for their turn."""
KEY_FRAMES: Final = 60
SLOW_KEY_FRAMES: Final = 15
"""Frames a second after a key, over a slow link."""


class Pacer:
    """Takes what Textual draws and writes it when it is time.

    Args:
        writer: knows what is on screen.
        write: puts a frame on its way; `written` has to be called when it arrived.
        wrote: called with each frame that was put on its way.
    """

    def __init__(self, writer: FrameWriter, write: Callable[[str], None], wrote: Callable[[], None] = lambda: None) -> None:
        self.writer = writer
        self.sync = False
        self.frames = 0
        """Frames written so far."""
        self._write = write
        self._wrote = wrote
        self._period = 1 / KEY_FRAMES
        self._key_period = 1 / KEY_FRAMES
        self._key_at = self._last = self._echoed = float("-inf")
        self._echoes = False
        self._due: asyncio.TimerHandle | None = None
        self._under_way = False
        self._cursor = (0, 0)

    def use_frames(self, frames: int, *, slow: bool) -> None:
        """Args: frames: a second at most; slow: keys, too, are answered less often."""
        self._period = 1 / frames
        self._key_period = 1 / (SLOW_KEY_FRAMES if slow else KEY_FRAMES)

    def hurry(self) -> None:
        """A key was pressed: its effect is to be seen soon. Any thread may call this."""
        self._key_at = monotonic()

    @property
    def after_key(self) -> bool:
        """Whether a key was pressed a moment ago."""
        return monotonic() - self._key_at < AFTER_KEY

    def take(self, update: CompositorUpdate, size: Size, cursor: Offset) -> None:
        """Takes what Textual drew; it is written later."""
        self.writer.resize(size.width, size.height)
        self._cursor = (cursor.x, cursor.y)
        if isinstance(update, LayoutUpdate):
            for y, strips in enumerate(update.strips, update.region.y):
                line = [segment for strip in strips for segment in strip]
                self.writer.want(y, {update.region.x: line})
        elif isinstance(update, ChopsUpdate):
            for y, x1, x2 in update.spans:
                pieces = zip(update.chop_ends[y], update.chops[y].items(), strict=False)
                self.writer.want(y, {x: strip for end, (x, strip) in pieces if strip is not None and x <= x2 and end > x1})
        self._schedule()

    def echo(self) -> None:
        """What was taken last is all that a key did: it waits for nothing else, and for no frame of an answer's."""
        self._echoes = True
        self._schedule()

    def _schedule(self) -> None:
        if self._under_way:
            return
        now = monotonic()
        if self._echoes:
            at = max(now, self._echoed + self._key_period)
            if at == now:
                self.flush()
                return
        else:
            period = self._key_period if self.after_key else self._period
            at = max(now + GATHER, self._last + period)
        loop = asyncio.get_running_loop()
        when = loop.time() + at - now
        if self._due is not None:
            if self._due.when() <= when:
                return
            self._due.cancel()
        self._due = loop.call_at(when, self.flush)

    def flush(self) -> None:
        """Writes the frame that is due."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        frame = self.writer.frame(self._cursor, sync=self.sync)
        if self._echoes:
            self._echoes, self._echoed = False, monotonic()
        if frame:
            self._last = monotonic()
            self._under_way = True
            self.frames += 1
            self._write(frame)
            self._wrote()

    def written(self) -> None:
        """All that was on its way has arrived."""
        self._under_way = False
        if self.writer.owes:
            self._schedule()

    def forget(self) -> None:
        """Nothing is known of the screen any more: somebody else had it."""
        self._under_way = False
        self.writer.forget()
