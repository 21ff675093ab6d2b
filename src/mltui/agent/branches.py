"""Which turns of a session a rewind took out of the conversation, for readers of its file that do not load it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

_BORDER = re.compile(rb'\{"at":[^,]+,"type":"(?:turn\.started","turn":(\d+),|session\.rewound")')


class Branches:
    """Is told of the turns and rewinds of one session in their order; goes by the rules of `remaining`."""

    def __init__(self) -> None:
        self._last = 0
        self._tip = 0
        self._before: dict[int, int] = {}
        self._undone: list[int] = []

    def begin(self, turn: int) -> int:
        """A turn starts. Returns: its number, which is greater than all before."""
        self._last = max(self._last + 1, turn)
        self._before[self._last], self._tip = self._tip, self._last
        self._undone.clear()
        return self._last

    def go_back(self, to_turn: int, *, redo: bool) -> None:
        """The conversation is as it was before a turn, or before the last rewind."""
        if redo and self._undone:
            self._tip = self._undone.pop()
        elif not redo and to_turn in self._before:
            self._undone.append(self._tip)
            self._tip = self._before[to_turn]

    def rewound(self, event: dict[str, Any]) -> None:
        """Takes a `session.rewound` in as its file has it; what is no such event changes nothing."""
        if event.get("conversation") is True and isinstance(turn := event.get("to_turn"), int):
            self.go_back(turn, redo=event.get("redo") is True)

    def turns(self) -> list[int]:
        """The turns that are part of the conversation now, the first one first."""
        found: list[int] = []
        turn = self._tip
        while turn:
            found.append(turn)
            turn = self._before[turn]
        return found[::-1]


class Part(NamedTuple):
    """Lines of a session file: a turn and what follows it, or what stands before the first turn or after a rewind.

    Attributes:
        line: the number of its first line, from 1.
        start, end: its bytes.
        shown: whether it is part of the conversation.
    """

    line: int
    start: int
    end: int
    shown: bool


def parts(path: Path) -> list[Part]:
    """The parts of a session file, in their order. Raises: OSError."""
    branches = Branches()
    found: list[tuple[int, int, int]] = [(0, 1, 0)]
    place = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if border := _BORDER.match(line):
                if border[1]:
                    found.append((branches.begin(int(border[1])), number, place))
                elif event := _event(line):
                    branches.rewound(event)
                    found.append((0, number, place))
            place += len(line)
    shown = {0, *branches.turns()}
    ends = [*(start for _, _, start in found[1:]), place]
    return [Part(line, start, end, turn in shown) for (turn, line, start), end in zip(found, ends, strict=True)]


def _event(line: bytes) -> dict[str, Any] | None:
    try:
        return json.loads(line)
    except ValueError:
        return None
