"""What a test finds, for each design: the difference, its interval and p. The verdict is drawn from it in `comparison`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mltui.core.experiment import Arm, Design, Metric, Run, SecondInterval
from mltui.experiments.examples import Examples, ExamplesError, Source
from mltui.experiments.matching import match
from mltui.experiments.power import detectable
from mltui.experiments.samples import samples_of
from mltui.experiments.statistics import Interval, bca_interval, cohen_dz, mean, needed_pairs, sign_flip, std, t_interval
from mltui.experiments.statistics_independent import cliffs_delta, cohen_d, hierarchical_interval, mcnemar, welch, welch_interval
from mltui.experiments.statistics_predictions import discordant, paired_bootstrap
from mltui.experiments.statistics_quantiles import quantile_difference
from mltui.experiments.statistics_resampled import corrected_resampled_interval, corrected_resampled_t

MIN_PAIRS: Final = 6
"""At 5 pairs the least two-sided sign-flip p is 0.0625."""
MIN_SPLITS: Final = 5
"""Five-fold cross-validation is the least that is usual; the t test has no least p, but its interval is as wide as a barn below."""
MIN_EXAMPLES: Final = 30
"""Under this many a bootstrap over examples (or clusters of them) covers less than it says."""
BCA_PAIRS: Final = 15
"""From this many pairs the BCa interval is shown beside that of t."""

ALPHA: Final = 0.05
POWER: Final = 0.8

ROUNDING: Final = 1e-12
"""Values closer than this share of their size are equal: the last bits of a float are no difference."""


@dataclass(frozen=True)
class Pairs:
    """The values of one metric on the seeds that both arms have.

    Attributes:
        lost: seeds where the baseline has a value and the candidate failed, timed out or reported none that is finite.
        runs: the finished runs with the metric, of each arm, by seed.
    """

    seeds: tuple[int, ...]
    baseline: tuple[float, ...]
    candidate: tuple[float, ...]
    lost: tuple[int, ...]
    runs: dict[Arm, dict[int, Run]]

    @property
    def differences(self) -> tuple[float, ...]:
        return tuple(_difference(old, new) for old, new in zip(self.baseline, self.candidate, strict=True))

    @property
    def seeds_do_nothing(self) -> bool:
        return std(self.baseline) == 0 and std(self.candidate) == 0

    def alone(self, metric: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """All values of either arm, with a partner or without."""
        before, after = (
            tuple(self.runs[arm][seed].metrics[metric] for seed in sorted(self.runs[arm])) for arm in ("baseline", "candidate")
        )
        return before, after

    def partners(self) -> tuple[list[Run], list[Run]]:
        """The runs of the pairs."""
        return [self.runs["baseline"][seed] for seed in self.seeds], [self.runs["candidate"][seed] for seed in self.seeds]


@dataclass(frozen=True)
class Finding:
    """What a test found; see `core.experiment.Comparison` for the fields.

    Attributes:
        least: below this many `n` nothing is decided.
        means: of the baseline and of the candidate; standard deviations: over their runs.
        ties: of `n`, those without a difference.
        needed: of `of`, about how many would show what is looked for; None: as many are there, or none would do.
    """

    design: Design
    test: str
    n: int
    of: str
    least: int
    diff: float
    interval: Interval
    p_value: float
    means: tuple[float, float]
    stds: tuple[float, float]
    effect_size: float | None
    effect_name: str
    ties: int = 0
    needed: int | None = None
    second: SecondInterval | None = None
    notes: tuple[str, ...] = ()


def paired(runs: Sequence[Run], metric: str) -> Pairs:
    """Of runs with the same arm and seed the last finished counts."""
    found: dict[Arm, dict[int, Run]] = {"baseline": {}, "candidate": {}}
    broken: set[int] = set()
    for run in runs:
        if run.status == "finished" and math.isfinite(run.metrics.get(metric, math.nan)):
            found[run.arm][run.seed] = run
        elif run.arm == "candidate" and run.status != "killed":
            broken.add(run.seed)
    baseline, candidate = found["baseline"], found["candidate"]
    seeds = tuple(sorted(baseline.keys() & candidate.keys()))
    return Pairs(
        seeds=seeds,
        baseline=tuple(baseline[seed].metrics[metric] for seed in seeds),
        candidate=tuple(candidate[seed].metrics[metric] for seed in seeds),
        lost=tuple(sorted((broken & baseline.keys()) - candidate.keys())),
        runs=found,
    )


def _difference(baseline: float, candidate: float) -> float:
    difference = candidate - baseline
    return 0.0 if abs(difference) <= ROUNDING * max(abs(baseline), abs(candidate)) else difference


def by_seed(metric: Metric, pairs: Pairs) -> Finding:
    """The exact sign-flip test of differences of seeds, and their t interval."""
    differences = pairs.differences
    n, diff = len(differences), mean(differences)
    interval = t_interval(differences, 1 - ALPHA) if n > 1 else Interval(diff, diff, 1 - ALPHA, "none: one pair")
    test = sign_flip(differences)
    needed = needed_pairs(metric.min_effect or diff, std(differences), alpha=ALPHA, power=POWER) if n > 1 else None
    return Finding(
        design="paired-seeds",
        test=test.test,
        n=n,
        of="seed",
        least=MIN_PAIRS,
        diff=diff,
        interval=interval,
        p_value=test.p_value,
        means=(mean(pairs.baseline), mean(pairs.candidate)),
        stds=(std(pairs.baseline), std(pairs.candidate)),
        effect_size=cohen_dz(differences) if n > 1 else None,
        effect_name="d_z",
        ties=sum(difference == 0 for difference in differences),
        needed=max(needed, MIN_PAIRS) if needed and needed > n else None,
        second=_bca(differences),
    )


def _bca(differences: Sequence[float]) -> SecondInterval | None:
    if len(differences) < BCA_PAIRS or std(differences) == 0:
        return None
    found = bca_interval(differences, 1 - ALPHA, resamples=4_999)
    return SecondInterval(low=found.low, high=found.high, method=found.method)


def by_split(metric: Metric, pairs: Pairs, n_train: int, n_test: int) -> Finding:
    """The corrected resampled t test: splits of one data set share examples, so that they vary less than they should."""
    plain = by_seed(metric, pairs)
    differences, n = pairs.differences, plain.n
    interval, p_value = plain.interval, 1.0
    if n > 1:
        interval = corrected_resampled_interval(differences, n_train, n_test, 1 - ALPHA)
        p_value = corrected_resampled_t(differences, n_train, n_test).p_value
    needed = _needed_splits(metric.min_effect or plain.diff, std(differences), n_test / n_train)
    return Finding(
        design="folds",
        test="corrected resampled t",
        n=n,
        of="split",
        least=MIN_SPLITS,
        diff=plain.diff,
        interval=interval,
        p_value=p_value,
        means=plain.means,
        stds=plain.stds,
        effect_size=plain.effect_size,
        effect_name="d_z",
        ties=plain.ties,
        needed=needed if needed and needed > n else None,
        notes=() if needed else ("more splits of these data cannot show it: more data could",),
    )


def _needed_splits(effect: float, spread: float, overlap: float) -> int | None:
    """As `needed_pairs`; the part of the variance that comes from the shared examples stays, however many splits there are."""
    if effect == 0 or spread == 0:
        return MIN_SPLITS
    for k in (*range(MIN_SPLITS, 100), *range(100, 2_000, 20)):
        if detectable(k, spread) * math.sqrt(1 + k * overlap) <= abs(effect):
            return k
    return None


def unpaired(metric: Metric, pairs: Pairs, source: Source | None) -> Finding:
    """Welch's t test of all runs of either arm; with examples a bootstrap over runs and examples beside it."""
    before, after = pairs.alone(metric.name)
    means, stds = (mean(before), mean(after)), (std(before), std(after))
    diff, smaller = _difference(*means), min(len(before), len(after))
    enough = smaller > 1
    pooled = math.sqrt((stds[0] ** 2 + stds[1] ** 2) / 2)
    needed = needed_pairs(metric.min_effect or diff, math.sqrt(2) * pooled, alpha=ALPHA, power=POWER) if enough else None
    delta = f"Cliff's δ {cliffs_delta(before, after):+.2f}"
    return Finding(
        design="unpaired",
        test="Welch t",
        n=smaller,
        of="run",
        least=MIN_PAIRS,
        diff=diff,
        interval=welch_interval(before, after, 1 - ALPHA) if enough else Interval(diff, diff, 1 - ALPHA, "none: one run"),
        p_value=welch(before, after).p_value if enough else 1.0,
        means=means,
        stds=stds,
        effect_size=cohen_d(before, after) if enough else None,
        effect_name="Cohen's d",
        needed=max(needed, MIN_PAIRS) if needed and needed > smaller else None,
        second=_hierarchical(metric.name, pairs, source) if enough else None,
        notes=(f"{len(before)} baseline and {len(after)} candidate runs, no pairs; {delta}",),
    )


def _hierarchical(metric: str, pairs: Pairs, source: Source | None) -> SecondInterval | None:
    """Over runs and examples, where every run scored each of its examples and their mean is the metric."""
    arms: list[list[Sequence[float]]] = []
    for arm in ("baseline", "candidate"):
        runs = pairs.runs[arm].values()
        scores = [_scores(run, metric, source) for run in runs] if source else []
        if not scores or any(found is None for found in scores):
            return None
        arms.append([found for found in scores if found is not None])
    found = hierarchical_interval(arms[0], arms[1], 1 - ALPHA, resamples=1_999)
    return SecondInterval(low=found.low, high=found.high, method=found.method)


def _scores(run: Run, metric: str, source: Source) -> Sequence[float] | None:
    try:
        examples: Examples = source(run)
    except ExamplesError:
        return None
    found = examples.numbers((metric, "value", "correct", "score"))
    return found if found and abs(mean(found) - run.metrics[metric]) <= 1e-3 * abs(run.metrics[metric]) else None


def by_example(metric: Metric, pairs: Pairs, source: Source) -> Finding:
    """McNemar's test, or a bootstrap over the examples that both arms predicted.

    Raises: ExamplesError: the predictions do not allow it.
    """
    matched = match(metric.name, *pairs.partners(), source)
    runs, matched = matched.baseline.shape[1], matched.first() if matched.alone else matched
    found = paired_bootstrap(
        matched.metric,
        matched.labels,
        matched.baseline,
        matched.candidate,
        clusters=matched.clusters,
        stratified=matched.stratified,
        confidence=1 - ALPHA,
    )
    test, p_value = found.interval.method, found.p_value
    notes = [f"{matched.what}, recomputed from predictions"]
    equal = int((matched.baseline == matched.candidate).all(axis=1).sum())
    if matched.classes and matched.clusters is None and matched.baseline.shape[1] == 1:
        only_before, only_after = discordant(matched.labels, matched.baseline, matched.candidate)
        exact = mcnemar(only_before, only_after)
        test, p_value = exact.test, exact.p_value
        equal = len(matched.labels) - only_before - only_after
        notes.append(f"{only_before} examples only the baseline has right, {only_after} only the candidate")
    few = "one run" if matched.baseline.shape[1] == 1 else f"{runs} runs"
    notes.append(f"about the models of {few} an arm: how much training varies is not in it")
    examples = len(matched.labels)
    spread = found.error * math.sqrt(found.n)
    needed = needed_pairs(metric.min_effect or found.difference, spread, alpha=ALPHA, power=POWER)
    return Finding(
        design="predictions",
        test=test,
        n=found.n,
        of="example" if matched.clusters is None else "cluster",
        least=MIN_EXAMPLES,
        diff=found.difference,
        interval=found.interval,
        p_value=p_value,
        means=(mean(pairs.baseline), mean(pairs.candidate)),
        stds=(std(pairs.baseline), std(pairs.candidate)),
        effect_size=found.difference / spread if spread else (0.0 if found.difference == 0 else None),
        effect_name="d_z over examples" if matched.clusters is None else "d_z over clusters",
        ties=equal if matched.clusters is None else 0,
        needed=needed if needed and needed > found.n else None,
        notes=(*notes, *((f"{examples:,} examples",) if matched.clusters is not None else ())),
    )


def by_sample(metric: Metric, pairs: Pairs, source: Source) -> Finding | None:
    """Bootstrap of a median or percentile, where every run logged the samples that its metric is of; None where not."""
    logged = samples_of(metric.name, *pairs.partners(), source)
    if logged is None:
        return None
    found = quantile_difference(logged.baseline, logged.candidate, logged.share, 1 - ALPHA)
    return Finding(
        design="predictions",
        test=found.interval.method,
        n=min(len(run) for run in (*logged.baseline, *logged.candidate)),
        of="sample",
        least=MIN_EXAMPLES,
        diff=found.difference,
        interval=found.interval,
        p_value=found.p_value,
        means=(mean(pairs.baseline), mean(pairs.candidate)),
        stds=(std(pairs.baseline), std(pairs.candidate)),
        effect_size=None,
        effect_name="none",
        notes=(f"{logged.what} of {logged.column}, {len(pairs.seeds)} pair{'s' if len(pairs.seeds) > 1 else ''} of runs",),
    )
