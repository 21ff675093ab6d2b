"""A finished conversation, made into items from its end: what is far back is made only when somebody looks at it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from mltui.core.events import (
    Event,
    ExperimentConcluded,
    ExperimentDecided,
    ExperimentFinished,
    ExperimentProgressed,
    ExperimentProposed,
    ExperimentStarted,
    MessageCompleted,
    TurnStarted,
)
from mltui.core.experiment import Experiment
from mltui.ui.tui.catching_up import take_over
from mltui.ui.tui.experiment_card import ExperimentCard
from mltui.ui.tui.items import Item
from mltui.ui.tui.presenter import Presenter

PART = 300
"""Events that are made into items at once, at least."""
_EXPERIMENT = (
    ExperimentProposed,
    ExperimentDecided,
    ExperimentStarted,
    ExperimentProgressed,
    ExperimentFinished,
    ExperimentConcluded,
)


class Replay:
    """Gives the items of a conversation, part by part from its end."""

    def __init__(self, events: Sequence[Event], cwd: PurePath | None, known: Mapping[str, Experiment]) -> None:
        self._events = events
        self._known = known
        self._cwd = cwd
        self._left = len(events)

    @property
    def more(self) -> bool:
        """Whether there is a part before those that were given."""
        return self._left > 0

    def earlier(self) -> tuple[list[Item[Any]], dict[str, ExperimentCard]]:
        """The items of the part before those that were given, from old to new, and the cards of experiments among them."""
        start = max(0, self._left - PART)
        while start > 0 and not isinstance(self._events[start], (TurnStarted, MessageCompleted)):
            start -= 1
        collector = _Collector()
        presenter = Presenter(collector, self._cwd)  # pyright: ignore[reportArgumentType]  (it takes what a view takes)
        for event in self._events[:start]:
            if isinstance(event, _EXPERIMENT):
                presenter.show(event)  # what a card says grows over the whole conversation
        collector.items.clear()
        for event in self._events[start : self._left]:
            presenter.show(event)
        self._left = start
        for id_, card in presenter.experiments.items():
            if (experiment := self._known.get(id_)) is not None:
                take_over(card.state, experiment)
        return collector.items, {id_: card for id_, card in presenter.experiments.items() if card in collector.items}


class _Collector:
    """Takes items as a view does, without showing them."""

    def __init__(self) -> None:
        self.items: list[Item[Any]] = []

    def add(self, *items: Item[Any]) -> None:
        self.items += items

    def drop(self, item: Item[Any]) -> None:
        self.items.remove(item)

    def shows(self, item: Item[Any]) -> bool:
        return item in self.items

    def anchor(self) -> None:
        pass


def replay(presenter: Presenter, events: Sequence[Event], cwd: PurePath | None, live: int) -> None:
    """Shows a finished conversation: its last `live` items, the ones before them as pages, the rest when it is looked for."""
    parts = Replay(events, cwd, presenter.known)
    items, cards = parts.earlier()
    view = presenter.view
    for item in items[:-live]:
        view.add_paged(type(item), item.state)
    recent = items[-live:]
    view.add(*recent)
    presenter.experiments = {id_: card for id_, card in cards.items() if card in recent}

    def earlier() -> tuple[list[tuple[type[Item[Any]], Any]], bool]:
        found = parts.earlier()[0] if parts.more else []
        return [(type(item), item.state) for item in found], parts.more

    if parts.more:
        view.add_earlier(earlier)
