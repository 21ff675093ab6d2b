"""Rows that occur more than once: in one table, and in two splits."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mltui.experiments.data_checks.keys import Keys
from mltui.experiments.data_checks.report import Finding
from mltui.experiments.data_checks.scan import Scanned

_CHANCE = 0.1
"""If so large a part of what was found would be there by chance, it is no sign of a mistake."""


def duplicates(scanned: Scanned, target: str | None) -> Iterator[Finding]:
    """Rows that are there before, and rows of equal content with different labels."""
    keys = scanned.keys
    again = _again(keys.whole)
    count = int(again.sum())
    if count:
        expected = _by_chance(scanned) * scanned.rows**2 / 2
        likely = expected > _CHANCE * count
        without = f" (compared without {', '.join(scanned.left_out[:3])})" if scanned.left_out else ""
        text = f"rows that repeat an earlier one: {count:,} ({count / scanned.rows:.1%}){without}"
        yield Finding(
            severity="info" if likely else "warning",
            check="duplicates",
            dataset=scanned.name,
            count=count,
            fraction=count / scanned.rows,
            text=text + ("; with so few different values that is to be expected" if likely else ""),
            action="Drop the copies before splitting, or say why they are there",
            examples=_pairs(keys.whole, again),
        )
    near = int(_again(keys.loose).sum()) - int(_again(keys.content).sum())
    if near > 0 and _loose_chance(scanned) * scanned.rows**2 / 2 < _CHANCE * near:
        alike = _again(keys.loose) & ~_again(keys.content)
        yield Finding(
            severity="warning",
            check="duplicates.near",
            dataset=scanned.name,
            count=near,
            fraction=near / scanned.rows,
            text=f"rows that differ from an earlier one in case, spaces or the last digits alone: {near:,}",
            action="Drop them before splitting",
            examples=_pairs(keys.loose, alike),
        )
    if target is not None:
        yield from _conflicts(scanned, target)


def _conflicts(scanned: Scanned, target: str) -> Iterator[Finding]:
    """Rows of one content whose label is not that of the first of them."""
    content, where = np.unique(scanned.keys.content, return_index=True)
    first = scanned.keys.whole[where]
    other = scanned.keys.whole != first[np.searchsorted(content, scanned.keys.content)]
    count = int(other.sum())
    if not count:
        return
    likely = _by_chance(scanned, without=target) * scanned.rows**2 / 2 > _CHANCE * count
    yield Finding(
        severity="info" if likely else "warning",
        check="labels",
        dataset=scanned.name,
        column=target,
        count=count,
        fraction=count / scanned.rows,
        text=f"rows with the content of another and a different label: {count:,} ({count / scanned.rows:.1%})",
        action="Look at these labels: they bound what any model can reach",
        examples=_pairs(scanned.keys.content, other),
    )


def leaks(train: Scanned, test: Scanned) -> Iterator[Finding]:
    """Rows of the later split that are in the training split too, label aside."""
    both = f"{train.name} → {test.name}"
    pairs = float(train.rows) * test.rows
    exact = _inside(test.keys.content, train.keys.content)
    count = int(exact.sum())
    if count:
        likely = _by_chance(test) * pairs > _CHANCE * count
        yield Finding(
            severity="info" if likely else "error",
            check="leak.rows",
            dataset=both,
            count=count,
            fraction=count / max(1, test.rows),
            text=f"rows of {test.role or test.name} that are in {train.role or train.name} too: {count:,} ({count / max(1, test.rows):.1%})"
            + ("; with so few different values that is to be expected" if likely else ""),
            action="Drop them from one of the two, and measure again",
            examples=_across(test.keys.content, train.keys.content, exact),
        )
    near = _inside(test.keys.loose, train.keys.loose) & ~exact
    count = int(near.sum())
    if count and _loose_chance(test) * pairs < _CHANCE * count:
        yield Finding(
            severity="error",
            check="leak.near",
            dataset=both,
            count=count,
            fraction=count / max(1, test.rows),
            text=f"rows of {test.role or test.name} that are almost in {train.role or train.name} (case, spaces or the last digits "
            f"differ): {count:,}",
            action="Split by what they have in common (--group)",
            examples=_across(test.keys.loose, train.keys.loose, near),
        )


def _again(keys: Keys) -> NDArray[np.bool_]:
    """Which rows have the key of an earlier one."""
    order = np.argsort(keys, kind="stable")
    found = np.zeros(len(keys), bool)
    found[order[1:]] = keys[order[1:]] == keys[order[:-1]]
    return found


def _inside(keys: Keys, others: Keys) -> NDArray[np.bool_]:
    return np.isin(keys, np.unique(others))


def _pairs(keys: Keys, which: NDArray[np.bool_]) -> tuple[str, ...]:
    out: list[str] = []
    for index in np.flatnonzero(which)[:4].tolist():
        first = int(np.argmax(keys == keys[index]))
        out.append(f"rows {first + 1} and {index + 1}")
    return tuple(out)


def _across(keys: Keys, others: Keys, which: NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(f"rows {int(np.argmax(others == keys[index])) + 1} and {index + 1}" for index in np.flatnonzero(which)[:4].tolist())


def _by_chance(scanned: Scanned, without: str | None = None) -> float:
    """The probability that two rows are equal if their columns were independent, estimated from the sample."""
    return _chance(scanned, without, loose=False)


def _loose_chance(scanned: Scanned) -> float:
    return _chance(scanned, None, loose=True)


def _chance(scanned: Scanned, without: str | None, *, loose: bool) -> float:
    sampled = len(scanned.sample)
    if sampled < 2:
        return 0.0
    logarithm = 0.0
    for name, values in scanned.sample.columns.items():
        if name == without or name in scanned.left_out:
            continue
        keys = values.loose_keys if loose else values.keys
        counts = np.unique(keys, return_counts=True)[1].astype(np.float64)
        same = float((counts * (counts - 1)).sum()) / (sampled * (sampled - 1))
        # Even if no two are equal in the sample, some are in all rows: counted as if there were one pair.
        logarithm += math.log(max(same, 1 / (sampled * (sampled - 1.0))))
    return math.exp(logarithm)
