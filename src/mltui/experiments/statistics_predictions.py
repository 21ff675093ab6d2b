"""Two models on the same examples: a metric recomputed over resampled examples.

Every function takes `labels`, a number for each example, and `scores`, a row for each example and a column for each run of
an arm: predicted classes as numbers, scores or predicted values. A metric of several runs is the mean of theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mltui.experiments.statistics import TIE_TOLERANCE, Floats, Interval

RESAMPLES = 1_999
RESAMPLES_OF_MANY = 999
MANY = 5_000
"""Different rows beyond which fewer resamples are drawn."""

_BLOCK = 4_000_000
"""Weights that are in memory at once."""

Metric = Callable[[Floats, Floats, Floats], Floats]
"""(labels, scores, weights) to a value for each row of weights; `weights` has a column for each example."""


@dataclass(frozen=True)
class PairedBootstrap:
    """Candidate less baseline on the same examples.

    Attributes:
        n: what was resampled: examples, or clusters of them.
        error: standard error of the difference.
    """

    difference: float
    interval: Interval
    p_value: float
    error: float
    n: int


def paired_bootstrap(
    metric: Metric,
    labels: Floats,
    baseline: Floats,
    candidate: Floats,
    *,
    clusters: NDArray[np.int64] | None = None,
    stratified: bool = False,
    confidence: float = 0.95,
    resamples: int | None = None,
    seed: int = 0,
) -> PairedBootstrap:
    """Paired bootstrap of a difference of metrics (Efron & Tibshirani 1993, §13.3; Koehn 2004 for corpus metrics).

    Examples are drawn with replacement, for both arms and all runs the same. The interval is that of percentiles; the p-value
    is two-sided, from the distribution shifted to no difference (Hall & Wilson 1991): (1 + #{|d* - d| ≥ |d|}) / (resamples + 1).

    Args:
        clusters: a number for each example; whole clusters are drawn (Davison & Hinkley 1997, §3.8).
        stratified: keeps as many examples of each label, as the AUC needs; has no effect on clusters.
        resamples: None: `RESAMPLES`, or `RESAMPLES_OF_MANY`.
    """
    rows = _distinct(labels, baseline, candidate, clusters)
    generator = np.random.default_rng(seed)
    whole = rows.counts[None, :].astype(np.float64)
    observed = float((metric(rows.labels, rows.candidate, whole) - metric(rows.labels, rows.baseline, whole))[0])
    drawn = np.concatenate(
        [
            metric(rows.labels, rows.candidate, weights) - metric(rows.labels, rows.baseline, weights)
            for weights in _weights(rows, generator, stratified, resamples)
        ]
    )
    slack = TIE_TOLERANCE * max(1.0, abs(observed))
    extreme = int((np.abs(drawn - observed) >= abs(observed) - slack).sum())
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    of = "clusters" if clusters is not None else "examples"
    interval = Interval(float(low), float(high), confidence, f"paired bootstrap over {of}")
    return PairedBootstrap(observed, interval, (extreme + 1) / (drawn.size + 1), float(drawn.std(ddof=1)), rows.n)


@dataclass(frozen=True)
class _Rows:
    """Examples that are equal in everything, counted once. Attributes: n: units that are drawn."""

    labels: Floats
    baseline: Floats
    candidate: Floats
    clusters: NDArray[np.int64] | None
    counts: NDArray[np.int64]
    n: int


def _distinct(labels: Floats, baseline: Floats, candidate: Floats, clusters: NDArray[np.int64] | None) -> _Rows:
    if not labels.size == len(baseline) == len(candidate) or labels.size < 2:
        raise ValueError("needs at least two examples, and a row of scores for each in both arms")
    runs = baseline.shape[1]
    of = np.zeros(labels.size) if clusters is None else clusters.astype(np.float64)
    table, counts = np.unique(np.column_stack([of, labels, baseline, candidate]), axis=0, return_counts=True)
    kept = table[:, 0].astype(np.int64)
    n = labels.size if clusters is None else int(np.unique(kept).size)
    if clusters is not None:
        kept = np.unique(kept, return_inverse=True)[1].astype(np.int64)
    return _Rows(table[:, 1], table[:, 2 : 2 + runs], table[:, 2 + runs :], None if clusters is None else kept, counts, n)


def _weights(rows: _Rows, generator: np.random.Generator, stratified: bool, resamples: int | None) -> Iterator[Floats]:
    """How often each distinct row was drawn, some resamples at a time."""
    left = resamples or (RESAMPLES if rows.counts.size <= MANY else RESAMPLES_OF_MANY)
    while left:
        block = min(left, max(1, _BLOCK // rows.counts.size))
        left -= block
        if rows.clusters is not None:
            yield (rows.counts * generator.multinomial(rows.n, np.full(rows.n, 1 / rows.n), size=block)[:, rows.clusters]).astype(
                np.float64
            )
            continue
        weights = np.zeros((block, rows.counts.size))
        strata = [rows.labels == label for label in np.unique(rows.labels)] if stratified else [np.ones(rows.counts.size, dtype=bool)]
        for stratum in strata:
            weights[:, stratum] = _drawn(rows.counts[stratum], block, generator)
        yield weights


def _drawn(counts: NDArray[np.int64], times: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """How often each row is drawn in samples of all examples, a line for each sample."""
    total, rows = int(counts.sum()), counts.size
    if rows * 8 < total:
        return generator.multinomial(total, counts / total, size=times)
    # Nearly all rows are different: to draw examples one by one is several times quicker.
    drawn = np.repeat(np.arange(rows), counts)[generator.integers(0, total, size=(times, total))]
    return np.bincount((drawn + rows * np.arange(times)[:, None]).ravel(), minlength=times * rows).reshape(times, rows)


def mean_score(labels: Floats, scores: Floats, weights: Floats) -> Floats:
    """Mean of the scores."""
    return weights @ scores.mean(axis=1) / weights.sum(axis=1)


def accuracy(labels: Floats, scores: Floats, weights: Floats) -> Floats:
    """Share of examples whose predicted class is the label."""
    return mean_score(labels, (scores == labels[:, None]).astype(np.float64), weights)


def error_rate(labels: Floats, scores: Floats, weights: Floats) -> Floats:
    """Share of examples whose predicted class is not the label."""
    return 1 - accuracy(labels, scores, weights)


def mean_absolute_error(labels: Floats, scores: Floats, weights: Floats) -> Floats:
    """Mean of |prediction - label|."""
    return mean_score(labels, np.abs(scores - labels[:, None]), weights)


def mean_squared_error(labels: Floats, scores: Floats, weights: Floats) -> Floats:
    """Mean of (prediction - label)²."""
    return mean_score(labels, (scores - labels[:, None]) ** 2, weights)


def root_mean_squared_error(labels: Floats, scores: Floats, weights: Floats) -> Floats:
    """Root of the mean of (prediction - label)², of each run by itself."""
    squares = (scores - labels[:, None]) ** 2
    return np.sqrt(weights @ squares / weights.sum(axis=1, keepdims=True)).mean(axis=1)


def f1_of(positive: float) -> Metric:
    """Returns: the F1 of one class, 2 tp / (2 tp + fp + fn); 0 where a sample has none of it."""

    def f1(labels: Floats, scores: Floats, weights: Floats) -> Floats:
        return _f1(labels, scores, weights, positive)[0].mean(axis=1)

    return f1


def f1_macro(labels: Floats, scores: Floats, weights: Floats) -> Floats:
    """Mean of the F1 of all classes."""
    classes = np.union1d(labels, scores)
    return np.mean([_f1(labels, scores, weights, name)[0].mean(axis=1) for name in classes], axis=0)


def f1_weighted(labels: Floats, scores: Floats, weights: Floats) -> Floats:
    """Mean of the F1 of all classes by how many examples are of each."""
    parts = [_f1(labels, scores, weights, name) for name in np.union1d(labels, scores)]
    return np.sum([f1.mean(axis=1) * there for f1, there in parts], axis=0) / weights.sum(axis=1)


def _f1(labels: Floats, scores: Floats, weights: Floats, name: float) -> tuple[Floats, Floats]:
    """The F1 of a class, a column for each run, and how many examples are of it."""
    truly, said = labels == name, scores == name
    there: Floats = weights @ truly.astype(np.float64)
    hits: Floats = weights @ (said & truly[:, None]).astype(np.float64)
    both: Floats = weights @ said.astype(np.float64) + there[:, None]
    return np.divide(2 * hits, both, out=np.zeros_like(hits), where=both > 0), there


def auc(labels: Floats, scores: Floats, weights: Floats) -> Floats:
    """Area under the ROC curve for labels 0 and 1: P(score of a 1 > score of a 0), ties by half (Hanley & McNeil 1982)."""
    return np.mean([_auc(labels, scores[:, run], weights) for run in range(scores.shape[1])], axis=0)


def _auc(labels: Floats, scores: Floats, weights: Floats) -> Floats:
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(scores[order]) > 0])
    positive = np.add.reduceat(weights[:, order] * (labels[order] == 1), starts, axis=1)
    negative = np.add.reduceat(weights[:, order] * (labels[order] == 0), starts, axis=1)
    below = np.cumsum(negative, axis=1) - negative / 2
    return (positive * below).sum(axis=1) / (positive.sum(axis=1) * negative.sum(axis=1))


def discordant(labels: Floats, baseline: Floats, candidate: Floats) -> tuple[int, int]:
    """Returns: examples that the baseline alone has right, and that the candidate alone has right; of one run an arm."""
    right, now = baseline[:, 0] == labels, candidate[:, 0] == labels
    return int((right & ~now).sum()), int((now & ~right).sum())


def codes(values: list[Any]) -> NDArray[np.int64]:
    """Returns: a number for each different text, in the order of the texts."""
    return np.unique(np.asarray(values, dtype=str), return_inverse=True)[1].astype(np.int64)
