"""Looking while data still come in. mltui refuses a verdict on a part of the runs; a plan with fixed looks would go by this."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from mltui.experiments.statistics import Floats
from mltui.experiments.statistics_scipy import normal_cdf, normal_ppf

Shape = Literal["pocock", "obrien-fleming"]
MOST_LOOKS = 20
_STEP = 0.05


def boundaries(looks: int, shape: Shape = "obrien-fleming", alpha: float = 0.05) -> tuple[float, ...]:
    """Returns: what |z| must exceed at each of so many equally spaced looks, so that all of them together reject a true null
    with probability `alpha` (Pocock 1977: the same for all; O'Brien & Fleming 1979: c · √(looks / look)).

    By the recursive integration of Armitage, McPherson & Rowe (1969), as in Jennison & Turnbull 2000, §19.2.
    """
    if not 1 <= looks <= MOST_LOOKS:
        raise ValueError(f"looks are 1 to {MOST_LOOKS}")
    low, high = 0.5, 6.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (low, middle) if _crossing(_shaped(middle, looks, shape)) < alpha else (middle, high)
    return tuple(float(bound) for bound in _shaped(high, looks, shape))


def nominal_levels(looks: int, shape: Shape = "obrien-fleming", alpha: float = 0.05) -> tuple[float, ...]:
    """Returns: the two-sided p-value below which each look may stop."""
    return tuple((2 * normal_cdf(-np.asarray(boundaries(looks, shape, alpha)))).tolist())


def uncorrected_error(looks: int, alpha: float = 0.05) -> float:
    """Returns: how often a true null is rejected at one of so many looks when each uses `alpha` (Armitage, McPherson & Rowe 1969)."""
    return _crossing(np.full(looks, -normal_ppf(alpha / 2)))


def _shaped(constant: float, looks: int, shape: Shape) -> Floats:
    at = np.arange(1, looks + 1, dtype=np.float64)
    return np.full(looks, constant) if shape == "pocock" else constant * np.sqrt(looks / at)


def _crossing(bounds: Floats) -> float:
    """Probability that the standardised sum of independent normal increments leaves ±bound at one of the looks."""
    grid, step = _grid(float(bounds[0]))
    density = _density(grid)
    crossed = 2 * float(normal_cdf(-bounds[:1])[0])
    for look, bound in enumerate(bounds[1:], start=2):
        # Sums rather than z: S_k = S_{k-1} + N(0, 1), stopped beyond bound · √k.
        limit = bound * math.sqrt(look)
        mass = density * step
        mass[[0, -1]] /= 2
        crossed += float((mass * (normal_cdf(grid - limit) + normal_cdf(-limit - grid))).sum())
        next_grid, step = _grid(limit)
        density = (_density(next_grid[:, None] - grid[None, :]) * mass[None, :]).sum(axis=1)
        grid = next_grid
    return crossed


def _grid(limit: float) -> tuple[Floats, float]:
    points = 2 * max(20, math.ceil(limit / _STEP)) + 1
    grid = np.linspace(-limit, limit, points)
    return grid, float(grid[1] - grid[0])


def _density(x: Floats) -> Floats:
    return np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
