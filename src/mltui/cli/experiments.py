"""`mltui experiments`: everything that can be decided in the app can be decided here."""

from __future__ import annotations

from pathlib import Path

import click

from mltui.cli import experiments_compare, experiments_control, experiments_decide, experiments_pending, experiments_run
from mltui.cli.experiments_compare import standing_json
from mltui.cli.experiments_options import id_argument
from mltui.cli.output import clean, emit_json
from mltui.cli.project import cd_option, json_option, open_experiments


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: mltui experiments approve P-0003 && mltui experiments run P-0003",
)
def experiments() -> None:
    """List, decide, run and compare experiments."""


for _command in (
    *experiments_decide.COMMANDS,
    *experiments_pending.COMMANDS,
    *experiments_run.COMMANDS,
    *experiments_compare.COMMANDS,
    experiments_control.control,
):
    experiments.add_command(_command)


@experiments.command()
@id_argument
@cd_option
@json_option
def show(experiment_id: str, cwd: Path, as_json: bool) -> None:
    """One experiment in full: plan, diff, runs, comparison, decision. Example: mltui experiments show P-0001"""
    found = open_experiments(cwd)
    experiment = found.get(experiment_id)
    standing = found.standing(experiment_id) if experiment.comparison else None
    if as_json:
        emit_json({**experiment.model_dump(mode="json"), **standing_json(standing)})
        return
    from mltui.experiments.report import experiment_report

    text = experiment_report(experiment, standing)
    click.echo("\n".join(clean(line) for line in text.splitlines()))
