"""A proposal and an experiment as sections of text: what a person needs for a decision, the weightiest first."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from mltui.experiments.render import NARROW, render_comparison
from mltui.ui.figures import duration, size
from mltui.ui.plots.of_experiment import difference_lines
from mltui.ui.tui.evidence_view import LABEL, EvidencePicture, baseline_text, estimate_text, limit_text, metric_text, power_text
from mltui.ui.tui.experiment_card import STATE_STYLES, VERDICT_STYLES
from mltui.ui.tui.plot_view import Plot
from mltui.ui.tui.text import clean, number, one_line

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from mltui.core.experiment import Answer, Comparison, DataVersion, Exchange, Experiment, Proposal

KIND_STYLES = {"train": "primary", "hparam": "secondary", "prompt": "accent", "data": "warning", "eval": "error", "infra": "muted"}
KIND_NAMES = {
    "train": "training code",
    "hparam": "hyperparameters",
    "prompt": "prompt",
    "data": "data",
    "eval": "evaluation",
    "infra": "environment",
}

NEW_DATA = "data is not that of"
"""In the warning that says so, which is repeated beside the digests."""
ANSWER_WORDS: dict[Answer, str] = {
    "approve": "approved",
    "reject": "rejected",
    "hold": "held",
    "ask": "asked",
    "maintenance": "let through as maintenance",
}


@dataclass(frozen=True)
class Section:
    title: str
    parts: tuple[RenderableType, ...]
    style: str = "primary.bold"

    def __rich__(self) -> Group:
        return Group(Text(self.title, style=self.style), *self.parts, Text())


def title_line(proposal: Proposal) -> Text:
    """Returns: `P-0007 hyperparameters  Title`."""
    kind = KIND_NAMES[proposal.kind]
    return Text.assemble(
        (proposal.id, "strong"), " ", (kind, KIND_STYLES[proposal.kind]), "  ", (one_line(proposal.title), "strong"), overflow="fold"
    )


def rows(pairs: list[tuple[str, RenderableType]]) -> Table:
    """Returns: labels in a column, values in another, wrapped."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="muted", no_wrap=True, min_width=LABEL)
    table.add_column(overflow="fold", ratio=1)
    for label, value in pairs:
        table.add_row(Text(label), value)
    return table


def change_section(proposal: Proposal) -> Section | None:
    """Parameters as before → after, then the files."""
    parts: list[RenderableType] = []
    if proposal.parameters:
        table = Table.grid(padding=(0, 2, 0, 0))
        for _ in range(2):
            table.add_column(overflow="fold")
        table.add_column(style="faint", overflow="fold")
        for change in proposal.parameters:
            value = Text.assemble((number(change.before), "error"), (" → ", "faint"), (number(change.after), "success.bold"))
            table.add_row(Text(one_line(change.name), style="strong"), value, Text(one_line(change.key)))
        parts.append(table)
    for file in proposal.files:
        mark, style = {"added": ("+", "success"), "deleted": ("-", "error"), "modified": ("~", "warning")}[file.change]
        parts.append(Text.assemble((f"{mark} ", style), one_line(file.path), (f"  {one_line(file.reason)}", "faint"), overflow="fold"))
    return Section("What changes", tuple(parts)) if parts else None


def sweep_section(proposal: Proposal) -> Section | None:
    """The space of a sweep, how it is searched and what follows; or of which sweep a proposal confirms the best."""
    plan = proposal.sweep
    if proposal.selected is not None:
        return Section("Confirms a sweep", (Text(f"The {proposal.selected.words}, on seeds that no trial had", overflow="fold"),))
    if plan is None:
        return None
    table = Table.grid(padding=(0, 2, 0, 0))
    for style in ("strong", "secondary", "faint"):
        table.add_column(style=style, overflow="fold")
    for one in plan.space:
        table.add_row(Text(one_line(one.name)), Text(one_line(one.words)), Text(one_line(one.key)))
    seeds = ", ".join(map(str, plan.confirm_seeds))
    facts: list[tuple[str, RenderableType]] = [
        ("search", Text(plan.method)),
        ("runs", Text(f"{proposal.planned_runs} at most, all under this one approval", style="strong")),
        ("then", Text(f"the best trial and the baseline with seeds {seeds}: no trial has them")),
    ]
    return Section("The space", (table, rows(facts)))


def _marked(mark: str, text: str, style: str = "warning") -> Table:
    """Text that hangs beside its mark."""
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(style=style, no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    table.add_row(Text(mark), Text(text))
    return table


def warning_section(proposal: Proposal) -> Section | None:
    """What should make one stop, each with a mark."""
    texts = [clean(text).strip() for text in proposal.review.warnings]
    head = "One warning" if len(texts) == 1 else f"{len(texts)} warnings"
    return Section(head, tuple(_marked("▲", text) for text in texts), "warning.bold") if texts else None


def exchange_section(exchanges: tuple[Exchange, ...]) -> Section | None:
    """Questions and answers, the newest last."""
    parts: list[RenderableType] = []
    for exchange in exchanges:
        parts.append(_marked("?", f"{clean(exchange.question).strip()}  ({one_line(exchange.by)})", "accent"))
        answer = clean(exchange.answer).strip()
        parts.append(_marked("→", answer, "secondary") if answer else Text("→ the agent has not answered yet", style="muted"))
    return Section("Asked and answered", tuple(parts)) if parts else None


def methodology_section(proposal: Proposal) -> Section:
    text = clean(proposal.methodology).strip()
    return Section("Methodology", (Text(text, overflow="fold") if text else Text("none was given", style="muted"),))


def evidence_section(proposal: Proposal) -> Section:
    """Metric and baseline, what the seeds can show of a difference, and what they cost."""
    pairs: list[tuple[str, RenderableType]] = [
        ("metric", metric_text(proposal.metric, len(proposal.guardrails))),
        ("baseline", baseline_text(proposal)),
        ("power", power_text(proposal)),
        ("cost", estimate_text(proposal)),
    ]
    return Section("What it can show", (rows(pairs), EvidencePicture(proposal)))


def plan_section(proposal: Proposal) -> Section:
    """Command, seeds, limits, evaluator and guardrails: what an approval covers."""
    seeds = ", ".join(map(str, proposal.seeds[:12])) + (" …" if len(proposal.seeds) > 12 else "")
    evaluator = (
        Text(clean(proposal.evaluate), style="secondary")
        if proposal.evaluate
        else Text("self-reported: the training says how good it is", style="warning")
    )
    pairs: list[tuple[str, RenderableType]] = [
        ("command", Text(clean(proposal.command), style="secondary")),
        ("seeds", Text(f"{seeds}  ({len(proposal.seeds)} {'a trial' if proposal.sweep else 'pairs'})")),
        ("limits", limit_text(proposal)),
        ("evaluator", evaluator),
    ]
    if proposal.test:
        pairs.append(("test", Text(proposal.test.text)))
    if proposal.evaluation_reason.strip():
        pairs.append(("reason", Text(f"evaluation changes too: {clean(proposal.evaluation_reason).strip()}", style="warning")))
    guards = [Text(f"{one_line(guard.name)} not worse by more than {one_line(guard.margin)}") for guard in proposal.guardrails]
    pairs += [("guardrail", guard) for guard in guards or [Text("none declared", style="muted")]]
    return Section("The plan", (rows(pairs),))


def origin_section(proposal: Proposal) -> Section:
    """Data digests, environment, author, what the approval is bound to."""
    pairs: list[tuple[str, RenderableType]] = [("data", _data_text(item)) for item in proposal.data]
    if not proposal.data:
        pairs.append(("data", Text("none declared: a change of the data would not be seen", style="muted")))
    if any(NEW_DATA in warning for warning in proposal.review.warnings):
        pairs.append(("", Text("changed since the last experiment", style="warning")))
    environment = proposal.environment
    pairs.append(("packages", Text(environment[:12], style="faint") if environment else Text("not recorded", style="muted")))
    pairs.append(("author", Text(one_line(proposal.author))))
    pairs.append(("asked", Text(f"{duration(max(0.0, time.time() - proposal.created))} ago")))
    if proposal.supersedes:
        pairs.append(("replaces", Text(one_line(proposal.supersedes))))
    pairs.append(("covers", Text(f"code {proposal.tree[:10]}, plan {proposal.hash[:10]}", style="faint")))
    return Section("Data and origin", (rows(pairs),))


def _data_text(item: DataVersion) -> Text:
    return Text.assemble(one_line(item.name), (f"  {item.digest[:12]}  {size(item.size)}", "faint"))


def proposal_sections(proposal: Proposal, exchanges: tuple[Exchange, ...] = ()) -> list[Section]:
    """Returns: everything about a proposal but its diff, the weightiest first: an answer that one waited for is that."""
    asked = exchange_section(exchanges)
    sections = [
        asked if exchanges and exchanges[-1].answer else None,
        Section("Hypothesis", (Text(clean(proposal.hypothesis).strip(), overflow="fold"),)),
        change_section(proposal),
        sweep_section(proposal),
        warning_section(proposal),
        methodology_section(proposal),
        evidence_section(proposal),
        plan_section(proposal),
        asked if exchanges and not exchanges[-1].answer else None,
        origin_section(proposal),
    ]
    return [section for section in sections if section is not None]


class ComparisonText:
    """A comparison drawn for whatever width there is, its verdict first.

    Args: corrected: the p-value as corrected for so many comparisons, where they are known.
    """

    def __init__(self, comparison: Comparison, corrected: tuple[float, int] | None = None) -> None:
        self._comparison = comparison
        self._corrected = corrected

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = max(20, min(100, options.max_width))
        comparison = self._comparison
        style = VERDICT_STYLES[comparison.verdict]
        yield Text(comparison.verdict.upper(), style=f"{style}.bold")
        first, *rest = render_comparison(comparison, width).split("\n\n")
        yield Text(first, style=style)
        if self._corrected is not None:
            text, late = corrected_words(comparison, *self._corrected)
            yield Text(f"corrected: {text}", style="warning" if late else "muted", overflow="fold")
        if comparison.n > 1:
            yield Text()
            yield Plot(lambda _: difference_lines(comparison, width))
        for block in rest[1:] if width >= NARROW and comparison.n > 1 and comparison.ci_low != comparison.ci_high else rest:
            yield Text(f"\n{block}", no_wrap=True, overflow="ellipsis")


def result_sections(experiment: Experiment, corrected: tuple[float, int] | None = None) -> list[Section]:
    """Returns: what came out: comparison, guardrails, runs that failed, interpretation.

    Args: corrected: the p-value as corrected for so many comparisons of the project, where they are known.
    """
    sections: list[Section] = []
    if experiment.comparison is not None:
        sections.append(Section("Result", (ComparisonText(experiment.comparison, corrected),)))
    if experiment.guardrails:
        lines = tuple(guard_line(guard) for guard in experiment.guardrails)
        sections.append(Section("Guardrails", lines))
    if experiment.conclusion is not None:
        conclusion = experiment.conclusion
        head = Text.assemble((one_line(conclusion.by), "muted"), (" recommends to ", "muted"), (conclusion.recommendation, "strong"))
        sections.append(Section("Interpretation", (Text(clean(conclusion.interpretation).strip(), overflow="fold"), head)))
    if trouble := trouble_section(experiment):
        sections.append(trouble)
    return sections


def corrected_words(comparison: Comparison, p_value: float, family: int) -> tuple[str, bool]:
    """(the p-value as corrected for the family, in words; whether it is this that makes chance an explanation)."""
    text = f"p {p_value:.3g} by Holm, for {family} comparison{'s' if family != 1 else ''} of this project"
    late = p_value >= comparison.alpha > comparison.p_value
    return text + ("; by chance one of so many looks like this" if late else ""), late


def trouble_section(experiment: Experiment) -> Section | None:
    """Why it failed or was stopped, and the runs that did not finish; of a baseline what was measured."""
    bad = [run for run in experiment.runs if run.status != "finished"]
    if experiment.state == "measured" and experiment.message and not bad:
        return Section("Measured", (Text(clean(experiment.message), overflow="fold"),))
    if not bad and experiment.state not in ("failed", "stopped"):
        return None
    lines = [Text(clean(experiment.message), style="error", overflow="fold")] if experiment.message else []
    lines += [Text(f"{run.arm} seed {run.seed} {run.status}: {one_line(run.message)}", style="error", overflow="fold") for run in bad]
    return Section("What went wrong", tuple(lines))


def guard_line(guard: Comparison) -> Text:
    """Returns: `worse latency +3.1 …`."""
    return Text.assemble((f"{guard.verdict} ", VERDICT_STYLES[guard.verdict]), one_line(guard.summary), overflow="fold")


def state_line(experiment: Experiment) -> Text:
    """Returns: `compared · approved by anna “reason”`."""
    line = Text.assemble((experiment.state, f"{STATE_STYLES[experiment.state]}"))
    if experiment.approval is not None:
        line.append(f" · {ANSWER_WORDS[experiment.approval.answer]} by {one_line(experiment.approval.by)}", style="muted")
        if experiment.approval.reason:
            line.append(f" “{one_line(experiment.approval.reason)}”", style="muted italic")
    if experiment.superseded_by:
        line.append(f" · {one_line(experiment.superseded_by)} took its place", style="muted")
    elif experiment.decided_by:
        line.append(f" · settled by {one_line(experiment.decided_by)}", style="muted")
    return line
