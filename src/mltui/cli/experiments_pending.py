"""`mltui experiments pending | review`: what waits for a decision, riskiest first."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import click

from mltui.cli.experiments_decide import decider
from mltui.cli.output import clean, emit_json, emit_table
from mltui.cli.project import cd_option, json_option, open_experiments
from mltui.cli.standing import require_person
from mltui.core.approval import Decision, ExperimentRequest
from mltui.core.errors import MltuiError, UsageError
from mltui.core.experiment import Experiment
from mltui.core.messages import ToolCall
from mltui.experiments.review import by_risk
from mltui.experiments.service import Experiments

DONE = {"reject": "rejected", "hold": "held", "ask": "held: the agent answers in its next turn"}


@click.command()
@cd_option
@json_option
def pending(cwd: Path, as_json: bool) -> None:
    """Proposals that wait for a decision, those that need the most care first. Example: mltui experiments pending --json"""
    waiting = [*by_risk(open_experiments(cwd).list())]
    if as_json:
        emit_json([_brief(experiment) for experiment in waiting])
    elif not waiting:
        click.echo("Nothing waits for a decision.", err=True)
    else:
        rows = [[e.id, e.state, e.proposal.kind, _changes(e), _cost(e), _shows(e), _warned(e), e.proposal.title] for e in waiting]
        emit_table(["ID", "STATE", "KIND", "CHANGES", "COST", "DETECTS", "WARNINGS", "TITLE"], rows)


def _brief(experiment: Experiment) -> dict[str, object]:
    proposal = experiment.proposal
    return {
        "id": experiment.id,
        "state": experiment.state,
        "kind": proposal.kind,
        "title": proposal.title,
        "hypothesis": proposal.hypothesis,
        "changes": {change.name: [change.before, change.after] for change in proposal.parameters},
        "files": [file.path for file in proposal.files],
        "exchanges": [exchange.model_dump(mode="json") for exchange in experiment.exchanges],
        **proposal.review.model_dump(mode="json"),
    }


def _changes(experiment: Experiment) -> str:
    proposal = experiment.proposal
    named = [f"{change.name} {change.before} → {change.after}" for change in proposal.parameters]
    return ", ".join(named or [file.path for file in proposal.files])[:60]


def _cost(experiment: Experiment) -> str:
    estimate = experiment.proposal.review.estimate
    if estimate is None or estimate.minutes is None:
        return f"≤ {experiment.proposal.budget.minutes:g} min"
    return f"~{estimate.minutes:.2g} min"


def _shows(experiment: Experiment) -> str:
    power, least = experiment.proposal.review.power, experiment.proposal.metric.min_effect
    return "–" if power is None else f"{power.detectable:.2g}" + (f" (of {least:g})" if least else "")


def _warned(experiment: Experiment) -> str:
    return str(len(experiment.proposal.review.warnings) or "–")


@click.command()
@cd_option
def review(cwd: Path) -> None:
    """Decide on everything that waits, one after the other. Example: mltui experiments review"""
    require_person()
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to answer in", hint="Use: mltui experiments approve|reject|hold ID...")
    found = open_experiments(cwd)
    waiting = [*by_risk(found.list())]
    if not waiting:
        click.echo("Nothing waits for a decision.", err=True)
    asyncio.run(_review(found, waiting))


async def _review(found: Experiments, waiting: list[Experiment]) -> None:
    from mltui.ui.plain.approver import PlainApprover
    from mltui.ui.plain.input import LineReader
    from mltui.ui.plain.text import Printer

    approver = PlainApprover(LineReader(interactive=True), Printer())
    for number, experiment in enumerate(waiting, 1):
        click.echo(f"\n{number} of {len(waiting)}", err=True)
        request = ExperimentRequest(
            id=experiment.id,
            call=ToolCall(id=experiment.id, name="ProposeExperiment"),
            proposal=experiment.proposal,
            exchanges=experiment.exchanges,
        )
        try:
            click.echo(clean(decide(found, experiment.id, await approver.decide(request))), err=True)
        except MltuiError as error:
            click.echo(f"mltui: {error}", err=True)


def decide(found: Experiments, id_: str, decision: Decision) -> str:
    """Carries out a decision that was taken here. Returns: what became of the proposal, for people."""
    if decision.answer == "stop":
        return f"{id_} is left as it is."
    who: dict[str, Any] = {**decider(found), "reason": decision.reason}
    if decision.approved and decision.edits is not None and not decision.edits.empty:
        revised = found.revise(id_, decision.edits, here=False, **who).id
        return f"{id_} is approved with edits, as {revised}: mltui experiments run {revised}"
    found.decide(id_, answer=decision.answer, confirmed=True, here=False, **who)
    if decision.approved:
        return f"{id_} is approved: mltui experiments run {id_}"
    if decision.answer == "maintenance":
        return f"{id_} is maintenance: the change is in the working tree."
    return f"{id_} is {DONE[decision.answer]}."


COMMANDS = (pending, review)
