"""`mltui experiments orphans`: training outside a proposal, which nobody can compare or promote."""

from __future__ import annotations

import datetime
from pathlib import Path

import click

from mltui.cli.output import clean, emit_json, emit_table
from mltui.cli.project import cd_option, json_option, person
from mltui.cli.standing import require_person
from mltui.config.paths import project_root
from mltui.experiments.origin import origin
from mltui.experiments.orphans import Orphan, Orphans, Settled


@click.group("orphans", context_settings={"help_option_names": ["-h", "--help"]}, epilog="Example: mltui experiments orphans list")
def orphans() -> None:
    """Training outside a proposal: list it, adopt it or discard it."""


@orphans.command("list")
@click.option("--all", "everything", is_flag=True, help="Also those that were settled.")
@cd_option
@json_option
def list_(everything: bool, cwd: Path, as_json: bool) -> None:
    """What trained outside a proposal, the newest last. Example: mltui experiments orphans list"""
    kept = _orphans(cwd)
    found = kept.list() if everything else kept.open()
    if as_json:
        emit_json([{**o.training.model_dump(mode="json"), "when": o.when, "settled": o.settled, "by": o.by} for o in found])
        return
    if not found:
        click.echo("Nothing trained outside a proposal.", err=True)
        return
    rows = [[o.training.id, _when(o), f"{o.training.cpu_seconds:.0f}", f"{o.training.gpu_seconds:.0f}", *_what(o)] for o in found]
    emit_table(["ID", "WHEN", "CPU s", "GPU s", "LIBRARIES", "MODELS", "STATE", "COMMAND"], rows)


@orphans.command()
@click.argument("orphan_id", metavar="ID")
@cd_option
def adopt(orphan_id: str, cwd: Path) -> None:
    """Say that it is worth an experiment; it has to be proposed and run again. Example: mltui experiments orphans adopt U-0001"""
    require_person()
    training = _settle(cwd, orphan_id, "adopt").training
    click.echo(f"{training.id} is adopted. What it did counts for nothing until it runs as an experiment:", err=True)
    click.echo(f"  command  {clean(training.command)}", err=True)
    for site in training.call_sites[:5]:
        click.echo(f"  trains   {clean(site)}", err=True)
    click.echo("Ask the agent to propose it, with this command as the entry point.", err=True)


@orphans.command()
@click.argument("orphan_id", metavar="ID")
@cd_option
def discard(orphan_id: str, cwd: Path) -> None:
    """Say that it is of no interest; it stays in the journal. Example: mltui experiments orphans discard U-0001"""
    require_person()
    training = _settle(cwd, orphan_id, "discard").training
    click.echo(f"{training.id} is discarded.", err=True)
    if training.models:
        click.echo(f"Its files are still there: {', '.join(map(clean, training.models))}", err=True)


def _orphans(cwd: Path) -> Orphans:
    return Orphans(project_root(cwd) / ".mltui")


def _settle(cwd: Path, orphan_id: str, outcome: Settled) -> Orphan:
    return _orphans(cwd).settle(orphan_id, outcome, by=person(), origin=origin(project_root(cwd), "cli"))


def _what(orphan: Orphan) -> list[str]:
    training = orphan.training
    state = {"adopt": "adopted", "discard": "discarded"}.get(orphan.settled, training.outcome or "finished")
    return [", ".join(training.libraries) or "–", str(len(training.models)), state, clean(training.command)[:80]]


def _when(orphan: Orphan) -> str:
    return datetime.datetime.fromtimestamp(orphan.when, datetime.UTC).strftime("%Y-%m-%d %H:%M")
