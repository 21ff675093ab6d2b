"""`mltui experiments verify | export`: whether the journal is all that was written, and the journal as an audit trail."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import click

from mltui.cli.output import clean, emit_json
from mltui.cli.project import cd_option, json_option, person
from mltui.cli.standing import require_person
from mltui.config.paths import project_root, project_state
from mltui.core.errors import UsageError


@click.command()
@click.option("--accept-loss", is_flag=True, help="Go on with a journal of which more was seen; the journal keeps what was missing.")
@click.option("--reason", default="", help="Why, with --accept-loss.")
@cd_option
@json_option
def verify(accept_loss: bool, reason: str, cwd: Path, as_json: bool) -> None:
    """Check the journal's hash chain, and that nothing is missing at its end. Example: mltui experiments verify"""
    from mltui.experiments import verification

    root = project_root(cwd)
    if accept_loss:
        require_person()
        if not reason.strip():
            raise UsageError("--accept-loss needs a reason", hint="--reason 'restored from the backup of Monday'")
        found = verification.accept_loss(root, by=person(), reason=reason.strip())
    else:
        found = verification.verify(root)
    if as_json:
        emit_json({"records": found.records, "head": found.head, "notes": list(found.notes)})
        return
    click.echo(f"The journal is whole: {found.records} records.", err=True)
    for note in found.notes:
        click.echo(f"  note: {clean(note)}", err=True)


@click.command()
@click.option("--csv", "as_csv", is_flag=True, help="A table with a heading instead of JSON.")
@cd_option
@json_option
def export(as_csv: bool, cwd: Path, as_json: bool) -> None:
    """The journal as an audit trail: who, when, from where, on which hash. Example: mltui experiments export --csv > trail.csv"""
    from mltui.experiments.audit import COLUMNS, trail

    if as_csv and as_json:
        raise UsageError("--csv or --json, not both")
    rows = list(trail(project_state(project_root(cwd))))
    if not as_csv:
        emit_json(rows)
        return
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows([_cell(row[column]) for column in COLUMNS] for row in rows)
    click.echo(text.getvalue(), nl=False)


def _cell(value: str | int) -> str | int:
    """A text that a spreadsheet would take for a formula is quoted."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
