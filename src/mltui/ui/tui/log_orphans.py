"""Training outside a proposal, as a row of the log and as its report."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.text import Text

from mltui.experiments.index import Row
from mltui.ui.figures import duration
from mltui.ui.tui.proposal_view import Section, rows
from mltui.ui.tui.text import clean, one_line

if TYPE_CHECKING:
    from rich.console import RenderableType

    from mltui.experiments.orphans import Orphan

ADVICE = "It counts for nothing: no comparison and no promotion reads it. Adopt it to have it proposed and run again, or discard it."
_STATES = {"adopt": ("adopted", "secondary"), "discard": ("discarded", "muted")}


def orphan_row(orphan: Orphan) -> Row:
    """Returns: a row of the kind `unplanned`, whose state is what was said of it, or `unplanned`."""
    training = orphan.training
    state = {"adopt": "adopted", "discard": "discarded"}.get(orphan.settled, "unplanned")
    row = Row(training.id, state, "unplanned", training.command, orphan.when, orphan.when)
    return row._replace(author=f"session {training.session_id}", decided_by=orphan.by, cpu_seconds=training.cpu_seconds)


def used(orphan: Orphan) -> str:
    """Returns: `12s of CPU, 40s of GPU`."""
    training = orphan.training
    gpu = f", {duration(training.gpu_seconds)} of GPU" if training.gpu_seconds else ""
    return f"{duration(training.cpu_seconds)} of CPU{gpu}"


def orphan_report(orphan: Orphan) -> list[RenderableType]:
    """Returns: what is known of it, and what can be done."""
    training = orphan.training
    word, style = _STATES.get(orphan.settled, ("not settled", "warning"))
    by = f" by {one_line(orphan.by)}" if orphan.settled else ""
    pairs: list[tuple[str, RenderableType]] = [
        ("command", Text(clean(training.command), style="secondary")),
        ("used", Text(used(orphan) + (", then ended: it was beyond the scratch budget" if training.outcome == "ended" else ""))),
        ("when", Text(f"{duration(max(0.0, time.time() - orphan.when))} ago, session {one_line(training.session_id)}")),
        ("libraries", Text(", ".join(map(one_line, training.libraries)) or "none was seen")),
        *[("trains at", Text(one_line(place))) for place in training.call_sites[:10]],
        *[("wrote", Text(one_line(path))) for path in training.models[:20]],
    ]
    return [
        Text.assemble((training.id, "strong"), " ", ("training outside a proposal", "warning"), overflow="fold"),
        Text.assemble((word, style), (by, "muted")),
        Text(ADVICE if not orphan.settled else "It counts for nothing, unless it is proposed and run as an experiment.", style="muted"),
        Text(),
        Section("What ran", (rows(pairs),)),
    ]
