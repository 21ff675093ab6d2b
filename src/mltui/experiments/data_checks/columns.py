"""Checks of one table's columns, each by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from statistics import NormalDist

import numpy as np

from mltui.experiments.data_checks.report import Finding, Severity
from mltui.experiments.data_checks.sample import Values
from mltui.experiments.data_checks.scan import Column, Scanned

ALARMS = 0.01
"""How often clean normal data of any size gets an outlier reported, over all columns together, about."""
_TAIL = 0.01
"""A larger share beyond the fences is the shape of the data, not a few odd values."""
_PLACEHOLDERS = frozenset(
    ["?", "??", "-", "--", ".", "n/a", "na", "nan", "none", "null", "unknown", "missing", "undefined", "#n/a", "tbd", "nil"]
)
_CODES = frozenset([-1.0, -9.0, -99.0, -999.0, -9999.0, -99999.0, 99.0, 999.0, 9999.0, 99999.0, 999999.0, -999999.0])
_ID = re.compile(r"^(unnamed: ?0|index|idx|row_?(id|num|number)?|.*[_ -]?(id|uuid|guid|key)|.*(Id|ID))$")


def column_findings(scanned: Scanned, target: str | None) -> Iterator[Finding]:
    """Missing, mixed, infinite, constant, numbering and outlying values, column by column."""
    tested = sum(column.kind == "number" for column in scanned.columns.values())
    for name, column in scanned.columns.items():
        values = scanned.sample.columns[name]
        yield from _missing(scanned, column, name == target)
        yield from _types(scanned, column)
        yield from _few(scanned, column, name == target)
        if name == target:
            continue
        if looks_numbering(name, column, values, scanned.rows):
            yield _finding(
                scanned,
                "info",
                "id",
                column,
                "every value is different: it names the rows",
                "Keep it out of training",
                examples=(values.shown(0),),
            )
        elif column.kind == "number":
            yield from _outliers(scanned, column, values, tested)
    yield from _same(scanned, target)


def looks_numbering(name: str, column: Column, values: Values, rows: int) -> bool:
    """Whether the column only tells rows apart: every value differs, and it is whole numbers in a row, or named or written like an id."""
    sampled = len(values.keys)
    if sampled < 20 or column.missing or column.nan or (column.values is not None and len(column.values) < rows):
        return False
    if len(np.unique(values.keys)) < sampled:
        return False
    named = _ID.match(name) is not None
    if column.kind == "number":
        whole = bool((np.floor(values.floats) == values.floats).all())
        return whole and (named or column.high - column.low == rows - 1)
    if column.kind == "text":
        texts = [text or "" for text in values.texts()[:200]]
        return named or all(re.fullmatch(r"[0-9A-Fa-f]{8,64}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text) for text in texts)
    return False


def _missing(scanned: Scanned, column: Column, target: bool) -> Iterator[Finding]:
    gone = column.missing + column.nan
    if not gone or not scanned.rows:
        return
    share = gone / scanned.rows
    if target:
        yield _finding(
            scanned,
            "error",
            "missing",
            column,
            f"rows without a label: {gone:,} ({share:.1%})",
            "Label these rows or drop them",
            count=gone,
            of=scanned.rows,
        )
    elif gone == scanned.rows:
        yield _finding(
            scanned, "warning", "missing", column, "the column is empty", "Drop it, or find what should be in it", count=gone, of=gone
        )
    else:
        severity: Severity = "warning" if share >= 0.05 else "info"
        action = (
            "Drop the column, or find out why it is missing" if share >= 0.5 else "Impute inside the training split, or add a flag for it"
        )
        yield _finding(scanned, severity, "missing", column, f"missing values: {gone:,} ({share:.1%})", action, count=gone, of=scanned.rows)


def _types(scanned: Scanned, column: Column) -> Iterator[Finding]:
    both = column.numeric + column.text
    if column.infinite:
        yield _finding(
            scanned,
            "error",
            "infinite",
            column,
            f"infinite values: {column.infinite:,}",
            "Clip them or mark them as missing",
            count=column.infinite,
            of=scanned.rows,
        )
    if column.kind == "number" and column.text:
        yield _finding(
            scanned,
            "error",
            "types",
            column,
            f"values that are no numbers: {column.text:,} of {both:,}",
            "Mend them, or mark them as missing",
            count=column.text,
            of=both,
            examples=tuple(column.odd),
        )
    elif column.kind == "text" and not column.booleans and column.text and column.numeric >= 0.1 * both:
        share = column.numeric / both
        yield _finding(
            scanned,
            "warning",
            "types",
            column,
            f"{share:.0%} of the values are numbers, the others text",
            "Say which it is; split it into two columns if both are meant",
            count=column.numeric,
            of=both,
            examples=tuple(column.odd),
        )


def _few(scanned: Scanned, column: Column, target: bool) -> Iterator[Finding]:
    """What the list of a column's values tells: one value alone, words for nothing, and one word spelled in several ways."""
    values = column.values
    if values is None or not column.present:
        return
    if len(values) == 1 and scanned.rows > 1 and not target:
        [value] = values
        yield _finding(scanned, "warning", "constant", column, "the value is always the same", "Drop it", examples=(value,))
    if column.kind == "text":
        empty = {value: count for value, count in values.items() if value.strip().lower() in _PLACEHOLDERS}
        if empty and len(values) > len(empty):
            yield _finding(
                scanned,
                "warning",
                "placeholder",
                column,
                f"values that stand for nothing: {sum(empty.values()):,}",
                "Mark them as missing when reading",
                count=sum(empty.values()),
                of=scanned.rows,
                examples=tuple(map(repr, empty)),
            )
        spellings: dict[str, list[str]] = {}
        for value in values:
            spellings.setdefault(" ".join(value.split()).casefold(), []).append(value)
        several = [group for group in spellings.values() if len(group) > 1]
        if several:
            yield _finding(
                scanned,
                "error" if target else "warning",
                "spelling",
                column,
                f"values spelled in several ways (case or spaces): {len(several):,}",
                "Write each in one way",
                count=len(several),
                examples=tuple(" = ".join(map(repr, group[:3])) for group in several[:3]),
            )


def _outliers(scanned: Scanned, column: Column, values: Values, tested: int) -> Iterator[Finding]:
    """Values beyond fences at k interquartile ranges (Tukey 1977), with k such that normal data of this size has none."""
    known = values.floats[np.isfinite(values.floats)]
    if len(known) < 30 or (column.values is not None and len(column.values) < 5):
        return
    low, middle, high = np.quantile(known, (0.25, 0.5, 0.75))
    spread = high - low
    if spread <= 0:
        return
    reach = NormalDist().inv_cdf(1 - ALARMS / (2 * len(known) * max(1, tested)))
    # Quartiles of few values are uncertain, so the fences stand wider for them.
    fence = max(3.0, (reach / NormalDist().inv_cdf(0.75) - 1) / 2) * (1 + 4 / np.sqrt(len(known)))
    beyond = (values.floats < low - fence * spread) | (values.floats > high + fence * spread)
    count = int((beyond & np.isfinite(values.floats)).sum())
    deviation = 1.4826 * float(np.median(np.abs(known - middle)))
    coded = [extreme for extreme in (column.low, column.high) if extreme in _CODES and float((known == extreme).mean()) >= 0.01]
    coded = [extreme for extreme in coded if not low - spread <= extreme <= high + spread]
    if coded:
        share = float(np.isin(known, coded).mean())
        yield _finding(
            scanned,
            "warning",
            "placeholder",
            column,
            f"{share:.1%} of the values are {coded[0]:g}, far from all others",
            "If it stands for missing, mark it so",
            fraction=share,
        )
    if not count or coded:
        return
    share = count / len(known)
    extreme = max((column.low, column.high), key=lambda value: abs(value - middle))
    far = f"; {extreme:g} is {abs(extreme - middle) / deviation:,.0f} robust deviations from the median" if deviation > 0 else ""
    method = f"beyond {fence:.1f} interquartile ranges"
    if share > _TAIL:
        yield _finding(
            scanned,
            "info",
            "tails",
            column,
            f"long tails: {share:.1%} of the values are {method}{far}",
            "Consider a logarithm or ranks",
            count=count,
            fraction=share,
        )
        return
    rows = np.flatnonzero(beyond & np.isfinite(values.floats))
    farthest = sorted(rows.tolist(), key=lambda index: -abs(float(values.floats[index]) - middle))[:4]
    about = "" if len(scanned.sample) == scanned.rows else " of the sample"
    yield _finding(
        scanned,
        "warning",
        "outliers",
        column,
        f"values {method}: {count:,}{about}{far}",
        "Look at these rows: wrong units, typing errors, or real?",
        count=count,
        fraction=share,
        examples=tuple(f"row {scanned.sample.rows[index] + 1}: {values.shown(index)}" for index in farthest),
    )


def _same(scanned: Scanned, target: str | None) -> Iterator[Finding]:
    """Columns that hold the same."""
    first: dict[bytes, str] = {}
    if len(scanned.sample) < 10:
        return
    for name, values in scanned.sample.columns.items():
        keys = values.keys
        if name == target or (keys == keys[0]).all():
            continue
        other = first.setdefault(keys.tobytes(), name)
        if other != name:
            yield _finding(scanned, "warning", "same", scanned.columns[name], f"it holds the same as {other}", "Drop one of the two")


def _finding(
    scanned: Scanned,
    severity: Severity,
    check: str,
    column: Column,
    text: str,
    action: str,
    *,
    count: int | None = None,
    of: int = 0,
    fraction: float | None = None,
    examples: tuple[str, ...] = (),
) -> Finding:
    share = count / of if count is not None and of else fraction
    return Finding(
        severity=severity,
        check=check,
        dataset=scanned.name,
        column=column.name,
        text=text,
        action=action,
        count=count,
        fraction=share,
        examples=examples,
    )
