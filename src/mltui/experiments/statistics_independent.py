"""Two samples that share nothing, and two classifiers on the same examples."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mltui.experiments.statistics import (
    Alternative,
    Floats,
    Interval,
    Significance,
    as_floats,
    hedges_correction,
    mean,
    ratio,
    std,
    t_p_value,
)
from mltui.experiments.statistics_scipy import stats

EXACT_DISCORDANT = 25
"""McNemar's test is the binomial one below this many discordant pairs."""


def welch(baseline: Sequence[float], candidate: Sequence[float], alternative: Alternative = "two-sided") -> Significance:
    """Welch's t test (1947): t = (m_c - m_b) / √(s_c²/n_c + s_b²/n_b), degrees of freedom by Satterthwaite."""
    statistic, df = _welch(baseline, candidate)
    return Significance("Welch t", statistic, t_p_value(statistic, df, alternative), len(baseline) + len(candidate), df=df)


def welch_interval(baseline: Sequence[float], candidate: Sequence[float], confidence: float = 0.95) -> Interval:
    """Interval of m_c - m_b with Satterthwaite's degrees of freedom."""
    _, df = _welch(baseline, candidate)
    center = mean(candidate) - mean(baseline)
    error = math.sqrt(std(baseline) ** 2 / len(baseline) + std(candidate) ** 2 / len(candidate))
    half = float(stats.t.ppf((1 + confidence) / 2, df)) * error
    return Interval(center - half, center + half, confidence, "Welch t")


def _welch(baseline: Sequence[float], candidate: Sequence[float]) -> tuple[float, float]:
    as_floats(baseline, at_least=2)
    as_floats(candidate, at_least=2)
    parts = [std(values) ** 2 / len(values) for values in (baseline, candidate)]
    error = sum(parts)
    center = mean(candidate) - mean(baseline)
    if error == 0:
        return ratio(center, 0.0), len(baseline) + len(candidate) - 2
    df = error**2 / (parts[0] ** 2 / (len(baseline) - 1) + parts[1] ** 2 / (len(candidate) - 1))
    return center / math.sqrt(error), df


def hierarchical_interval(
    baseline: Sequence[Sequence[float]],
    candidate: Sequence[Sequence[float]],
    confidence: float = 0.95,
    *,
    resamples: int = 4_999,
    seed: int = 0,
) -> Interval:
    """Percentile bootstrap of the difference of means over seeds × examples: seeds are drawn first, then
    examples within each drawn seed, for each arm by itself (Davison & Hinkley 1997, §3.8)."""
    generator = np.random.default_rng(seed)
    arms = [[as_floats(scores) for scores in arm] for arm in (baseline, candidate)]
    if any(len(arm) < 2 for arm in arms):
        raise ValueError("needs at least two seeds in each arm")

    def resampled_mean(arm: list[Floats]) -> float:
        drawn = [arm[int(index)] for index in generator.integers(0, len(arm), size=len(arm))]
        return mean([float(np.mean(generator.choice(scores, size=scores.size))) for scores in drawn])

    differences = np.array([resampled_mean(arms[1]) - resampled_mean(arms[0]) for _ in range(resamples)])
    low, high = np.quantile(differences, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(low), float(high), confidence, "hierarchical bootstrap")


def cohen_d(baseline: Sequence[float], candidate: Sequence[float]) -> float | None:
    """Returns: (m_c - m_b) / s_pooled (Cohen 1988, §2.2); None without any spread, unless the means are equal."""
    as_floats(baseline, at_least=2)
    as_floats(candidate, at_least=2)
    df = len(baseline) + len(candidate) - 2
    pooled = math.sqrt(((len(baseline) - 1) * std(baseline) ** 2 + (len(candidate) - 1) * std(candidate) ** 2) / df)
    center = mean(candidate) - mean(baseline)
    if pooled == 0:
        return 0.0 if center == 0 else None
    return center / pooled


def hedges_g(baseline: Sequence[float], candidate: Sequence[float]) -> float | None:
    """Returns: Cohen's d without its bias in small samples, g = J(n_b + n_c - 2) · d (Hedges 1981); None as `cohen_d`."""
    d = cohen_d(baseline, candidate)
    df = len(baseline) + len(candidate) - 2
    return d if d is None or df < 2 else hedges_correction(df) * d


def cliffs_delta(baseline: Sequence[float], candidate: Sequence[float]) -> float:
    """Returns: P(candidate > baseline) - P(candidate < baseline) over all pairs, from -1 to 1 (Cliff 1993)."""
    one, other = as_floats(candidate), as_floats(baseline)
    return float(np.sign(one[:, None] - other[None, :]).mean())


def mcnemar(only_baseline: int, only_candidate: int) -> Significance:
    """McNemar's test (1947) of two classifiers on the same examples.

    Under `EXACT_DISCORDANT` discordant examples the two-sided binomial test with p = 1/2; from there
    χ² = (|b - c| - 1)² / (b + c) with one degree of freedom (Edwards 1948).

    Args:
        only_baseline: examples that the baseline alone has right.
        only_candidate: examples that the candidate alone has right.
    """
    if only_baseline < 0 or only_candidate < 0:
        raise ValueError("counts cannot be negative")
    discordant = only_baseline + only_candidate
    if discordant < EXACT_DISCORDANT:
        p_value = float(stats.binomtest(only_candidate, discordant).pvalue) if discordant else 1.0
        return Significance("McNemar exact", float(only_candidate), p_value, discordant)
    statistic = max(0, abs(only_baseline - only_candidate) - 1) ** 2 / discordant
    return Significance("McNemar χ²", statistic, float(stats.chi2.sf(statistic, 1)), discordant, df=1)
