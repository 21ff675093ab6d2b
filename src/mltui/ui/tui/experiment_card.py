"""An experiment in the conversation: what was asked, what was decided, how far it is, what came out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.text import Text

from mltui.experiments.render import render_comparison
from mltui.ui.tui.items import Fold
from mltui.ui.tui.text import clean, number, one_line

if TYPE_CHECKING:
    from rich.console import RenderableType

    from mltui.core.experiment import Comparison, Conclusion, Proposal

STATE_STYLES = {
    "proposed": "accent",
    "held": "accent",
    "superseded": "muted",
    "maintenance": "warning",
    "approved": "primary",
    "running": "primary",
    "measured": "secondary",
    "compared": "secondary",
    "interpreted": "secondary",
    "accepted": "success",
    "rejected": "muted",
    "discarded": "muted",
    "failed": "error",
    "stopped": "warning",
}
VERDICT_STYLES = {"better": "success", "worse": "error", "equivalent": "secondary", "inconclusive": "warning"}


@dataclass
class ExperimentCardState:
    id: str
    proposal: Proposal | None = None
    state: str = "proposed"
    by: str = ""
    reason: str = ""
    done: int = 0
    total: int = 0
    note: str = ""
    comparison: Comparison | None = None
    conclusion: Conclusion | None = None


class ExperimentCard(Fold[ExperimentCardState]):
    DEFAULT_CSS = """
    ExperimentCard { padding: 0 1; border-left: outer $primary; background: $surface;
        &.-tight { margin: 1 0 0 0; }
        &:focus { background: $panel; border-left: thick $accent; } }
    """

    @classmethod
    def words(cls, state: ExperimentCardState) -> str:
        plan, made = state.proposal, state.conclusion
        texts = [state.id, state.state, *((plan.title, plan.hypothesis, parameter_line(plan).plain) if plan is not None else ())]
        return "\n".join([*texts, state.note, state.reason, made.interpretation if made is not None else ""]).strip()

    def renderables(self, width: int) -> list[RenderableType]:
        state = self.state
        proposal = state.proposal
        parts: list[RenderableType] = [self._head()]
        if proposal is not None:
            changes = parameter_line(proposal)
            if changes.plain:
                parts.append(changes)
            elif proposal.files:
                parts.append(
                    Text(", ".join(one_line(file.path) for file in proposal.files), style="muted", overflow="ellipsis", no_wrap=True)
                )
        if state.total and state.state in ("running", "approved"):
            parts.append(progress_line(state.done, state.total, width))
        if state.note and not state.comparison:
            parts.append(Text(one_line(state.note), style="error" if state.state == "failed" else "muted", overflow="fold"))
        if state.reason:
            parts.append(Text(f"“{one_line(state.reason)}”", style="muted italic", overflow="fold"))
        if state.comparison is not None:
            parts.append(verdict_line(state.comparison))
        if self.opened:
            parts += self._body(width)
        return parts

    def _head(self) -> Text:
        state = self.state
        title = one_line(state.proposal.title) if state.proposal else ""
        head = Text.assemble(("◆ ", "primary"), (state.id, "primary.bold"), " ", (title, "strong"))
        word = {"proposed": "waits for a decision", "held": "held"}.get(state.state, state.state)
        head.append(f"  {word}", style=STATE_STYLES.get(state.state, "muted"))
        if state.by and state.state in ("approved", "rejected", "held", "maintenance", "accepted", "discarded"):
            head.append(f" by {one_line(state.by)}", style="faint")
        return head

    def _body(self, width: int) -> list[RenderableType]:
        state = self.state
        parts: list[RenderableType] = []
        if state.proposal is not None:
            parts += [Text(), Text(clean(state.proposal.hypothesis), style="muted", overflow="fold")]
        if state.comparison is not None:
            parts += [Text(), Text(render_comparison(state.comparison, max(20, width)), no_wrap=True)]
        if state.conclusion is not None:
            parts += [Text(), Text(clean(state.conclusion.interpretation), overflow="fold")]
        return [Padding(part, (0, 0, 0, 2)) if width > 60 else part for part in parts[:2]] + parts[2:]


def parameter_line(proposal: Proposal) -> Text:
    """Returns: `lr 0.1 → 0.05, epochs 5 → 8`."""
    line = Text(overflow="fold")
    for index, change in enumerate(proposal.parameters):
        line.append(", " if index else "", style="muted")
        line.append(f"{one_line(change.name)} ", style="muted")
        line.append(number(change.before), style="error")
        line.append(" → ", style="faint")
        line.append(number(change.after), style="success")
    return line


def progress_line(done: int, total: int, width: int) -> Text:
    """Returns: a bar over the runs and the count."""
    count = f" {done}/{total} runs"
    room = max(6, min(40, width - len(count) - 1))
    filled = round(room * done / total) if total else 0
    return Text.assemble(("━" * filled, "primary"), ("━" * (room - filled), "faint"), (count, "muted"), no_wrap=True, overflow="ellipsis")


def verdict_line(comparison: Comparison) -> Text:
    """Returns: the verdict, and the summary with the difference and its interval."""
    style = VERDICT_STYLES[comparison.verdict]
    return Text.assemble((f"{comparison.verdict} ", f"{style}.bold"), (one_line(comparison.summary), ""), overflow="fold")
