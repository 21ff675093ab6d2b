"""What the transcript shows: one widget for each item, made of a state that outlives it when it is paged out."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

from rich.console import Group
from rich.padding import Padding
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.strip import Strip

from mltui.ui.figures import duration
from mltui.ui.tui.gallery import Shown, gallery_of
from mltui.ui.tui.once import once
from mltui.ui.tui.places import Place, places_in
from mltui.ui.tui.strip_view import StripView
from mltui.ui.tui.text import clean, one_line

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from rich.console import RenderableType
    from textual import events

    from mltui.ui.tui.gallery import Picture
    from mltui.ui.tui.markdown import MarkdownLines

FRAME = 1 / 15
"""Seconds between two draws of what streams."""

S = TypeVar("S")

FOUND = Style(underline=True, bold=True)
FOUND_CURRENT = Style(reverse=True, bold=True)


class Item(StripView, Generic[S]):
    """A widget that shows a state and nothing else: `type(item)(item.state)` makes it again.

    The first column is empty, or has the mark of the focus.
    """

    DEFAULT_CSS = """
    Item { margin: 1 0 0 0; padding: 0 1 0 0; border-left: blank; &:focus { border-left: outer $accent; background: $surface; } }
    """
    FOCUS_ON_CLICK = False  # a click begins a selection; the composer keeps the keys
    can_focus = True

    def __init__(self, state: S) -> None:
        super().__init__()
        self.state = state
        self.sought = ""
        self._frame: asyncio.TimerHandle | None = None
        self._places: tuple[object, str, list[Place]] = (None, "", [])
        self._current: int | None = None

    def soon(self) -> None:
        """Draws the state anew, at most 15 times a second however often this is called; no timer is left behind."""
        if self._frame is None and self.is_mounted:
            self._frame = once(self, FRAME, self._draw)

    def _draw(self) -> None:
        self._frame = None
        self.changed()

    def on_mount(self) -> None:
        self.changed()

    def finish_frame(self) -> None:
        """Draws at once what `soon` still owes."""
        if self._frame is not None:
            self._frame.cancel()
            self._draw()

    @abstractmethod
    def renderables(self, width: int) -> list[RenderableType]:
        """What is drawn of the state."""

    def build(self, width: int) -> list[Strip]:
        return self.paint.strips(Group(*self.renderables(width)), width)

    def pictures(self, pictures: Sequence[Picture]) -> list[RenderableType]:
        """Returns: the pictures, drawn where the terminal can show them."""
        gallery = gallery_of(self)
        return [Shown(picture, gallery) for picture in pictures]

    # ── what it says ─────────────────────────────────────────────────────────────

    @classmethod
    def words(cls, state: Any) -> str:
        """Returns: the text of an item with this state, for searching and copying; untrusted."""
        return ""

    @classmethod
    def let_go(cls, state: Any) -> None:
        """The state is kept without a widget from now on: what can be made again goes."""

    def seek(self, text: str) -> None:
        """Marks a text wherever it stands."""
        if text != self.sought:
            self.sought, self._current = text, None
            self.refresh()

    def places(self) -> list[Place]:
        """Where the text that is sought stands in the lines of the present width."""
        width = self.content_size.width
        lines = self.lines_of(width) if width and self.sought else []
        if self._places[0] is not lines or self._places[1] != self.sought:
            self._places = (lines, self.sought, places_in(lines, self.sought))
        return self._places[2]

    def choose_place(self, number: int | None) -> Place | None:
        """Marks one of the places as the one that is looked at. Returns: it, the last one if there are fewer."""
        places = self.places()
        self._current = None if number is None or not places else min(number, len(places) - 1)
        self.refresh()
        return None if self._current is None else places[self._current]

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        if not self.sought:
            return strip
        for number, place in enumerate(self.places()):
            if place.line == y:
                style = FOUND_CURRENT if number == self._current else self.paint.styles["accent.bold"] + FOUND
                middle = strip.crop(place.start, place.end).apply_style(style)
                strip = Strip.join([strip.crop(0, place.start), middle, strip.crop(place.end)])
        return strip


@dataclass
class Said:
    """Attributes: pictures: those that went with it."""

    text: str
    pictures: tuple[Picture, ...] = ()


class UserItem(Item[Said]):
    """What the person wrote."""

    DEFAULT_CSS = "UserItem { background: $panel; &:focus { background: $panel; } }"

    @classmethod
    def words(cls, state: Said) -> str:
        return state.text

    def renderables(self, width: int) -> list[RenderableType]:
        lines = clean(self.state.text).split("\n")
        pictures = [Padding(part, (0, 0, 0, 2)) for part in self.pictures(self.state.pictures)]
        said = [Text.assemble(("❯ " if i == 0 else "  ", "accent.bold"), line, overflow="fold") for i, line in enumerate(lines)]
        return [*said, *pictures]


@dataclass
class Told:
    level: Literal["info", "warning", "error"]
    text: str
    hint: str = ""


class NoticeItem(Item[Told]):
    """A line from mltui itself."""

    @classmethod
    def words(cls, state: Told) -> str:
        return f"{state.text}\n{state.hint}".strip()

    def renderables(self, width: int) -> list[RenderableType]:
        mark, style = {"info": ("·", "muted"), "warning": ("!", "warning"), "error": ("✗", "error")}[self.state.level]
        body = Text(clean(self.state.text), style=style, overflow="fold")
        parts: list[RenderableType] = [_hanging(Text(mark, style=style), body, width)]
        if self.state.hint:
            parts.append(Padding(Text(clean(self.state.hint), style="muted", overflow="fold"), (0, 0, 0, 2)))
        return parts


def _hanging(mark: Text, body: Text, width: int) -> RenderableType:
    from rich.table import Table  # loaded by rich.console's users already

    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(width=1)
    grid.add_column(width=max(1, width - 2), overflow="fold")
    grid.add_row(mark, body)
    return grid


@dataclass
class Answer:
    """Attributes: lines: the markdown so far; growing: more of it may come."""

    lines: MarkdownLines
    growing: bool = False


class AnswerItem(Item[Answer]):
    """What the model says, as markdown; while it streams only its open last block is rendered again."""

    DEFAULT_CSS = "AnswerItem { padding: 0 1 0 2; }"

    @classmethod
    def words(cls, state: Answer) -> str:
        return state.lines.source

    @classmethod
    def let_go(cls, state: Answer) -> None:
        state.lines.forget()

    def __init__(self, state: Answer) -> None:
        super().__init__(state)
        self._unread: list[str] = []

    def append(self, text: str) -> None:
        self._unread.append(text)
        self.soon()

    @property
    def source(self) -> str:
        return self.state.lines.source + "".join(self._unread)

    def replace(self, text: str) -> None:
        """Shows another text: what was streamed was not what the answer came to."""
        self._unread = [text]
        self.state.lines = type(self.state.lines)()

    def finish(self) -> None:
        self.state.growing = False
        self.finish_frame()
        self.changed()

    def build(self, width: int) -> list[Strip]:
        if self._unread:
            self.state.lines.append("".join(self._unread))
            self._unread.clear()
        return self.state.lines.strips(self.paint, width, growing=self.state.growing)


class Fold(Item[S]):
    """An item with a head, and a body that Enter, Space or a click opens."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,space", "fold", "Open or close it", show=False, id="transcript.fold")]
    DEFAULT_CSS = "Fold { &.-tight { margin: 0; } &:hover { background: $surface; } }"
    FOCUS_ON_CLICK = True

    def __init__(self, state: S) -> None:
        super().__init__(state)
        self.opened = False

    def action_fold(self) -> None:
        self.show_body(not self.opened)

    def show_body(self, opened: bool) -> None:
        if opened != self.opened:
            self.opened = opened
            self.changed()

    def on_click(self, event: events.Click) -> None:
        if event.y == 0 or not self.opened:
            self.action_fold()


@dataclass
class Thought:
    text: str = ""
    seconds: float | None = None


class ThinkingItem(Fold[Thought]):
    """What the model thought, folded to a line."""

    @classmethod
    def words(cls, state: Thought) -> str:
        return state.text

    def append(self, text: str) -> None:
        self.state.text += text
        self.soon()

    def finish(self, seconds: float | None) -> None:
        self.state.seconds = seconds
        self.changed()

    def renderables(self, width: int) -> list[RenderableType]:
        text = clean(self.state.text).strip()
        if self.state.seconds is None:
            last = text.rsplit("\n", 1)[-1]
            head = Text.assemble(("✻ ", "secondary"), ("Thinking  ", "muted"), (one_line(last)[-max(10, width - 14) :], "faint"))
        else:
            head = Text.assemble(("✻ ", "secondary"), (f"Thought for {duration(self.state.seconds)}", "muted"))
        head.no_wrap, head.overflow = True, "ellipsis"
        return [head, Padding(Text(text, style="muted italic", overflow="fold"), (0, 0, 0, 2))] if self.opened else [head]
