"""Many tests at once, and many methods on many data sets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from mltui.experiments.statistics_scipy import normal_cdf, stats


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns: p-values adjusted for the family-wise error rate, in the order given (Holm 1979):
    p̃_(i) = max_{j ≤ i} min(1, (m - j + 1) · p_(j))."""
    adjusted = [0.0] * len(p_values)
    running = 0.0
    for position, index in enumerate(_ascending(p_values)):
        running = max(running, min(1.0, (len(p_values) - position) * p_values[index]))
        adjusted[index] = running
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Returns: p-values adjusted for the false discovery rate, in the order given (Benjamini & Hochberg 1995):
    p̃_(i) = min_{j ≥ i} min(1, m / j · p_(j))."""
    adjusted = [0.0] * len(p_values)
    running = 1.0
    for position, index in reversed(list(enumerate(_ascending(p_values), start=1))):
        running = min(running, len(p_values) / position * p_values[index])
        adjusted[index] = running
    return adjusted


def _ascending(p_values: Sequence[float]) -> list[int]:
    if any(not 0 <= p <= 1 for p in p_values):
        raise ValueError("p-values lie between 0 and 1")
    return sorted(range(len(p_values)), key=lambda index: p_values[index])


@dataclass(frozen=True)
class Friedman:
    """Friedman's χ² and Iman and Davenport's less conservative F of the same ranks, with their p-values."""

    chi_square: float
    chi_square_p: float
    f: float
    f_p: float
    df: tuple[int, int]


def average_ranks(scores: Sequence[Sequence[float]], *, higher_is_better: bool = True) -> list[float]:
    """Returns: each method's mean rank over the data sets, 1 the best, ties at mean ranks.

    Args:
        scores: a row for each data set, a column for each method.
    """
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] < 2 or table.shape[1] < 2 or not np.isfinite(table).all():
        raise ValueError("needs a full table of finite scores: at least two data sets and two methods")
    ranks = np.asarray(stats.rankdata(-table if higher_is_better else table, axis=1), dtype=np.float64)
    return ranks.mean(axis=0).tolist()


def friedman_from_ranks(average_ranks: Sequence[float], datasets: int) -> Friedman:
    """Do k methods on N data sets rank alike? From their average ranks R_j (Demšar 2006, JMLR 7, §3.2.2):

    χ²_F = 12N / (k(k+1)) · (Σ R_j² - k(k+1)²/4), F_F = (N-1) χ²_F / (N(k-1) - χ²_F) with (k-1, (k-1)(N-1)) df.
    """
    k, n = len(average_ranks), datasets
    if k < 2 or n < 2:
        raise ValueError("needs at least two methods and two data sets")
    if abs(math.fsum(average_ranks) - k * (k + 1) / 2) > 0.01 * k:
        raise ValueError(f"average ranks of {k} methods add up to {k * (k + 1) / 2:g}")
    chi_square = 12 * n / (k * (k + 1)) * (math.fsum(rank**2 for rank in average_ranks) - k * (k + 1) ** 2 / 4)
    rest = n * (k - 1) - chi_square
    f = (n - 1) * chi_square / rest if rest > 0 else math.inf
    df = (k - 1, (k - 1) * (n - 1))
    return Friedman(chi_square, float(stats.chi2.sf(chi_square, df[0])), f, float(stats.f.sf(f, *df)), df)


def nemenyi_cd(methods: int, datasets: int, alpha: float = 0.05) -> float:
    """Returns: the least difference of average ranks that is significant, CD = q_α √(k(k+1) / 6N), where q_α is the
    studentised range for k groups and infinite degrees of freedom over √2 (Nemenyi 1963; Demšar 2006, §3.2.2)."""
    if methods < 2 or datasets < 1:
        raise ValueError("needs at least two methods and one data set")
    q = float(stats.studentized_range.ppf(1 - alpha, methods, math.inf)) / math.sqrt(2)
    return q * math.sqrt(methods * (methods + 1) / (6 * datasets))


def nemenyi(average_ranks: Sequence[float], datasets: int) -> dict[tuple[int, int], float]:
    """Returns: the p-value of each pair of methods, all against all: q = |R_i - R_j| / √(k(k+1) / 12N) on the studentised range
    for k groups and infinite degrees of freedom (Nemenyi 1963; Demšar 2006, §3.2.2)."""
    k = len(average_ranks)
    error = math.sqrt(k * (k + 1) / (12 * datasets))
    return {
        (i, j): float(stats.studentized_range.sf(abs(average_ranks[i] - average_ranks[j]) / error, k, math.inf))
        for i, j in combinations(range(k), 2)
    }


def against_control(average_ranks: Sequence[float], datasets: int, control: int = 0) -> dict[int, tuple[float, float]]:
    """Returns: z and two-sided p, not corrected, of each method against one of them: z = (R_control - R_j) / √(k(k+1) / 6N)
    (Demšar 2006, §3.2.2). `holm` corrects them."""
    k = len(average_ranks)
    error = math.sqrt(k * (k + 1) / (6 * datasets))
    found = {method: (average_ranks[control] - average_ranks[method]) / error for method in range(k) if method != control}
    return {method: (z, 2 * float(normal_cdf(np.asarray([-abs(z)]))[0])) for method, z in found.items()}
