"""`mltui experiments run ID --again`: the recorded runs once more, and whether their numbers come out the same."""

from __future__ import annotations

import asyncio

import click

from mltui.cli.output import clean, emit_json
from mltui.cli.project import person
from mltui.cli.standing import require_person
from mltui.core.reproduction import Again, Reproduction
from mltui.experiments.agreement import first_of, line
from mltui.experiments.origin import origin as origin_of
from mltui.experiments.service import Experiments


def run_again(found: Experiments, experiment_id: str, again: Again, *, wait: bool, as_json: bool) -> None:
    """Starts the repetition, or watches the one that goes on. Exits with 1 when a number does not agree."""
    require_person()
    experiment, reproductions = found.get(experiment_id), found.reproductions()
    if experiment.repeating:
        begun = experiment.reproductions[-1]
        click.echo(f"{experiment_id} is being run again already, as {begun.job} for {clean(begun.by)}.", err=True)
    else:
        begun = reproductions.start(experiment_id, again, by=person(), origin=origin_of(found.root, "cli"))
        minutes = experiment.proposal.budget.minutes
        count = f"{begun.planned} run{'s' if begun.planned != 1 else ''}"
        click.echo(
            f"{experiment_id} runs again as {begun.job}: {count}, {minutes:g} minutes at most; it goes on if you leave (Ctrl-C).", err=True
        )
    for difference in first_of(begun.differences):
        click.echo(f"differs from then: {clean(difference)}", err=True)
    for note in begun.notes:
        click.echo(f"note: {clean(note)}", err=True)
    if not wait:
        if as_json:
            emit_json(begun.model_dump(mode="json"))
        return
    try:
        ended = asyncio.run(watch_again(found, experiment_id))
    except KeyboardInterrupt:
        click.echo(f"\nIt goes on. To watch it again: mltui experiments run {experiment_id} --again", err=True)
        click.echo(f"To end it: mltui experiments stop {experiment_id}", err=True)
        raise
    if as_json:
        emit_json(ended.model_dump(mode="json"))
    else:
        told = ended.message if ended.state in ("agrees", "differs") else f"{ended.state}: {ended.message}"
        click.echo(f"{experiment_id}: {clean(told)}")
    if ended.state != "agrees":
        raise click.exceptions.Exit(1)


async def watch_again(found: Experiments, experiment_id: str) -> Reproduction:
    """Shows each run as it ends."""
    shown, told = 0, -1
    async for latest in found.reproductions().follow(experiment_id):
        for run in latest.runs[shown:]:
            click.echo(clean(line(run)), err=True)
        shown = len(latest.runs)
        for new in latest.differences[told:] if told >= 0 else ():
            click.echo(f"differs from then: {clean(new)}", err=True)
        told = len(latest.differences)
        if latest.state != "running":
            return latest
    raise AssertionError("a repetition ends in a state")
