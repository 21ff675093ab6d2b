"""Paired differences: tests, intervals, effect sizes, equivalence and power.

All functions take differences `d_i = candidate_i - baseline_i` of pairs that share a seed, a fold or
an example, and answer with plain numbers. Siblings: `statistics_independent` (nothing shared),
`statistics_resampled` (cross-validation), `statistics_predictions` (a metric over examples), `statistics_quantiles` (latency),
`statistics_families` (many tests, many methods), `statistics_sequential` (looks). Which is for what: docs/statistics.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mltui.experiments.statistics_scipy import noncentral_t_cdf, stats, t_cdf, t_ppf, t_sf

Alternative = Literal["two-sided", "greater", "less"]
Floats = NDArray[np.float64]

EXACT_LIMIT = 16
"""Up to this many pairs all 2^n sign patterns are enumerated (65,536 at most)."""

TIE_TOLERANCE = 1e-9
"""Sums closer than this share of `sum |d|` are equal: rounding must not decide a rank."""

LARGEST_N = 100_000
"""Sample sizes beyond this are answered with None: nobody runs them."""


@dataclass(frozen=True)
class Significance:
    """The outcome of a test.

    Attributes:
        extreme, patterns: how many of how many sign patterns are at least as extreme (permutation tests only).
        df: degrees of freedom (t and F tests only).
    """

    test: str
    statistic: float
    p_value: float
    n: int
    extreme: int | None = None
    patterns: int | None = None
    df: float | None = None


@dataclass(frozen=True)
class Interval:
    """A confidence interval and how it was made."""

    low: float
    high: float
    confidence: float
    method: str


@dataclass(frozen=True)
class Wilcoxon:
    """Rank sums of the positive and the negative differences, and the test on them."""

    plus: float
    minus: float
    significance: Significance


@dataclass(frozen=True)
class Equivalence:
    """Two one-sided tests.

    Attributes:
        interval: at confidence `1 - 2 alpha`; equivalence is its lying inside `±margin`.
        p_value: the larger of the two one-sided p-values.
    """

    equivalent: bool
    p_value: float
    interval: Interval


def as_floats(values: Sequence[float], at_least: int = 1) -> Floats:
    """Returns: the values as an array.

    Raises:
        ValueError: fewer than `at_least` values, or one that is not finite.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size < at_least:
        raise ValueError(f"needs a flat list of at least {at_least} numbers")
    if not np.isfinite(array).all():
        raise ValueError("every number must be finite")
    return array


def mean(values: Sequence[float]) -> float:
    """Returns: the mean by exact summation, which does not depend on the order of the values."""
    return math.fsum(values) / len(values)


def std(values: Sequence[float]) -> float:
    """Returns: the sample standard deviation (n - 1); 0 for one value and for values that differ by rounding only."""
    if len(values) < 2:
        return 0.0
    center = mean(values)
    deviation = math.sqrt(math.fsum((value - center) ** 2 for value in values) / (len(values) - 1))
    return 0.0 if deviation <= 1e-12 * max(abs(value) for value in values) else deviation


def sign_flip(
    differences: Sequence[float], alternative: Alternative = "two-sided", *, samples: int = 99_999, seed: int = 0
) -> Significance:
    """Sign-flip permutation test of "differences are symmetric about zero" (Fisher 1935, The Design of Experiments, §21).

    Exact up to `EXACT_LIMIT` pairs: the share of all 2^n sign patterns whose sum is at least as
    extreme. Beyond, `samples` seeded patterns and p = (extreme + 1) / (samples + 1), which is never
    zero and keeps the level (Phipson & Smyth 2010).
    """
    # One order for all permutations of the pairs and for both directions, so that rounding is the same too.
    magnitudes = np.sort(np.abs(as_floats(differences)))
    observed = math.fsum(differences)
    n = magnitudes.size
    if n <= EXACT_LIMIT:
        bits = (np.arange(2**n, dtype=np.int64)[:, None] >> np.arange(n, dtype=np.int64)) & 1
        sums = _sums(1 - 2 * bits, magnitudes)
        extreme = _at_least_as_extreme(sums, observed, magnitudes, alternative)
        return Significance("exact sign-flip", observed / n, extreme / sums.size, n, extreme, int(sums.size))
    generator = np.random.default_rng(seed)
    extreme, left = 0, samples
    while left:
        block = min(left, max(1, 4_000_000 // n))
        signs = 1 - 2 * generator.integers(0, 2, size=(block, n), dtype=np.int8)
        extreme += _at_least_as_extreme(_sums(signs, magnitudes), observed, magnitudes, alternative)
        left -= block
    return Significance("sign-flip, Monte Carlo", observed / n, (extreme + 1) / (samples + 1), n, extreme, samples)


def _sums(signs: NDArray[np.signedinteger[Any]], magnitudes: Floats) -> Floats:
    return signs.astype(np.float64) @ magnitudes


def _at_least_as_extreme(sums: Floats, observed: float, magnitudes: Floats, alternative: Alternative) -> int:
    slack = TIE_TOLERANCE * float(magnitudes.sum())
    if alternative == "greater":
        return int((sums >= observed - slack).sum())
    if alternative == "less":
        return int((sums <= observed + slack).sum())
    return int((np.abs(sums) >= abs(observed) - slack).sum())


def paired_t(differences: Sequence[float], alternative: Alternative = "two-sided") -> Significance:
    """Student's paired t: t = mean(d) / (s_d / √n) with n - 1 degrees of freedom (Student 1908).

    Without any spread the statistic is 0 (all zero) or infinite, and p is 1 or 0.
    """
    n = as_floats(differences, at_least=2).size
    center, spread = mean(differences), std(differences)
    statistic = ratio(center, spread / math.sqrt(n))
    return Significance("paired t", statistic, t_p_value(statistic, n - 1, alternative), n, df=n - 1)


def ratio(center: float, error: float) -> float:
    """Returns: `center / error`; without any error 0 for 0 and a signed infinity for the rest."""
    if error == 0:
        return 0.0 if center == 0 else math.copysign(math.inf, center)
    return center / error


def t_p_value(statistic: float, df: float, alternative: Alternative) -> float:
    """Returns: the p-value of a t statistic."""
    if alternative == "greater":
        return t_sf(statistic, df)
    if alternative == "less":
        return t_cdf(statistic, df)
    return min(1.0, 2 * t_sf(abs(statistic), df))


def wilcoxon(differences: Sequence[float], alternative: Alternative = "two-sided", zeros: Literal["split", "drop"] = "split") -> Wilcoxon:
    """Wilcoxon's signed-rank test (1945), ties at mean ranks.

    `split` shares the ranks of zero differences between both sums (Demšar 2006, §3.1.3), `drop`
    leaves them out (Wilcoxon's own way). The p-value is the sign-flip test on the signed ranks,
    so it is exact with ties too, up to `EXACT_LIMIT` differences that are not zero.
    """
    values = as_floats(differences)
    if zeros == "drop":
        values = values[values != 0]
    if not values.any():
        return Wilcoxon(0.0, 0.0, Significance("Wilcoxon signed-rank", 0.0, 1.0, len(differences)))
    ranks = np.asarray(stats.rankdata(np.abs(values)), dtype=np.float64)
    shared = float(ranks[values == 0].sum()) / 2
    plus, minus = float(ranks[values > 0].sum()) + shared, float(ranks[values < 0].sum()) + shared
    signed: list[float] = (np.sign(values) * ranks)[values != 0].tolist()
    flipped = sign_flip(signed, alternative)
    test = Significance("Wilcoxon signed-rank", min(plus, minus), flipped.p_value, len(differences), flipped.extreme, flipped.patterns)
    return Wilcoxon(plus, minus, test)


def t_interval(differences: Sequence[float], confidence: float = 0.95) -> Interval:
    """Interval of the mean difference: mean(d) ± t_{1-(1-confidence)/2, n-1} · s_d / √n."""
    n = as_floats(differences, at_least=2).size
    center = mean(differences)
    half = t_ppf((1 + confidence) / 2, n - 1) * std(differences) / math.sqrt(n)
    return Interval(center - half, center + half, confidence, "paired t")


def bca_interval(differences: Sequence[float], confidence: float = 0.95, *, resamples: int = 9_999, seed: int = 0) -> Interval:
    """Bias-corrected and accelerated bootstrap interval of the mean difference (Efron 1987, JASA 82).

    Without any spread it is the mean itself. Under about 15 pairs it covers less than it says.
    """
    values = as_floats(differences, at_least=2)
    if std(differences) == 0:
        center = mean(differences)
        return Interval(center, center, confidence, "BCa bootstrap")
    result = stats.bootstrap(
        (values,), np.mean, confidence_level=confidence, n_resamples=resamples, method="BCa", rng=np.random.default_rng(seed)
    ).confidence_interval
    return Interval(float(result.low), float(result.high), confidence, "BCa bootstrap")


def cohen_dz(differences: Sequence[float]) -> float | None:
    """Returns: Cohen's d for paired data, d_z = mean(d) / s_d (Cohen 1988, §2.3.5); None without any spread, unless all are zero."""
    spread = std(differences)
    if spread == 0:
        return 0.0 if not any(differences) else None
    return mean(differences) / spread


def hedges_correction(df: float) -> float:
    """Returns: J(df) = Γ(df/2) / (√(df/2) · Γ((df-1)/2)), which takes the bias from a standardised mean difference (Hedges 1981)."""
    if df <= 1:
        raise ValueError("the correction needs more than one degree of freedom")
    return math.exp(math.lgamma(df / 2) - math.lgamma((df - 1) / 2)) / math.sqrt(df / 2)


def tost(differences: Sequence[float], margin: float, alpha: float = 0.05) -> Equivalence:
    """Two one-sided paired t tests of |mean| < margin (Schuirmann 1987), decided by the `1 - 2 alpha` interval.

    Raises:
        ValueError: the margin is not positive.
    """
    if margin <= 0:
        raise ValueError("a margin must be greater than zero")
    interval = t_interval(differences, 1 - 2 * alpha)
    low = paired_t([value + margin for value in differences], "greater")
    high = paired_t([value - margin for value in differences], "less")
    return Equivalence(-margin < interval.low and interval.high < margin, max(low.p_value, high.p_value), interval)


def non_inferiority(differences: Sequence[float], margin: float, *, smaller_is_better: bool = True) -> Significance:
    """One-sided paired t test of "worse by the margin or more" (CPMP/EWP/2158/99): a small p shows that it is not.

    Raises:
        ValueError: the margin is negative.
    """
    if margin < 0:
        raise ValueError("a margin cannot be negative")
    shift, alternative = (-margin, "less") if smaller_is_better else (margin, "greater")
    found = paired_t([value + shift for value in differences], alternative)
    return Significance("non-inferiority t", found.statistic, found.p_value, found.n, df=found.df)


def paired_t_power(n: int, effect: float, alpha: float = 0.05) -> float:
    """Returns: power of the two-sided paired t test for `effect` = d_z, from the noncentral t with λ = d_z √n (Cohen 1988)."""
    if n < 2:
        return 0.0
    df, noncentrality = n - 1, abs(effect) * math.sqrt(n)
    critical = t_ppf(1 - alpha / 2, df)
    # Far below zero the noncentral t answers nan; the chance of the wrong tail is nothing there.
    wrong_tail = noncentral_t_cdf(-critical, df, noncentrality) if noncentrality < 10 else 0.0
    right_tail = 1 - noncentral_t_cdf(critical, df, noncentrality) if noncentrality < 35 else 1.0
    return right_tail + wrong_tail


def needed_pairs(difference: float, spread: float, *, alpha: float = 0.05, power: float = 0.8) -> int | None:
    """Returns: the least number of pairs with which the paired t test shows `difference` (in the unit of
    `spread`, the standard deviation of the differences) with that power; None beyond `LARGEST_N` or without an effect to look for."""
    if difference == 0 or spread <= 0:
        return None
    effect = abs(difference) / spread
    low, high = 1, 2
    while paired_t_power(high, effect, alpha) < power:
        low, high = high, high * 2
        if high > 2 * LARGEST_N:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if paired_t_power(middle, effect, alpha) >= power else (middle, high)
    return high if high <= LARGEST_N else None


def minimum_detectable(n: int, spread: float, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """Returns: the smallest mean difference that n pairs show with that power, in the unit of `spread`, by the noncentral t.

    `power.detectable` answers the same without numpy, by an approximation.
    """
    if n < 2:
        return math.inf
    low, high = 0.0, 1.0
    while paired_t_power(n, high, alpha) < power:
        low, high = high, high * 2
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if paired_t_power(n, middle, alpha) >= power else (middle, high)
    return high * spread
