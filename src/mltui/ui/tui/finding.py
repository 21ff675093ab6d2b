"""Finding text in the conversation: in what is on screen, in what was paged out, and in the turns before that."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any, NamedTuple

from mltui.ui.tui.items import Fold
from mltui.ui.tui.places import comparable, offsets

if TYPE_CHECKING:
    from mltui.ui.tui.items import Item
    from mltui.ui.tui.transcript import TranscriptView


class Hit(NamedTuple):
    """Attributes: item: its place in the conversation; number: the how manieth place in its text; share: how far into it, 0 to 1."""

    item: int
    number: int
    share: float


class Finder:
    """A search in a transcript, from the first letter until the person is done with it."""

    def __init__(self, view: TranscriptView) -> None:
        self._view = view
        self._hits: list[Hit] = []
        self._at: int | None = None
        self._seen: tuple[str, int] = ("", 0)
        self._was_at = view.top_item
        self._gap = 0 if self._was_at is None else self._was_at.virtual_region.y - view.scroll_y
        self._followed = view.scroll_y >= view.max_scroll_y
        self._start = view.index(self._was_at) if self._was_at is not None else None
        self._opened: Fold[Any] | None = None
        self._shown: Item[Any] | None = None

    @property
    def text(self) -> str:
        return self._seen[0]

    @property
    def count(self) -> str:
        """`3 of 17`, or what there is to say instead."""
        if not self.text:
            return ""
        if not self._hits:
            return "not found"
        return f"{len(self._hits)} found" if self._at is None else f"{self._at + 1} of {len(self._hits)}"

    def look_for(self, text: str) -> None:
        """Finds a text, and goes to the first place from where the person was; to the last one if there is none after that."""
        self._view.load_older(all_of_it=True)
        if self._start is not None and self._was_at is not None:
            self._start = self._view.index(self._was_at) if self._view.index(self._was_at) is not None else self._start
        self._scan(text)
        self._view.seek(text)
        if not self._hits:
            self._leave_hit()
            self._at = None
            return
        here = bisect_left(self._hits, (self._start or 0, 0, 0.0))
        self._go(min(here, len(self._hits) - 1))

    def step(self, direction: int) -> None:
        """Goes to the next place (1) or to the one before (-1), and round at the ends."""
        if self._seen[1] != self._size():
            here = self._hits[self._at] if self._at is not None and self._hits else None
            self._scan(self.text)
            self._at = bisect_left(self._hits, here) if here is not None else None
        if self._hits:
            at = self._at if self._at is not None else -1 if direction > 0 else 0
            self._go((at + direction) % len(self._hits))

    def item(self) -> Item[Any] | None:
        """The item of the place that is looked at."""
        return self._shown

    def stay(self) -> None:
        """Ends the search where it is."""
        self._clear()

    def back(self) -> None:
        """Ends the search, and goes back to where it began."""
        self._leave_hit()
        self._clear()
        view = self._view
        if self._followed or self._start is None:
            view.anchor()
            return
        item = view.reveal(self._start)
        view.call_after_refresh(lambda: view.scroll_to(y=item.virtual_region.y - self._gap, animate=False))

    def _clear(self) -> None:
        self._view.seek("")

    def _size(self) -> int:
        return len(self._view)

    def _scan(self, text: str) -> None:
        view = self._view
        hits: list[Hit] = []
        for place in range(len(view)) if text else ():
            kind, state = view.at(place)
            source = kind.words(state)
            found = offsets(source, text)
            length = max(1, len(comparable(source, text))) if found else 1
            hits += [Hit(place, number, offset / length) for number, offset in enumerate(found)]
        self._hits, self._seen = hits, (text, len(view))

    def _leave_hit(self) -> None:
        if self._shown is not None:
            self._shown.choose_place(None)
            self._shown = None
        if self._opened is not None:
            self._opened.show_body(False)
            self._opened = None

    def _go(self, at: int) -> None:
        view, hit = self._view, self._hits[at]
        self._at = at
        item = view.reveal(hit.item)
        if item is not self._shown:
            self._leave_hit()
        self._shown = item
        # Its lines are known when it was laid out, and it may have to be opened for what is in it.
        view.call_after_refresh(self._show, item, hit)

    def _show(self, item: Item[Any], hit: Hit) -> None:
        if item is not self._shown or not item.is_mounted:
            return
        if isinstance(item, Fold) and not item.opened and (hit.number or not item.places()):
            self._opened = item
            item.show_body(True)
            self._view.call_after_refresh(self._scroll, item, hit)
        else:
            self._scroll(item, hit)

    def _scroll(self, item: Item[Any], hit: Hit) -> None:
        if item is not self._shown:
            return
        place = item.choose_place(hit.number)
        line = place.line if place is not None else round(hit.share * max(0, item.size.height - 1))
        top = item.virtual_region.y + item.styles.padding.top + line
        view = self._view
        if place is None or not view.scroll_y <= top < view.scroll_y + view.size.height - 1:
            view.release_anchor()
            view.scroll_to(y=max(0, top - view.size.height // 3), animate=False)
