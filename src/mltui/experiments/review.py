"""What a person should know before deciding: from earlier runs, by arithmetic; no part of what an approval covers."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mltui.core.experiment import Arm, BaselineSummary, Estimate, Experiment, Power, Proposal, Review, Run
from mltui.experiments.power import detectable, needed_pairs
from mltui.experiments.review_warnings import Facts, warnings

REMEMBERED = 5
"""So many of the latest comparisons say how much paired differences vary."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the proposal itself does not hold.

    Attributes:
        experiments: all earlier ones, oldest first.
        dirty: the base holds changes that are not committed.
        parallel: runs at a time.
        sandboxed: whether runs will be confined; None: not known.
        unmatched: declared data patterns that no file matches.
    """

    experiments: Sequence[Experiment]
    dirty: bool = False
    parallel: int = 1
    sandboxed: bool | None = None
    unmatched: tuple[str, ...] = ()


def review(proposal: Proposal, around: Circumstances) -> Review:
    """Baseline with its spread, what the seeds can show, what the runs will cost, and warnings."""
    known = _known_runs(proposal, around.experiments)
    baseline = _baseline(proposal, known["baseline"])
    power = _power(proposal, baseline, around.experiments)
    estimate = _estimate(proposal, known, around)
    facts = Facts(
        proposal=proposal,
        baseline=baseline,
        power=power,
        estimate=estimate,
        experiments=around.experiments,
        dirty=around.dirty,
        sandboxed=around.sandboxed,
        unmatched=around.unmatched,
    )
    return Review(baseline=baseline, power=power, estimate=estimate, warnings=tuple(warnings(facts)))


_Known = dict[int, tuple[str, Run]]
"""By seed: the experiment that made the run, and the run."""


def _known_runs(proposal: Proposal, experiments: Sequence[Experiment]) -> dict[Arm, _Known]:
    """Finished runs that stand for those of the plan: of the same tree, command, data, environment and evaluator."""
    found: dict[Arm, _Known] = {"baseline": {}, "candidate": {}}
    trees: tuple[tuple[Arm, str], ...] = (("baseline", proposal.base_tree), ("candidate", proposal.tree))
    for experiment in experiments:
        former = experiment.proposal
        if not _alike(former, proposal):
            continue
        for run in experiment.runs:
            tree = former.base_tree if run.arm == "baseline" else former.tree
            value = run.metrics.get(proposal.metric.name, math.nan)
            if run.status != "finished" or not math.isfinite(value):
                continue
            for arm, wanted in trees:
                if tree == wanted:
                    source = found[arm][run.seed][0] if run.reused and run.seed in found[arm] else experiment.id
                    found[arm][run.seed] = (source, run)
    return found


def _alike(former: Proposal, proposal: Proposal) -> bool:
    return (former.command, former.data, former.environment, former.evaluate) == (
        proposal.command,
        proposal.data,
        proposal.environment,
        proposal.evaluate,
    )


def _baseline(proposal: Proposal, runs: _Known) -> BaselineSummary | None:
    values = [run.metrics[proposal.metric.name] for _, run in runs.values()]
    if not values:
        return None
    sources = [source for source, _ in runs.values()]
    std = statistics.stdev(values) if len(values) > 1 else 0.0
    return BaselineSummary(mean=statistics.fmean(values), std=std, n=len(values), source=max(set(sources), key=sources.count))


def _power(proposal: Proposal, baseline: BaselineSummary | None, experiments: Sequence[Experiment]) -> Power | None:
    n, plan = len(proposal.seeds), proposal.test
    if plan is not None and plan.design == "predictions":
        return None  # it takes examples, not seeds
    std, basis = _spread(proposal, baseline, experiments)
    if std <= 0 or n < 2:
        return None
    if plan is not None and plan.design == "folds":
        # Splits share examples: the variance is that of Nadeau & Bengio 2003.
        return Power(std=std, n=n, detectable=detectable(n, std) * math.sqrt(1 + n * plan.n_test / plan.n_train), basis=basis)
    needed = needed_pairs(proposal.metric.min_effect, std)
    return Power(std=std, n=n, detectable=detectable(n, std), needed_n=needed, basis=basis)


def _spread(proposal: Proposal, baseline: BaselineSummary | None, experiments: Sequence[Experiment]) -> tuple[float, str]:
    """Standard deviation of a paired difference, and where it comes from: measured where it was, else a cautious guess."""
    pooled: list[tuple[float, int, str]] = []
    for experiment in reversed(experiments):
        comparison = experiment.comparison
        if comparison is None or experiment.proposal.command != proposal.command or comparison.metric.name != proposal.metric.name:
            continue
        differences = [after - before for _, before, after in comparison.pairs]
        if len(differences) >= 3 and statistics.pvariance(differences) > 0:
            pooled.append((statistics.variance(differences), len(differences) - 1, experiment.id))
        if len(pooled) == REMEMBERED:
            break
    if pooled:
        weight = sum(df for _, df, _ in pooled)
        std = math.sqrt(sum(variance * df for variance, df, _ in pooled) / weight)
        return std, f"paired differences of {', '.join(name for _, _, name in reversed(pooled))}"
    if baseline is not None and baseline.n >= 2:
        # Two independent runs: the difference varies by the square root of 2 more than each. Pairing can only help.
        return math.sqrt(2) * baseline.std, f"√2 × the spread of {baseline.n} baseline seeds, as if pairing did not help"
    return 0.0, ""


def _estimate(proposal: Proposal, known: dict[Arm, _Known], around: Circumstances) -> Estimate:
    if proposal.sweep is not None:
        known = {"baseline": {}, "candidate": {}}  # no trial was made before
    reused = sum(seed in known[arm] for arm in proposal.arms for seed in proposal.seeds)
    planned = proposal.planned_runs
    seconds = [
        run.ended - run.started
        for experiment in around.experiments
        if experiment.proposal.command == proposal.command
        for run in experiment.runs
        if run.status == "finished" and not run.reused and run.ended > run.started
    ][-50:]
    if not seconds:
        return Estimate(runs=planned, reused=reused, basis="nothing like it ever ran")
    median = statistics.median(seconds)
    rounds = math.ceil((planned - reused) / max(1, around.parallel))
    if proposal.sweep is not None:
        plan = proposal.sweep
        confirming = math.ceil(2 * len(plan.confirm_seeds) / max(1, around.parallel))
        rounds = math.ceil(plan.trials / plan.parallel) * len(proposal.seeds) + confirming
    count = "one earlier run" if len(seconds) == 1 else f"{len(seconds)} earlier runs"
    return Estimate(minutes=median * rounds / 60, runs=planned, reused=reused, basis=f"median {median:.3g} s of {count} of this command")


def by_risk(experiments: Sequence[Experiment]) -> Iterator[Experiment]:
    """Open proposals, those that need the most care first, then the dearest."""
    order = ("eval", "data", "infra", "train", "prompt", "hparam")
    waiting = [experiment for experiment in experiments if experiment.state in ("proposed", "held")]
    yield from sorted(waiting, key=lambda item: (order.index(item.proposal.kind), -_minutes(item.proposal), item.id))


def _minutes(proposal: Proposal) -> float:
    estimate = proposal.review.estimate
    return estimate.minutes if estimate and estimate.minutes is not None else proposal.budget.minutes
