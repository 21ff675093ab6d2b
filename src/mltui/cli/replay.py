"""`mltui replay`: a session file played again, through the same fold as a live one."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from pathlib import Path

import click

from mltui.agent import store
from mltui.agent.transcript import Transcript
from mltui.cli.output import clean
from mltui.core.events import (
    ApprovalResolved,
    Event,
    ExperimentConcluded,
    ExperimentDecided,
    ExperimentFinished,
    ExperimentProposed,
    MessageCompleted,
    Notice,
    SessionRewound,
    SessionStarted,
    ToolCompleted,
    TurnCompleted,
    TurnStarted,
)
from mltui.ui.figures import rewound


@click.command(context_settings={"help_option_names": ["-h", "--help"]}, epilog="Example: mltui replay session.jsonl --speed 10")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--speed", type=click.FloatRange(min=0, min_open=True), help="Play with the recorded pauses, this many times faster.")
def replay(file: Path, speed: float | None) -> None:
    """Play a session FILE as text."""
    loaded = store.load(file)
    write_events(loaded.events, speed)
    for problem in loaded.problems:
        click.echo(f"mltui: {problem}", err=True)
    transcript = Transcript.fold(loaded.events)
    open_calls = f"; {len(transcript.pending)} call(s) never came back" if transcript.pending else ""
    click.echo(f"{len(loaded.events)} events, {transcript.turns} turns{open_calls}", err=True)


def write_events(events: Iterable[Event], speed: float | None = None) -> None:
    """Writes events as text on stdout."""
    last: float | None = None
    for event in events:
        if speed is not None and last is not None:
            time.sleep(min(5.0, max(0.0, event.at - last) / speed))
        last = event.at
        for line in describe(event):
            sys.stdout.write(clean(line) + "\n")
        sys.stdout.flush()


def describe(event: Event) -> list[str]:
    """An event as lines of text; none for events that a reader does not need."""
    match event:
        case SessionStarted():
            return [f"# {event.session_id} · {event.model} · {event.persona} · {event.cwd}"]
        case TurnStarted():
            return ["", *(f"> {line}" for line in event.text.splitlines())]
        case MessageCompleted():
            calls = [f"● {call.name} {call.broken or call.arguments}" for call in event.message.tool_calls]
            return [*event.message.text.splitlines(), *calls]
        case ToolCompleted():
            lines = event.content.splitlines() or [""]
            rest = [f"  … {len(lines) - 10} more lines"] if len(lines) > 10 else []
            return [f"  {'!' if event.is_error else '└'} {lines[0]}", *(f"    {line}" for line in lines[1:10]), *rest]
        case ApprovalResolved():
            return [f"  ? {event.answer} by {event.by} {event.reason}"]
        case ExperimentProposed(proposal=proposal):
            return [f"◆ {proposal.id} {proposal.title}", f"  hypothesis: {proposal.hypothesis}"]
        case ExperimentDecided():
            return [f"◆ {event.proposal_id} {event.answer} by {event.by} {event.reason}"]
        case ExperimentFinished(comparison=comparison):
            return [f"◆ {event.proposal_id} {comparison.summary if comparison else event.message}"]
        case ExperimentConcluded():
            return [f"◆ {event.proposal_id} {event.outcome or 'interpreted'}: {event.conclusion.interpretation}"]
        case SessionRewound():
            return [f"— {rewound(event)}"]
        case Notice():
            return [f"{event.level}: {event.text}"]
        case TurnCompleted() if event.outcome != "completed":
            return [f"— {event.outcome} {event.error}"]
        case _:
            return []
