"""Every key of the app, as its widgets and screens declare them: one table for the help, the documents and the key file."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from textual.binding import Binding

import mltui.ui.tui as package

AREAS: dict[str, str] = {
    "app": "Everywhere",
    "composer": "Where you type",
    "transcript": "The conversation",
    "find": "The line to find with",
    "pane": "A question to you",
    "log": "Experiment log",
    "review": "Proposals to decide",
    "compare": "Experiments beside each other",
    "form": "A form",
    "diff": "A diff",
    "list": "A list to pick from",
    "palette": "Command palette",
    "sessions": "Sessions",
    "models": "Models",
    "jobs": "Jobs and GPUs",
    "settings": "Settings",
    "text": "A text to change",
    "help": "Help",
}
"""The first word of an id, and where its keys hold; in the order of the help. Areas that are not here come last under their own name."""


@dataclass(frozen=True, slots=True)
class Key:
    """What a key does somewhere.

    Attributes:
        id: `AREA.NAME`; empty: the key cannot be changed.
        keys: Textual's names, joined by commas.
        priority: it is looked at before the widget that has the focus.
    """

    id: str
    keys: str
    what: str
    area: str
    priority: bool = False

    @property
    def where(self) -> str:
        return AREAS.get(self.area, self.area.replace("-", " ").capitalize())


FIXED: tuple[Key, ...] = (
    Key("", "enter", "Send; while the agent works: queue", "composer"),
    Key("", "tab", "Complete; with nothing to complete: go to the conversation", "composer"),
    Key("", "left,right", "Another answer", "pane"),
    Key("", "enter", "Take the marked answer", "pane"),
    Key("", "escape", "The harmless way out", "pane"),
    Key("", "enter", "Pick", "list"),
)
"""Keys that a widget handles by itself, so that they cannot be changed.

Nor can the letters of a question, which stand on its last line: they differ from question to question, and a mapping that
lets a key mean yes here and no there would be noticed too late.
"""


def modules() -> Iterator[Any]:
    """Every module of the app, imported."""
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        yield importlib.import_module(found.name)


def bindings() -> Iterator[tuple[type, Binding]]:
    """(class, binding) of everything that a class of the app declares, a binding of several keys once."""
    seen: set[type] = set()
    for module in modules():
        members: list[Any] = [getattr(module, name) for name in dir(module)]
        for owner in members:
            if isinstance(owner, type) and owner.__module__ == module.__name__ and owner not in seen:
                seen.add(owner)
                declared: Iterable[Any] = owner.__dict__.get("BINDINGS", ())
                looked_up: Iterable[Any] = owner.__dict__.get("PANE_KEYS", ())
                for one in (*declared, *looked_up):
                    yield owner, one if isinstance(one, Binding) else Binding(*one)


def keys() -> tuple[Key, ...]:
    """The table, by area and then as declared. An id that several classes have stands once."""
    found: dict[str, Key] = {}
    for _, binding in bindings():
        if binding.id:
            area = binding.id.partition(".")[0]
            found.setdefault(binding.id, Key(binding.id, binding.key, binding.description, area, binding.priority))
    order = list(AREAS)
    rows = [*FIXED, *found.values()]
    return tuple(sorted(rows, key=lambda key: (order.index(key.area) if key.area in order else len(order), key.area)))
