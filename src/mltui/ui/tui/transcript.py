"""The conversation on screen: a bounded number of live widgets, the older ones paged out as plain states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message

from mltui.ui.tui.items import Fold, Item
from mltui.ui.tui.strip_view import RichView

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual import events

Paged = tuple[type[Item[Any]], Any]
"""An item without its widget: its kind and its state."""

MOST_LIVE = 120
"""Widgets kept in the DOM; `PAGE` of them leave it at once when there are that many more."""
PAGE = 40


class EarlierBar(RichView):
    """The way back to what was paged out."""

    DEFAULT_CSS = "EarlierBar { height: 1; padding: 0 1; display: none; &:hover { background: $surface; } }"

    class Chosen(Message):
        pass

    def show_count(self, count: int, more: bool) -> None:
        """Args: more: there are others that were not counted."""
        self.display = count > 0 or more
        text = f"{count}{' and more' if more else ''} earlier" if count else "more earlier"
        self.update(Text.assemble(("↑ ", "primary"), (text, "muted"), ("  F3 shows them", "faint"), no_wrap=True))

    def on_click(self, event: events.Click) -> None:
        self.post_message(self.Chosen())


class TranscriptView(VerticalScroll):
    """Items from old to new; follows its end until the person scrolls away."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "previous", "Previous", show=False),
        Binding("down,j", "next", "Next", show=False),
    ]
    DEFAULT_CSS = "TranscriptView { height: 1fr; scrollbar-size-vertical: 1; }"
    can_focus = False

    def __init__(self) -> None:
        super().__init__()
        self._earlier = EarlierBar()
        self._live: list[Item[Any]] = []
        self._paged: list[Paged] = []
        self._older: Callable[[], tuple[list[Paged], bool]] | None = None

    def on_mount(self) -> None:
        self.mount(self._earlier)
        self.anchor()

    @property
    def live(self) -> tuple[Item[Any], ...]:
        return tuple(self._live)

    @property
    def paged(self) -> int:
        """How many items are paged out."""
        return len(self._paged)

    @property
    def last(self) -> Item[Any] | None:
        return self._live[-1] if self._live else None

    def add(self, *items: Item[Any]) -> None:
        """Puts items at the end."""
        for item in items:
            # A run of tool calls reads as one block.
            item.set_class(isinstance(item, Fold) and isinstance(self.last, Fold) and type(item) is type(self.last), "-tight")
            self._live.append(item)
        self.mount_all(items)
        if len(self._live) > MOST_LIVE + PAGE and not self._reading_back:
            self._page_out(len(self._live) - MOST_LIVE)

    @property
    def _reading_back(self) -> bool:
        return self.max_scroll_y - self.scroll_y > self.size.height

    def add_paged(self, kind: type[Item[Any]], state: Any) -> None:
        """Puts an item before all live ones, without a widget."""
        self._paged.append((kind, state))
        self._count()

    def add_earlier(self, load: Callable[[], tuple[list[Paged], bool]]) -> None:
        """What comes before all paged items: `load` returns its last part, and whether there is more before that."""
        self._older = load
        self._count()

    def _count(self) -> None:
        self._earlier.show_count(len(self._paged), self._older is not None)

    def shows(self, item: Item[Any]) -> bool:
        """Whether the item is among the live ones."""
        return item in self._live

    def drop(self, item: Item[Any]) -> None:
        """Takes an item away for good."""
        if item in self._live:
            self._live.remove(item)
            item.remove()

    def clear(self) -> None:
        self.remove_children(self._live)
        self._live, self._paged, self._older = [], [], None
        self._count()

    def _page_out(self, count: int) -> None:
        leaving, self._live = self._live[:count], self._live[count:]
        self._paged += [(type(item), item.state) for item in leaving]
        self.remove_children(leaving)
        self._count()

    def show_earlier(self) -> None:
        """Brings the latest of the paged items back, and keeps what is read in its place."""
        if self._older is not None and len(self._paged) < PAGE:
            older, more = self._older()
            self._paged = [*older, *self._paged]
            self._older = self._older if more else None
        returning, self._paged = self._paged[-PAGE:], self._paged[:-PAGE]
        if not returning:
            return
        items = [kind(state) for kind, state in returning]
        height = self.virtual_size.height
        self.release_anchor()
        self.mount_all(items, after=self._earlier)
        self._live = [*items, *self._live]
        self._count()
        self.call_after_refresh(lambda: self.scroll_to(y=self.scroll_y + self.virtual_size.height - height, animate=False))

    def on_earlier_bar_chosen(self) -> None:
        self.show_earlier()

    def page(self, direction: int) -> None:
        """Scrolls by a screen, up (-1) or down (1); at the end it follows again."""
        step = max(1, self.size.height - 2)
        if direction > 0 and self.scroll_y + step >= self.max_scroll_y:
            self.anchor()
        else:
            self.release_anchor()
            self.scroll_relative(y=direction * step, animate=False)

    def _folds(self) -> list[Fold[Any]]:
        return [item for item in self._live if isinstance(item, Fold)]

    def enter(self) -> bool:
        """Gives the focus to the last item that can be opened. Returns: whether there is one."""
        folds = self._folds()
        if folds:
            folds[-1].focus()
        return bool(folds)

    def action_previous(self) -> None:
        self._step(-1)

    def action_next(self) -> None:
        self._step(1)

    def _step(self, direction: int) -> None:
        folds: list[Any] = self._folds()
        focused = self.screen.focused
        if focused not in folds:
            return
        index = folds.index(focused) + direction
        if 0 <= index < len(folds):
            folds[index].focus()

    def toggle_all(self) -> None:
        """Opens every foldable item, or closes them if most are open."""
        folds = self._folds()
        opened = 2 * sum(fold.opened for fold in folds) < len(folds) or not any(fold.opened for fold in folds)
        for fold in folds:
            fold.show_body(opened)
