"""From runs to a verdict: candidate against baseline, paired by seed.

The rules, in this order. Fewer than `MIN_PAIRS` pairs decide nothing. A candidate whose tree is the
baseline's is an A/A comparison and never wins, nor does one that fails where the baseline finishes,
nor one where the seed changes nothing in either arm (one measurement, repeated). `better` and `worse`
need the exact sign-flip p below alpha, a t interval on one side of zero, and a difference of at least
the metric's `min_effect`. `equivalent` needs a `min_effect` and the shown interval inside `±min_effect`
(two one-sided tests at half alpha each, so that what is shown is what is decided by).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from mltui.core.errors import ConfigError, ExperimentError
from mltui.core.experiment import Arm, Comparison, Guardrail, Metric, Proposal, Run, Verdict
from mltui.experiments.render import sentence
from mltui.experiments.statistics import Interval, cohen_dz, mean, needed_pairs, sign_flip, std, t_interval

MIN_PAIRS: Final = 6
"""At 5 pairs the least two-sided sign-flip p is 0.0625."""

ALPHA: Final = 0.05
POWER: Final = 0.8

ROUNDING: Final = 1e-12
"""Values closer than this share of their size are equal: the last bits of a float are no difference."""


@dataclass(frozen=True)
class Pairs:
    """The values of one metric on the seeds that both arms have.

    Attributes:
        lost: seeds where the baseline has a value and the candidate failed, timed out or reported none that is finite.
    """

    seeds: tuple[int, ...]
    baseline: tuple[float, ...]
    candidate: tuple[float, ...]
    lost: tuple[int, ...]

    @property
    def differences(self) -> tuple[float, ...]:
        return tuple(_difference(old, new) for old, new in zip(self.baseline, self.candidate, strict=True))

    @property
    def seeds_do_nothing(self) -> bool:
        return std(self.baseline) == 0 and std(self.candidate) == 0


@dataclass(frozen=True)
class Judgement:
    """A verdict, why, and how many pairs would help."""

    verdict: Verdict
    reason: str = ""
    needed_n: int | None = None


def compare(proposal: Proposal, runs: Sequence[Run]) -> tuple[Comparison, tuple[Comparison, ...]]:
    """Compares the runs of both arms on the primary metric and on each guardrail.

    Args:
        proposal: the plan that was approved.
        runs: of both arms, in the order they ended; of runs with the same arm and seed the last finished counts.

    Returns:
        The comparison of the primary metric, and one for each guardrail, in the proposal's order. A
        guardrail's verdict is `better` or `equivalent` when it holds (not worse than its margin, by
        the interval), `worse` when it is broken, else `inconclusive`. A guardrail that no pair
        reported has `n` 0, and its numbers mean nothing.

    Raises:
        ExperimentError: no seed has the primary metric in both arms; says what was reported instead.
    """
    pairs = _pair(runs, proposal.metric.name)
    if not pairs.seeds:
        message, hint = _nothing_to_compare(runs, proposal.metric.name)
        raise ExperimentError(message, hint=hint)
    same_tree = proposal.tree == proposal.base_tree
    primary = _comparison(proposal.metric, pairs, lambda interval, p: _judge_primary(proposal.metric, pairs, interval, p, same_tree))
    return primary, tuple(_guard(guardrail, runs) for guardrail in proposal.guardrails)


def parse_margin(guardrail: Guardrail, baseline: float) -> float:
    """Returns: the guardrail's margin in the metric's unit: `0.5` as it is, `5%` as a share of the baseline's mean.

    Raises:
        ConfigError: it is neither, negative, or not finite.
    """
    text = guardrail.margin.strip()
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise ConfigError(
            f"guardrail {guardrail.name}: margin {guardrail.margin!r} is not a number", hint="Write a margin such as 0.5 or 5%"
        )
    return number / 100 * abs(baseline) if text.endswith("%") else number


def _pair(runs: Sequence[Run], metric: str) -> Pairs:
    values: dict[Arm, dict[int, float]] = {"baseline": {}, "candidate": {}}
    broken: set[int] = set()
    for run in runs:
        value = run.metrics.get(metric, math.nan)
        if run.status == "finished" and math.isfinite(value):
            values[run.arm][run.seed] = value
        elif run.arm == "candidate" and run.status != "killed":
            broken.add(run.seed)
    baseline, candidate = values["baseline"], values["candidate"]
    seeds = tuple(sorted(baseline.keys() & candidate.keys()))
    return Pairs(
        seeds=seeds,
        baseline=tuple(baseline[seed] for seed in seeds),
        candidate=tuple(candidate[seed] for seed in seeds),
        lost=tuple(sorted((broken & baseline.keys()) - candidate.keys())),
    )


def _difference(baseline: float, candidate: float) -> float:
    difference = candidate - baseline
    return 0.0 if abs(difference) <= ROUNDING * max(abs(baseline), abs(candidate)) else difference


def _comparison(metric: Metric, pairs: Pairs, judge: Callable[[Interval, float], Judgement]) -> Comparison:
    differences = pairs.differences
    n, diff = len(differences), mean(differences)
    interval = t_interval(differences, 1 - ALPHA) if n > 1 else Interval(diff, diff, 1 - ALPHA, "none: one pair")
    test = sign_flip(differences)
    judgement = judge(interval, test.p_value)
    comparison = Comparison(
        metric=metric,
        test=test.test,
        n=n,
        baseline_mean=mean(pairs.baseline),
        candidate_mean=mean(pairs.candidate),
        baseline_std=std(pairs.baseline),
        candidate_std=std(pairs.candidate),
        diff=diff,
        confidence=1 - ALPHA,
        ci_low=interval.low,
        ci_high=interval.high,
        ci_method=interval.method,
        p_value=test.p_value,
        effect_size=cohen_dz(differences) if n > 1 else None,
        effect_name="d_z",
        alpha=ALPHA,
        ties=sum(difference == 0 for difference in differences),
        needed_n=judgement.needed_n,
        verdict=judgement.verdict,
        summary="",
        pairs=tuple(zip(pairs.seeds, pairs.baseline, pairs.candidate, strict=True)),
    )
    return comparison.model_copy(update={"summary": sentence(comparison, judgement.reason)})


def _judge_primary(metric: Metric, pairs: Pairs, interval: Interval, p_value: float, same_tree: bool) -> Judgement:
    needed = _needed(metric, pairs)
    if same_tree:
        return Judgement("inconclusive", "an A/A comparison: both arms have the same tree, the difference is noise")
    early = _too_little(pairs, needed)
    if early:
        return early
    differences, diff = pairs.differences, mean(pairs.differences)
    if not any(differences):
        if metric.min_effect > 0:
            unused = ", and the seed changes nothing: is what was changed used at all?" if pairs.seeds_do_nothing else ""
            return Judgement("equivalent", f"every pair is equal{unused}")
        return Judgement("inconclusive", "every pair is equal; give the metric a min_effect to conclude that there is no difference")
    if pairs.seeds_do_nothing:
        same = f"the seed changes nothing in either arm: {len(differences)} pairs are one measurement"
        return Judgement("inconclusive", f"{same}; let the script use its seed for all that is random")
    if metric.min_effect > 0 and -metric.min_effect < interval.low and interval.high < metric.min_effect:
        return Judgement("equivalent", f"the difference is smaller than {metric.min_effect:g}")
    if p_value < ALPHA and (interval.low > 0 or interval.high < 0):
        if abs(diff) < metric.min_effect * (1 - ROUNDING):
            return Judgement("inconclusive", f"there is a difference, but maybe not one of {metric.min_effect:g}", needed)
        improved = (diff > 0) == (metric.direction == "maximize")
        if improved and pairs.lost:
            return Judgement("inconclusive", f"the candidate failed where the baseline did not ({_seeds(pairs.lost)})")
        return Judgement("better" if improved else "worse")
    return Judgement("inconclusive", f"needs about {needed} pairs" if needed else "the effect, if any, is small against the spread", needed)


def _too_little(pairs: Pairs, needed: int | None) -> Judgement | None:
    if len(pairs.seeds) >= MIN_PAIRS:
        return None
    lost = f" (the candidate failed on {_seeds(pairs.lost)})" if pairs.lost else ""
    return Judgement("inconclusive", f"at least {MIN_PAIRS} pairs are needed to tell{lost}", max(MIN_PAIRS, needed or 0))


def _needed(metric: Metric, pairs: Pairs) -> int | None:
    """Pairs that would show `min_effect` (the difference seen, without one); None when there are as many already."""
    if len(pairs.seeds) < 2:
        return None
    differences = pairs.differences
    needed = needed_pairs(metric.min_effect or mean(differences), std(differences), alpha=ALPHA, power=POWER)
    return max(needed, MIN_PAIRS) if needed and needed > len(differences) else None


def _guard(guardrail: Guardrail, runs: Sequence[Run]) -> Comparison:
    metric = Metric(name=guardrail.name, direction=guardrail.direction)
    pairs = _pair(runs, guardrail.name)
    if not pairs.seeds:
        message, _ = _nothing_to_compare(runs, guardrail.name)
        return _unmeasured(metric, message)
    try:
        margin = parse_margin(guardrail, mean(pairs.baseline))
    except ConfigError as error:
        return _unmeasured(metric, str(error))
    metric = metric.model_copy(update={"min_effect": margin})
    return _comparison(metric, pairs, lambda interval, _: _judge_guardrail(guardrail, pairs, interval, margin))


def _judge_guardrail(guardrail: Guardrail, pairs: Pairs, interval: Interval, margin: float) -> Judgement:
    """Non-inferiority: the interval's bad end must not pass the margin."""
    limit = f"{guardrail.margin.strip()} worse"
    low, high = (interval.low, interval.high) if guardrail.direction == "maximize" else (-interval.high, -interval.low)
    early = _too_little(pairs, None)
    if early:
        return early
    if high < -margin:
        return Judgement("worse", f"more than {limit}: the guardrail is broken")
    if low < -margin * (1 + ROUNDING):
        return Judgement("inconclusive", f"may be more than {limit}: the guardrail is not shown to hold")
    if pairs.lost:
        return Judgement("inconclusive", f"the candidate failed where the baseline did not ({_seeds(pairs.lost)})")
    return Judgement("better" if low > 0 else "equivalent", f"not more than {limit}: the guardrail holds")


def _unmeasured(metric: Metric, reason: str) -> Comparison:
    comparison = Comparison(
        metric=metric,
        test="none",
        n=0,
        baseline_mean=0.0,
        candidate_mean=0.0,
        baseline_std=0.0,
        candidate_std=0.0,
        diff=0.0,
        confidence=1 - ALPHA,
        ci_low=0.0,
        ci_high=0.0,
        ci_method="none: nothing was measured",
        p_value=1.0,
        effect_size=None,
        effect_name="d_z",
        alpha=ALPHA,
        verdict="inconclusive",
        summary="",
    )
    return comparison.model_copy(update={"summary": sentence(comparison, reason)})


def _nothing_to_compare(runs: Sequence[Run], metric: str) -> tuple[str, str]:
    """The message and the hint of a metric that no seed has in both arms."""
    finished = [run for run in runs if run.status == "finished"]
    counts = {arm: [run for run in finished if run.arm == arm] for arm in ("baseline", "candidate")}
    if not all(counts.values()):
        arm = "baseline" if not counts["baseline"] else "candidate"
        failures = [run.message for run in runs if run.arm == arm and run.message]
        return f"no {arm} run finished" + (f": {failures[-1]}" if failures else ""), "Read the run's log"
    if any(metric in run.metrics for run in finished):
        return f"no seed has a finite {metric} in both arms", "Read the runs' logs"
    reported = sorted({name for run in finished for name in run.metrics})
    told = ", ".join(reported[:8]) + (", …" if len(reported) > 8 else "") if reported else "no metric at all"
    return f"no run reported {metric}; they reported {told}", "Log it, or name another metric in [experiments]"


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
