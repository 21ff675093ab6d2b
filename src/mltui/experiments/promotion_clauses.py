"""The gate of a promotion: every requirement, judged on facts that were found before. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mltui.config.schema import Promotion as Section
from mltui.core.experiment import Clause, Comparison, Experiment, Run
from mltui.experiments.comparison import MIN_PAIRS
from mltui.experiments.proposals import proposal_hash

NO_PERSON = ("policy:", "grant:", "model:", "headless", "mltui")
"""How the names of deciders begin that are no person's."""

HOLDING = ("better", "equivalent")

_RUN_FIRST = "see what stands beside `compared`"


@dataclass(frozen=True, slots=True)
class ChampionFound:
    """The champion as the journal has it.

    Attributes:
        differs: files under experiment in which the baseline's tree is not the champion's; `command`, if that differs.
    """

    experiment_id: str
    version: str
    differs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found out about an experiment that is to be promoted.

    Attributes:
        what: `model` or `prompt`.
        verified: why the journal does not verify; empty: it does.
        champion: None where nothing was promoted yet.
        recomputed: the comparison and the guardrails, computed again from the runs; None where there is nothing to compare.
        data_changed: how the declared data differ from what was recorded, or empty.
        artifact: what is wrong with the model or prompt; empty: it is the one that was measured.
        artifact_found: where it lies, for people.
        evaluation_changed: what of the evaluation is another since, or empty.
        moved: how the registry differs from the journal, or empty.
    """

    experiment: Experiment
    section: Section
    what: str
    run: Run | None = None
    verified: str = ""
    champion: ChampionFound | None = None
    recomputed: tuple[Comparison, tuple[Comparison, ...]] | None = None
    recomputed_error: str = ""
    data_changed: str = ""
    artifact: str = ""
    artifact_found: str = ""
    evaluation_changed: str = ""
    moved: str = ""

    def comparison(self, metric: str) -> Comparison | None:
        """The recomputed comparison on a metric, if the proposal registered it."""
        if self.recomputed is None:
            return None
        primary, guardrails = self.recomputed
        return next((one for one in (primary, *guardrails) if one.metric.name == metric), None)


def judge(facts: Facts) -> tuple[Clause, ...]:
    """Every requirement, in the order in which a person would look at them; of a sweep those that it cannot meet."""
    if facts.experiment.proposal.sweep is not None:
        return _journal(facts), _compared(facts), _artifact(facts)
    return (
        _journal(facts),
        _compared(facts),
        _champion(facts),
        *_metrics(facts),
        _guardrails(facts),
        _thresholds(facts),
        _seeds(facts),
        _evaluator(facts),
        _evaluation(facts),
        _data(facts),
        _artifact(facts),
        _interpreted(facts),
        _accepted(facts),
        *_registry(facts),
    )


def orphan(name: str) -> Clause:
    """The one requirement that training outside a proposal fails, whatever else is true of it."""
    return Clause(
        name="planned",
        holds=False,
        found=f"{name} was trained outside a proposal, so that nothing was registered before its results",
        remedy=f"adopt it (mltui experiments orphans adopt {name}), and have it run again as a proposal",
        absolute=True,
    )


def _journal(facts: Facts) -> Clause:
    if facts.verified:
        remedy = "compare it with a backup; until it is whole it proves nothing"
        return Clause(name="journal", holds=False, found=facts.verified, remedy=remedy, absolute=True)
    return Clause(name="journal", holds=True, found="every record is as it was written")


def _compared(facts: Facts) -> Clause:
    experiment = facts.experiment
    recorded = experiment.comparison
    id_ = experiment.id
    if experiment.proposal.sweep is not None:
        confirming = experiment.confirmation
        remedy = f"promote {confirming}, which confirms it" if confirming else f"let it be confirmed: mltui sweep run {id_}"
        # Absolute: a sweep has no model of its own that an override could promote.
        found = f"{id_} is a sweep, and its best trial is no result"
        return Clause(name="compared", holds=False, found=found, remedy=remedy, absolute=True)
    if len(experiment.proposal.arms) < 2:
        return _no(
            "compared", f"{id_} measures a baseline, and nothing was compared with it", "promote an experiment that changes something"
        )
    if recorded is None:
        return _no("compared", f"{id_} is {experiment.state} and has no comparison", f"run it to its end (mltui experiments show {id_})")
    if facts.recomputed is None:
        return _no("compared", f"its runs do not give a comparison: {facts.recomputed_error}", "propose and run it again")
    primary, guardrails = facts.recomputed
    before = [_essence(one) for one in (recorded, *experiment.guardrails)]
    if before != [_essence(one) for one in (primary, *guardrails)]:
        return _no("compared", "computed again from its runs, the comparison is another than the journal's", "propose and run it again")
    return Clause(name="compared", holds=True, found=recorded.summary)


def _essence(comparison: Comparison) -> tuple[object, ...]:
    """What a comparison says, without the last digits, which another version of a library may round otherwise."""
    numbers = (comparison.diff, comparison.ci_low, comparison.ci_high, comparison.p_value)
    return (comparison.metric.name, comparison.n, comparison.verdict, *(f"{number:.6g}" for number in numbers))


def _champion(facts: Facts) -> Clause:
    champion = facts.champion
    if champion is None:
        return Clause(name="champion", holds=True, found="there is none yet: this is the first promotion, compared with its own baseline")
    name = f"{champion.experiment_id} (version {champion.version})" if facts.what == "model" else champion.experiment_id
    if champion.differs:
        shown = ", ".join(champion.differs[:5]) + (", …" if len(champion.differs) > 5 else "")
        remedy = "bring the tree to the champion's state and propose the change again from there"
        return _no("champion", f"its baseline is not the champion {name}: they differ in {shown}", remedy)
    return Clause(name="champion", holds=True, found=f"its baseline is the champion {name}")


def _metrics(facts: Facts) -> Iterator[Clause]:
    section, primary = facts.section, facts.experiment.proposal.metric.name
    if primary not in (section.quality, section.latency, section.cost):
        yield _metric(facts, "primary", primary)
    for clause, metric in (("quality", section.quality), ("latency", section.latency), ("cost", section.cost)):
        yield _metric(facts, clause, metric)


def _metric(facts: Facts, name: str, metric: str) -> Clause:
    proposal = facts.experiment.proposal
    if not metric:
        return _no(name, f"no metric stands for {name}", f'name it: {name} = "…" under [promotion], and among [experiments] guardrails')
    if metric not in (proposal.metric.name, *(guardrail.name for guardrail in proposal.guardrails)):
        remedy = f"declare {metric} as the primary metric or a guardrail under [experiments], and propose again"
        return _no(name, f"{metric} was not registered in {proposal.id}", remedy)
    found = facts.comparison(metric)
    if found is None or found.n == 0:
        remedy = f"let the evaluator report {metric}, and run it again" if facts.recomputed else _RUN_FIRST
        return _no(name, f"{metric} was not compared", remedy)
    if found.verdict == "better" or (found.verdict == "equivalent" and metric != proposal.metric.name):
        return Clause(name=name, holds=True, found=found.summary)
    if found.verdict == "equivalent" and _improved(facts):
        return Clause(name=name, holds=True, found=f"{found.summary}; and {_improved(facts)} is better")
    remedy = (
        "a change that is no better stays where it is" if found.verdict != "inconclusive" else "more seeds may settle it: propose it again"
    )
    return _no(name, found.summary, remedy)


def _improved(facts: Facts) -> str:
    guardrails = facts.recomputed[1] if facts.recomputed else ()
    return next((one.metric.name for one in guardrails if one.verdict == "better"), "")


def _guardrails(facts: Facts) -> Clause:
    guardrails = facts.recomputed[1] if facts.recomputed else ()
    broken = [one for one in guardrails if one.verdict not in HOLDING]
    if broken:
        return _no("guardrails", "; ".join(one.summary for one in broken), "a guardrail that is not shown to hold is none")
    registered = facts.experiment.proposal.guardrails
    if registered and not guardrails:
        return _no("guardrails", f"{', '.join(one.name for one in registered)} not compared", _RUN_FIRST)
    if not guardrails:
        return _no("guardrails", "none was registered", "declare [experiments] guardrails with their margins, and propose again")
    return Clause(name="guardrails", holds=True, found=f"{', '.join(one.metric.name for one in guardrails)} not worse than the margin")


def _thresholds(facts: Facts) -> Clause:
    """The thresholds are those of the proposal: its hash covers metric, margins, seeds, data and code, and the approval covers the hash."""
    proposal, approval = facts.experiment.proposal, facts.experiment.approval
    again = "propose it again and have it approved before it runs"
    if approval is None or approval.answer != "approve":
        return _no("thresholds", f"{proposal.id} was not approved before it ran", again)
    if approval.proposal_hash != proposal.hash or proposal_hash(proposal) != proposal.hash:
        return _no("thresholds", "what was approved is not what stands in the journal", again)
    minimum = f"at least {proposal.metric.min_effect:g} {proposal.metric.unit}".rstrip() if proposal.metric.min_effect else "any difference"
    margins = ", ".join(f"{guardrail.name} {guardrail.margin}" for guardrail in proposal.guardrails)
    text = f"{proposal.metric.name}: {minimum}" + (f"; margins: {margins}" if margins else "")
    return Clause(name="thresholds", holds=True, found=f"registered before the runs and approved by {approval.by}: {text}")


def _seeds(facts: Facts) -> Clause:
    fresh = {run.seed for run in facts.experiment.runs if run.arm == "candidate" and run.status == "finished" and not run.reused}
    section = facts.section
    names = [name for name in (facts.experiment.proposal.metric.name, section.quality, section.latency, section.cost) if name]
    counts = [len(fresh & {seed for seed, *_ in found.pairs}) for name in names if (found := facts.comparison(name))]
    least = min(counts, default=0)
    if least < MIN_PAIRS:
        remedy = f"{MIN_PAIRS} pairs that were run for this proposal are the least that can be significant"
        return _no("seeds", f"{least} fresh pair{'' if least == 1 else 's'}", remedy)
    return Clause(name="seeds", holds=True, found=f"{least} fresh pairs")


def _evaluator(facts: Facts) -> Clause:
    proposal = facts.experiment.proposal
    if not proposal.evaluate:
        remedy = 'declare an evaluator: evaluate = "…" under [experiments], and propose again'
        return _no("evaluator", "the runs reported their own metrics, which satisfy no gate", remedy)
    own = [file.path for file in proposal.files if file.kind == "eval"]
    if proposal.kind == "eval" or own:
        remedy = "accept the evaluation by itself, measure the champion with it, and propose the rest again"
        return _no("evaluator", f"it changes the evaluation that judges it ({', '.join(own) or proposal.id})", remedy)
    return Clause(name="evaluator", holds=True, found=f"measured from the baseline's tree by `{proposal.evaluate}`")


def _evaluation(facts: Facts) -> Clause:
    if facts.evaluation_changed:
        return _no("evaluation", facts.evaluation_changed, "propose it again, so that it is measured as things are now")
    return Clause(name="evaluation", holds=True, found="no evaluation change since")


def _data(facts: Facts) -> Clause:
    proposal = facts.experiment.proposal
    if not proposal.data:
        return _no("data", "no data set was recorded", 'declare it: data = ["data/**"] under [experiments], and propose again')
    if facts.data_changed:
        return _no("data", f"not what was measured on: {facts.data_changed}", "put it back, or propose it again on the data of today")
    named = ", ".join(f"{version.name} {version.digest[:8]}" for version in proposal.data[:4])
    more = f" and {len(proposal.data) - 4} more" if len(proposal.data) > 4 else ""
    return Clause(name="data", holds=True, found=f"{named}{more}, unchanged")


def _artifact(facts: Facts) -> Clause:
    if facts.artifact:
        where = '[promotion] artifact = "model.pkl"' if facts.what == "model" else '[promotion] prompt = "prompts/production.md"'
        return Clause(name=facts.what, holds=False, found=facts.artifact, remedy=f"see {where}, and run it again", absolute=True)
    return Clause(name=facts.what, holds=True, found=facts.artifact_found)


def _interpreted(facts: Facts) -> Clause:
    conclusion = facts.experiment.conclusion
    id_ = facts.experiment.id
    if conclusion is None or not conclusion.interpretation.strip():
        remedy = f"mltui experiments conclude {id_} --interpretation '…' --recommendation accept"
        return _no("interpretation", "nobody wrote down what the result means", remedy)
    if conclusion.recommendation != "accept":
        found = f"{conclusion.by} recommends {conclusion.recommendation}: {conclusion.interpretation}"
        return _no("interpretation", found, "promote what its interpretation speaks for, or override with your reason")
    return Clause(name="interpretation", holds=True, found=f"by {conclusion.by}: {conclusion.interpretation}")


def _accepted(facts: Facts) -> Clause:
    experiment = facts.experiment
    if experiment.state != "accepted":
        return _no("accepted", f"{experiment.id} is {experiment.state}", f"mltui experiments accept {experiment.id}")
    by = experiment.decided_by or ""
    if not by or by.startswith(NO_PERSON):
        return _no("accepted", f"accepted by {by or 'nobody'}, not by a person", "override with your reason, if you would accept it")
    return Clause(name="accepted", holds=True, found=f"by {by}")


def _registry(facts: Facts) -> Iterator[Clause]:
    if facts.moved:
        yield _no("registry", facts.moved, "set it back first: mltui promote rollback")


def _no(name: str, found: str, remedy: str) -> Clause:
    return Clause(name=name, holds=False, found=found, remedy=remedy)
