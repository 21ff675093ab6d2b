"""Open proposals as lines of a table: the riskiest first, then what costs most."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.text import Text
from textual.content import Content

from mltui.ui.deciding import is_open
from mltui.ui.tui.evidence_view import short_baseline, short_minutes, short_power
from mltui.ui.tui.experiment_card import parameter_line
from mltui.ui.tui.log_rows import color_of
from mltui.ui.tui.proposal_view import KIND_STYLES
from mltui.ui.tui.text import one_line

if TYPE_CHECKING:
    from mltui.core.experiment import Experiment, Proposal

RISK = ("eval", "data", "infra", "train", "prompt", "hparam")
"""Kinds of change, from the one that a wrong decision about costs most."""
_COLUMNS = (("id", 7), ("kind", 6), ("title", 0), ("changes", 0), ("time", 6), ("finds, of worth", 16), ("▲", 2), ("baseline", 16))
_FROM = {"changes": 96, "time": 48, "finds, of worth": 74, "baseline": 116}
"""Widths from which a column is shown."""


def minutes_of(proposal: Proposal) -> float:
    """Returns: what the runs are expected to take; the limit where nothing is known."""
    estimate = proposal.review.estimate
    return proposal.budget.minutes if estimate is None or estimate.minutes is None else estimate.minutes


def pending(experiments: Iterable[Experiment]) -> list[Experiment]:
    """Returns: those that wait for a decision, sorted by risk, then cost."""

    def rank(experiment: Experiment) -> tuple[int, float, str]:
        return RISK.index(experiment.proposal.kind), -minutes_of(experiment.proposal), experiment.id

    return sorted((experiment for experiment in experiments if is_open(experiment.state)), key=rank)


def _widths(width: int) -> list[tuple[str, int]]:
    """The columns for a width: title and changes share what is left, two to three."""
    shown = [(name, columns) for name, columns in _COLUMNS if width >= _FROM.get(name, 0)]
    left = width - 2 - sum(columns for _, columns in shown) - len(shown) + 1
    both = any(name == "changes" for name, _ in shown)
    title = max(4, left * 2 // 5 if both else left)
    return [(name, columns or (title if name == "title" else max(4, left - title))) for name, columns in shown]


def _cell(text: str, width: int) -> str:
    cell = Text(text)
    cell.truncate(width, overflow="ellipsis", pad=True)
    return cell.plain


def heading(width: int) -> Text:
    """Returns: the names of the columns."""
    names = " ".join(_cell(name, columns) for name, columns in _widths(width))
    return Text(f"  {names}", style="faint", no_wrap=True, overflow="crop")


def change_text(proposal: Proposal) -> str:
    """Returns: parameters as before → after; files where there are none."""
    return (
        parameter_line(proposal).plain or ", ".join(one_line(file.path) for file in proposal.files) or "nothing: it measures the baseline"
    )


def review_row(experiment: Experiment, width: int, *, marked: bool) -> Content:
    """Returns: a proposal on one line no wider than `width`; a mark before it: chosen, asked about, or held."""
    proposal = experiment.proposal
    power, power_style = short_power(proposal)
    warnings = len(proposal.review.warnings)
    cells = {
        "id": (experiment.id, "bold"),
        "kind": (proposal.kind, color_of(KIND_STYLES[proposal.kind])),
        "title": (one_line(proposal.title), ""),
        "changes": (change_text(proposal), color_of("muted")),
        "time": (short_minutes(proposal.review.estimate, proposal.budget.minutes), ""),
        "finds, of worth": (power, color_of(power_style)),
        "▲": (str(warnings) if warnings else "", color_of("warning")),
        "baseline": (short_baseline(proposal), color_of("muted")),
    }
    waits = bool(experiment.exchanges) and not experiment.exchanges[-1].answer
    mark = "●" if marked else "?" if waits else "–" if experiment.state == "held" else " "
    parts: list[str | tuple[str, str]] = [(f"{mark} ", color_of("accent"))]
    for index, (name, columns) in enumerate(_widths(width)):
        text, style = cells[name]
        parts += [" " if index else "", (_cell(text, columns), style)]
    return Content.assemble(*parts)
