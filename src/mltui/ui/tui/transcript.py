"""The conversation on screen: a bounded number of live widgets, the older ones paged out as plain states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message

from mltui.ui.tui.items import Fold, Item, UserItem
from mltui.ui.tui.paging_bars import EarlierBar, LaterBar

if TYPE_CHECKING:
    from collections.abc import Callable

Paged = tuple[type[Item[Any]], Any]
"""An item without its widget: its kind and its state."""

MOST_LIVE = 48
"""Widgets kept in the DOM, all of which a key lays out; `PAGE` of them leave it at once when there are that many more."""
PAGE = 24
MOST_BACK = 160
"""Widgets of older items at once, where the person looks back."""


class TranscriptView(VerticalScroll):
    """Items from old to new; follows its end until the person scrolls away.

    The newest items are widgets always. Of the others a part is, the window, where the person looks back; while it does not
    reach to the newest, those are hidden.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "previous", "Item above", show=False, id="transcript.previous"),
        Binding("down,j", "next", "Item below", show=False, id="transcript.next"),
        Binding("left_square_bracket", "turn(-1)", "Prompt before", show=False, id="transcript.previous-prompt"),
        Binding("right_square_bracket", "turn(1)", "Next prompt", show=False, id="transcript.next-prompt"),
        Binding("home,g", "edge(-1)", "To the beginning", show=False, id="transcript.top"),
        Binding("end,G", "edge(1)", "To the end", show=False, id="transcript.end"),
        Binding("slash", "find", "Find in the conversation", show=False, id="transcript.search"),
        Binding("n", "found(1)", "Next place found", show=False, id="transcript.found-next"),
        Binding("N", "found(-1)", "Place found before", show=False, id="transcript.found-previous"),
        Binding("y", "copy", "Copy it", show=False, id="transcript.copy"),
        Binding("b", "copy_block", "Copy one of its code blocks", show=False, id="transcript.copy-block"),
    ]
    DEFAULT_CSS = "TranscriptView { height: 1fr; scrollbar-size-vertical: 1; scrollbar-gutter: stable; }"
    can_focus = False

    class Asked(Message):
        """A key that the app answers. Attributes: what: `find`, `next`, `previous`, `copy` or `block`."""

        def __init__(self, what: str) -> None:
            super().__init__()
            self.what = what

    def __init__(self) -> None:
        super().__init__()
        self._earlier = EarlierBar()
        self._later = LaterBar()
        self._live: list[Item[Any]] = []
        self._paged: list[Paged] = []
        self._window: list[Item[Any]] = []
        self._start = 0
        self._older: Callable[[], tuple[list[Paged], bool]] | None = None
        self.query_text = ""
        """What is looked for, and marked wherever it stands."""

    def on_mount(self) -> None:
        self.mount(self._earlier, self._later)
        self.anchor()

    # ── what there is ────────────────────────────────────────────────────────────

    @property
    def live(self) -> tuple[Item[Any], ...]:
        """The items that are on screen, or above or below it."""
        return (*self._window, *(self._live if self._whole else ()))

    @property
    def paged(self) -> int:
        """How many items are before those that are shown."""
        return self._start

    @property
    def last(self) -> Item[Any] | None:
        return self._live[-1] if self._live else None

    def __len__(self) -> int:
        return len(self._paged) + len(self._live)

    def at(self, index: int) -> Paged:
        """Returns: kind and state of an item, counted from the oldest of those that were loaded."""
        if index < len(self._paged):
            return self._paged[index]
        item = self._live[index - len(self._paged)]
        return type(item), item.state

    def index(self, item: Item[Any]) -> int | None:
        """The place of an item that is shown, counted as for `at`."""
        if item in self._window:
            return self._start + self._window.index(item)
        return len(self._paged) + self._live.index(item) if item in self._live else None

    def shows(self, item: Item[Any]) -> bool:
        """Whether the item is among the newest."""
        return item in self._live

    @property
    def _whole(self) -> bool:
        """Whether everything from the window on is shown."""
        return self._start + len(self._window) == len(self._paged)

    @property
    def _reading_back(self) -> bool:
        return self.max_scroll_y - self.scroll_y > self.size.height

    # ── what comes and goes ──────────────────────────────────────────────────────

    def add(self, *items: Item[Any]) -> None:
        """Puts items at the end."""
        for item in items:
            # A run of tool calls reads as one block.
            item.set_class(isinstance(item, Fold) and isinstance(self.last, Fold) and type(item) is type(self.last), "-tight")
            item.sought, item.display = self.query_text, self._whole
            self._live.append(item)
        self.mount_all(items)
        if len(self._live) > MOST_LIVE + PAGE:
            self._page_out(len(self._live) - MOST_LIVE)
        elif not self._whole:
            self._count()

    def add_paged(self, kind: type[Item[Any]], state: Any) -> None:
        """Puts an item before all live ones, without a widget."""
        self._paged.append((kind, state))
        self._start = len(self._paged)
        self._count()

    def add_earlier(self, load: Callable[[], tuple[list[Paged], bool]]) -> None:
        """What comes before all paged items: `load` returns its last part, and whether there is more before that."""
        self._older = load
        self._count()

    def load_older(self, *, all_of_it: bool = False) -> bool:
        """Takes the last part of what comes before all items, or everything. Returns: whether there was something."""
        before = len(self._paged)
        while self._older is not None:
            older, more = self._older()
            self._paged = [*older, *self._paged]
            self._start += len(older)
            self._older = self._older if more else None
            if not all_of_it:
                break
        if len(self._paged) > before:
            self._count()
        return len(self._paged) > before

    def _count(self) -> None:
        self._earlier.show_count(self._start, self._older is not None)
        self._later.show_count(0 if self._whole else len(self) - self._start - len(self._window))

    def drop(self, item: Item[Any]) -> None:
        """Takes an item away for good."""
        if item in self._live:
            self._live.remove(item)
            item.remove()

    def clear(self) -> None:
        self.remove_children([*self._window, *self._live])
        self._live, self._paged, self._window, self._start, self._older = [], [], [], 0, None
        self._count()

    def _page_out(self, count: int) -> None:
        """Lets go of the widgets of the oldest of the newest. What is being read stays as a part of the window."""
        whole, back = self._whole, self._reading_back
        leaving, self._live = self._live[:count], self._live[count:]
        self._paged += [(type(item), item.state) for item in leaving]
        if whole and back:
            self._window += leaving
            if len(self._window) > MOST_BACK:
                self._show_window(self._start, len(self._window) - PAGE)
        else:
            for item in leaving:
                item.let_go(item.state)
            self.remove_children([*leaving, *(self._window if whole else ())])
            if whole:
                self._window, self._start = [], len(self._paged)
        self._count()

    def _show_window(self, start: int, count: int) -> None:
        """Makes widgets of `count` items from `start` on, and of no other old ones; those that there are stay."""
        start = max(0, start)
        end = min(len(self._paged), start + count)
        old, first = self._window, self._start
        kept = old[max(0, start - first) : max(0, end - first)] if first < end and start < first + len(old) else []
        leaving = [item for item in old if item not in kept]
        for item in leaving:
            item.let_go(item.state)
        if self.screen.focused in leaving:
            self.call_after_refresh(self._focus_top)
        self.remove_children(leaving)
        at = max(start, first) if kept else end
        before = [kind(state) for kind, state in self._paged[start:at]]
        after = [kind(state) for kind, state in self._paged[at + len(kept) : end]]
        for item in (*before, *after):
            item.sought = self.query_text
        self.mount_all(before, after=self._earlier)
        self.mount_all(after, before=self._later)
        self._window, self._start = [*before, *kept, *after], start
        for item in self._live:
            item.display = self._whole
        self._count()

    # ── looking back ─────────────────────────────────────────────────────────────

    def show_earlier(self) -> None:
        """Brings the latest of the paged items back, and keeps what is read in its place."""
        if self._start < PAGE:
            self.load_older()
        if not self._start:
            return
        top = self.top_item
        self.release_anchor()
        start = max(0, self._start - PAGE)
        self._show_window(start, min(MOST_BACK, len(self._window) + self._start - start))
        self._keep_place(top)

    def show_later(self) -> None:
        """Goes on towards the newest items from a part far back."""
        if self._whole:
            return
        top = self.top_item
        end = self._start + len(self._window) + PAGE
        start = max(self._start, end - MOST_BACK)
        self._show_window(start, end - start)
        self._keep_place(top)

    @property
    def top_item(self) -> Item[Any] | None:
        """The first item that is in sight."""
        return next((item for item in self.live if item.virtual_region.bottom > self.scroll_y), None)

    def _focus_top(self) -> None:
        item = self.top_item
        if item is not None and not isinstance(self.screen.focused, Item):
            item.focus(scroll_visible=False)

    def _keep_place(self, item: Item[Any] | None) -> None:
        if item is not None:
            gap = item.virtual_region.y - self.scroll_y
            self.call_after_refresh(lambda: self.scroll_to(y=item.virtual_region.y - gap, animate=False))

    def reveal(self, index: int) -> Item[Any]:
        """Returns: the widget of an item, which is made if there is none; it is laid out with the next refresh."""
        self.release_anchor()
        back = index - len(self._paged)
        if back >= 0:
            if not self._whole:
                self._show_window(len(self._paged), 0)
            return self._live[back]
        if not self._start <= index < self._start + len(self._window):
            self._show_window(index - PAGE, 2 * PAGE)
        return self._window[index - self._start]

    def go_to(self, index: int, *, focus: bool = False) -> None:
        """Scrolls an item to the top."""
        item = self.reveal(index)
        if focus:
            item.focus(scroll_visible=False)
        self.call_after_refresh(lambda: self.scroll_to(y=max(0, item.virtual_region.y - 1), animate=False))

    def anchor(self, anchor: bool = True) -> None:
        """Follows the end from now on."""
        if anchor and not self._whole:
            self._show_window(len(self._paged), 0)
        super().anchor(anchor)

    def on_earlier_bar_chosen(self) -> None:
        self.show_earlier()

    def on_later_bar_chosen(self) -> None:
        self.show_later()

    def page(self, direction: int) -> None:
        """Scrolls by a screen, up (-1) or down (1); at the end it follows again."""
        step = max(1, self.size.height - 2)
        if direction > 0 and self.scroll_y + step >= self.max_scroll_y and self._whole:
            self.anchor()
            return
        if direction > 0 and self.scroll_y >= self.max_scroll_y:
            self.show_later()
        elif direction < 0 and self.scroll_y <= 0:
            self.show_earlier()
        self.release_anchor()
        self.scroll_relative(y=direction * step, animate=False)

    # ── keys ─────────────────────────────────────────────────────────────────────

    @property
    def focused_item(self) -> Item[Any] | None:
        focused: Any = self.screen.focused
        return focused if focused in self.live else None

    def enter(self) -> bool:
        """Gives the focus to the last item. Returns: whether there is one."""
        item = next((item for item in reversed(self.live) if item.focusable), None)
        if item is not None:
            item.focus()
        return item is not None

    def action_previous(self) -> None:
        self._step(-1)

    def action_next(self) -> None:
        self._step(1)

    def _step(self, direction: int) -> None:
        focused = self.focused_item
        here = None if focused is None else self.index(focused)
        if focused is None or here is None:
            return
        if here + direction < self._start:
            self.show_earlier()
            here = self.index(focused) or 0  # loading what is older counts anew
        elif not self._whole and here + direction >= self._start + len(self._window):
            self.show_later()
        place = here + direction - self._start
        if 0 <= place < len(self.live):
            self.live[place].focus()

    def action_turn(self, direction: int) -> None:
        self.turn(direction)

    def turn(self, direction: int) -> None:
        """Goes to the prompt before (-1) or after (1) the item that has the focus or is at the top; after the last to the end."""
        focused = self.focused_item
        item = focused or self.top_item
        here = (None if item is None else self.index(item)) or 0
        found = self._prompt(here, direction)
        while found is None and direction < 0 and self.load_older():
            here = (None if item is None else self.index(item)) or 0
            found = self._prompt(here, direction)
        if found is None:
            self.action_edge(direction)
        else:
            self.go_to(found, focus=focused is not None)

    def _prompt(self, here: int, direction: int) -> int | None:
        places = range(here - 1, -1, -1) if direction < 0 else range(here + 1, len(self))
        return next((place for place in places if issubclass(self.at(place)[0], UserItem)), None)

    def action_edge(self, direction: int) -> None:
        """To the very beginning, or to the end."""
        focused = self.focused_item is not None
        if direction > 0:
            self.anchor()
            if focused:
                self.enter()
            return
        self.load_older(all_of_it=True)
        if len(self):
            item = self.reveal(0)
            if focused:
                item.focus(scroll_visible=False)
            self.call_after_refresh(lambda: self.scroll_to(y=0, animate=False))

    def action_find(self) -> None:
        self.post_message(self.Asked("find"))

    def action_found(self, direction: int) -> None:
        self.post_message(self.Asked("next" if direction > 0 else "previous"))

    def action_copy(self) -> None:
        self.post_message(self.Asked("copy"))

    def action_copy_block(self) -> None:
        self.post_message(self.Asked("block"))

    def toggle_all(self) -> None:
        """Opens every foldable item, or closes them if most are open."""
        folds = [item for item in self.live if isinstance(item, Fold)]
        opened = 2 * sum(fold.opened for fold in folds) < len(folds) or not any(fold.opened for fold in folds)
        for fold in folds:
            fold.show_body(opened)

    def seek(self, text: str) -> None:
        """Marks a text wherever it stands; an empty one marks nothing."""
        if text != self.query_text:
            self.query_text = text
            for item in (*self._window, *self._live):
                item.seek(text)
