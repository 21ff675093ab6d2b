"""How often tests are wrong, intervals cover and effects are found, by simulation. Seeded, so that a failure is a change of the code."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import scipy.stats

from mltui.experiments.statistics import (
    Floats,
    Interval,
    bca_interval,
    needed_pairs,
    paired_t,
    paired_t_power,
    sign_flip,
    t_interval,
    tost,
    wilcoxon,
)
from mltui.experiments.statistics_independent import mcnemar, welch, welch_interval
from mltui.experiments.statistics_predictions import accuracy, auc, f1_of, paired_bootstrap
from mltui.experiments.statistics_quantiles import quantile_difference
from mltui.experiments.statistics_resampled import corrected_resampled_interval, corrected_resampled_t, five_by_two_f, five_by_two_t

pytestmark = pytest.mark.slow

ALPHA = 0.05


def within(found: int, trials: int, share: float, confidence: float = 0.999) -> bool:
    """Whether a count is inside the binomial interval of what was promised."""
    low, high = scipy.stats.binom.interval(confidence, trials, share)
    return bool(low <= found <= high)


def at_most(found: int, trials: int, share: float) -> bool:
    return found <= scipy.stats.binom.ppf(0.999, trials, share)


def normal(generator: np.random.Generator, n: int) -> list[float]:
    return generator.normal(size=n).tolist()


@pytest.mark.parametrize(
    ("p_value", "n"),
    [
        (lambda d: paired_t(d).p_value, 8),
        (lambda d: sign_flip(d).p_value, 10),
        (lambda d: wilcoxon(d).significance.p_value, 10),
        (lambda d: welch(d[:6], d[6:]).p_value, 12),
    ],
    ids=["paired t", "sign-flip", "Wilcoxon", "Welch"],
)
def test_a_true_null_is_rejected_one_time_in_twenty(p_value: Callable[[list[float]], float], n: int) -> None:
    generator = np.random.default_rng(n)
    rejected = sum(p_value(normal(generator, n)) <= ALPHA for _ in range(2_000))
    # Permutation tests step: with ten pairs the step below 0.05 is 0.0488 (sign-flip) and 0.0488 (ranks).
    assert within(rejected, 2_000, 0.049)


@pytest.mark.parametrize(
    ("interval", "n", "of_means"),
    [
        (t_interval, 8, True),
        (lambda d: bca_interval(d, resamples=999), 30, False),
        (lambda d: welch_interval(d[:5], d[5:]), 15, True),
    ],
    ids=["t", "BCa", "Welch"],
)
def test_intervals_cover_what_they_say(interval: Callable[[list[float]], Interval], n: int, of_means: bool) -> None:
    generator = np.random.default_rng(n + 1)
    trials, covered = 600, 0
    for _ in range(trials):
        found = interval(normal(generator, n))
        covered += found.low <= 0 <= found.high
    # The bootstrap is a little short with 30 pairs: 92 to 93 %.
    assert within(covered, trials, 0.95) if of_means else covered / trials > 0.9


def test_power_is_as_planned() -> None:
    generator = np.random.default_rng(3)
    n = needed_pairs(0.8, 1.0)
    assert n == 15
    found = sum(paired_t((generator.normal(size=n) + 0.8).tolist()).p_value < ALPHA for _ in range(2_000))
    assert within(found, 2_000, paired_t_power(n, 0.8))


def test_equivalence_is_claimed_at_the_margin_one_time_in_twenty() -> None:
    generator = np.random.default_rng(4)
    claimed = sum(tost((generator.normal(size=40) + 0.6).tolist(), 0.6).equivalent for _ in range(2_000))
    assert within(claimed, 2_000, ALPHA)


def predictions(generator: np.random.Generator, n: int) -> tuple[Floats, Floats, Floats]:
    """Labels, and two models that are right four times in five, often on the same examples."""
    labels = generator.integers(0, 2, size=n).astype(np.float64)
    hard = generator.random(n) < 0.3
    right = np.where(hard[:, None], generator.random((n, 2)) < 1 / 3, True)
    said = np.where(right, labels[:, None], 1 - labels[:, None])
    return labels, said[:, [0]], said[:, [1]]


def test_mcnemar_and_bootstrap_keep_the_level_on_equal_models() -> None:
    generator = np.random.default_rng(5)
    trials = 400
    exact = rejected = of_f1 = covered = 0
    for seed in range(trials):
        labels, before, after = predictions(generator, 150)
        right, now = before[:, 0] == labels, after[:, 0] == labels
        exact += mcnemar(int((right & ~now).sum()), int((now & ~right).sum())).p_value <= ALPHA
        found = paired_bootstrap(accuracy, labels, before, after, resamples=499, seed=seed)
        rejected += found.p_value <= ALPHA
        covered += found.interval.low <= 0 <= found.interval.high
        of_f1 += paired_bootstrap(f1_of(1.0), labels, before, after, resamples=499, seed=seed).p_value <= ALPHA
    assert at_most(exact, trials, ALPHA)  # with its continuity correction it is conservative: Dietterich 1998, §4
    assert within(rejected, trials, ALPHA)
    assert within(of_f1, trials, ALPHA)
    assert within(covered, trials, 0.95)


def test_the_bootstrap_of_the_auc_keeps_the_level() -> None:
    generator = np.random.default_rng(6)
    trials, rejected = 200, 0
    for seed in range(trials):
        labels = (generator.random(120) < 0.3).astype(np.float64)
        signal = labels + generator.normal(size=120)
        before, after = (signal[:, None] + generator.normal(0, 0.7, size=(120, 1)) for _ in range(2))
        rejected += paired_bootstrap(auc, labels, before, after, stratified=True, resamples=399, seed=seed).p_value <= ALPHA
    assert within(rejected, trials, ALPHA)


def test_the_interval_of_a_high_percentile_covers() -> None:
    generator = np.random.default_rng(7)
    trials, covered = 200, 0
    for seed in range(trials):
        before, after = generator.lognormal(size=(2, 1, 200))
        found = quantile_difference(before.tolist(), after.tolist(), 0.95, resamples=499, seed=seed).interval
        covered += found.low <= 0 <= found.high
    assert covered / trials > 0.92


def nearest_mean(train: Floats, labels: Floats, test: Floats) -> Floats:
    """Predictions of the nearest class mean, for a batch of training sets: (batch, n, features)."""
    ones = labels[..., None]
    means = [(train * w).sum(axis=1) / w.sum(axis=1) for w in (1 - ones, ones)]
    far = [((test - mean[:, None, :]) ** 2).sum(axis=2) for mean in means]
    return (far[1] < far[0]).astype(np.float64)


def split_differences(generator: np.random.Generator, n: int, train: int, splits: int) -> list[float]:
    """Accuracy differences of two equally good learners on random splits of one data set: each sees half of the features."""
    labels = generator.integers(0, 2, size=n).astype(np.float64)
    features = generator.normal(size=(n, 8)) + 0.35 * labels[:, None]
    order = np.argsort(generator.random((splits, n)), axis=1)
    x, y = features[order], labels[order]
    said = [nearest_mean(x[:, :train, part], y[:, :train], x[:, train:, part]) for part in (slice(0, 4), slice(4, 8))]
    accuracies = [(guess == y[:, train:]).mean(axis=1) for guess in said]
    return (accuracies[1] - accuracies[0]).tolist()


def test_resampled_splits_need_their_correction_as_dietterich_and_nadeau_and_bengio_found() -> None:
    # Dietterich 1998, §4: the resampled paired t test rejects a true null far too often. Nadeau & Bengio 2003, §5: corrected it does not.
    generator = np.random.default_rng(8)
    trials, plain, corrected, covered = 500, 0, 0, 0
    for _ in range(trials):
        differences = split_differences(generator, 150, 100, 30)
        plain += paired_t(differences).p_value <= ALPHA
        corrected += corrected_resampled_t(differences, 100, 50).p_value <= ALPHA
        interval = corrected_resampled_interval(differences, 100, 50)
        covered += interval.low <= 0 <= interval.high
    assert plain / trials > 0.25
    assert corrected / trials < 0.08
    assert covered / trials > 0.92


def test_five_by_two_holds_its_level_on_halves_of_one_data_set() -> None:
    # Dietterich 1998, §4: t is at or below 5 %. F (Alpaydın 1999) uses all ten differences, which share one data set: where that
    # moves both learners much, as here, it rejects somewhat more often, and a t test of the ten still more.
    generator = np.random.default_rng(9)
    trials, t, f, plain = 600, 0, 0, 0
    for _ in range(trials):
        labels = generator.integers(0, 2, size=200).astype(np.float64)
        features = generator.normal(size=(200, 8)) + 0.35 * labels[:, None]
        order = np.argsort(generator.random((5, 200)), axis=1)
        x, y = features[order], labels[order]
        folds: list[Floats] = []
        for train, test in ((slice(0, 100), slice(100, 200)), (slice(100, 200), slice(0, 100))):
            said = [nearest_mean(x[:, train, part], y[:, train], x[:, test, part]) for part in (slice(0, 4), slice(4, 8))]
            one, other = ((guess == y[:, test]).mean(axis=1) for guess in said)
            folds.append(other - one)
        pairs = [(float(a), float(b)) for a, b in zip(*folds, strict=True)]
        t += five_by_two_t(pairs).p_value <= ALPHA
        f += five_by_two_f(pairs).p_value <= ALPHA
        plain += paired_t([one for pair in pairs for one in pair]).p_value <= ALPHA
    assert at_most(t, trials, ALPHA)
    assert f / trials < 0.1 < plain / trials
