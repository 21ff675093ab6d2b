"""Whether a number that was measured again is the one that was recorded."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from mltui.core.reproduction import AGREEING, Agreement, MetricAgain, RunAgain
from mltui.experiments.render import in_short

ROUNDING = 1e-12
"""Relative difference up to which two numbers are the same but for the order of a sum."""
LEAST = 3
"""Recorded runs that an interval takes: with two it would be as wide as 18 standard deviations, and everything would lie in it."""

_WORDS: dict[Agreement, str] = {
    "equal": "bit-equal",
    "rounding": "equal but for rounding",
    "interval": "within the interval of the seeds",
    "differs": "differs",
    "failed": "not measured",
}


def seed_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Returns: where one more run with another seed lies with a probability of 95 %: the prediction interval
    mean ± t(0.975, n − 1) · s · √(1 + 1/n) (Hahn & Meeker 1991, Statistical Intervals, section 4.7); None for too few runs, or
    runs that are all alike."""
    if len(values) < LEAST or max(values) == min(values):
        return None
    from mltui.experiments.statistics_scipy import t_ppf

    mean, spread = statistics.fmean(values), statistics.stdev(values)
    half = t_ppf(0.975, len(values) - 1) * spread * math.sqrt(1 + 1 / len(values))
    return mean - half, mean + half


def metric_again(name: str, recorded: float | None, now: float | None, values: Sequence[float]) -> MetricAgain:
    """A metric of a run, then and now.

    Args:
        values: of all recorded runs of the same arm.
    """
    interval = seed_interval(values)
    low, high = interval or (None, None)
    return MetricAgain(name=name, recorded=recorded, now=now, agreement=_agreement(recorded, now, interval), low=low, high=high)


def _agreement(recorded: float | None, now: float | None, interval: tuple[float, float] | None) -> Agreement:
    if recorded is None or now is None or not math.isfinite(now):
        return "failed"
    if recorded.hex() == now.hex():
        return "equal"
    if math.isclose(recorded, now, rel_tol=ROUNDING, abs_tol=0.0):
        return "rounding"
    return "interval" if interval and interval[0] <= now <= interval[1] else "differs"


def agreement_words(agreement: Agreement) -> str:
    return _WORDS[agreement]


def agrees(run: RunAgain) -> bool:
    return run.metric.agreement in AGREEING


def summary(runs: Sequence[RunAgain], planned: int) -> str:
    """Returns: `11 of 12 runs agree (10 bit-equal, 1 within the interval of the seeds, 1 differs)`."""
    counts: dict[Agreement, int] = {kind: count for kind in _WORDS if (count := sum(run.metric.agreement == kind for run in runs))}
    parts = ", ".join(f"{count if len(counts) > 1 else 'all'} {_WORDS[kind]}" for kind, count in counts.items())
    good = sum(map(agrees, runs))
    what = f"{good} of {planned} run{'s' if planned != 1 else ''} agree{'s' if good == planned == 1 else ''}"
    if len(runs) == 1:
        parts = _WORDS[runs[0].metric.agreement]
    return f"{what} ({parts})" if parts else what


def first_of(texts: Sequence[str], most: int = 12) -> list[str]:
    """Returns: the texts, of many the first and how many more there are."""
    return [*texts] if len(texts) <= most else [*texts[: most - 1], f"{len(texts) - most + 1} more, see `mltui experiments show ID --json`"]


def line(run: RunAgain) -> str:
    """Returns: a run in a line: `candidate seed 3: accuracy 0.7012, recorded 0.7012: bit-equal`."""
    metric = run.metric
    head = f"{run.arm} seed {run.seed}: "
    if metric.agreement == "failed":
        return f"{head}{in_short(run.message) if run.message else f'no {metric.name}'}"
    if metric.agreement == "equal":
        return f"{head}{metric.name} {metric.now!r}, bit-equal"
    assert metric.now is not None and metric.recorded is not None
    off = metric.now - metric.recorded
    text = f"{head}{metric.name} {metric.now!r}, recorded {metric.recorded!r} ({off:+.3g}): {_WORDS[metric.agreement]}"
    return text if metric.low is None or metric.agreement == "rounding" else f"{text} [{metric.low:.6g}, {metric.high:.6g}]"
