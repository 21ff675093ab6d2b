"""Whether two splits come from one population, column by column.

A column is said to have drifted where a test says so (Kolmogorov–Smirnov for numbers, χ² for values; Holm's correction over all
columns, at 1 % in all) and the population stability index says that it matters (0.1: somewhat, 0.25: much).
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mltui.experiments.data_checks.report import Finding
from mltui.experiments.data_checks.sample import Values
from mltui.experiments.data_checks.scan import Scanned

ALARMS = 0.01
"""How often splits of one population get any column reported, at most."""
SOME, MUCH = 0.1, 0.25
_BINS = 10
_FEWEST = 30
_VALUES = 200

Counts = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Drift:
    """Attributes: p: before correction; text: what changed most, in words."""

    column: str
    test: str
    statistic: float
    p: float
    psi: float
    text: str


def drifted(train: Scanned, test: Scanned) -> Iterator[Finding]:
    """Columns whose values differ between the splits by more than chance, and by enough to matter."""
    found = [drift for name in train.columns if name in test.columns and (drift := _drift(train, test, name)) is not None]
    ordered = sorted(found, key=lambda drift: drift.p)
    for rank, drift in enumerate(ordered):
        corrected = min(1.0, drift.p * (len(ordered) - rank))
        if corrected >= ALARMS:
            return
        if drift.psi < SOME:
            continue
        yield Finding(
            severity="warning",
            check="drift",
            dataset=f"{train.name} → {test.name}",
            column=drift.column,
            text=f"{'much' if drift.psi >= MUCH else 'somewhat'} different: PSI {drift.psi:.2f}, {drift.test} {drift.statistic:.3g}, "
            f"p {corrected:.1g} (Holm, {len(ordered)} columns); {drift.text}",
            action="Find out what changed; an estimate on this split is of another population",
        )


def _drift(train: Scanned, test: Scanned, name: str) -> Drift | None:
    first, second = train.columns[name], test.columns[name]
    if name in train.left_out or first.kind != second.kind or first.kind == "empty" or first.kind == "time":
        return None
    before, after = train.sample.columns[name], test.sample.columns[name]
    if min(len(before.keys), len(after.keys)) < _FEWEST:
        return None
    if first.kind == "number" and (first.values is None or len(first.values) > _BINS):
        return _numbers(name, before, after)
    return _values(name, before, after)


def _numbers(name: str, before: Values, after: Values) -> Drift | None:
    stats: Any = importlib.import_module("scipy.stats")
    old, new = before.floats[~np.isnan(before.floats)], after.floats[~np.isnan(after.floats)]
    if min(len(old), len(new)) < _FEWEST:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of an exact p that overflows: then it is the asymptotic one
        result = stats.ks_2samp(old, new, method="auto" if max(len(old), len(new)) < 500 else "asymp")
    edges = np.unique(np.quantile(old, np.linspace(0, 1, _BINS + 1)[1:-1]))
    gone = [float(values.missing.sum()) for values in (before, after)]
    counts = [
        np.append(np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1), missing).astype(np.float64)
        for values, missing in zip((old, new), gone, strict=True)
    ]
    p = float(result.pvalue)
    if sum(gone):
        table = np.array([[len(old), gone[0]], [len(new), gone[1]]])
        p = min(1.0, 2 * min(p, float(stats.chi2_contingency(table).pvalue)))
    text = f"median {np.median(old):.4g} → {np.median(new):.4g}"
    if abs(gone[0] / len(before.keys) - gone[1] / len(after.keys)) > 0.02:
        text += f", missing {gone[0] / len(before.keys):.1%} → {gone[1] / len(after.keys):.1%}"
    return Drift(name, "KS", float(result.statistic), p, psi(*counts), text)


def _values(name: str, before: Values, after: Values) -> Drift | None:
    stats: Any = importlib.import_module("scipy.stats")
    both = np.concatenate([before.keys, after.keys])
    names, codes = np.unique(both, return_inverse=True)
    codes = codes.reshape(-1)
    if len(names) > max(_VALUES, len(both) // 20):
        return None  # free text, or an identifier: that its values differ says nothing
    size = len(before.keys)
    old = np.bincount(codes[:size], minlength=len(names)).astype(np.float64)
    new = np.bincount(codes[size:], minlength=len(names)).astype(np.float64)
    # χ² needs about five expected in each cell: what is rarer is one value.
    common = (old + new) * min(size, len(both) - size) / len(both) >= 5
    kept_old, kept_new = ([*part[common], part[~common].sum()] for part in (old, new))
    table = np.array([kept_old, kept_new])
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2:
        return None
    result = stats.chi2_contingency(table, correction=False)
    shift = new / new.sum() - old / old.sum()
    most = int(np.argmax(np.abs(shift)))
    index = int(np.argmax(codes == most))
    value = before.shown(index) if index < size else after.shown(index - size)
    text = f"{value[:40]!r} {old[most] / old.sum():.1%} → {new[most] / new.sum():.1%}"
    return Drift(name, "χ²", float(result.statistic), float(result.pvalue), psi(*table), text)


def psi(old: Counts, new: Counts) -> float:
    """The population stability index of two sets of counts over the same bins; half a count is added to each bin."""
    first = (old + 0.5) / (old + 0.5).sum()
    second = (new + 0.5) / (new + 0.5).sum()
    return float(((second - first) * np.log(second / first)).sum())
