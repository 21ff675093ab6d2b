"""Splits beside each other: what is in both, and what differs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from mltui.experiments.data_checks.arrow import pa, pc
from mltui.experiments.data_checks.drift import drifted
from mltui.experiments.data_checks.keys import Keys, Numbers, numbers, salted
from mltui.experiments.data_checks.near_text import near_texts
from mltui.experiments.data_checks.places import nearest
from mltui.experiments.data_checks.report import Finding
from mltui.experiments.data_checks.rows import leaks
from mltui.experiments.data_checks.sample import Values
from mltui.experiments.data_checks.scan import Scanned


def split_findings(train: Scanned, test: Scanned, target: str | None, group: str | None, time: str | None) -> Iterator[Finding]:
    """Everything about two splits: leaks of rows, groups and time, columns that differ, values never seen, drift."""
    yield from _schema(train, test, target)
    yield from leaks(train, test)
    yield from near_texts(train, test)
    if group is not None:
        yield from _groups(train, test, group)
    if time is not None:
        yield from _time(train, test, time)
    yield from _unseen(train, test, target)
    yield from drifted(train, test)


def _schema(train: Scanned, test: Scanned, target: str | None) -> Iterator[Finding]:
    both = f"{train.name} → {test.name}"
    for here, there in ((train, test), (test, train)):
        absent = [name for name in here.columns if name not in there.columns and name != target]
        if absent:
            yield Finding(
                severity="error",
                check="schema",
                dataset=both,
                count=len(absent),
                text=f"columns of {here.name} that are not in {there.name}: {len(absent):,}",
                action="Give both splits the same columns",
                examples=tuple(f"{name} ({nearest(name, list(there.columns))})" for name in absent[:3]),
            )
    for name, column in train.columns.items():
        other = test.columns.get(name)
        if other is None or "empty" in (column.kind, other.kind) or column.kind == other.kind:
            continue
        yield Finding(
            severity="error",
            check="schema",
            dataset=both,
            column=name,
            text=f"{column.kind} in {train.name}, {other.kind} in {test.name}",
            action="Read or write both in one way",
        )


def _groups(train: Scanned, test: Scanned, group: str) -> Iterator[Finding]:
    shared = np.intersect1d(train.groups, test.groups, assume_unique=True)
    if not len(shared) or group not in test.sample.columns:
        return
    values = test.sample.columns[group]
    own: Keys = salted(values.keys, group)
    hits = np.flatnonzero(np.isin(own, shared))
    examples = tuple(dict.fromkeys(values.shown(index) for index in hits[:200].tolist()))[:4]
    yield Finding(
        severity="error",
        check="leak.groups",
        dataset=f"{train.name} → {test.name}",
        column=group,
        count=len(shared),
        fraction=len(shared) / max(1, len(test.groups)),
        examples=examples,
        text=f"groups of {test.role or test.name} that are in {train.role or train.name} too: {len(shared):,} of {len(test.groups):,}",
        action=f"Split by group: mltui data split --group {group}",
    )


def moments(values: Values) -> Numbers:
    """Seconds (or the numbers as they stand) of a time column, NaN where a value is none."""
    if not pa.types.is_string(values.column.type):
        return values.floats
    if not np.isnan(values.floats[~values.missing]).all():
        return values.floats
    return text_moments(values.column)


def text_moments(column: Any) -> Numbers:
    """Seconds since 1970 of ISO 8601 texts, NaN where one is no time."""
    texts = pc.utf8_trim_whitespace(column)
    for kind in (pa.timestamp("us"), pa.timestamp("us", tz="UTC")):
        fits = pc.match_substring_regex(
            texts, r"^\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?)?" + (r"(Z|[+-]\d{2}:?\d{2})$" if kind.tz else "$")
        )
        kept = pc.if_else(fits, texts, pa.scalar(None, pa.string()))
        if kept.null_count == len(kept):
            continue
        try:
            return numbers(pc.cast(kept, kind))[0]
        except pa.ArrowInvalid:
            continue
    return np.full(len(column), np.nan)


def _time(train: Scanned, test: Scanned, time: str) -> Iterator[Finding]:
    both = f"{train.name} → {test.name}"
    if time not in train.sample.columns or time not in test.sample.columns:
        return
    before, after = moments(train.sample.columns[time]), moments(test.sample.columns[time])
    before, after = before[~np.isnan(before)], after[~np.isnan(after)]
    if not len(before) or not len(after):
        yield Finding(
            severity="error",
            check="leak.time",
            dataset=both,
            column=time,
            text="its values cannot be read as times or numbers",
            action="Write times as 2026-05-01T12:00:00, or as numbers",
        )
        return
    last = train.columns[time].high if np.isfinite(train.columns[time].high) else float(before.max())
    late = float((after <= last).mean())
    if late:
        yield Finding(
            severity="error",
            check="leak.time",
            dataset=both,
            column=time,
            fraction=late,
            text=f"{late:.1%} of {test.role or test.name} is not later than the end of "
            f"{train.role or train.name}: the model knows the future",
            action=f"Split by time: mltui data split --time {time}",
        )


def _unseen(train: Scanned, test: Scanned, target: str | None) -> Iterator[Finding]:
    for name, column in test.columns.items():
        known = train.columns.get(name)
        if known is None or column.values is None or known.values is None or (column.kind != "text" and name != target):
            continue
        if name in train.left_out or (name == target and known.kind == "number" and len(known.values) > 50):
            continue
        new = {value: count for value, count in column.values.items() if value not in known.values}
        if not new:
            continue
        count = sum(new.values())
        yield Finding(
            severity="error" if name == target else "warning",
            check="unseen",
            dataset=f"{train.name} → {test.name}",
            column=name,
            count=count,
            fraction=count / max(1, test.rows),
            text=f"values never seen in {train.role or train.name}: {len(new):,}, in {count / max(1, test.rows):.1%} of the rows",
            action="Handle unknown values, or stratify the split",
            examples=tuple(map(repr, list(new)[:4])),
        )
