"""Events as lines on stderr, for commands that work without a front-end."""

from __future__ import annotations

import click

from mltui.cli.output import clean
from mltui.core.events import (
    Event,
    ExperimentConcluded,
    ExperimentDecided,
    ExperimentFinished,
    ExperimentProgressed,
    ExperimentProposed,
    Notice,
)
from mltui.experiments.render import in_short
from mltui.ui import figures

_DECIDED = {"approve": "approved", "reject": "rejected", "hold": "held", "ask": "asked about", "maintenance": "let through as maintenance"}


async def show_progress(event: Event) -> None:
    """Prints what a person who waits would want to know."""
    text = line(event)
    if text:
        click.echo(clean(text), err=True)


def line(event: Event) -> str:
    match event:
        case Notice():
            return event.text if event.level == "info" else f"{event.level}: {event.text}"
        case ExperimentProposed(proposal=proposal) if len(proposal.arms) > 1:
            changes = ", ".join(f"{change.name} {change.before} → {change.after}" for change in proposal.parameters)
            return f"◆ {proposal.id} proposed: {changes or proposal.title}"
        case ExperimentDecided():
            return f"◆ {event.proposal_id} {_DECIDED[event.answer]} by {event.by}" + (f" ({event.reason})" if event.reason else "")
        case ExperimentProgressed(metrics=metrics) if metrics or event.message:
            values = figures.metrics(metrics)
            note = f" ({event.message})" if values and event.message not in ("", "finished") else ""
            who = f"{event.arm} seed {event.seed}" if event.trial is None else f"trial {event.trial}"
            return f"  [{event.done}/{event.total}] {who}: {values or in_short(event.message)}{note}"
        case ExperimentFinished(comparison=comparison) if comparison is not None:
            return f"◆ {event.proposal_id} {comparison.summary}"
        case ExperimentFinished():
            return f"◆ {event.proposal_id} {event.state}: {event.message}"
        case ExperimentConcluded():
            return f"◆ {event.proposal_id} {event.outcome or 'interpreted'}: {event.conclusion.interpretation}"
        case _:
            return ""
