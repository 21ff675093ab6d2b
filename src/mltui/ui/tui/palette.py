"""Finds anything by a few letters: commands, keys, sessions, models, personas, experiments, settings."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from textual.content import Content
from textual.fuzzy import FuzzySearch

from mltui.core.errors import MltuiError
from mltui.ui.tui.list_screen import ListScreen, Row
from mltui.ui.tui.text import one_line

MOST_SHOWN = 100
MOST_OF_A_KIND = 6
"""Rows of a kind that stand in the list before anything is typed; of commands all do."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Something to find.

    Attributes:
        kind: `command`, `key`, `session` and so on; it can be typed, too.
        keys: the keys that do the same, for people.
        run: does it, after the palette has closed.
    """

    kind: str
    label: str
    what: str
    run: Callable[[], None]
    keys: str = ""


Source = Callable[[], Awaitable[Sequence[Entry]]]


def found(entries: Sequence[Entry], typed: str, search: FuzzySearch) -> list[tuple[Entry, Sequence[int]]]:
    """(entry, places in its label that fit) of the entries that fit, the best first.

    Each word must fit: as letters in their order in the label, or as a part of the kind or of what it does.
    """
    words = typed.casefold().split()
    ranked: list[tuple[float, int, Entry, Sequence[int]]] = []
    for place, entry in enumerate(entries):
        score, marks = 0.0, set[int]()
        rest = f"{entry.kind} {entry.what}".casefold()
        for word in words:
            fits, at = search.match(word, entry.label)
            whole = entry.label.casefold().find(word)
            if whole >= 0:
                fits, at = fits + 10 + (5 if whole == 0 or not entry.label[whole - 1].isalnum() else 0), range(whole, whole + len(word))
            if not fits and word not in rest:
                break
            score += fits or 0.5
            marks.update(at if fits else ())
        else:
            ranked.append((-score, place, entry, sorted(marks)))
    return [(entry, marks) for _, _, entry, marks in sorted(ranked, key=lambda one: one[:2])]


def at_first(entries: Sequence[Entry]) -> list[Entry]:
    """What stands there before anything is typed: all commands, and the first of everything else."""
    counted: dict[str, int] = {}
    kept: list[Entry] = []
    for entry in entries:
        counted[entry.kind] = counted.get(entry.kind, 0) + 1
        if entry.kind == "command" or counted[entry.kind] <= MOST_OF_A_KIND:
            kept.append(entry)
    return kept


class Palette(ListScreen[Callable[[], None] | None]):
    """Returns what the picked entry does."""

    heading = "Find"
    placeholder = "type a few letters of a command, session, model, persona, experiment or setting"
    keys: ClassVar[tuple[tuple[str, str], ...]] = (("=enter", "does it"), ("list.leave", "leaves"))

    def __init__(self, sources: Sequence[Source]) -> None:
        super().__init__()
        self._sources = sources
        self._entries: list[list[Entry]] = [[] for _ in sources]
        self._search = FuzzySearch()
        self._shown: list[Entry] = []
        self._reading = len(sources)

    def on_mount(self) -> None:
        for place, source in enumerate(self._sources):
            self.run_worker(partial(self._load, place, source), group=f"source-{place}", exit_on_error=False)

    async def _load(self, place: int, source: Source) -> None:
        try:
            self._entries[place] = [*await source()]
        except (MltuiError, OSError, asyncio.CancelledError):
            self._entries[place] = []  # a part that cannot be read is no reason not to find the others
        self._reading -= 1
        self.fill(keep=True)

    def rows(self, narrow: str) -> Iterable[Row]:
        everything = [entry for part in self._entries for entry in part]
        pairs = found(everything, narrow, self._search) if narrow.strip() else [(entry, ()) for entry in at_first(everything)]
        pairs = pairs[:MOST_SHOWN]
        self._shown = [entry for entry, _ in pairs]
        for place, (entry, marks) in enumerate(pairs):
            yield str(place), _drawn(entry, marks)

    def nothing(self) -> str:
        return "Reading …" if self._reading else "Nothing fits"

    def picked(self, id_: str) -> None:
        self.dismiss(self._shown[int(id_)].run)


def _drawn(entry: Entry, marks: Sequence[int]) -> Content:
    label = Content(one_line(entry.label))
    for at in marks:
        label = label.stylize("bold $accent", at, at + 1)
    parts = [Content.styled(f"{entry.kind:<11}", "$foreground 62%"), label]
    if entry.keys:
        parts.append(Content.styled(f"  {entry.keys}", "$primary"))
    if entry.what:
        parts.append(Content.styled(f"  {one_line(entry.what)}", "$foreground 62%"))
    return Content("").join(parts)
