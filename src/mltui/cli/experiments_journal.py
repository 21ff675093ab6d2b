"""`mltui experiments verify | export`: whether the journal is all that was written, and the journal as an audit trail or as reports."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import click

from mltui.cli.experiments_options import complete_id
from mltui.cli.output import clean, emit_json
from mltui.cli.project import cd_option, json_option, open_experiments, person
from mltui.cli.standing import require_person
from mltui.config.paths import project_root, project_state
from mltui.core.errors import UsageError
from mltui.experiments.storage import write_atomically

FORMATS = ("json", "csv", "md", "html")


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
@click.argument("experiment_ids", metavar="[ID...]", nargs=-1, shell_complete=complete_id)
@click.option("--format", "form", type=click.Choice(FORMATS), help="json, csv: the audit trail (default: json); md, html: reports.")
@click.option("--csv", "as_csv", is_flag=True, help="As --format csv.")
@click.option("-o", "--output", "target", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file.")
@cd_option
@json_option
def export(experiment_ids: tuple[str, ...], form: str | None, as_csv: bool, target: Path | None, cwd: Path, as_json: bool) -> None:
    """The journal as an audit trail (who, when, from where, on which hash), or reports of some or all experiments: rationale, methodology,
    results, interpretation. Example: mltui experiments export --format html -o report.html P-0001"""
    form = _form(form, as_csv, as_json, target)
    if form in ("json", "csv"):
        if experiment_ids:
            raise UsageError("the audit trail is of the whole journal", hint="Leave out the ids, or ask for --format md or html")
        text = _trail(cwd, form)
    else:
        text = _reports(cwd, experiment_ids, form, target)
    if target is None:
        click.echo(text, nl=False)
        return
    try:
        write_atomically(target, text.encode("utf-8", "replace"))
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}", hint="Name another file with -o") from error
    click.echo(f"Written to {target}.", err=True)


def _form(form: str | None, as_csv: bool, as_json: bool, target: Path | None) -> str:
    """What is asked for; without a word the file's name tells."""
    said = {*([form] if form else []), *(["csv"] if as_csv else []), *(["json"] if as_json else [])}
    if len(said) > 1:
        raise UsageError(f"{' and '.join(sorted(said))}: only one format at a time", hint="Choose one with --format")
    ending = target.suffix.lower().removeprefix(".") if target else ""
    return said.pop() if said else ending if ending in FORMATS else "json"


def _trail(cwd: Path, form: str) -> str:
    from mltui.experiments.audit import COLUMNS, trail

    rows = list(trail(project_state(project_root(cwd))))
    if form == "json":
        return json.dumps(rows, ensure_ascii=False, indent=2) + "\n"
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows([_cell(row[column]) for column in COLUMNS] for row in rows)
    return text.getvalue()


def _reports(cwd: Path, ids: tuple[str, ...], form: str, target: Path | None) -> str:
    from mltui.experiments.exporting import as_html, as_markdown

    found = open_experiments(cwd)
    experiments = [found.get(id_) for id_ in dict.fromkeys(ids)] if ids else found.list()
    if not experiments:
        raise UsageError("there are no experiments yet", hint="The agent makes one with ProposeExperiment")
    return as_html(found, experiments) if form == "html" else as_markdown(found, experiments, target)


def _cell(value: str | int) -> str | int:
    """A text that a spreadsheet would take for a formula is quoted."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
