"""What a person should look at twice, weightiest first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from mltui.core.experiment import BaselineSummary, Estimate, Experiment, Power, Proposal
from mltui.experiments.power import LEAST_PAIRS

MANY_LOOKS = 5
"""So many comparisons on the same data that a win by chance is to be expected sooner or later."""
ALPHA = 0.05
LARGE_DIFF = 400
"""Changed lines beyond which nobody reads a diff in one go."""

_DEPENDENCIES = re.compile(
    r"(?:.*/)?(?:requirements[\w.-]*\.(?:txt|in)|constraints[\w.-]*\.txt|setup\.(?:py|cfg)|[\w.-]*environment\.ya?ml"
    r"|Pipfile(?:\.lock)?|poetry\.lock|uv\.lock|pdm\.lock|conda-lock\.yml)"
)
_WRITTEN_DEPENDENCY = re.compile(
    r"^[+-]\s*(?:(?:dependencies|optional-dependencies|requires(?:-python)?)\b|[\"'][\w.-]+\s*(?:\[|[<>=!~]=|[\"']))"
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the warnings are drawn from; see `review.Circumstances`."""

    proposal: Proposal
    baseline: BaselineSummary | None
    power: Power | None
    estimate: Estimate
    experiments: Sequence[Experiment]
    dirty: bool
    sandboxed: bool | None
    unmatched: tuple[str, ...]


def warnings(facts: Facts) -> Iterator[str]:
    """One line each."""
    if facts.proposal.sweep is not None:
        yield from _of_sweep(facts)
    if len(facts.proposal.arms) < 2:
        return
    yield from _of_kind(facts.proposal)
    yield from _of_change(facts.proposal)
    yield from _of_plan(facts)
    yield from _of_history(facts)
    if facts.sandboxed is False:
        yield "No sandbox confines the runs: they can read and write what you can."
    if facts.dirty:
        yield "The working tree has changes that are not committed; they are part of the baseline."
    if not facts.proposal.evaluate:
        yield "The numbers are self-reported: no evaluator outside the training code is declared."
    for pattern in facts.unmatched:
        yield f"The declared data {pattern} matches no file."
    if not facts.proposal.methodology:
        yield "No methodology is stated."


def _of_sweep(facts: Facts) -> Iterator[str]:
    proposal, plan, estimate = facts.proposal, facts.proposal.sweep, facts.estimate
    assert plan is not None
    if len(plan.confirm_seeds) < LEAST_PAIRS:
        yield f"The winner is confirmed by {len(plan.confirm_seeds)} pairs, which can never be significant: {LEAST_PAIRS} are needed."
    if estimate.minutes is not None and estimate.minutes > proposal.budget.minutes:
        yield f"All runs take about {estimate.minutes:.3g} minutes, more than the budget of {proposal.budget.minutes:g}: trials end early."
    if facts.sandboxed is False:
        yield "No sandbox confines the runs: they can read and write what you can."
    if facts.dirty:
        yield "The working tree has changes that are not committed; they are part of every trial."


def _of_kind(proposal: Proposal) -> Iterator[str]:
    if any(file.kind == "eval" for file in proposal.files):
        yield "It changes the evaluation: every earlier result is invalid, and baselines must be measured again."
    if any(file.kind == "data" for file in proposal.files):
        yield "It changes the data: every earlier result is invalid, and baselines must be measured again."
    if proposal.evaluation_reason:
        yield f"Evaluation and training change together: {proposal.evaluation_reason}"


def _of_change(proposal: Proposal) -> Iterator[str]:
    paths = [file.path for file in proposal.files]
    manifests = [path for path in paths if _DEPENDENCIES.fullmatch(path)]
    if any(PurePosixPath(path).name == "pyproject.toml" for path in paths) and _pyproject_requires(proposal.patch):
        manifests.append("pyproject.toml")
    if manifests:
        yield f"It changes dependencies ({', '.join(manifests[:3])}); runs use the environment that is installed."
    notebooks = [path for path in paths if path.endswith(".ipynb")]
    if notebooks:
        yield f"It changes a notebook ({notebooks[0]}), which no run executes."
    named = {*manifests, *notebooks}
    strangers = [file.path for file in proposal.files if file.reason == TOGETHER and file.path not in named]
    if strangers:
        more = f" and {len(strangers) - 3} more" if len(strangers) > 3 else ""
        yield f"It also changes files that are not under experiment: {', '.join(strangers[:3])}{more}."
    lines = sum(1 for line in proposal.patch.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---"))
    if lines > LARGE_DIFF:
        yield f"The diff is large: {lines:,} changed lines."


TOGETHER = "changed together with the experiment"
"""The reason of a file that is part of a proposal and not under experiment."""


def _pyproject_requires(patch: str) -> bool:
    """Whether what the patch does to a pyproject.toml looks like a change of dependencies."""
    inside = False
    for line in patch.splitlines():
        if line.startswith("diff --git "):
            inside = line.endswith("pyproject.toml")
        elif inside and not line.startswith(("+++", "---")) and _WRITTEN_DEPENDENCY.match(line):
            return True
    return False


def _of_plan(facts: Facts) -> Iterator[str]:
    proposal, power, estimate = facts.proposal, facts.power, facts.estimate
    seeds = len(proposal.seeds)
    design = proposal.test.design if proposal.test else "auto"
    if seeds < LEAST_PAIRS and design not in ("folds", "predictions"):
        yield f"{seeds} seeds can never be significant: at least {LEAST_PAIRS} are needed."
    least = proposal.metric.min_effect
    if power is not None and least > 0 and power.detectable > least:
        needed = f"; about {power.needed_n} seeds would find it" if power.needed_n else ""
        yield f"{seeds} seeds find a difference of {power.detectable:.3g} or more, not one of {least:g}{needed}."
    if facts.baseline is None:
        yield "The baseline was never measured here, so its spread is not known; it is measured with these runs."
    if estimate.minutes is not None and estimate.minutes > proposal.budget.minutes:
        yield f"The runs take about {estimate.minutes:.3g} minutes, more than the budget of {proposal.budget.minutes:g}."


def _of_history(facts: Facts) -> Iterator[str]:
    proposal = facts.proposal
    words = _plain(proposal.hypothesis)
    former = [item for item in facts.experiments if len(item.proposal.arms) > 1]
    for item in reversed(former):
        if item.state == "rejected" and (_plain(item.proposal.hypothesis) == words or item.proposal.patch == proposal.patch):
            what = "The same change" if item.proposal.patch == proposal.patch else "The same hypothesis"
            yield f"{what} was rejected before ({item.id})" + (f": {item.message}" if item.message else ".")
            break
    failed = [item.id for item in former if item.state in ("failed", "stopped") and item.proposal.tree == proposal.tree]
    if failed:
        yield f"The same code was tried before and did not finish ({failed[-1]})."
    if former and proposal.data and former[-1].proposal.data and former[-1].proposal.data != proposal.data:
        yield f"The data is not that of {former[-1].id}, the last experiment."
    looks = [item for item in former if item.comparison is not None and item.proposal.data == proposal.data]
    if len(looks) >= MANY_LOOKS:
        yield f"{len(looks)} experiments were compared on this data already: one in twenty wins by chance.{_corrected(proposal, former)}"
    same = [item for item in looks if (item.proposal.base_tree, item.proposal.tree) == (proposal.base_tree, proposal.tree)]
    if same and (found := same[-1].comparison):
        yield f"The same change was compared before ({same[-1].id}: {found.verdict}, p = {found.p_value:.2g}): another try counts with it."
    judged = [item for item in former if item.comparison is not None]
    if judged and judged[-1].proposal.guardrails != proposal.guardrails:
        yield f"The guardrails are not those of {judged[-1].id}."
    if judged and judged[-1].proposal.test is not None and judged[-1].proposal.test != proposal.test:
        yield f"The test is not that of {judged[-1].id}: {judged[-1].proposal.test.text}."


def _corrected(proposal: Proposal, former: Sequence[Experiment]) -> str:
    """What the seeds can show at most when p is corrected for what was compared by the same metric on the same data."""
    if proposal.test is None or proposal.test.design not in ("auto", "paired-seeds"):
        return ""
    plan = (proposal.metric.name, proposal.data)
    family = 1 + sum(item.comparison is not None and (item.proposal.metric.name, item.proposal.data) == plan for item in former)
    least = min(1.0, family * 2 / 2 ** len(proposal.seeds))
    if least < ALPHA:
        return ""
    enough = next(n for n in range(LEAST_PAIRS, 64) if family * 2 / 2**n < ALPHA)
    return f" Corrected for {family}, the least p of {len(proposal.seeds)} seeds is {least:.2g}; {enough} seeds could be below {ALPHA:g}."


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
