"""Which split each row goes to: decided by the seed and the rows alone."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mltui.core.errors import UsageError
from mltui.experiments.data_checks.arrow import pa, pc
from mltui.experiments.data_checks.splits import text_moments

Codes = NDArray[np.int8]
NAMES = ("train", "val", "test")
TRAIN, VAL, TEST = range(3)


def assign(column: Any, rows: int, shares: Mapping[int, float], seed: int, how: str, name: str) -> Codes:
    """A code of `NAMES` for each row.

    Args:
        column: the group, the class or the time of each row as an Arrow array; None for a plain random split.
        shares: of `VAL` and `TEST`; the rest is for training.
        how: random, group, stratify or time.

    Raises: UsageError: a split would be empty, or a time cannot be read.
    """
    rng = np.random.default_rng(seed)
    if how == "time":
        out = _by_time(column, rows, shares, name)
    elif how == "group":
        out = _by_group(_codes(column), shares, rng)
    elif how == "stratify":
        out = _by_class(_codes(column), shares, rng)
    else:
        out = _random(rows, shares, rng)
    empty = [NAMES[code] for code in (TRAIN, *shares) if not (out == code).any()]
    if empty:
        raise UsageError(
            f"{' and '.join(empty)} would be empty",
            hint=f"There are {rows:,} rows; ask for other shares" + (f", or look at {name}" if name else ""),
        )
    return out


def _random(rows: int, shares: Mapping[int, float], rng: np.random.Generator) -> Codes:
    out = np.full(rows, TRAIN, np.int8)
    order = rng.permutation(rows)
    start = 0
    for code, share in shares.items():
        count = round(rows * share)
        out[order[start : start + count]] = code
        start += count
    return out


def _by_class(codes: NDArray[np.int64], shares: Mapping[int, float], rng: np.random.Generator) -> Codes:
    """Each class is divided by itself; fractions of rows are drawn, so that the sizes are right over all classes."""
    out = np.full(len(codes), TRAIN, np.int8)
    order = np.argsort(codes, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        mixed = members[rng.permutation(len(members))]
        start = 0
        for code, share in shares.items():
            exact = len(members) * share
            count = int(exact) + int(rng.random() < exact - int(exact))
            if count == 0 and len(members) > len(shares) and exact >= 0.5:
                count = 1
            out[mixed[start : start + count]] = code
            start += count
    return out


def _by_group(codes: NDArray[np.int64], shares: Mapping[int, float], rng: np.random.Generator) -> Codes:
    """Whole groups, in random order, go where most rows are wanting; large groups make the sizes inexact."""
    sizes = np.bincount(codes)
    wanting = {code: share * len(codes) for code, share in shares.items()}
    wanting[TRAIN] = len(codes) - sum(wanting.values())
    place = np.full(len(sizes), TRAIN, np.int8)
    for group in rng.permutation(len(sizes)).tolist():
        size = float(sizes[group])
        code = max(wanting, key=lambda code: (min(wanting[code], size), wanting[code]))
        place[group] = code
        wanting[code] -= size
    return place[codes]


def _by_time(column: Any, rows: int, shares: Mapping[int, float], name: str) -> Codes:
    """The latest rows are the test split, those before it the validation split. Rows of one time stay together, in the earlier split."""
    moments = _moments(column, name)
    ordered = np.sort(moments)
    out = np.full(rows, TRAIN, np.int8)
    end = rows
    for code in (TEST, VAL):
        if code in shares:
            end -= round(rows * shares[code])
            last = ordered[max(0, end - 1)]
            out[(moments > last) & (out == TRAIN)] = code
    return out


def _moments(column: Any, name: str) -> NDArray[np.float64]:
    kinds = pa.types
    if kinds.is_string(column.type):
        found = text_moments(column)
        if np.isnan(found).any():
            with contextlib.suppress(pa.ArrowInvalid):
                found = np.asarray(pc.cast(column, pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
    elif kinds.is_timestamp(column.type):
        found = np.asarray(pc.cast(column, pa.int64()).cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64)
    else:
        found = np.asarray(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64)
    bad = np.flatnonzero(np.isnan(found))
    if len(bad):
        value = column[int(bad[0])].as_py()
        raise UsageError(
            f"row {bad[0] + 1} has no time in {name}: {str(value)[:40]!r}", hint="Write times as 2026-05-01T12:00:00, or as numbers"
        )
    return found


def _codes(column: Any) -> NDArray[np.int64]:
    """Whole numbers for the values in the order in which they first occur; missing is a value of its own."""
    coded = column.dictionary_encode(null_encoding="encode")
    return np.asarray(coded.indices.to_numpy(zero_copy_only=False)).astype(np.int64)
