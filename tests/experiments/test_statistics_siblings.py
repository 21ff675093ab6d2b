"""Independent samples, cross-validation and families of tests against published numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from mltui.experiments.statistics import paired_t
from mltui.experiments.statistics_families import benjamini_hochberg, friedman_from_ranks, holm, nemenyi_cd
from mltui.experiments.statistics_independent import cliffs_delta, cohen_d, hierarchical_interval, mcnemar, welch, welch_interval
from mltui.experiments.statistics_resampled import corrected_resampled_t, five_by_two_f

probabilities = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def test_friedman_and_nemenyi_of_demsars_ranks():
    result = friedman_from_ranks([3.143, 2.000, 2.893, 1.964], 14)
    assert result.chi_square == pytest.approx(9.28, abs=0.005)
    assert result.f == pytest.approx(3.69, abs=0.005)
    assert result.df == (3, 39)
    assert result.f_p < 0.05
    assert nemenyi_cd(4, 14, 0.05) == pytest.approx(1.25, abs=0.005)
    assert nemenyi_cd(4, 14, 0.10) == pytest.approx(1.12, abs=0.005)


def test_friedman_agrees_with_scipy():
    scores = np.random.default_rng(0).normal(size=(9, 4))
    ranks = scipy.stats.rankdata(-scores, axis=1).mean(axis=0)
    expected = scipy.stats.friedmanchisquare(*scores.T)
    result = friedman_from_ranks(ranks.tolist(), 9)
    assert (result.chi_square, result.chi_square_p) == (pytest.approx(expected.statistic), pytest.approx(expected.pvalue))


def test_friedman_refuses_what_are_not_ranks():
    with pytest.raises(ValueError, match="add up to"):
        friedman_from_ranks([1.0, 1.0, 1.0], 5)


def test_nadeau_bengio_numbers_of_scikit_learns_example():
    # Ten times ten folds; standardised so that the uncorrected t is 2.611.
    noise = np.random.default_rng(0).normal(size=100)
    differences = ((noise - noise.mean()) / noise.std(ddof=1) + 2.611 / 10).tolist()
    uncorrected = paired_t(differences, "greater")
    assert (uncorrected.statistic, uncorrected.p_value) == (pytest.approx(2.611), pytest.approx(0.005, abs=6e-4))
    corrected = corrected_resampled_t(differences, n_train=90, n_test=10, alternative="greater")
    assert corrected.statistic == pytest.approx(0.750, abs=5e-4)
    assert corrected.p_value == pytest.approx(0.227, abs=5e-4)


def test_five_by_two_f_by_hand():
    pairs = [(1.0, 3.0), (2.0, 2.0), (0.0, 2.0), (1.0, 1.0), (3.0, 1.0)]
    assert five_by_two_f(pairs).statistic == pytest.approx(34 / (2 * 6))
    assert five_by_two_f(pairs).p_value == pytest.approx(float(scipy.stats.f.sf(34 / 12, 10, 5)))
    assert five_by_two_f([(0.0, 0.0)] * 5).p_value == 1


def test_holm_and_benjamini_hochberg_of_published_examples():
    # Holm 1979, by hand; Benjamini & Hochberg 1995, table of 15 p-values: four rejected at 0.05.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    published = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    assert sum(p <= 0.05 for p in benjamini_hochberg(published)) == 4
    assert sum(p <= 0.05 for p in holm(published)) == 3


@given(probabilities)
def test_adjusted_p_values(p_values: list[float]):
    strict, lenient = holm(p_values), benjamini_hochberg(p_values)
    assert lenient == pytest.approx(scipy.stats.false_discovery_control(p_values).tolist())
    for raw, family, discovery in zip(p_values, strict, lenient, strict=True):
        assert raw <= discovery + 1e-12
        assert discovery <= family + 1e-12 <= 1 + 2e-12
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    assert [strict[index] for index in order] == sorted(strict)


def test_p_values_outside_zero_to_one_are_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.5, 1.5])


def test_welch_agrees_with_scipy():
    baseline, candidate = [1.0, 2.0, 4.0, 3.5], [5.0, 2.5, 9.0, 7.0, 4.0]
    expected = scipy.stats.ttest_ind(candidate, baseline, equal_var=False)
    result, interval = welch(baseline, candidate), welch_interval(baseline, candidate)
    assert (result.statistic, result.p_value) == (pytest.approx(expected.statistic), pytest.approx(expected.pvalue))
    bounds = expected.confidence_interval(0.95)
    assert (interval.low, interval.high) == (pytest.approx(bounds.low), pytest.approx(bounds.high))
    assert welch([1.0, 1.0], [1.0, 1.0]).p_value == 1


def test_hierarchical_interval_sees_the_spread_between_seeds():
    generator = np.random.default_rng(0)
    examples = generator.normal(size=(2, 6, 200))
    between = generator.normal(0, 1, size=(2, 6, 1))
    narrow = hierarchical_interval(examples[0].tolist(), examples[1].tolist(), resamples=800)
    wide = hierarchical_interval((examples + between)[0].tolist(), (examples + between)[1].tolist(), resamples=800)
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)
    with pytest.raises(ValueError, match="two seeds"):
        hierarchical_interval([[1.0]], [[1.0]])


def test_effect_sizes_of_independent_samples():
    assert cliffs_delta([1, 2, 3], [4, 5, 6]) == 1
    assert cliffs_delta([1, 2, 3], [1, 2, 3]) == 0
    assert cliffs_delta([1, 2], [0, 3]) == 0
    assert cohen_d([1, 2, 3], [2, 3, 4]) == 1
    assert cohen_d([1, 1], [2, 2]) is None


def test_mcnemar():
    # Under 25 discordant the binomial test, else Edwards' χ²; Agresti 2002, §10.1: 86 against 150 changed their mind.
    assert mcnemar(2, 9).p_value == pytest.approx(scipy.stats.binomtest(2, 11).pvalue)
    assert mcnemar(2, 9).test == "McNemar exact"
    assert mcnemar(0, 0).p_value == 1
    assert mcnemar(150, 86).statistic == pytest.approx((64 - 1) ** 2 / 236)
    assert mcnemar(13, 12).test == "McNemar χ²"
    assert mcnemar(40, 40).p_value == pytest.approx(1.0)
    with pytest.raises(ValueError, match="negative"):
        mcnemar(-1, 3)


def test_corrected_t_keeps_the_level_on_dependent_folds_where_the_plain_one_does_not():
    # Fold differences that share a component, as folds of one data set do.
    generator = np.random.default_rng(3)
    plain = corrected = 0
    for _ in range(400):
        differences = (generator.normal(0, math.sqrt(0.1)) + generator.normal(size=30) * math.sqrt(0.9)).tolist()
        plain += paired_t(differences).p_value < 0.05
        corrected += corrected_resampled_t(differences, 90, 10).p_value < 0.05
    assert plain / 400 > 0.15
    assert corrected / 400 < 0.08
