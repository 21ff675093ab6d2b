"""Medians and high percentiles of latency and cost, which a mean of a few slow calls would hide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mltui.experiments.statistics import Floats, Interval, as_floats

_BLOCK = 4_000_000


@dataclass(frozen=True)
class QuantileDifference:
    """Candidate less baseline. Attributes: p_value: two-sided, of no difference."""

    difference: float
    interval: Interval
    p_value: float


def quantile_difference(
    baseline: Sequence[Sequence[float]],
    candidate: Sequence[Sequence[float]],
    share: float,
    confidence: float = 0.95,
    *,
    resamples: int = 1_999,
    seed: int = 0,
) -> QuantileDifference:
    """Candidate less baseline of a quantile, of runs that are paired: the mean over the runs of each one's own quantile.

    Percentile bootstrap in two stages: pairs of runs are drawn, then samples within each run (Davison & Hinkley 1997, §3.8).
    The p-value is from the distribution shifted to no difference (Hall & Wilson 1991). With one run an arm it knows only the
    spread within that run.

    Args:
        baseline, candidate: samples of each run, in the order of the pairs.
        share: 0.5 for the median, 0.95 for p95.
    """
    arms = [[as_floats(samples, at_least=2) for samples in arm] for arm in (baseline, candidate)]
    runs = len(arms[0])
    if not 0 < share < 1 or runs != len(arms[1]) or not runs:
        raise ValueError("needs a share between 0 and 1, and as many runs in both arms")
    generator = np.random.default_rng(seed)
    difference = float(np.mean([np.quantile(new, share) - np.quantile(old, share) for old, new in zip(*arms, strict=True)]))
    total = np.zeros(resamples)
    for _ in range(runs):
        drawn = generator.integers(0, runs, size=resamples)
        for run in range(runs):
            chosen = np.flatnonzero(drawn == run)
            total[chosen] += _quantiles(arms[1][run], share, chosen.size, generator) - _quantiles(
                arms[0][run], share, chosen.size, generator
            )
    differences = total / runs
    low, high = np.quantile(differences, [(1 - confidence) / 2, (1 + confidence) / 2])
    extreme = int((np.abs(differences - difference) >= abs(difference)).sum())
    method = "bootstrap over runs and samples" if runs > 1 else "bootstrap over samples"
    return QuantileDifference(difference, Interval(float(low), float(high), confidence, method), (extreme + 1) / (resamples + 1))


def _quantiles(samples: Floats, share: float, times: int, generator: np.random.Generator) -> Floats:
    """The quantile of so many resamples."""
    found: list[Floats] = []
    for start in range(0, times, max(1, _BLOCK // samples.size)):
        block = min(times - start, max(1, _BLOCK // samples.size))
        found.append(np.quantile(samples[generator.integers(0, samples.size, size=(block, samples.size))], share, axis=1))
    return np.concatenate(found) if found else np.zeros(0)


def non_inferior(interval: Interval, margin: float, *, smaller_is_better: bool = True) -> bool:
    """Returns: whether the interval's bad end stays inside the margin (CPMP/EWP/2158/99): one-sided at half of `1 - confidence`."""
    return interval.high < margin if smaller_is_better else interval.low > -margin
