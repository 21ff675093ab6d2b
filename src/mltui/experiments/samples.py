"""Latencies, costs and the like that runs logged one by one, behind a median or percentile that they reported."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mltui.core.experiment import Run
from mltui.experiments.examples import ExamplesError, Source

AGREEMENT = 0.02
"""A quantile of the samples may differ from the reported one by this share: there are nine usual ways to interpolate."""
LEAST = 20
"""Samples of a run below which its percentiles are its extremes."""

_WORD = re.compile(r"(?:^|[_./-])(p(\d{1,2})|median)(?=$|[_./-])")


@dataclass(frozen=True, slots=True)
class Samples:
    """Attributes: share: of the quantile; what: `median` or `p95`; column: where the samples were; baseline, candidate: by run."""

    what: str
    column: str
    share: float
    baseline: list[Sequence[float]]
    candidate: list[Sequence[float]]


def samples_of(metric: str, baseline: Sequence[Run], candidate: Sequence[Run], source: Source) -> Samples | None:
    """The samples that `latency_ms_p95`, `p95_latency_ms` or `latency_ms_median` is of: a column `latency_ms` of the examples.

    None where the name is of no quantile, or where a run lacks samples that give what it reported.
    """
    found = _WORD.search(metric)
    if found is None:
        return None
    share = int(found[2]) / 100 if found[2] else 0.5
    column = (metric[: found.start()] + metric[found.end() :]).lstrip("_./-")
    logged = [_logged(run, metric, column, share, source) for run in (*baseline, *candidate)]
    arms = [one for one in logged if one is not None]
    if not 0 < share < 1 or len(arms) != len(logged):
        return None
    return Samples(found[1] if found[2] else "median", column, share, arms[: len(baseline)], arms[len(baseline) :])


def _logged(run: Run, metric: str, column: str, share: float, source: Source) -> Sequence[float] | None:
    try:
        values = source(run).numbers((column,))
    except ExamplesError:
        return None
    if values is None or len(values) < LEAST or not np.isfinite(values).all():
        return None
    said, found = run.metrics[metric], float(np.quantile(values, share))
    return values if abs(found - said) <= AGREEMENT * max(abs(found), abs(said)) else None
