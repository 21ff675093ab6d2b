"""From runs to a verdict: candidate against baseline, by the test that the plan states.

The rules, in this order. A candidate whose tree is the baseline's is an A/A comparison and never wins. Too few pairs, splits,
runs or examples decide nothing (`designs`). Nor wins a candidate that fails where the baseline finishes, nor one where the seed
changes nothing in either arm (one measurement, repeated), unless it is judged on examples. `better` and `worse` need p below
alpha, an interval on one side of zero, and a difference of at least the metric's `min_effect`. `equivalent` needs a `min_effect`
and the shown interval inside `±min_effect` (two one-sided tests at half alpha each, so that what is shown is what is decided by).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mltui.core.errors import ConfigError, ExperimentError
from mltui.core.experiment import Comparison, ComparisonPlan, Design, Guardrail, Metric, Proposal, Run, Verdict
from mltui.experiments.designs import ALPHA, MIN_PAIRS, ROUNDING, Finding, Pairs, by_example, by_sample, by_seed, by_split, paired, unpaired
from mltui.experiments.examples import ExamplesError, Source
from mltui.experiments.matching import match
from mltui.experiments.render import counted, sentence

PAIRED_BY_SEED = ComparisonPlan(design="paired-seeds")
"""Of plans that state no test: such a one is all that there was."""


@dataclass(frozen=True)
class Judgement:
    """A verdict, why, and how many pairs would help."""

    verdict: Verdict
    reason: str = ""
    needed_n: int | None = None


def compare(proposal: Proposal, runs: Sequence[Run], examples: Source | None = None) -> tuple[Comparison, tuple[Comparison, ...]]:
    """Compares the runs of both arms on the primary metric and on each guardrail.

    Args:
        proposal: the plan that was approved.
        runs: of both arms, in the order they ended; of runs with the same arm and seed the last finished counts.
        examples: reads what a run left of single examples; without it no test on examples is possible.

    Returns:
        The comparison of the primary metric, and one for each guardrail, in the proposal's order. A
        guardrail's verdict is `better` or `equivalent` when it holds (not worse than its margin, by
        the interval), `worse` when it is broken, else `inconclusive`. A guardrail that no pair
        reported has `n` 0, and its numbers mean nothing.

    Raises:
        ExperimentError: no seed has the primary metric in both arms; says what was reported instead.
    """
    plan = proposal.test or PAIRED_BY_SEED
    metric, pairs = proposal.metric, paired(runs, proposal.metric.name)
    design, chosen = _design(plan, pairs, proposal.metric.name, examples)
    if not (all(pairs.runs.values()) if design == "unpaired" else pairs.seeds):
        message, hint = _nothing_to_compare(runs, metric.name)
        raise ExperimentError(message, hint=hint)
    finding, problem = _found(design, plan, metric, pairs, examples)
    same_tree = proposal.tree == proposal.base_tree
    judgement = _judge_primary(metric, pairs, finding, same_tree)
    if problem and not same_tree:
        judgement = Judgement("inconclusive", f"the approved test is on predictions, and {problem}")
    notes = (*((chosen,) if chosen else ()), *finding.notes)
    primary = _comparison(metric, pairs, replace(finding, notes=notes), judgement)
    return primary, tuple(_guard(guardrail, runs, plan, design, examples) for guardrail in proposal.guardrails)


def _design(plan: ComparisonPlan, pairs: Pairs, metric: str, examples: Source | None) -> tuple[Design, str]:
    """The test, and why `auto` chose another than the usual one. It looks at what runs there are, never at which arm is ahead."""
    if plan.design != "auto":
        return plan.design, ""
    if not pairs.seeds and all(len(found) > 1 for found in pairs.runs.values()):
        return "unpaired", "no seed is in both arms"
    if pairs.seeds and pairs.seeds_do_nothing and examples:
        try:
            match(metric, *pairs.partners(), examples)
        except ExamplesError:
            return "paired-seeds", ""
        return "predictions", "the seed changes nothing, so the test is on the predictions"
    return "paired-seeds", ""


def _found(design: Design, plan: ComparisonPlan, metric: Metric, pairs: Pairs, examples: Source | None) -> tuple[Finding, str]:
    """What the test finds; where it cannot be made, what the seeds show, and why."""
    if design == "folds":
        return by_split(metric, pairs, plan.n_train, plan.n_test), ""
    if design == "unpaired":
        return unpaired(metric, pairs, examples), ""
    if design == "predictions":
        try:
            if examples is None:
                raise ExamplesError("they cannot be read here")
            return by_example(metric, pairs, examples), ""
        except ExamplesError as error:
            return by_seed(metric, pairs), str(error)
    return by_seed(metric, pairs), ""


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


def _comparison(metric: Metric, pairs: Pairs, finding: Finding, judgement: Judgement) -> Comparison:
    comparison = Comparison(
        metric=metric,
        design=finding.design,
        test=finding.test,
        n=finding.n,
        of=finding.of,
        baseline_mean=finding.means[0],
        candidate_mean=finding.means[1],
        baseline_std=finding.stds[0],
        candidate_std=finding.stds[1],
        diff=finding.diff,
        confidence=1 - ALPHA,
        ci_low=finding.interval.low,
        ci_high=finding.interval.high,
        ci_method=finding.interval.method,
        p_value=finding.p_value,
        effect_size=finding.effect_size,
        effect_name=finding.effect_name,
        alpha=ALPHA,
        ties=finding.ties,
        needed_n=judgement.needed_n,
        verdict=judgement.verdict,
        summary="",
        pairs=tuple(zip(pairs.seeds, pairs.baseline, pairs.candidate, strict=True)),
        second=finding.second,
        notes=finding.notes,
    )
    return comparison.model_copy(update={"summary": sentence(comparison, judgement.reason)})


def _judge_primary(metric: Metric, pairs: Pairs, finding: Finding, same_tree: bool) -> Judgement:
    interval, diff, needed = finding.interval, finding.diff, finding.needed
    if same_tree:
        return Judgement("inconclusive", "an A/A comparison: both arms have the same tree, the difference is noise")
    early = _too_little(pairs, finding)
    if early:
        return early
    if finding.ties == finding.n:
        if metric.min_effect > 0:
            unused = ", and the seed changes nothing: is what was changed used at all?" if pairs.seeds_do_nothing else ""
            return Judgement("equivalent", f"every pair is equal{unused}")
        return Judgement("inconclusive", "every pair is equal; give the metric a min_effect to conclude that there is no difference")
    if not any(finding.stds) and finding.design != "predictions":
        what = "runs" if finding.design == "unpaired" else "pairs"
        same = f"the seed changes nothing in either arm: {finding.n} {what} are one measurement"
        return Judgement("inconclusive", f"{same}; let the script use its seed for all that is random, or leave predictions to test by")
    if metric.min_effect > 0 and -metric.min_effect < interval.low and interval.high < metric.min_effect:
        return Judgement("equivalent", f"the difference is smaller than {metric.min_effect:g}")
    if finding.p_value < ALPHA and (interval.low > 0 or interval.high < 0):
        if abs(diff) < metric.min_effect * (1 - ROUNDING):
            return Judgement("inconclusive", f"there is a difference, but maybe not one of {metric.min_effect:g}", needed)
        improved = (diff > 0) == (metric.direction == "maximize")
        if improved and pairs.lost:
            return Judgement("inconclusive", f"the candidate failed where the baseline did not ({_seeds(pairs.lost)})")
        return Judgement("better" if improved else "worse")
    told = f"needs about {counted(needed, finding.of)}" if needed else "the effect, if any, is small against the spread"
    return Judgement("inconclusive", told, needed)


def _too_little(pairs: Pairs, finding: Finding) -> Judgement | None:
    if finding.n >= finding.least:
        return None
    lost = f" (the candidate failed on {_seeds(pairs.lost)})" if pairs.lost else ""
    least = counted(finding.least, finding.of)
    return Judgement("inconclusive", f"at least {least} are needed to tell{lost}", max(finding.least, finding.needed or 0))


def _guard(guardrail: Guardrail, runs: Sequence[Run], plan: ComparisonPlan, design: Design, examples: Source | None) -> Comparison:
    metric = Metric(name=guardrail.name, direction=guardrail.direction)
    pairs = paired(runs, guardrail.name)
    if not (all(pairs.runs.values()) if design == "unpaired" else pairs.seeds):
        message, _ = _nothing_to_compare(runs, guardrail.name)
        return _unmeasured(metric, message)
    finding = by_sample(metric, pairs, examples) if examples and pairs.seeds else None
    if finding is None:
        finding, _ = _found(design, plan, metric, pairs, examples)
    elif design != "predictions" and len(pairs.seeds) < MIN_PAIRS:
        # Its samples say nothing of how much runs differ, which the plan wants to know.
        finding = by_seed(metric, pairs)
    try:
        margin = parse_margin(guardrail, finding.means[0])
    except ConfigError as error:
        return _unmeasured(metric, str(error))
    metric = metric.model_copy(update={"min_effect": margin})
    return _comparison(metric, pairs, finding, _judge_guardrail(guardrail, pairs, finding, margin))


def _judge_guardrail(guardrail: Guardrail, pairs: Pairs, finding: Finding, margin: float) -> Judgement:
    """Non-inferiority: the interval's bad end must not pass the margin."""
    limit = f"{guardrail.margin.strip()} worse"
    interval = finding.interval
    low, high = (interval.low, interval.high) if guardrail.direction == "maximize" else (-interval.high, -interval.low)
    early = _too_little(pairs, replace(finding, needed=None))
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
