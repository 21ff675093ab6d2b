"""Pictures in the conversation: room is kept for them in the text, and they are drawn when what is on screen stands still."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from mltui.ui.pictures import described, size_of
from mltui.ui.terminal import drawing
from mltui.ui.terminal.drawing import Cell, Protocol, Undrawable
from mltui.ui.terminal.placeholders import color_of, row_of
from mltui.ui.tui.once import once

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console, ConsoleOptions, RenderResult

    from mltui.core.messages import Image
    from mltui.ui.terminal.frames import FrameWriter
    from mltui.ui.tui.terminal_app import TerminalApp

STILL: Final = 0.25
"""Seconds for which no part of a picture may have moved before it is drawn."""


@dataclass(frozen=True)
class Picture:
    """A picture with the line that says what it is. Attributes: image: None: it cannot be drawn."""

    line: str
    image: Image | None = None

    @classmethod
    def of(cls, image: Image) -> Picture:
        return cls(described(image), image)


def gallery_of(widget: Any) -> Gallery | None:
    """Returns: what draws pictures in the widget's app; None: they are lines there."""
    return widget.app.sight.gallery


@dataclass(frozen=True)
class Frame:
    """The room of a picture: its placeholders, as a renderable."""

    number: int
    columns: int
    rows: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        style = Style(color=Color.from_rgb(self.number >> 16 & 255, self.number >> 8 & 255, self.number & 255))
        for row in range(self.rows):
            yield Segment(row_of(row, self.columns), style)
            yield Segment.line()


@dataclass(frozen=True)
class Shown:
    """A picture as it is shown: the line, and below it the picture where there is a gallery."""

    picture: Picture
    gallery: Gallery | None
    label: str = "picture"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(f"{self.label} {self.picture.line}", style="secondary", no_wrap=True, overflow="ellipsis")
        if self.gallery is not None and (frame := self.gallery.frame(self.picture, options.max_width)) is not None:
            yield frame


class Gallery:
    """What is drawn on a terminal that can show pictures.

    Args:
        cell: of the terminal.
        write: sends to the terminal, past the frames.
        redraw: called when pictures turn out not to be drawable: their room is to go.
    """

    def __init__(
        self,
        app: TerminalApp,
        protocol: Protocol,
        cell: Cell,
        writer: FrameWriter,
        write: Callable[[str], None],
        redraw: Callable[[], None],
    ) -> None:
        self._app = app
        self._protocol: Protocol = protocol
        self._cell = cell
        self._writer = writer
        self._write = write
        self._redraw = redraw
        self._frames: dict[tuple[str, int, int], Frame] = {}
        self._data: dict[str, tuple[str, Frame]] = {}
        self._sent: set[str] = set()
        self._undrawable: set[str] = set()
        self._next = drawing.terminal_number()
        self._due: asyncio.TimerHandle | None = None
        writer.draws_over = protocol == "sixel"

    def frame(self, picture: Picture, width: int) -> Frame | None:
        """Returns: the room for a picture in so many columns; None: it is not drawn."""
        image = picture.image
        if image is None or self._app.profile.low_bandwidth or image.data in self._undrawable:
            return None
        pixels = size_of(image)
        if pixels is None or width < 8:
            return None
        columns, rows = drawing.fitted(pixels, self._cell, width, max(1, self._app.size.height // 2))
        key = (image.data, columns, rows)
        if key not in self._frames:
            frame = self._frames[key] = Frame(self._next, columns, rows)
            self._data[color_of(frame.number)] = (image.data, frame)
            self._next += 1
        return self._frames[key]

    def wrote(self) -> None:
        """A frame went to the terminal: pictures of which cells were written are drawn once that is over."""
        self._writer.bare -= self._sent
        if self._writer.bare:
            if self._due is not None:
                self._due.cancel()
            self._due = once(self._app, STILL, self._draw_soon)

    def forget(self) -> None:
        """Nothing is known of the screen any more."""
        self._sent.clear()

    def leave(self) -> None:
        """Takes from the terminal what it was given."""
        for color in self._sent:
            self._write(drawing.kitty_forget(self._data[color][1].number))
        self._sent.clear()

    def _draw_soon(self) -> None:
        self._due = None
        self._app.run_worker(self._draw, group="pictures", exclusive=True, exit_on_error=False)

    async def _draw(self) -> None:
        bad = False
        for color in sorted(self._writer.bare):
            data, frame = self._data.get(color, ("", None))
            if frame is None or data in self._undrawable:
                self._writer.bare.discard(color)
                continue
            try:
                await self._draw_one(color, data, frame)
            except Undrawable:
                self._undrawable.add(data)
                bad = True
        if bad:
            self._redraw()

    async def _draw_one(self, color: str, data: str, frame: Frame) -> None:
        place = self._writer.place(color, frame.columns)
        if self._protocol == "kitty":
            drawn = await asyncio.to_thread(drawing.kitty, data, frame.number, frame.columns, frame.rows, self._cell)
            self._sent.add(color)
        elif place is None:
            return  # it is drawn when nothing covers it
        else:
            drawn = await asyncio.to_thread(drawing.sixel, data, place, frame.columns, frame.rows, self._cell)
            if self._writer.place(color, frame.columns) != place:
                return  # it moved meanwhile, which brings it here again
        self._writer.bare.discard(color)
        self._write(drawn)
