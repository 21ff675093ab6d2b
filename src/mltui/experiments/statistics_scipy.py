"""What is used of scipy, which ships no type information, under names that the type checker leaves alone.

The distributions of a comparison come from scipy.special, which `scipy.stats` calls as well: it is there in a third of the time.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import scipy.special  # pyright: ignore[reportMissingTypeStubs]

if TYPE_CHECKING:
    from numpy.typing import NDArray

_special = cast("Any", scipy.special)


class _Late:
    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module("scipy.stats"), name)


stats = cast("Any", _Late())
"""scipy.stats, loaded with its first use: that takes half a second."""


def t_cdf(x: float, df: float) -> float:
    """Returns: P(T ≤ x) for Student's t with `df` degrees of freedom."""
    return float(_special.stdtr(df, x))


def t_sf(x: float, df: float) -> float:
    """Returns: P(T > x), which is as exact far out as near zero."""
    return float(_special.stdtr(df, -x))


def t_ppf(p: float, df: float) -> float:
    """Returns: the x for which P(T ≤ x) = p."""
    return float(_special.stdtrit(df, p))


def noncentral_t_cdf(x: float, df: float, noncentrality: float) -> float:
    """Returns: P(T ≤ x) for the noncentral t; nan where it cannot be said, far below zero."""
    return float(_special.nctdtr(df, noncentrality, x))


def normal_cdf(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns: P(Z ≤ x) of the standard normal."""
    return np.asarray(_special.ndtr(x), dtype=np.float64)


def normal_ppf(p: float) -> float:
    """Returns: the x for which P(Z ≤ x) = p."""
    return float(_special.ndtri(p))
