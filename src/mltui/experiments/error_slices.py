"""How each arm does on the examples that share a value of a logged column.

Exploration: the p-values are corrected by Benjamini and Hochberg over all slices; what shows here is a question for the next
experiment.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mltui.experiments.data_checks.arrow import pa
from mltui.experiments.error_facts import Slice
from mltui.experiments.error_measures import wilson
from mltui.experiments.power import t_quantile
from mltui.experiments.prediction_table import Coded, PredictionTable, coded
from mltui.experiments.render import clean
from mltui.experiments.statistics import t_p_value
from mltui.experiments.statistics_families import benjamini_hochberg
from mltui.experiments.statistics_independent import mcnemar

Floats = NDArray[np.float64]

LEAST = 30
"""Examples under which a group is put together with others."""
MOST_VALUES, MOST_COLUMNS = 10, 12
MOST_DISTINCT = 1_000
"""Different texts beyond which a column is a text or an id rather than a kind of example."""
_PARTS, _FIRST = 4, "up to "


@dataclass(frozen=True, slots=True)
class Scores:
    """Of each example, the mean over `runs` pairs of runs (0: not paired).

    Attributes:
        difference: candidate minus baseline; None without pairs.
        better: whether a greater score is better.
    """

    baseline: Floats | None
    candidate: Floats | None
    difference: Floats | None
    runs: int
    better: Literal["more", "less"]


def slices_of(examples: PredictionTable, scores: Scores) -> tuple[tuple[Slice, ...], tuple[str, ...]]:
    """Returns: the slices, column by column and the largest first, and the columns that make none, with the reason."""
    made: list[Slice] = []
    left_out: list[str] = []
    columns = 0
    for name, column in examples.table.items():
        shown = clean(name)[:60] or "(no name)"
        groups = _groups(column)
        if isinstance(groups, str):
            left_out.append(f"{shown}: {groups}")
        elif columns == MOST_COLUMNS:
            left_out.append(f"{shown}: more than {MOST_COLUMNS} columns")
        else:
            columns += 1
            made += [_slice(shown, value, rows, scores) for value, rows in _merged(groups)]
    tested = [each.p_value for each in made if each.p_value is not None]
    adjusted = iter(benjamini_hochberg(tested))
    return tuple(each if each.p_value is None else each.model_copy(update={"p_adjusted": next(adjusted)}) for each in made), tuple(left_out)


def _groups(column: Any) -> Coded | str:
    """The values of a column, numbers of many values as quarters; or why it makes none."""
    kind = column.type
    if pa.types.is_nested(kind):
        return "it holds lists or objects"
    if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        values = np.asarray(column.cast(pa.float64()).to_numpy(), np.float64)
        known = values[np.isfinite(values)]
        if len(np.unique(known[:100_000])) > MOST_VALUES:
            return _quarters(values, known)
    found = coded(column)
    used = len(np.unique(found.codes))
    if used < 2:
        return "all examples have the same"
    if used > MOST_DISTINCT or used > max(MOST_VALUES, len(found.codes) // 5):
        return f"{used} different values"
    return found


def _quarters(values: Floats, known: Floats) -> Coded:
    edges = np.unique(np.quantile(known, np.linspace(0, 1, _PARTS + 1)))
    inner = edges[1:-1]
    between = [f"{low:.4g} to {high:.4g}" for low, high in itertools.pairwise(inner)]
    names = [f"{_FIRST}{inner[0]:.4g}", *between, f"over {inner[-1]:.4g}"] if len(inner) else [f"{edges[0]:.4g}"]
    codes = np.where(np.isfinite(values), np.searchsorted(inner, np.nan_to_num(values), side="left"), len(names))
    return Coded((*names, "(none)"), codes.astype(np.int64))


def _merged(groups: Coded) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Each group that is large enough, the largest first; then the others together."""
    counts = np.bincount(groups.codes, minlength=len(groups.names))
    largest = [int(at) for at in np.argsort(-counts, kind="stable") if counts[at]]
    if groups.names[0].startswith(_FIRST):
        largest.sort()
    kept = [at for at in largest if counts[at] >= LEAST]
    kept = kept if len(kept) == len(largest) <= MOST_VALUES + 1 else kept[:MOST_VALUES]
    for at in kept:
        yield groups.names[at], groups.codes == at
    rest = [at for at in largest if at not in kept]
    if rest:
        name = groups.names[rest[0]] if len(rest) == 1 else f"other ({len(rest)} values)"
        yield name, np.isin(groups.codes, rest)


def _slice(column: str, value: str, rows: NDArray[np.bool_], scores: Scores) -> Slice:
    baseline, candidate, difference = (
        None if one is None else _finite(one[rows]) for one in (scores.baseline, scores.candidate, scores.difference)
    )
    last = candidate if candidate is not None else baseline
    made = Slice(column=column, value=value, n=int(rows.sum()), baseline=_mean(baseline), candidate=_mean(candidate))
    if last is not None and len(last):
        low, high = wilson(float(last.mean()), len(last)) if scores.better == "more" else _interval(last)
        made = made.model_copy(update={"low": low, "high": high})
    if difference is not None and len(difference) > 1:
        low, high = _interval(difference)
        changes = {"diff": float(difference.mean()), "diff_low": low, "diff_high": high, "p_value": _p(difference, scores)}
        made = made.model_copy(update=changes)
    return made


def _finite(values: Floats) -> Floats:
    return values[np.isfinite(values)]


def _mean(values: Floats | None) -> float | None:
    return None if values is None or not len(values) else float(values.mean())


def _interval(values: Floats) -> tuple[float, float]:
    """The 95 % t interval of the mean over examples."""
    mean, n = float(values.mean()), len(values)
    half = t_quantile(0.975, n - 1) * float(values.std(ddof=1)) / math.sqrt(n) if n > 1 else 0.0
    return mean - half, mean + half


def _p(difference: Floats, scores: Scores) -> float:
    """McNemar's for one pair of runs that are right or wrong; else paired t over examples, each the mean of its runs."""
    if scores.runs == 1 and scores.better == "more":
        return mcnemar(int((difference < 0).sum()), int((difference > 0).sum())).p_value
    spread = float(difference.std(ddof=1))
    if spread == 0:
        return 1.0 if difference[0] == 0 else 0.0
    return t_p_value(float(difference.mean()) / (spread / math.sqrt(len(difference))), len(difference) - 1, "two-sided")
