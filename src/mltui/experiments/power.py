"""What a number of pairs can show, in plain arithmetic: the app looks at it before anything heavy is loaded."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from functools import cache

LEAST_PAIRS = 6
"""At 5 pairs the least two-sided sign-flip p is 0.0625."""
MOST_PAIRS = 10_000

_Z = {0.975: 1.959963984540054, 0.8: 0.8416212335729143}
_SERIES = 60
"""Degrees of freedom beyond which the expansion is exact to six digits."""


@cache
def t_quantile(p: float, df: int) -> float:
    """The quantile `p` (0.975 or 0.8) of Student's t.

    Up to 60 degrees of freedom by bisection of its distribution, a finite sum (Abramowitz & Stegun 1964, 26.7.3 and
    26.7.4); beyond by the expansion in 1/df (26.7.5).
    """
    z = _Z[p]
    if df > _SERIES:
        terms = (
            (z**3 + z) / 4,
            (5 * z**5 + 16 * z**3 + 3 * z) / 96,
            (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        )
        return z + sum(term / df**power for power, term in enumerate(terms, 1))
    low, high = 0.0, 100.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _cumulative(middle, df) < p else (low, middle)
    return (low + high) / 2


def _cumulative(t: float, df: int) -> float:
    """P(T <= t) for t >= 0."""
    theta = math.atan(t / math.sqrt(df))
    cosine, sine = math.cos(theta), math.sin(theta)
    if df % 2:
        total, term = 0.0, cosine
        for k in range(1, (df - 1) // 2 + 1):
            total += term
            term *= cosine * cosine * (2 * k) / (2 * k + 1)
        inside = 2 / math.pi * (theta + sine * total)
    else:
        total, term = 0.0, 1.0
        for k in range(1, df // 2 + 1):
            total += term
            term *= cosine * cosine * (2 * k - 1) / (2 * k)
        inside = sine * total
    return 0.5 + inside / 2


def detectable(n: int, std: float) -> float:
    """The smallest mean difference that a two-sided paired t test at 0.05 finds with power 0.8, in the unit of `std`.

    Args:
        n: pairs, at least 2.
        std: standard deviation of a paired difference.

    Source: (t[0.975] + t[0.8]) s / sqrt(n), the usual approximation of the noncentral t (Cohen 1988, chapter 2).
    """
    return (t_quantile(0.975, n - 1) + t_quantile(0.8, n - 1)) * std / math.sqrt(n)


def needed_pairs(effect: float, std: float) -> int | None:
    """The least number of pairs, at least 6, that shows `effect` with power 0.8; None beyond 10,000."""
    if effect <= 0:
        return None
    return _least(lambda n: detectable(n, std) <= effect)


def _least(enough: Callable[[int], bool]) -> int | None:
    if enough(LEAST_PAIRS):
        return LEAST_PAIRS
    low, high = LEAST_PAIRS, LEAST_PAIRS * 2
    while not enough(high):
        low, high = high, high * 2
        if low > MOST_PAIRS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high if high <= MOST_PAIRS else None


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Returns: (mean, low, high): the 95 % t interval; of one value, the value alone."""
    mean = math.fsum(values) / len(values)
    half = t_quantile(0.975, len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return mean, mean - half, mean + half
