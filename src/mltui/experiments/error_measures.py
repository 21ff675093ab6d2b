"""Scores of predictions: per class from a confusion matrix, calibration, residuals. Arrays in, facts out."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mltui.experiments.error_facts import Bin, Calibration, ClassScore, Residuals

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BINS = 10
_Z = 1.959963984540054
"""The 97.5 % point of the normal distribution."""


def matrix_of(true: Ints, predicted: Ints, classes: int) -> Ints:
    """Returns: counts, rows the true classes."""
    return np.bincount(true * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def class_scores(matrix: Ints, names: tuple[str, ...]) -> tuple[tuple[ClassScore, ...], ClassScore, ClassScore]:
    """Returns: (each class, their plain mean, their mean by support), as `classification_report` of scikit-learn has them with
    `zero_division=0`. That takes a second to import and as long again for a million texts; this takes the counts."""
    hits, predicted, there = np.diag(matrix).astype(float), matrix.sum(axis=0), matrix.sum(axis=1)
    precision, recall = _share(hits, predicted), _share(hits, there)
    f1 = _share(2 * precision * recall, precision + recall)
    scores = [
        ClassScore(name=name, precision=float(p), recall=float(r), f1=float(f), support=int(n))
        for name, p, r, f, n in zip(names, precision, recall, f1, there, strict=True)
    ]
    total = int(there.sum())
    plain, weights = np.full(len(names), 1 / len(names)), there / max(1, total)
    macro, weighted = (
        ClassScore(name=name, precision=float(w @ precision), recall=float(w @ recall), f1=float(w @ f1), support=total)
        for name, w in (("macro average", plain), ("weighted average", weights))
    )
    return tuple(scores), macro, weighted


def _share(part: NDArray[np.floating], whole: NDArray[np.number]) -> Floats:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)


def wilson(share: float, n: int) -> tuple[float, float]:
    """Returns: the 95 % interval of a share of n (Wilson 1927). Where the share is a mean over several runs of the same examples it
    is wider than it need be."""
    if n == 0:
        return 0.0, 1.0
    center = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * math.sqrt(max(0.0, share * (1 - share) / n + _Z**2 / (4 * n * n)))
    return max(0.0, center - half), min(1.0, center + half)


def calibration_of(confidence: Floats, right: NDArray[np.bool_], positive: Floats | None, second: NDArray[np.bool_] | None) -> Calibration:
    """The reliability curve and ECE = Σ n_b / n · |accuracy_b - confidence_b| over ten equal bins of confidence (Naeini et al. 2015,
    Guo et al. 2017).

    Args:
        confidence: of each prediction; right: whether it was right.
        positive: probability of the second of two classes; second: whether the label is that class.
    """
    places = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    counts = np.bincount(places, minlength=BINS)
    sure, hits = np.bincount(places, confidence, BINS), np.bincount(places, right.astype(float), BINS)
    bins: list[Bin] = []
    error = 0.0
    for n, total, hit in zip(counts.tolist(), sure.tolist(), hits.tolist(), strict=True):
        if n:
            low, high = wilson(hit / n, n)
            bins.append(Bin(confidence=total / n, accuracy=hit / n, low=low, high=high, n=n))
            error += abs(hit - total)
    brier = float(np.mean((positive - second) ** 2)) if positive is not None and second is not None else None
    return Calibration(bins=tuple(bins), ece=error / len(confidence), brier=brier, n=len(confidence))


def residuals_of(true: Floats, predicted: Floats) -> Residuals | None:
    """None where no pair is finite."""
    known = np.isfinite(true) & np.isfinite(predicted)
    true, off = true[known], predicted[known] - true[known]
    if not len(off):
        return None
    square, spread = float(np.mean(off**2)), float(np.var(true))
    low, quarter, middle, three, high = (float(value) for value in np.quantile(off, [0.05, 0.25, 0.5, 0.75, 0.95]))
    return Residuals(
        n=len(off),
        bias=float(np.mean(off)),
        mae=float(np.mean(np.abs(off))),
        rmse=math.sqrt(square),
        r2=1 - square / spread if spread > 0 else None,
        quantiles=(low, quarter, middle, three, high),
    )
