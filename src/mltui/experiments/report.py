"""An experiment as a markdown page: what was asked, what was done, what came out, what was decided."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mltui.core.data import JsonValue
from mltui.core.experiment import Answer, Comparison, Experiment, Origin, Proposal, Run
from mltui.core.reproduction import Reproduction
from mltui.experiments.agreement import agreement_words, first_of
from mltui.experiments.error_facts import ErrorAnalysis
from mltui.experiments.families import Standing
from mltui.experiments.markdown_text import code, fenced, plain, quoted, table
from mltui.experiments.render import LAST_LINES, clean, counted, decimals_for, difference_text, p_text
from mltui.experiments.report_errors import errors_text

PATCH_LIMIT = 60_000
"""Characters of a patch that are shown; all of it is the artifact `diff.patch`."""

_SAID: dict[Answer, str] = {
    "approve": "Approved",
    "reject": "Rejected",
    "hold": "Held",
    "ask": "Asked about",
    "maintenance": "Let through as maintenance, without a run,",
}


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report.

    Attributes:
        text: markdown in which whatever people, models and runs wrote cannot begin a heading, or leave its place.
        pictures: names of the pictures that belong to it (`figures.figures_of`).
    """

    title: str
    text: str
    pictures: tuple[str, ...] = ()


def experiment_report(
    experiment: Experiment,
    standing: Standing | None = None,
    errors: ErrorAnalysis | None = None,
    pictures: Mapping[str, str] | None = None,
) -> str:
    """Returns: the whole report as markdown, ending in a newline. Complete at every state: what is not there yet is left out or said.

    Args:
        standing: of its comparison among all of the project; None where that is not known.
        errors: where its predictions are wrong.
        pictures: where those that were saved lie, by name, as they are linked.
    """
    parts = [heading(experiment.proposal), status_text(experiment)]
    for section in sections(experiment, standing, errors):
        links = [f"![{name}]({(pictures or {})[name]})" for name in section.pictures if name in (pictures or {})]
        parts += [f"## {section.title}", section.text, *links]
    return "\n\n".join(part for part in parts if part) + "\n"


def sections(experiment: Experiment, standing: Standing | None = None, errors: ErrorAnalysis | None = None) -> list[Section]:
    """Returns: rationale, plan, results, interpretation and decision, in this order."""
    made = [
        *_plan(experiment.proposal),
        _changes(experiment.proposal),
        Section("Trials", _trials(experiment)) if experiment.proposal.sweep else Section("Runs", _runs(experiment), ("curves",)),
    ]
    if experiment.comparison:
        made.append(Section("Comparison", _comparison(experiment.comparison, standing), ("comparison",)))
    if experiment.guardrails:
        made.append(Section("Guardrails", "\n".join(f"- {clean(guardrail.summary)}" for guardrail in experiment.guardrails)))
    if errors:
        made.append(Section("Errors", errors_text(errors), ("confusion", "calibration", "slices")))
    if experiment.conclusion:
        conclusion = experiment.conclusion
        said = f"Recommended by {clean(conclusion.by)}: **{conclusion.recommendation}**"
        made.append(Section("Interpretation", f"{quoted(conclusion.interpretation)}\n\n{said}"))
    made.append(Section("Decision", _decision(experiment)))
    if experiment.reproductions:
        made.append(Section("Run again", "\n\n".join(map(_reproduction, experiment.reproductions))))
    return made


def heading(proposal: Proposal) -> str:
    return f"# {proposal.id} {plain(proposal.title)}"


def proposal_text(proposal: Proposal) -> str:
    """Returns: the plan as it was proposed, as markdown."""
    parts = [heading(proposal)]
    for section in (*_plan(proposal), _changes(proposal)):
        parts += [f"## {section.title}", section.text]
    return "\n\n".join(part for part in parts if part) + "\n"


def status_text(experiment: Experiment) -> str:
    lines = [f"**{experiment.state}**"]
    if experiment.comparison:
        lines.append(clean(experiment.comparison.summary))
    why, lead, printed = experiment.message.partition(LAST_LINES)
    if why:
        lines.append(f"{plain(why)}{lead.rstrip()}")
    return "  \n".join(lines) + (f"\n\n{fenced(textwrap.dedent(printed), '')}" if printed else "")


def _plan(proposal: Proposal) -> list[Section]:
    metric = proposal.metric
    effect = f", worth having from {metric.min_effect:g} {metric.unit}".rstrip() if metric.min_effect else ""
    facts = [
        ("Kind", proposal.kind),
        ("Primary metric", f"{clean(metric.name)}, {metric.direction}{effect}"),
        *(("Guardrail", f"{clean(guard.name)}, {guard.direction}, margin {clean(guard.margin)}") for guard in proposal.guardrails),
        ("Command", code(proposal.command)),
        ("Evaluator", _evaluator(proposal)),
        *([("Test", proposal.test.text)] if proposal.test else []),
        ("Seeds", ", ".join(map(str, proposal.seeds))),
        *_sweep(proposal),
        ("Budget", f"{proposal.budget.minutes:g} minutes, {proposal.budget.runs} runs"),
        ("Code", f"from {code(proposal.base_commit[:12])} to {code(proposal.commit[:12])}"),
        *(("Data", f"{code(version.name)}, {version.size} bytes, SHA-256 {code(version.digest[:16])}…") for version in proposal.data),
        ("Proposed", _proposed(proposal)),
    ]
    return [
        Section("Hypothesis", quoted(proposal.hypothesis)),
        *([Section("Methodology", quoted(proposal.methodology))] if proposal.methodology else []),
        Section("Plan", "\n".join(f"- {name}: {value}" for name, value in facts)),
    ]


def _sweep(proposal: Proposal) -> list[tuple[str, str]]:
    """The plan of a sweep, or of which sweep it confirms the best."""
    plan = proposal.sweep
    chosen = [("Confirms", proposal.selected.words)] if proposal.selected else []
    if plan is None:
        return chosen
    space = [("Space", f"{clean(one.name)} {clean(one.words)} ({code(one.key)})") for one in plan.space]
    confirming = f"the best and the baseline with seeds {', '.join(map(str, plan.confirm_seeds))}, which no trial has"
    return [*space, ("Search", plan.method), ("Then", confirming)]


def _evaluator(proposal: Proposal) -> str:
    if not proposal.evaluate:
        return "none, the metrics are self-reported"
    tree, whose = (proposal.tree, "the changed") if proposal.kind == "eval" else (proposal.base_tree, "the baseline's")
    return f"{code(proposal.evaluate)}, from {whose} tree {code(tree[:12])}"


def _proposed(proposal: Proposal) -> str:
    session = f" in session {code(proposal.session_id)}" if proposal.session_id else ""
    return f"{_when(proposal.created)} by {clean(proposal.author)}{session}{_from(proposal.origin)}"


def _from(origin: Origin | None) -> str:
    if origin is None:
        return ""
    # A mail address in angle brackets would be a link.
    identity = code(origin.identity) if origin.identity else ""
    host, via = (f"{word} {clean(value)}" if value else "" for word, value in (("on", origin.host), ("by", origin.via)))
    return f" ({', '.join(part for part in (f'login {clean(origin.os_user)}', identity, host, via) if part)})"


def _changes(proposal: Proposal) -> Section:
    changed = [
        f"- {clean(change.name)} ({code(change.key)}): {code(_value(change.before))} → {code(_value(change.after))}"
        for change in proposal.parameters
    ]
    files = [f"- {code(file.path)} {file.change}, {file.kind}: {clean(file.reason)}" for file in proposal.files]
    patch = proposal.patch
    if len(patch) > PATCH_LIMIT:
        patch = patch[:PATCH_LIMIT] + f"\n… {len(proposal.patch) - PATCH_LIMIT} characters more, see diff.patch\n"
    body = "\n\n".join(filter(None, ("\n".join([*changed, *files]), fenced(patch, "diff") if patch.strip() else "")))
    return Section("Change", body or "None by the proposal itself.")


def _runs(experiment: Experiment) -> str:
    if not experiment.runs:
        return "None yet."
    names = [experiment.proposal.metric.name, *(guard.name for guard in experiment.proposal.guardrails)]
    measured = any(run.peak_memory for run in experiment.runs)
    rows = [["arm", "seed", "status", *names, "seconds", *(["memory"] if measured else []), "note"]]
    for run in sorted(experiment.runs, key=lambda run: (run.arm, run.seed)):
        values = [f"{run.metrics[name]:.6g}" if name in run.metrics else "–" for name in names]
        memory = [f"{run.peak_memory / 1e6:,.0f} MB" if run.peak_memory else "–"] if measured else []
        rows.append([run.arm, str(run.seed), run.status, *values, f"{run.ended - run.started:.1f}", *memory, _note(run)])
    return f"{table(rows)}\n\n{_circumstances(experiment)}"


def _trials(experiment: Experiment) -> str:
    """Of a sweep; what they measured is compared with nothing."""
    if not experiment.trials:
        return "None yet."
    names = [one.name for one in experiment.proposal.sweep.space] if experiment.proposal.sweep else []
    rows = [["trial", "state", experiment.proposal.metric.name, *names, "note"]]
    for trial in sorted(experiment.trials, key=lambda trial: trial.number):
        value = "–" if trial.value is None else f"{trial.value:.6g}"
        rows.append([str(trial.number), trial.state, value, *(_value(trial.params.get(name)) for name in names), trial.message])
    confirmed = f"The best is judged by {experiment.confirmation}, on seeds that no trial had." if experiment.confirmation else ""
    return "\n\n".join(filter(None, [table(rows), confirmed]))


def _circumstances(experiment: Experiment) -> str:
    """What measured the runs, and what confined them."""
    runs = experiment.runs
    evaluators = dict.fromkeys(run.evaluator for run in runs if run.evaluator)
    if evaluators:
        measured = f"the evaluator, SHA-256 {', '.join(code(f'{digest[:16]}…') for digest in evaluators)}"
    elif experiment.proposal.evaluate:
        measured = "the evaluator; its SHA-256 was not recorded"
    else:
        measured = "the runs themselves: self-reported, which satisfies no gate of a promotion"
    kinds = Counter(run.sandbox or "not recorded" for run in runs)
    count = "" if len(kinds) == 1 else " ({} of {} runs)"
    sandboxes = ", ".join(f"{kind}{count.format(number, len(runs))}" for kind, number in sorted(kinds.items()))
    return "\n".join((f"- Measured by: {measured}", f"- Sandbox: {sandboxes}", *_notes(runs)))


def _notes(runs: Sequence[Run]) -> list[str]:
    """What a person should know of how runs were logged, each thing once."""
    notes = Counter(note for run in runs for note in run.notes)
    return [f"- Note: {plain(note)}" + (f" ({number} of {len(runs)} runs)" if number < len(runs) else "") for note, number in notes.items()]


def _note(run: Run) -> str:
    signal = run.signal if run.signal and run.signal not in run.message else ""
    return "; ".join(note for note in ("made for an earlier proposal" if run.reused else "", signal, run.message) if note)


def _comparison(comparison: Comparison, standing: Standing | None) -> str:
    digits = decimals_for(comparison.ci_high - comparison.ci_low, comparison.diff) + 1
    lines = [
        f"**{clean(comparison.summary)}**",
        "",
        f"- Difference, candidate less baseline: {difference_text(comparison)}"
        + (f" ({comparison.confidence * 100:g} % interval, {comparison.ci_method})" if comparison.n > 1 else ""),
    ]
    if comparison.second:
        second = comparison.second
        lines.append(f"- Beside it, deciding nothing: [{second.low:.{digits}f}, {second.high:.{digits}f}], {second.method}")
    if comparison.effect_size is not None:
        lines.append(f"- Effect size: {comparison.effect_name} = {comparison.effect_size:.2f}")
    ties = f", {comparison.ties} tied" if comparison.ties else ""
    over = counted(comparison.n, comparison.of)
    lines.append(f"- Test: {comparison.test}, {p_text(comparison.p_value)} against {comparison.alpha:g}, {over}{ties}")
    if standing:
        late = "; significant alone, not among all" if standing.late(comparison.p_value, comparison.alpha) else ""
        lines.append(f"- Corrected: {standing.text}{late}")
    lines += [f"- {clean(note)}" for note in comparison.notes]
    if comparison.needed_n:
        lines.append(f"- About {counted(comparison.needed_n, comparison.of)} would be needed for a power of 0.8")
    lines += [
        f"- Baseline {comparison.baseline_mean:.{digits}f} ± {comparison.baseline_std:.{digits}f},"
        f" candidate {comparison.candidate_mean:.{digits}f} ± {comparison.candidate_std:.{digits}f} (standard deviation over runs)",
        f"- Verdict: **{comparison.verdict}**",
        "",
        table(
            [["seed", "baseline", "candidate", "difference"]]
            + [[str(seed), f"{old:.6g}", f"{new:.6g}", f"{new - old:+.{digits}f}"] for seed, old, new in comparison.pairs]
        ),
    ]
    return "\n".join(lines)


def _reproduction(reproduction: Reproduction) -> str:
    circumstances = [
        ("Started", f"{_when(reproduction.at)} by {clean(reproduction.by)}{_from(reproduction.origin)}"),
        *([("Environment", f"interpreter and packages {code(f'{reproduction.environment[:16]}…')}")] if reproduction.environment else []),
        *(("Machine", f"{clean(name)} {clean(value)}") for name, value in reproduction.machine.items()),
        *(("Differs from then", clean(difference)) for difference in first_of(reproduction.differences, 40)),
        *(("Note", clean(note)) for note in reproduction.notes),
    ]
    if reproduction.here:
        circumstances.append(("Environment", "another one was allowed (--here)"))
    lines = [
        f"**{reproduction.state}** {clean(reproduction.message)}".rstrip(),
        "",
        *(f"- {name}: {value}" for name, value in circumstances),
    ]
    if reproduction.runs:
        rows = [["arm", "seed", "metric", "recorded", "now", "agreement"]]
        for run in reproduction.runs:
            for metric in (run.metric, *run.guardrails):
                numbers = ["–" if value is None else f"{value!r}" for value in (metric.recorded, metric.now)]
                note = agreement_words(metric.agreement)
                rows.append([run.arm, str(run.seed), metric.name, *numbers, f"{note}: {run.message}" if metric.now is None else note])
        lines += ["", table(rows)]
    return "\n".join(lines)


def _decision(experiment: Experiment) -> str:
    lines: list[str] = []
    if experiment.approval:
        approval = experiment.approval
        by = f"{_SAID[approval.answer]} by {clean(approval.by)}{_from(approval.origin)}"
        lines.append(f"- {by}, {_when(approval.at)}{f': {plain(approval.reason)}' if approval.reason else ''}")
    if experiment.state in {"accepted", "discarded"}:
        lines.append(f"- Change {experiment.state} by {clean(experiment.decided_by or 'unknown')}")
    return "\n".join(lines) or "None yet."


def _value(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
