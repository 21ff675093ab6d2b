"""`mltui experiments approve | reject | hold | ask | maintenance | …`: what a person says to a proposal and to its result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mltui.cli.experiments_options import complete_id, id_argument, reason_option
from mltui.cli.experiments_run import start_and_watch
from mltui.cli.output import clean
from mltui.cli.project import cd_option, open_experiments, person
from mltui.cli.standing import require_person
from mltui.core.edits import parse_edits, parse_seeds
from mltui.core.errors import MltuiError, UsageError
from mltui.core.experiment import Answer, Origin, ProposalEdits, Recommendation
from mltui.experiments.origin import origin as origin_of
from mltui.experiments.service import Experiments

ids_argument = click.argument("experiment_ids", metavar="ID...", nargs=-1, required=True, shell_complete=complete_id)


def decider(found: Experiments) -> dict[str, Any]:
    """Who decides from where, as the service takes it."""
    origin: Origin = origin_of(found.root, "cli")
    return {"by": person(), "origin": origin}


def each(ids: tuple[str, ...], deed: Any) -> None:
    """Does it for every experiment; those that cannot be decided are named, and the others are decided all the same.

    Raises: MltuiError: the last that could not be.
    """
    failed: MltuiError | None = None
    for id_ in dict.fromkeys(ids):
        try:
            deed(id_)
        except MltuiError as error:
            if failed is not None:
                click.echo(f"mltui: {failed}", err=True)
            failed = error
    if failed is not None:
        raise failed


@click.command()
@ids_argument
@reason_option
@click.option("--seeds", help="Other seeds, separated by commas.")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="Another budget.")
@click.option("--set", "values", multiple=True, metavar="NAME=VALUE", help="Another value of a declared parameter; may be repeated.")
@click.option("--patch", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A diff in place of the proposed one.")
@click.option("--run", "start", is_flag=True, help="Start it at once.")
@cd_option
def approve(
    experiment_ids: tuple[str, ...],
    reason: str,
    seeds: str | None,
    minutes: float | None,
    values: tuple[str, ...],
    patch: Path | None,
    start: bool,
    cwd: Path,
) -> None:
    """Approve proposals as they are, or one with edits. Example: mltui experiments approve P-0001 --seeds 0,1,2,3,4,5 --run"""
    require_person()
    edits = parse_edits(values).model_copy(update={"seeds": parse_seeds(seeds) if seeds else None, "minutes": minutes})
    if patch is not None:
        edits = edits.model_copy(update={"patch": patch.read_text(encoding="utf-8", errors="surrogateescape")})
    if len(set(experiment_ids)) > 1 and not edits.empty:
        raise UsageError("edits are for one proposal", hint="Approve the others by a command of their own.")
    found = open_experiments(cwd)

    def one(id_: str) -> None:
        approved = _approve(found, id_, edits, reason, start)
        if start:
            start_and_watch(found, approved, wait=len(set(experiment_ids)) == 1)
        else:
            click.echo(f"Start it with: mltui experiments run {approved}", err=True)

    each(experiment_ids, one)


def _approve(found: Experiments, id_: str, edits: ProposalEdits, reason: str, start: bool) -> str:
    """Returns: the id of what is approved: with edits another one. What starts it may be in another environment than this terminal."""
    if edits.empty:
        found.decide(id_, answer="approve", reason=reason, here=start, **decider(found))
        click.echo(f"{id_} is approved.", err=True)
        return id_
    revised = found.revise(id_, edits, reason=reason, here=start, **decider(found)).id
    click.echo(f"{id_} is approved with edits, as {revised}.", err=True)
    return revised


def _say(cwd: Path, ids: tuple[str, ...], answer: Answer, reason: str, words: str) -> None:
    require_person()
    found = open_experiments(cwd)

    def one(id_: str) -> None:
        found.decide(id_, answer=answer, reason=reason, **decider(found))
        click.echo(f"{id_} {words}", err=True)

    each(ids, one)


@click.command()
@ids_argument
@reason_option
@cd_option
def reject(experiment_ids: tuple[str, ...], reason: str, cwd: Path) -> None:
    """Reject proposals; the working tree stays as it is. Example: mltui experiments reject P-0001 --reason 'too costly'"""
    _say(cwd, experiment_ids, "reject", reason, "is rejected.")


@click.command()
@ids_argument
@reason_option
@cd_option
def hold(experiment_ids: tuple[str, ...], reason: str, cwd: Path) -> None:
    """Put proposals off; they stay in the log. Example: mltui experiments hold P-0001 --reason 'after the release'"""
    _say(cwd, experiment_ids, "hold", reason, "waits.")


@click.command()
@id_argument
@click.option("--question", required=True, help="What you want to know; the agent answers in its next turn.")
@cd_option
def ask(experiment_id: str, question: str, cwd: Path) -> None:
    """Ask the agent about a proposal. Example: mltui experiments ask P-0001 --question 'Why not a schedule?'"""
    _say(cwd, (experiment_id,), "ask", question, "waits for the agent's answer.")


@click.command()
@id_argument
@click.option("--reason", required=True, help="Why the change needs no experiment; the journal keeps it.")
@click.option("--confirm", is_flag=True, help="Also for a change of evaluation or data, which makes earlier results invalid.")
@cd_option
def maintenance(experiment_id: str, reason: str, confirm: bool, cwd: Path) -> None:
    """Let a change through without a run. Example: mltui experiments maintenance P-0001 --reason 'a log message'"""
    require_person()
    found = open_experiments(cwd)
    found.decide(experiment_id, answer="maintenance", reason=reason, confirmed=confirm, **decider(found))
    click.echo(f"{experiment_id} is maintenance: the change is in the working tree, and nothing was measured.", err=True)


@click.command()
@id_argument
@cd_option
def refresh(experiment_id: str, cwd: Path) -> None:
    """Renew an open proposal with the data and the environment of now. Example: mltui experiments refresh P-0001"""
    require_person()
    found = open_experiments(cwd)
    renewed = found.refresh(experiment_id, **decider(found)).id
    click.echo(f"{renewed} takes the place of {experiment_id} and waits for a decision.", err=True)


@click.command()
@id_argument
@click.option("--reason", required=True, help="Why it is to be decided again.")
@cd_option
def reopen(experiment_id: str, reason: str, cwd: Path) -> None:
    """Open a rejected proposal again, or an approved one that did not start. Example: mltui experiments reopen P-0001 --reason '…'"""
    require_person()
    open_experiments(cwd).reopen(experiment_id, by=person(), reason=reason)
    click.echo(f"{experiment_id} is open again.", err=True)


@click.group()
def metric() -> None:
    """The metric that judges."""


@metric.command()
@click.option("--reason", required=True, help="Why another metric judges from now on.")
@cd_option
def confirm(reason: str, cwd: Path) -> None:
    """Let the declared metric judge, although results were seen by another. Example: mltui experiments metric confirm --reason '…'"""
    require_person()
    found = open_experiments(cwd)
    entry = found.confirm_metric(reason=reason, **decider(found))
    click.echo(f"From now on {entry.after} judges, in place of {entry.before}.", err=True)


@click.command()
@id_argument
@click.option("--interpretation", required=True, help="What the result shows and what it does not.")
@click.option("--recommendation", type=click.Choice(["accept", "discard", "inconclusive"]), required=True)
@cd_option
def conclude(experiment_id: str, interpretation: str, recommendation: Recommendation, cwd: Path) -> None:
    """Record what a result means. Example: mltui experiments conclude P-0001 --interpretation '…' --recommendation accept"""
    require_person()
    open_experiments(cwd).conclude(experiment_id, interpretation=interpretation, recommendation=recommendation, by=person())
    click.echo(f"The interpretation of {experiment_id} is recorded.", err=True)


@click.command()
@id_argument
@cd_option
def accept(experiment_id: str, cwd: Path) -> None:
    """Keep the change: it becomes the working tree. Example: mltui experiments accept P-0001"""
    require_person()
    found = open_experiments(cwd)
    experiment = found.accept(experiment_id, **decider(found))
    production = found.config.promotion.prompt
    changed = [file.path for file in experiment.proposal.files]
    written = ", ".join(path for path in changed if path != production)
    click.echo(f"{experiment_id} is accepted" + (f"; changed in the working tree: {clean(written)}" if written else "."), err=True)
    if production in changed:
        how = f"mltui promote prompt --from {experiment_id}"
        click.echo(f"The production prompt {clean(production)} stays as it is until it is promoted: {how}", err=True)


@click.command()
@id_argument
@cd_option
def discard(experiment_id: str, cwd: Path) -> None:
    """Drop the change; the experiment stays in the log. Example: mltui experiments discard P-0001"""
    require_person()
    found = open_experiments(cwd)
    found.discard(experiment_id, **decider(found))
    click.echo(f"{experiment_id} is discarded; the working tree is unchanged.", err=True)


COMMANDS = (approve, reject, hold, ask, maintenance, refresh, reopen, metric, conclude, accept, discard)
