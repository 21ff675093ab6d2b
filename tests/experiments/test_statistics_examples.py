"""Metrics over examples, quantiles, looks and ranks: against other libraries and published tables."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, roc_auc_score

from mltui.experiments.power import detectable
from mltui.experiments.statistics import Floats, minimum_detectable, needed_pairs, non_inferiority, paired_t_power
from mltui.experiments.statistics_families import against_control, average_ranks, friedman_from_ranks, holm, nemenyi, nemenyi_cd
from mltui.experiments.statistics_independent import cohen_d, hedges_g
from mltui.experiments.statistics_predictions import (
    Metric,
    accuracy,
    auc,
    discordant,
    f1_macro,
    f1_of,
    f1_weighted,
    mean_score,
    paired_bootstrap,
    root_mean_squared_error,
)
from mltui.experiments.statistics_quantiles import non_inferior, quantile_difference
from mltui.experiments.statistics_resampled import corrected_resampled_interval, corrected_resampled_t, five_by_two_t
from mltui.experiments.statistics_sequential import boundaries, nominal_levels, uncorrected_error

# Demšar 2006, table 6: AUC of C4.5, with m, with cf, with both, on 14 data sets.
DEMSAR = [
    [0.763, 0.768, 0.771, 0.798],
    [0.599, 0.591, 0.590, 0.569],
    [0.954, 0.971, 0.968, 0.967],
    [0.628, 0.661, 0.654, 0.657],
    [0.882, 0.888, 0.886, 0.898],
    [0.936, 0.931, 0.916, 0.931],
    [0.661, 0.668, 0.609, 0.685],
    [0.583, 0.583, 0.563, 0.625],
    [0.775, 0.838, 0.866, 0.875],
    [1.000, 1.000, 1.000, 1.000],
    [0.940, 0.962, 0.965, 0.962],
    [0.619, 0.666, 0.614, 0.669],
    [0.972, 0.981, 0.975, 0.974],
    [0.957, 0.978, 0.946, 0.970],
]

labels_and_guesses = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)), min_size=2, max_size=40)


def columns(rows: list[tuple[int, int, int]]) -> tuple[Floats, Floats, Floats]:
    table = np.array(rows, dtype=np.float64)
    return table[:, 0], table[:, [1]], table[:, [2]]


def whole(metric: Metric, labels: Floats, scores: Floats) -> float:
    return float(metric(labels, scores, np.ones((1, labels.size)))[0])


@given(labels_and_guesses)
def test_metrics_are_those_of_scikit_learn(rows: list[tuple[int, int, int]]) -> None:
    labels, guesses, _ = columns(rows)
    said = guesses[:, 0]
    assert whole(accuracy, labels, guesses) == pytest.approx(np.mean(labels == said))
    for metric, average in ((f1_macro, "macro"), (f1_weighted, "weighted")):
        assert whole(metric, labels, guesses) == pytest.approx(f1_score(labels, said, average=average, zero_division=0))
    expected = f1_score(labels, said, labels=[1.0], average=None, zero_division=0)[0]
    assert whole(f1_of(1.0), labels, guesses) == pytest.approx(expected)
    if {0.0, 1.0} == set(labels):
        assert whole(auc, labels, guesses) == pytest.approx(roc_auc_score(labels, said))
    assert whole(root_mean_squared_error, labels, guesses) == pytest.approx(np.sqrt(np.mean((labels - said) ** 2)))


@given(labels_and_guesses)
def test_equal_arms_differ_by_nothing_and_swapped_ones_by_the_opposite(rows: list[tuple[int, int, int]]) -> None:
    labels, before, after = columns(rows)
    same = paired_bootstrap(accuracy, labels, before, before)
    assert (same.difference, same.interval.low, same.interval.high, same.p_value) == (0, 0, 0, 1)
    one, other = paired_bootstrap(accuracy, labels, before, after), paired_bootstrap(accuracy, labels, after, before)
    assert one.difference == pytest.approx(-other.difference)
    assert one.interval.low <= one.difference + 1e-9 and one.difference - 1e-9 <= one.interval.high
    assert 0 < one.p_value <= 1
    assert one == paired_bootstrap(accuracy, labels, before, after)
    only_before, only_after = discordant(labels, before, after)
    assert one.difference == pytest.approx((only_after - only_before) / len(rows))


def test_the_bootstrap_error_is_that_of_theory() -> None:
    generator = np.random.default_rng(5)
    labels = np.zeros(4_000)
    before, after = generator.normal(size=(2, 4_000, 1))
    found = paired_bootstrap(mean_score, labels, before, after + 0.1)
    assert found.error == pytest.approx(np.std(after - before) / np.sqrt(4_000), rel=0.05)
    assert found.interval.low < found.difference < found.interval.high


def test_clusters_widen_the_interval_as_much_as_their_examples_agree() -> None:
    generator = np.random.default_rng(6)
    of = np.repeat(np.arange(50), 40)
    shared = generator.normal(size=50)[of][:, None]
    labels, before = np.zeros(2_000), np.zeros((2_000, 1))
    alone, together = (paired_bootstrap(mean_score, labels, before, shared, clusters=clusters) for clusters in (None, of))
    assert together.error == pytest.approx(alone.error * np.sqrt(40), rel=0.15)
    assert (alone.n, together.n, together.interval.method) == (2_000, 50, "paired bootstrap over clusters")


def test_stratified_samples_always_have_both_labels() -> None:
    labels = np.array([1.0] + [0.0] * 30)
    scores = np.random.default_rng(7).normal(size=(31, 1))
    found = paired_bootstrap(auc, labels, scores, scores + labels[:, None], stratified=True)
    assert np.isfinite([found.interval.low, found.interval.high, found.error]).all()
    with pytest.raises(ValueError, match="two examples"):
        paired_bootstrap(auc, labels[:1], scores[:1], scores[:1])


def test_the_quantile_interval_is_that_of_theory() -> None:
    generator = np.random.default_rng(8)
    before, after = generator.exponential(size=(2, 1, 4_000))
    found = quantile_difference(before.tolist(), after.tolist(), 0.5)
    # The median of an exponential: standard error 1 / (2 f(m) √n) with f(m) = 1/2, twice.
    half = 1.96 * np.sqrt(2) / np.sqrt(4_000)
    assert found.interval.high - found.interval.low == pytest.approx(2 * half, rel=0.25)  # it converges with the fourth root of n
    assert found.interval.low < found.difference < found.interval.high and found.p_value > 0.001
    assert non_inferior(found.interval, 0.3) and not non_inferior(found.interval, found.interval.high)
    assert non_inferior(found.interval, 0.3, smaller_is_better=False)
    with pytest.raises(ValueError, match="as many runs"):
        quantile_difference([[1.0, 2.0]], [], 0.5)


def test_runs_that_differ_widen_the_interval_of_their_quantile() -> None:
    generator = np.random.default_rng(9)
    before = generator.exponential(size=(8, 300))
    shifts = generator.normal(size=(8, 1))
    steady = quantile_difference(before.tolist(), before.tolist(), 0.95)
    moved = quantile_difference(before.tolist(), (before + shifts).tolist(), 0.95)
    assert moved.interval.high - moved.interval.low > 1.2 * (steady.interval.high - steady.interval.low)
    assert moved.difference == pytest.approx(float(shifts.mean()))


def test_ranks_friedman_nemenyi_and_holm_of_demsars_table() -> None:
    ranks = average_ranks(DEMSAR)
    assert ranks == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=5e-4)
    assert friedman_from_ranks(ranks, 14).chi_square == pytest.approx(9.28, abs=0.005)
    pairs = nemenyi(ranks, 14)
    # By the critical difference of 1.12 at 0.1 the plain one differs from both that tune m, and nothing else does.
    assert {pair for pair, p in pairs.items() if p < 0.10} == {(0, 1), (0, 3)}
    assert all((p < 0.05) == (abs(ranks[i] - ranks[j]) > nemenyi_cd(4, 14)) for (i, j), p in pairs.items())
    # §3.2.2: z 2.416, 2.342, 0.512; p 0.016, 0.019, 0.607 (0.608 without rounding z); Holm rejects two.
    found = against_control(ranks, 14)
    assert [found[method][0] for method in (3, 1, 2)] == pytest.approx([2.416, 2.342, 0.512], abs=1e-3)
    assert [found[method][1] for method in (3, 1, 2)] == pytest.approx([0.016, 0.019, 0.608], abs=6e-4)
    assert sum(p < 0.05 for p in holm([p for _, p in found.values()])) == 2
    assert average_ranks([[1.0, 2.0], [1.0, 2.0]], higher_is_better=False) == [1.0, 2.0]
    with pytest.raises(ValueError, match="full table"):
        average_ranks([[1.0, float("nan")], [1.0, 2.0]])


def test_boundaries_of_pocock_and_of_obrien_and_fleming() -> None:
    # Jennison & Turnbull 2000, tables 2.1 and 2.3, alpha 0.05: C_P(K) and C_B(K).
    for looks, pocock, obrien in ((1, 1.960, 1.960), (2, 2.178, 1.977), (3, 2.289, 2.004), (4, 2.361, 2.024), (5, 2.413, 2.040)):
        assert boundaries(looks, "pocock")[-1] == pytest.approx(pocock, abs=6e-4)
        assert boundaries(looks)[-1] == pytest.approx(obrien, abs=6e-4)
    assert boundaries(5)[0] == pytest.approx(2.040 * np.sqrt(5), abs=2e-3)
    assert nominal_levels(2, "pocock") == pytest.approx((0.0294, 0.0294), abs=5e-5)  # Pocock 1977
    # Armitage, McPherson & Rowe 1969, table 2: looking five and ten times at 5 %.
    assert uncorrected_error(5) == pytest.approx(0.142, abs=5e-4)
    assert uncorrected_error(10) == pytest.approx(0.193, abs=5e-4)
    with pytest.raises(ValueError, match="looks"):
        boundaries(0)


def test_five_by_two_t_by_hand() -> None:
    pairs = [(1.0, 3.0), (2.0, 2.0), (0.0, 2.0), (1.0, 1.0), (3.0, 1.0)]
    found = five_by_two_t(pairs)
    assert found.statistic == pytest.approx(1 / np.sqrt(6 / 5))
    assert found.p_value == pytest.approx(2 * scipy.stats.t.sf(1 / np.sqrt(6 / 5), 5))
    with pytest.raises(ValueError, match="five"):
        five_by_two_t(pairs[:4])


@given(st.lists(st.integers(-20, 20), min_size=3, max_size=12), st.integers(1, 500), st.integers(1, 500))
def test_the_corrected_interval_holds_zero_as_the_test_says(differences: list[int], n_train: int, n_test: int) -> None:
    p, interval = corrected_resampled_t(differences, n_train, n_test).p_value, corrected_resampled_interval(differences, n_train, n_test)
    if abs(p - 0.05) > 1e-6:
        assert (p > 0.05) == (interval.low <= 0 <= interval.high)


def test_effect_non_inferiority_and_power() -> None:
    assert hedges_g([1.0, 2.0, 3.0], [2.0, 3.0, 4.0]) == pytest.approx(0.8, abs=5e-3)  # d = 1, J(4) = 0.798
    assert cohen_d([1.0, 1.0], [1.0, 1.0]) == hedges_g([1.0, 1.0], [1.0, 1.0]) == 0
    slower = [0.1, 0.2, 0.15, 0.12, 0.18, 0.14]
    assert non_inferiority(slower, 0.5).p_value < 0.001 < 0.5 < non_inferiority(slower, 0.1).p_value
    assert non_inferiority([-value for value in slower], 0.5, smaller_is_better=False).p_value < 0.001
    with pytest.raises(ValueError, match="margin"):
        non_inferiority(slower, -1)
    for n in (6, 10, 34):
        least = minimum_detectable(n, 2.0)
        assert paired_t_power(n, least / 2) == pytest.approx(0.8, abs=1e-9)
        assert needed_pairs(least * 1.0001, 2.0) == n
        assert detectable(n, 2.0) == pytest.approx(least, rel=0.01)
