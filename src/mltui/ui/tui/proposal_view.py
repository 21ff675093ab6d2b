"""A proposal and an experiment as sections of text: what a person needs for a decision, the weightiest first."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from mltui.experiments.render import render_comparison
from mltui.ui.tui.experiment_card import STATE_STYLES, VERDICT_STYLES
from mltui.ui.tui.text import clean, duration, number, one_line, size

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from mltui.core.experiment import Comparison, Experiment, Metric, Proposal

KIND_STYLES = {"train": "primary", "hparam": "secondary", "prompt": "accent", "data": "warning", "eval": "error", "infra": "muted"}
KIND_NAMES = {
    "train": "training code",
    "hparam": "hyperparameters",
    "prompt": "prompt",
    "data": "data",
    "eval": "evaluation",
    "infra": "environment",
}


@dataclass(frozen=True)
class Section:
    title: str
    parts: tuple[RenderableType, ...]

    def __rich__(self) -> Group:
        return Group(Text(self.title, style="primary.bold"), *self.parts, Text())


def title_line(proposal: Proposal) -> Text:
    """Returns: `P-0007 hyperparameters  Title`."""
    kind = KIND_NAMES[proposal.kind]
    return Text.assemble(
        (proposal.id, "strong"), " ", (kind, KIND_STYLES[proposal.kind]), "  ", (one_line(proposal.title), "strong"), overflow="fold"
    )


def goal(metric: Metric) -> str:
    """Returns: `accuracy ↑ · counts from 0.005`."""
    text = f"{one_line(metric.name)} {'↑' if metric.direction == 'maximize' else '↓'}"
    return text + (f" · worth having from {metric.min_effect:g} {one_line(metric.unit)}".rstrip() if metric.min_effect else "")


def rows(pairs: list[tuple[str, RenderableType]]) -> Table:
    """Returns: labels in a column, values in another, wrapped."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="muted", no_wrap=True)
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


def plan_section(proposal: Proposal) -> Section:
    """Metric, runs and limits: what an approval covers."""
    seeds = ", ".join(map(str, proposal.seeds[:12])) + (" …" if len(proposal.seeds) > 12 else "")
    pairs: list[tuple[str, RenderableType]] = [
        ("metric", Text(goal(proposal.metric))),
        ("command", Text(clean(proposal.command), style="secondary")),
        ("seeds", Text(f"{seeds}  ({len(proposal.seeds)} pairs)")),
        ("baseline", Text(f"commit {proposal.base_commit[:10]}")),
        ("limits", Text(f"{proposal.budget.minutes:g} minutes, {proposal.budget.runs} runs")),
    ]
    pairs += [("guard", Text(f"{one_line(guard.name)} not worse by more than {one_line(guard.margin)}")) for guard in proposal.guardrails]
    return Section("The plan", (rows(pairs),))


def origin_section(proposal: Proposal) -> Section:
    """Data digests, author, what the approval is bound to."""
    pairs: list[tuple[str, RenderableType]] = [
        ("data", Text.assemble(one_line(item.name), (f"  {item.digest[:12]}  {size(item.size)}", "faint"))) for item in proposal.data
    ]
    pairs.append(("author", Text(one_line(proposal.author))))
    pairs.append(("asked", Text(f"{duration(time.time() - proposal.created)} ago")))
    pairs.append(("covers", Text(f"code {proposal.tree[:10]}, plan {proposal.hash[:10]}", style="faint")))
    return Section("Data and origin", (rows(pairs),))


def proposal_sections(proposal: Proposal) -> list[Section]:
    """Returns: everything about a proposal but its diff."""
    sections = [Section("Hypothesis", (Text(clean(proposal.hypothesis).strip(), overflow="fold"),))]
    if change := change_section(proposal):
        sections.append(change)
    if proposal.methodology.strip():
        sections.append(Section("Methodology", (Text(clean(proposal.methodology).strip(), overflow="fold"),)))
    return [*sections, plan_section(proposal), origin_section(proposal)]


class ComparisonText:
    """A comparison drawn for whatever width there is, its verdict first."""

    def __init__(self, comparison: Comparison) -> None:
        self._comparison = comparison

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = max(20, min(100, options.max_width))
        comparison = self._comparison
        style = VERDICT_STYLES[comparison.verdict]
        yield Text(comparison.verdict.upper(), style=f"{style}.bold")
        first, *rest = render_comparison(comparison, width).split("\n\n")
        yield Text(first, style=style)
        for block in rest:
            yield Text(f"\n{block}", no_wrap=True, overflow="ellipsis")


def result_sections(experiment: Experiment) -> list[Section]:
    """Returns: what came out: comparison, guardrails, runs that failed, interpretation."""
    sections: list[Section] = []
    if experiment.comparison is not None:
        sections.append(Section("Result", (ComparisonText(experiment.comparison),)))
    if experiment.guardrails:
        lines = tuple(_guard_line(guard) for guard in experiment.guardrails)
        sections.append(Section("Guardrails", lines))
    if experiment.conclusion is not None:
        conclusion = experiment.conclusion
        head = Text.assemble((one_line(conclusion.by), "muted"), (" recommends to ", "muted"), (conclusion.recommendation, "strong"))
        sections.append(Section("Interpretation", (Text(clean(conclusion.interpretation).strip(), overflow="fold"), head)))
    bad = [run for run in experiment.runs if run.status != "finished"]
    if bad or experiment.message:
        lines = [Text(clean(experiment.message), style="error", overflow="fold")] if experiment.message else []
        lines += [Text(f"{run.arm} seed {run.seed} {run.status}: {one_line(run.message)}", style="error", overflow="fold") for run in bad]
        sections.append(Section("What went wrong", tuple(lines)))
    return sections


def _guard_line(guard: Comparison) -> Text:
    return Text.assemble((f"{guard.verdict} ", VERDICT_STYLES[guard.verdict]), one_line(guard.summary), overflow="fold")


def state_line(experiment: Experiment) -> Text:
    """Returns: `compared · approved by anna “reason”`."""
    line = Text.assemble((experiment.state, f"{STATE_STYLES[experiment.state]}"))
    if experiment.approval is not None:
        word = {"approve": "approved", "reject": "rejected", "hold": "held"}[experiment.approval.answer]
        line.append(f" · {word} by {one_line(experiment.approval.by)}", style="muted")
        if experiment.approval.reason:
            line.append(f" “{one_line(experiment.approval.reason)}”", style="muted italic")
    if experiment.decided_by:
        line.append(f" · settled by {one_line(experiment.decided_by)}", style="muted")
    return line
