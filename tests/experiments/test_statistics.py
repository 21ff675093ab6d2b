"""Paired statistics against published numbers and against exact enumeration."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from mltui.experiments.statistics import (
    bca_interval,
    cohen_dz,
    hedges_correction,
    needed_pairs,
    paired_t,
    paired_t_power,
    sign_flip,
    std,
    t_interval,
    tost,
    wilcoxon,
)

# Fisher 1935, after Darwin: heights of crossed less self-fertilised plants, in eighths of an inch.
DARWIN = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]

# Demšar 2006, table 2: AUC of C4.5 and of C4.5 with tuned m on 14 data sets.
C45 = [0.763, 0.599, 0.954, 0.628, 0.882, 0.936, 0.661, 0.583, 0.775, 1.000, 0.940, 0.619, 0.972, 0.957]
C45_M = [0.768, 0.591, 0.971, 0.661, 0.888, 0.931, 0.668, 0.583, 0.838, 1.000, 0.962, 0.666, 0.981, 0.978]

integers = st.lists(st.integers(-50, 50), min_size=2, max_size=9)


def test_sign_flip_counts_863_of_32768_in_darwins_data():
    one_sided = sign_flip(DARWIN, "greater")
    assert (one_sided.extreme, one_sided.patterns) == (863, 32_768)
    assert sign_flip(DARWIN).p_value == 2 * 863 / 32_768
    assert sign_flip(DARWIN).test == "exact sign-flip"


def test_fishers_t_of_darwins_data():
    result = paired_t(DARWIN)
    assert result.statistic == pytest.approx(2.148, abs=5e-4)
    assert result.p_value == pytest.approx(0.0497, abs=5e-5)


@given(integers)
def test_sign_flip_is_the_share_of_all_patterns(differences: list[int]):
    sums = [sum(s * d for s, d in zip(signs, differences, strict=True)) for signs in itertools.product((1, -1), repeat=len(differences))]
    observed = sum(differences)
    assert sign_flip(differences).p_value == sum(abs(s) >= abs(observed) for s in sums) / len(sums)
    assert sign_flip(differences, "greater").p_value == sum(s >= observed for s in sums) / len(sums)
    assert sign_flip(differences, "less").p_value == sum(s <= observed for s in sums) / len(sums)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=8), st.randoms())
def test_sign_flip_does_not_see_the_order_nor_the_direction(differences: list[float], random):
    shuffled = list(differences)
    random.shuffle(shuffled)
    p_value = sign_flip(differences).p_value
    assert sign_flip(shuffled).p_value == p_value
    assert sign_flip([-value for value in differences]).p_value == p_value


def test_rounding_does_not_decide_ties():
    accuracy = [0.1 + 0.2 - 0.3, 0.3 - 0.2, 0.2 - 0.1, 0.1, 0.4 - 0.3, -(0.7 - 0.6)]
    assert sign_flip(accuracy).p_value == sign_flip([0, 1, 1, 1, 1, -1]).p_value


def test_six_pairs_are_the_fewest_that_can_be_significant():
    assert sign_flip([1] * 5).p_value == 0.0625
    assert sign_flip([1] * 6).p_value == 0.03125


def test_many_pairs_are_sampled_with_the_plus_one():
    differences = list(np.random.default_rng(0).normal(0.3, 1, 40))
    sampled = sign_flip(differences, samples=20_000)
    assert sampled.test == "sign-flip, Monte Carlo"
    assert sampled.p_value == sign_flip(differences, samples=20_000).p_value
    assert sampled.p_value == pytest.approx(paired_t(differences).p_value, abs=0.01)
    assert sign_flip([1.0] * 40, samples=999).p_value == 1 / 1000


def test_enumeration_agrees_with_scipy():
    exact = scipy.stats.permutation_test((np.array(DARWIN, float),), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip(DARWIN).p_value == pytest.approx(exact.pvalue)


def test_wilcoxon_of_demsars_table():
    differences = np.round(np.subtract(C45_M, C45), 3).tolist()
    result = wilcoxon(differences)
    assert (result.plus, result.minus) == (93, 12)
    assert result.significance.p_value < 0.05
    normal = scipy.stats.wilcoxon(differences, zero_method="zsplit", method="asymptotic")
    assert result.significance.p_value == pytest.approx(normal.pvalue, abs=0.01)


def test_wilcoxon_agrees_with_scipys_exact_test():
    differences = [float(value) for value in (1.5, -2.25, 3, 4.75, -0.5, 6, 7.5, 8, 9)]
    assert wilcoxon(differences).significance.p_value == pytest.approx(scipy.stats.wilcoxon(differences, method="exact").pvalue)
    assert wilcoxon([0.0, 0.0]).significance.p_value == 1
    assert wilcoxon([0, 0, 1, 2, 3], zeros="drop").plus == 6


@given(integers)
def test_wilcoxon_sums_all_ranks(differences: list[int]):
    result, n = wilcoxon(differences), len(differences)
    if any(differences):
        assert result.plus + result.minus == n * (n + 1) / 2
    assert wilcoxon([-value for value in differences]).significance.p_value == result.significance.p_value


def test_t_interval_of_students_sleep_data():
    # Student 1908, additional hours of sleep: t = 4.0621, p = 0.002833, 95 % interval [0.700, 2.460].
    sleep = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4]
    interval = t_interval(sleep)
    assert (interval.low, interval.high) == (pytest.approx(0.7001142), pytest.approx(2.4598858))
    assert paired_t(sleep).statistic == pytest.approx(4.0621, abs=5e-5)
    assert paired_t(sleep).p_value == pytest.approx(0.002833, abs=5e-7)
    assert paired_t(sleep, "greater").p_value == pytest.approx(0.002833 / 2, abs=5e-7)


def test_bca_interval_lies_near_the_t_interval_and_is_repeatable():
    differences = np.random.default_rng(1).normal(0.5, 1, 60).tolist()
    bca, t = bca_interval(differences, resamples=4_999), t_interval(differences)
    assert (bca.low, bca.high) == (pytest.approx(t.low, abs=0.05), pytest.approx(t.high, abs=0.05))
    assert bca == bca_interval(differences, resamples=4_999)


def test_no_spread_is_no_division_by_zero():
    assert bca_interval([0.5] * 6).low == t_interval([0.5] * 6).high == 0.5
    assert paired_t([0.0] * 6).p_value == 1
    assert paired_t([0.1] * 6).p_value == 0
    assert cohen_dz([0.1] * 6) is None
    assert cohen_dz([0.0] * 6) == 0
    assert std([3.0]) == 0
    assert needed_pairs(0.1, 0.0) is None
    assert needed_pairs(0.0, 1.0) is None


@pytest.mark.parametrize("values", [[], [math.nan], [1.0, math.inf]])
def test_what_is_not_numbers_is_refused(values: list[float]):
    with pytest.raises(ValueError, match="number"):
        sign_flip(values)


def test_effect_sizes():
    assert cohen_dz([1, 2, 3]) == 2
    # Hedges 1981: exact values of J; Borenstein's 1 - 3 / (4 df - 1) is close.
    assert hedges_correction(2) == pytest.approx(0.5642, abs=1e-4)
    assert hedges_correction(10) == pytest.approx(0.9228, abs=1e-4)
    assert hedges_correction(50) == pytest.approx(1 - 3 / 199, abs=1e-4)


def test_equivalence_is_the_interval_inside_the_margin():
    differences = [0.01, -0.01, 0.02, -0.02, 0.0, 0.01]
    for margin in (0.005, 0.0125, 0.013, 0.014, 0.02, 0.5):
        result = tost(differences, margin)
        assert result.equivalent == (result.p_value < 0.05)
    assert tost(differences, 0.5).equivalent
    assert not tost(differences, 0.005).equivalent
    with pytest.raises(ValueError, match="margin"):
        tost(differences, 0)


def test_power_and_n_agree_with_published_tables():
    # G*Power 3, means, matched pairs, two-sided, alpha 0.05.
    assert needed_pairs(0.5, 1.0) == 34
    assert needed_pairs(0.8, 1.0) == 15
    assert needed_pairs(0.2, 1.0) == 199
    assert needed_pairs(0.5, 1.0, power=0.95) == 54
    assert paired_t_power(34, 0.5) == pytest.approx(0.8077, abs=1e-4)
    assert needed_pairs(1e-9, 1.0) is None
    assert needed_pairs(100.0, 1.0) in (2, 3)


def test_power_of_no_effect_is_alpha():
    assert paired_t_power(12, 0.0) == pytest.approx(0.05)


@pytest.mark.parametrize("n", [6, 10])
def test_false_positives_keep_the_level(n: int):
    generator = np.random.default_rng(n)
    rejected = sum(sign_flip(generator.normal(size=n).tolist()).p_value < 0.05 for _ in range(600))
    assert rejected / 600 < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 600)
