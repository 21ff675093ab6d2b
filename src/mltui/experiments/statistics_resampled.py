"""Differences over folds and repeated splits of one data set, which are not independent of each other."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mltui.experiments.statistics import Alternative, Interval, Significance, as_floats, mean, ratio, std, t_p_value
from mltui.experiments.statistics_scipy import stats, t_ppf


def corrected_resampled_t(differences: Sequence[float], n_train: int, n_test: int, alternative: Alternative = "two-sided") -> Significance:
    """Corrected resampled t test (Nadeau & Bengio 2003, Machine Learning 52): t = mean(d) / √((1/k + n_test/n_train) · s_d²), k - 1 df.

    Args:
        differences: one for each of the k folds or repeated splits.
        n_train: examples trained on in a split.
        n_test: examples tested on in a split.
    """
    k = as_floats(differences, at_least=2).size
    statistic = ratio(mean(differences), _error(differences, n_train, n_test))
    return Significance("corrected resampled t", statistic, t_p_value(statistic, k - 1, alternative), k, df=k - 1)


def corrected_resampled_interval(differences: Sequence[float], n_train: int, n_test: int, confidence: float = 0.95) -> Interval:
    """Interval of the mean difference with the variance of `corrected_resampled_t`."""
    k, center = as_floats(differences, at_least=2).size, mean(differences)
    half = t_ppf((1 + confidence) / 2, k - 1) * _error(differences, n_train, n_test)
    return Interval(center - half, center + half, confidence, "corrected resampled t")


def _error(differences: Sequence[float], n_train: int, n_test: int) -> float:
    """Standard error of the mean. Raises: ValueError: a side of the split has no examples."""
    if n_train <= 0 or n_test <= 0:
        raise ValueError("both sides of a split need examples")
    return std(differences) * math.sqrt(1 / len(differences) + n_test / n_train)


def five_by_two_t(differences: Sequence[tuple[float, float]]) -> Significance:
    """5×2cv paired t test (Dietterich 1998, Neural Computation 10): t = p_11 / √(Σ s_i² / 5) with 5 df.

    Args:
        differences: of the two folds, for each of five replications. The numerator is the very first of them, which makes the
            test depend on their order: `five_by_two_f` does not.
    """
    if len(differences) != 5:
        raise ValueError("needs five replications of two folds")
    variances = math.fsum((fold - mean(pair)) ** 2 for pair in differences for fold in pair)
    statistic = ratio(differences[0][0], math.sqrt(variances / 5))
    return Significance("5×2cv t", statistic, t_p_value(statistic, 5, "two-sided"), 10, df=5)


def five_by_two_f(differences: Sequence[tuple[float, float]]) -> Significance:
    """Combined 5×2cv F test (Alpaydın 1999, Neural Computation 11): f = Σ p_ij² / (2 Σ s_i²), F with (10, 5) df.

    Args:
        differences: of the two folds, for each of five replications.
    """
    if len(differences) != 5:
        raise ValueError("needs five replications of two folds")
    squares = math.fsum(fold**2 for pair in differences for fold in pair)
    variances = math.fsum((fold - mean(pair)) ** 2 for pair in differences for fold in pair)
    statistic = ratio(squares, 2 * variances)
    return Significance("5×2cv F", statistic, float(stats.f.sf(statistic, 10, 5)), 10, df=10)
