"""Widgets that keep their lines ready-made: only the visible ones are drawn, and nothing is laid out twice."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, cast

from rich.console import Group
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from mltui.ui.terminal import placeholders
from mltui.ui.tui.theme import Paint, paint_of

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.style import Style
    from textual.app import App
    from textual.selection import Selection


MOST_DRAWN = 200
"""Lines of a widget that are kept as they were drawn."""


class StripView(Widget):
    """A widget as tall as its lines. Subclasses make the lines of a width; the text in it can be selected and copied."""

    DEFAULT_CSS = "StripView { height: auto; width: 1fr; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes, markup=False)
        self._lines: list[Strip] = []
        self._lines_key: tuple[int, Paint] | None = None
        self._drawn: dict[int, tuple[Strip, tuple[int, Style], Strip]] = {}

    @abstractmethod
    def build(self, width: int) -> list[Strip]:
        """The lines of a width."""

    @property
    def paint(self) -> Paint:
        return paint_of(cast("App[Any]", self.app))  # pyright: ignore[reportUnknownMemberType]  (Textual leaves its parameter open)

    def lines_of(self, width: int) -> list[Strip]:
        key = (width, self.paint)
        if key != self._lines_key:
            self._lines, self._lines_key = self._built(width), key
        return self._lines

    def _built(self, width: int) -> list[Strip]:
        try:
            return self.build(width)
        except Exception as error:
            from mltui.ui.tui.boundary import instead

            return instead(self, error, width)

    def changed(self) -> None:
        """Has the lines made again and draws those that differ; a change of height lays the parent out again."""
        before = self._lines
        self._lines_key = None
        if not self.is_mounted:
            return
        width = self.content_size.width
        lines = self.lines_of(width) if width else []
        if not width or len(lines) != self.content_size.height:
            self.refresh(layout=True)
        elif len(before) != len(lines):
            self.refresh()
        elif differ := [y for y, (old, new) in enumerate(zip(before, lines, strict=True)) if old is not new and old != new]:
            self.refresh(Region(0, differ[0], width, differ[-1] - differ[0] + 1))

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return container.width

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self.lines_of(width)) if width else 0

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width
        lines = self.lines_of(width) if width else []
        style = self.visual_style.rich_style
        if y >= len(lines):
            return Strip.blank(width, style)
        if self.text_selection is not None:
            return self.selected(lines[y].adjust_cell_length(width).apply_style(style), y)
        # Most lines of an answer that grows are those of the frame before.
        line, key = lines[y], (width, style)
        known = self._drawn.get(y)
        if known is None or known[0] is not line or known[1] != key:
            known = self._drawn[y] = (line, key, self.selected(line.adjust_cell_length(width).apply_style(style), y))
            while len(self._drawn) > MOST_DRAWN:
                del self._drawn[next(iter(self._drawn))]
        return known[2]

    def selected(self, strip: Strip, y: int) -> Strip:
        """Returns: line `y` with what is selected of it marked, and with the places that a selection needs."""
        selection = self.text_selection
        span = selection.get_span(y) if selection else None
        if span:
            start, end = span
            end = strip.cell_length if end == -1 else end
            chosen = self.screen.get_component_rich_style("screen--selection")
            strip = Strip.join([strip.crop(0, start), strip.crop(start, end).apply_style(chosen), strip.crop(end)])
        return strip.apply_offsets(0, y)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        text = "\n".join(placeholders.WHOLE.sub("", line.text).rstrip() for line in self._lines)
        return selection.extract(text), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        self.refresh()


class RichView(StripView):
    """Lines made of rich renderables, which name the theme's styles."""

    def __init__(self, *renderables: RenderableType, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._renderables = renderables

    def update(self, *renderables: RenderableType) -> None:
        self._renderables = renderables
        self.changed()

    def build(self, width: int) -> list[Strip]:
        return self.paint.strips(Group(*self._renderables), width) if self._renderables else []
