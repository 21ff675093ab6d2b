"""Experiments as lines of text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from mltui.core.experiment import Comparison, Exchange, Experiment, Metric, Proposal
from mltui.experiments.render import counted


def proposal_lines(proposal: Proposal) -> Iterator[str]:
    """The whole proposal: nothing that the person decides on is left out."""
    runs = proposal.planned_runs
    yield f"Experiment {proposal.id}: {proposal.title} [{proposal.kind}]"
    yield f"  Hypothesis: {proposal.hypothesis}"
    yield f"  Method: {proposal.methodology or 'not stated'}"
    for warning in proposal.review.warnings:
        yield f"  Warning: {warning}"
    if proposal.selected is not None:
        yield f"  Confirms: the {proposal.selected.words}"
    yield from _sweep_lines(proposal)
    yield f"  Metric: {_metric(proposal.metric)}"
    yield from review_lines(proposal)
    for guardrail in proposal.guardrails:
        yield f"  Guardrail: {guardrail.name}, {guardrail.direction}, margin {guardrail.margin}"
    for parameter in proposal.parameters:
        yield f"  Parameter: {parameter.name} {json.dumps(parameter.before)} -> {json.dumps(parameter.after)} ({parameter.key})"
    for file in proposal.files:
        yield f"  File: {file.path} {file.change} ({file.kind}: {file.reason})"
    for data in proposal.data:
        yield f"  Data: {data.name}, {data.size:,} bytes, sha256 {data.digest[:16]}"
    yield f"  Command: {proposal.command}"
    who = "each trial" if proposal.sweep is not None else "baseline and candidate"
    yield f"  Seeds: {', '.join(map(str, proposal.seeds))}; {who}, {runs} runs at most"
    yield f"  Budget: {proposal.budget.minutes:g} minutes, {proposal.budget.runs} runs"
    if proposal.test:
        yield f"  Test: {proposal.test.text}"
    yield f"  Evaluator: {proposal.evaluate or 'none, the numbers are self-reported'}"
    if proposal.environment:
        yield f"  Environment: {proposal.environment[:16]}"
    if proposal.supersedes:
        yield f"  Takes the place of: {proposal.supersedes}"
    yield f"  Proposed by: {proposal.author}"
    yield f"  Base: {proposal.base_commit[:12]}, tree {proposal.tree[:12]}"
    if proposal.sweep is not None:
        return
    yield "  Change:"
    yield from (f"    {line}" for line in proposal.patch.rstrip("\n").split("\n"))


def _sweep_lines(proposal: Proposal) -> Iterator[str]:
    """The space of a sweep, how it is searched, and what follows from it."""
    plan = proposal.sweep
    if plan is None:
        return
    for one in plan.space:
        yield f"  Space: {one.name} {one.words} ({one.key})"
    yield f"  Search: {plan.method}"
    yield f"  Then: the best trial and the baseline with seeds {', '.join(map(str, plan.confirm_seeds))}, which no trial has"


def review_lines(proposal: Proposal) -> Iterator[str]:
    """What is known before anything runs: the baseline with its error bars, what the seeds can show, what it costs."""
    if len(proposal.arms) < 2 and proposal.sweep is None:
        return
    baseline, power, estimate = proposal.review.baseline, proposal.review.power, proposal.review.estimate
    if baseline is None:
        yield "  Baseline: not measured yet"
    else:
        yield f"  Baseline: {baseline.mean:.5g} +- {baseline.std:.2g} (sd of {baseline.n} seeds, {baseline.source})"
    if proposal.sweep is not None:
        pass
    elif power is None:
        yield "  Detectable: not known, nothing like it was measured"
    else:
        needed = f", {power.needed_n} seeds find {proposal.metric.min_effect:g}" if power.needed_n else ""
        yield f"  Detectable: {power.detectable:.3g} with {power.n} seeds (power 0.8){needed}; from {power.basis}"
    if estimate is not None:
        minutes = "not known" if estimate.minutes is None else f"about {estimate.minutes:.2g} minutes"
        yield f"  Estimate: {minutes}, {estimate.runs} runs, {estimate.reused} of them measured already ({estimate.basis})"


def exchange_lines(exchanges: Sequence[Exchange]) -> Iterator[str]:
    """What was asked about a proposal, and answered."""
    for exchange in exchanges:
        yield f"  {exchange.by} asked: {exchange.question}"
        yield f"  Answer: {exchange.answer or 'none yet'}"


def comparison_lines(comparison: Comparison) -> Iterator[str]:
    """The result, the difference with its interval first."""
    share = f"{comparison.confidence:.0%}"
    unit = f" {comparison.metric.unit}" if comparison.metric.unit else ""
    effect = "" if comparison.effect_size is None else f", {comparison.effect_name} {comparison.effect_size:.3g}"
    yield f"  {comparison.metric.name}: {comparison.verdict.upper()}. {comparison.summary}"
    yield f"    difference {comparison.diff:+.4g}{unit}, {share} interval {comparison.ci_low:+.4g} to {comparison.ci_high:+.4g}{effect}"
    yield f"    p {comparison.p_value:.4g} ({comparison.test}), n {comparison.n} {comparison.of}s, ties {comparison.ties}"
    yield (
        f"    baseline {comparison.baseline_mean:.4g} (sd {comparison.baseline_std:.2g}), "
        f"candidate {comparison.candidate_mean:.4g} (sd {comparison.candidate_std:.2g})"
    )
    if comparison.needed_n is not None:
        yield f"    about {counted(comparison.needed_n, comparison.of)} would be needed to show the smallest effect worth having"


def result_lines(experiment: Experiment) -> Iterator[str]:
    """What came of an experiment so far."""
    yield f"Experiment {experiment.id}: {experiment.proposal.title} [{experiment.state}]"
    if experiment.message:
        yield f"  {experiment.message}"
    for comparison in (experiment.comparison, *experiment.guardrails):
        if comparison is not None:
            yield from comparison_lines(comparison)
    if experiment.conclusion is not None:
        yield f"  Interpretation ({experiment.conclusion.by}, recommends {experiment.conclusion.recommendation}):"
        yield from (f"    {line}" for line in experiment.conclusion.interpretation.split("\n"))


def list_line(experiment: Experiment) -> str:
    verdict = f": {experiment.comparison.summary}" if experiment.comparison else ""
    return f"{experiment.id}  {experiment.state:<11} {experiment.proposal.title}{verdict}"


def _metric(metric: Metric) -> str:
    least = f", at least {metric.min_effect:g}{' ' + metric.unit if metric.unit else ''}" if metric.min_effect else ""
    return f"{metric.name}, {metric.direction}{least}"
