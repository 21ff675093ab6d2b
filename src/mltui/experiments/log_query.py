"""Which rows of the log are shown, in which order, and p-values that are corrected for how many there are."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from mltui.core.errors import UsageError
from mltui.experiments.families import standings
from mltui.experiments.index import Row
from mltui.experiments.power import t_quantile

FIELDS = ("state", "kind", "verdict", "who", "metric")
SORTS = ("age", "state", "kind", "title", "metric", "difference", "p", "cost", "time", "who")
"""What rows can be sorted by; `age` is how they come, the newest first."""


@dataclass(frozen=True, slots=True)
class Query:
    """What a row must have. All words must be in its id or title; of a field's values one must be the beginning of the row's.

    Attributes:
        fields: (name, values, whether the row must not have them).
    """

    words: tuple[str, ...] = ()
    fields: tuple[tuple[str, tuple[str, ...], bool], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.words or self.fields)

    def matches(self, row: Row) -> bool:
        if self.words:
            text = f"{row.id} {row.title}".lower()
            if not all(word in text for word in self.words):
                return False
        return all(_has(row, name, values) != without for name, values, without in self.fields)


def parse_query(text: str) -> Query:
    """`state:failed,stopped kind:hparam -verdict:worse who:anna learning rate`: words and fields, all of which must hold.

    Raises: UsageError: there is no such field.
    """
    words: list[str] = []
    fields: list[tuple[str, tuple[str, ...], bool]] = []
    for part in text.lower().split():
        name, colon, value = part.partition(":")
        without = name.startswith("-")
        name = name.removeprefix("-")
        if not colon:
            words.append(part)
        elif name in FIELDS:
            if values := tuple(filter(None, value.split(","))):
                fields.append((name, values, without))
        else:
            near = difflib.get_close_matches(name, FIELDS, n=1, cutoff=0.5)
            raise UsageError(f"there is no field {name!r}", hint=f"Did you mean {near[0]}:?" if near else f"Fields: {', '.join(FIELDS)}")
    return Query(tuple(words), tuple(fields))


def _has(row: Row, name: str, values: Sequence[str]) -> bool:
    match name:
        case "state":
            return row.state.startswith(tuple(values))
        case "kind":
            return row.kind.startswith(tuple(values))
        case "verdict":
            return (row.verdict or "none").startswith(tuple(values))
        case "metric":
            return any(value in row.metric.lower() for value in values)
        case _:
            people = f"{row.author} {row.decided_by}".lower()
            return any(value in people for value in values)


def gain(row: Row) -> float | None:
    """The difference as an improvement: positive is better, whichever direction the metric has."""
    return None if row.diff is None else row.diff if row.direction == "maximize" else -row.diff


def ordered(rows: Sequence[Row], by: str, *, reverse: bool = False, corrected: Mapping[str, float] | None = None) -> Sequence[Row]:
    """Rows, which come newest first, by a column: the best, the most and the smallest p first; those without a value last.

    Args:
        by: one of `SORTS`.
        corrected: p-values by id, for `p`.
    """
    if by == "age":
        return rows[::-1] if reverse else rows
    found = corrected or {}
    keys: dict[str, Callable[[Row], Any]] = {
        "state": lambda row: row.state,
        "kind": lambda row: row.kind,
        "title": lambda row: row.title.lower(),
        "metric": lambda row: None if row.candidate is None else -row.candidate if row.direction == "maximize" else row.candidate,
        "difference": lambda row: None if (better := gain(row)) is None else -better,
        "p": lambda row: found.get(row.id),
        "cost": lambda row: -row.cpu_seconds or None,
        "time": lambda row: -row.wall_seconds or None,
        "who": lambda row: (row.decided_by or row.author).lower() or None,
    }
    key = keys[by]
    valued = [(value, row) for row in rows if (value := key(row)) is not None]
    valued.sort(key=lambda pair: pair[0], reverse=reverse)
    return [*(row for _, row in valued), *(row for row in rows if key(row) is None)]


def corrected_p(rows: Iterable[Row]) -> tuple[dict[str, float], dict[str, int]]:
    """Holm-adjusted p-values, and how many comparisons they are adjusted for (see `families`), by id."""
    found = standings(rows)
    return {name: one.p_adjusted for name, one in found.items()}, {name: one.family for name, one in found.items()}


def mean_interval(row: Row) -> tuple[float, float] | None:
    """The 95 % t interval of the candidate's mean over its seeds, by their spread; None where there is no spread to speak of."""
    if row.candidate is None or row.spread is None or row.runs < 2:
        return None
    half = _factor(row.runs) * row.spread
    return row.candidate - half, row.candidate + half


@cache
def _factor(n: int) -> float:
    return t_quantile(0.975, n - 1) / math.sqrt(n)
