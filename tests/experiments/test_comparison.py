"""Verdicts: what makes a candidate better, and everything that must not."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltui.core.errors import ExperimentError
from mltui.core.experiment import Budget, Comparison, Direction, Guardrail, Metric, Proposal, Run
from mltui.experiments.comparison import MIN_PAIRS, compare, parse_margin


def proposal(metric: Metric | None = None, guardrails: tuple[Guardrail, ...] = (), tree: str = "b" * 40) -> Proposal:
    return Proposal(
        id="P-0001",
        title="Halve the learning rate",
        kind="hparam",
        hypothesis="It overshoots",
        methodology="Six seeds an arm",
        metric=metric or Metric(name="accuracy"),
        guardrails=guardrails,
        base_commit="1" * 40,
        base_tree="a" * 40,
        commit="2" * 40,
        tree=tree,
        patch="",
        command="python train.py --seed {seed}",
        seeds=tuple(range(6)),
        budget=Budget(),
        author="model",
        created=0.0,
        hash="h" * 64,
    )


def run(arm: str, seed: int, status: str = "finished", message: str = "", **metrics: float) -> Run:
    return Run.model_validate(
        {"arm": arm, "seed": seed, "status": status, "metrics": metrics, "message": message, "started": 0, "ended": 1}
    )


def arms(baseline: Sequence[float], candidate: Sequence[float], name: str = "accuracy") -> list[Run]:
    return [
        *(run("baseline", seed, **{name: value}) for seed, value in enumerate(baseline)),
        *(run("candidate", seed, **{name: value}) for seed, value in enumerate(candidate)),
    ]


def judge(baseline: Sequence[float], candidate: Sequence[float], min_effect: float = 0.0, direction: Direction = "maximize") -> Comparison:
    return compare(proposal(Metric(name="accuracy", direction=direction, min_effect=min_effect)), arms(baseline, candidate))[0]


BASELINE = [0.90, 0.91, 0.92, 0.90, 0.93, 0.91]
BETTER = [0.92, 0.925, 0.945, 0.925, 0.95, 0.93]


def test_a_clear_gain_is_better():
    result = judge(BASELINE, BETTER)
    assert result.verdict == "better"
    assert result.p_value == 0.03125
    assert result.n == 6
    assert 0 < result.ci_low < result.diff == pytest.approx(0.020833, abs=1e-6)
    assert result.pairs[1] == (1, 0.91, 0.925)
    assert result.summary == "accuracy +0.02083 [0.0169, 0.0248] (95 % CI, paired by 6 seeds, p = 0.031): better"
    assert Comparison.model_validate_json(result.model_dump_json()) == result


def test_direction_decides_what_is_good():
    assert judge(BASELINE, BETTER, direction="minimize").verdict == "worse"
    assert judge(BETTER, BASELINE, direction="minimize").verdict == "better"
    assert judge(BETTER, BASELINE).verdict == "worse"


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_under_six_pairs_nothing_is_decided(n: int):
    result = judge(BASELINE[:n], BETTER[:n])
    assert result.verdict == "inconclusive"
    assert "at least 6 pairs" in result.summary
    assert result.needed_n is not None
    assert result.needed_n >= MIN_PAIRS


def test_one_pair_has_no_interval():
    result = judge([0.9], [0.95])
    assert "[" not in result.summary
    assert result.effect_size is None


def test_equal_trees_are_an_a_a_comparison_and_never_win():
    result, _ = compare(proposal(tree="a" * 40), arms(BASELINE, BETTER))
    assert result.verdict == "inconclusive"
    assert "A/A" in result.summary


def test_equal_pairs():
    nothing_declared = judge(BASELINE, BASELINE)
    assert nothing_declared.verdict == "inconclusive"
    assert "min_effect" in nothing_declared.summary
    assert (nothing_declared.p_value, nothing_declared.ties, nothing_declared.effect_size) == (1, 6, 0)
    assert judge(BASELINE, BASELINE, min_effect=0.01).verdict == "equivalent"


def test_rounding_is_no_difference():
    assert judge([0.1 + 0.2] * 6, [0.3] * 6).ties == 6


def test_a_seed_that_changes_nothing_is_one_measurement():
    result = judge([0.9] * 6, [0.92] * 6)
    assert result.verdict == "inconclusive"
    assert "one measurement" in result.summary


def test_the_same_gain_on_every_seed_is_better():
    result = judge(BASELINE, [value + 0.02 for value in BASELINE])
    assert result.verdict == "better"
    assert result.ci_low == pytest.approx(result.ci_high)
    assert result.effect_size is None or math.isfinite(result.effect_size)


def test_a_gain_below_the_smallest_worth_having():
    assert judge(BASELINE, BETTER, min_effect=0.05).verdict == "equivalent"
    maybe = judge(BASELINE, BETTER, min_effect=0.022)
    assert maybe.verdict == "inconclusive"
    assert "maybe not" in maybe.summary
    assert judge(BASELINE, BETTER, min_effect=0.02).verdict == "better"


def test_noise_says_how_many_pairs_would_tell():
    result = judge(BASELINE, [0.93, 0.89, 0.93, 0.91, 0.90, 0.93], min_effect=0.01)
    assert result.verdict == "inconclusive"
    assert result.needed_n is not None
    assert f"needs about {result.needed_n} pairs" in result.summary


def test_an_outlier_is_not_better():
    result = judge(BASELINE, [value + gain for value, gain in zip(BASELINE, [0.001, 0.002, 0.001, 0.001, 0.002, 0.9], strict=True)])
    assert result.p_value < 0.05
    assert result.ci_low < 0
    assert result.verdict == "inconclusive"


def test_only_seeds_of_both_arms_count():
    runs = [*arms(BASELINE, BETTER), run("baseline", 7, accuracy=0.1), run("candidate", 8, accuracy=0.9)]
    assert compare(proposal(), runs)[0].n == 6


def test_a_candidate_that_fails_on_a_seed_is_not_better():
    runs = [*arms([*BASELINE, 0.9], BETTER), run("candidate", 6, status="failed", message="CUDA out of memory")]
    result, _ = compare(proposal(), runs)
    assert result.verdict == "inconclusive"
    assert "failed where the baseline did not (seed 6)" in result.summary


def test_a_diverged_candidate_is_not_better():
    runs = [*arms([*BASELINE, 0.9], BETTER), run("candidate", 6, accuracy=math.nan)]
    assert "seed 6" in compare(proposal(), runs)[0].summary


def test_a_killed_run_is_only_missing():
    runs = [*arms([*BASELINE, 0.9], BETTER), run("candidate", 6, status="killed")]
    assert compare(proposal(), runs)[0].verdict == "better"


def test_a_retried_run_replaces_the_failed_one():
    runs = [run("candidate", 0, status="failed"), *arms(BASELINE, BETTER)]
    assert compare(proposal(), runs)[0].verdict == "better"


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        ([], "no baseline run finished"),
        ([run("baseline", 0, accuracy=1)], "no candidate run finished"),
        ([run("baseline", 0, accuracy=1), run("candidate", 0, status="failed", message="exit 1: no data")], "exit 1: no data"),
        (arms([1], [2], name="loss"), "no run reported accuracy; they reported loss"),
        ([run("baseline", 0), run("candidate", 0)], "no metric at all"),
        (arms([1], [math.nan]), "no seed has a finite accuracy"),
        ([run("baseline", 0, accuracy=1), run("candidate", 1, accuracy=1)], "no seed has a finite accuracy in both arms"),
    ],
)
def test_nothing_to_compare_says_why(runs: list[Run], words: str):
    with pytest.raises(ExperimentError, match=words):
        compare(proposal(), runs)


def guard(margin: str, latency: Callable[[int], float], direction: Direction = "minimize") -> Comparison:
    runs = [
        *(run("baseline", seed, accuracy=value, latency=100 + seed % 3) for seed, value in enumerate(BASELINE)),
        *(run("candidate", seed, accuracy=value, latency=latency(seed)) for seed, value in enumerate(BETTER)),
    ]
    guardrail = Guardrail(name="latency", direction=direction, margin=margin)
    return compare(proposal(guardrails=(guardrail,)), runs)[1][0]


def test_guardrails_hold_break_or_stay_open():
    assert guard("5%", lambda seed: 101 + seed % 3 + seed * 0.1).verdict == "equivalent"
    assert guard("5%", lambda seed: 90 + seed % 3 + seed * 0.1).verdict == "better"
    broken = guard("5%", lambda seed: 120 + seed % 3 + seed * 0.1)
    assert broken.verdict == "worse"
    assert "5% worse: the guardrail is broken" in broken.summary
    assert guard("5%", lambda seed: 100 + seed * 3).verdict == "inconclusive"
    assert guard("1", lambda seed: 100 + seed % 3).verdict == "equivalent"
    assert guard("0", lambda seed: 100 + seed % 3).verdict == "equivalent"
    assert guard("5%", lambda seed: 120 + seed % 3 + seed * 0.1, direction="maximize").verdict == "better"


def test_a_guardrail_that_nothing_reported_says_so():
    primary, (latency,) = compare(proposal(guardrails=(Guardrail(name="latency", margin="5%"),)), arms(BASELINE, BETTER))
    assert primary.verdict == "better"
    assert (latency.n, latency.verdict) == (0, "inconclusive")
    assert latency.summary == "latency: inconclusive, no run reported latency; they reported accuracy"
    assert Comparison.model_validate_json(latency.model_dump_json()) == latency


@pytest.mark.parametrize("margin", ["lots", "-1", "", "nan", "%", "inf"])
def test_a_margin_that_is_no_number_says_so(margin: str):
    result = guard(margin, lambda seed: 100 + seed)
    assert result.verdict == "inconclusive"
    assert "is not a number" in result.summary
    assert "Write a margin such as 0.5 or 5%" in result.summary


def test_margins():
    assert parse_margin(Guardrail(name="cost", margin="5%"), -200) == 10
    assert parse_margin(Guardrail(name="cost", margin=" 0.25 "), 7) == 0.25


# Values whose sums and differences are exact, so that invariants can be compared bit by bit.
values = st.integers(-64, 64).map(lambda number: number / 64)
pairs = st.lists(st.tuples(values, values), min_size=1, max_size=10)
MIRROR = {"better": "worse", "worse": "better", "equivalent": "equivalent", "inconclusive": "inconclusive"}


@given(pairs, st.sampled_from([0.0, 0.125, 1.0]))
def test_swapping_the_arms_mirrors_everything(pairs: list[tuple[float, float]], min_effect: float):
    one = judge([old for old, _ in pairs], [new for _, new in pairs], min_effect)
    other = judge([new for _, new in pairs], [old for old, _ in pairs], min_effect)
    assert (other.diff, other.ci_low, other.ci_high) == (-one.diff, -one.ci_high, -one.ci_low)
    assert other.p_value == one.p_value
    assert other.verdict == MIRROR[one.verdict]


@given(pairs, st.randoms())
def test_the_order_of_seeds_does_not_matter(pairs: list[tuple[float, float]], random):
    shuffled = list(pairs)
    random.shuffle(shuffled)
    one, other = (judge([old for old, _ in some], [new for _, new in some]) for some in (pairs, shuffled))
    assert (one.p_value, one.diff, one.ci_low, one.verdict) == (other.p_value, other.diff, other.ci_low, other.verdict)


@given(pairs, st.integers(-1000, 1000))
def test_a_constant_in_both_arms_changes_nothing(pairs: list[tuple[float, float]], constant: int):
    one = judge([old for old, _ in pairs], [new for _, new in pairs])
    other = judge([old + constant for old, _ in pairs], [new + constant for _, new in pairs])
    assert (one.p_value, one.diff, one.ci_low, one.ci_high, one.verdict) == (
        other.p_value,
        other.diff,
        other.ci_low,
        other.ci_high,
        other.verdict,
    )


@given(pairs)
def test_numbers_are_finite_and_survive_json(pairs: list[tuple[float, float]]):
    result = judge([old for old, _ in pairs], [new for _, new in pairs])
    assert Comparison.model_validate_json(result.model_dump_json()) == result
    assert result.ci_low <= result.diff <= result.ci_high
    assert 0 < result.p_value <= 1


@pytest.mark.slow
def test_without_an_effect_a_win_is_rare():
    generator = np.random.default_rng(2024)
    trials, better, worse = 1200, 0, 0
    for _ in range(trials):
        noise = generator.normal(0.9, 0.01, size=6)  # what the seed does to both arms
        baseline, candidate = (noise + generator.normal(0, 0.005, size=6) for _ in range(2))
        verdict = judge(baseline.tolist(), candidate.tolist()).verdict
        better += verdict == "better"
        worse += verdict == "worse"
    tolerance = 3 * math.sqrt(0.05 * 0.95 / trials)
    assert better / trials <= 0.025 + tolerance
    assert (better + worse) / trials <= 0.05 + tolerance
    assert better > 0
