"""`mltui sweep`: many trials of a declared space under one approval, and a winner that is confirmed."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from mltui.cli.experiments_options import complete_id
from mltui.cli.experiments_run import show_comparison, wait_for
from mltui.cli.output import clean, emit_json
from mltui.cli.project import cd_option, json_option, load_config, open_experiments, person
from mltui.cli.standing import require_person
from mltui.core.errors import ExperimentError, MltuiError
from mltui.core.experiment import Experiment
from mltui.experiments.origin import origin as origin_of
from mltui.experiments.service import Experiments
from mltui.experiments.sweeps.file import example, read_sweep

id_argument = click.argument("sweep_id", metavar="ID", shell_complete=complete_id)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: mltui sweep init > sweep.toml && mltui sweep run sweep.toml",
)
def sweep() -> None:
    """Try many settings under one approval, and confirm the best on fresh seeds."""


@sweep.command()
@cd_option
def init(cwd: Path) -> None:
    """Print a sweep file to begin with, of what the project declares. Example: mltui sweep init > sweep.toml"""
    click.echo(example(load_config(cwd).config.experiments.space), nl=False)


@sweep.command()
@click.argument("file_or_id", metavar="FILE|ID", shell_complete=complete_id)
@click.option("-y", "--yes", is_flag=True, help="Approve the plan of FILE without asking again.")
@click.option("--wait/--no-wait", default=True, help="Show the trials as they go; they go on if you leave.")
@cd_option
def run(file_or_id: str, yes: bool, wait: bool, cwd: Path) -> None:
    """Propose, approve and run the sweep of a file; or start, watch or go on with one. Example: mltui sweep run sweep.toml"""
    require_person()
    found = open_experiments(cwd)
    path = Path(file_or_id)
    if path.suffix == ".toml" or path.is_file():
        proposed = _propose(found, path, yes)
        if proposed is None:
            return
        file_or_id = proposed
    _carry_on(found, file_or_id, wait)


def _propose(found: Experiments, path: Path, yes: bool) -> str | None:
    """Returns: the id of the approved sweep; None where nobody approved it."""
    request = read_sweep(path)
    origin = origin_of(found.root, "cli")
    try:
        proposal = found.sweeps.propose(request, session_id=None, author=person(), origin=origin)
    except ExperimentError as error:
        raise type(error)(f"{path}: {error.args[0]}", hint=error.hint) from error
    state = found.get(proposal.id).state
    if state != "proposed":
        click.echo(f"{proposal.id} is this very plan, and it is {state}.", err=True)
        return proposal.id if state in ("approved", "running") else None
    from mltui.ui.plain.experiments import proposal_lines

    for line in proposal_lines(proposal):
        click.echo(clean(line), err=True)
    if not yes and not (sys.stdin.isatty() and click.confirm(f"Approve {proposal.id} and run it?", err=True)):
        click.echo(f"{proposal.id} waits for a decision: mltui experiments approve {proposal.id} --run (or reject)", err=True)
        return None
    found.decide(proposal.id, answer="approve", by=person(), reason=f"asked for by {path.name}", origin=origin)
    return proposal.id


def _carry_on(found: Experiments, sweep_id: str, wait: bool) -> None:
    experiment = found.sweeps.get(sweep_id)
    if experiment.state not in ("measured", "running"):
        job = found.start(sweep_id)
        gone_on = f" from trial {len(experiment.trials)}" if experiment.trials else ""
        click.echo(f"{sweep_id} runs as {job}{gone_on}; it goes on if you leave (Ctrl-C).", err=True)
    if not wait:
        return
    again = f"mltui sweep run {sweep_id}"
    if found.get(sweep_id).state == "running":
        wait_for(found, sweep_id, again, f"mltui sweep stop {sweep_id}")
    confirmation = found.sweeps.confirm(sweep_id)  # by the supervisor, or now if it could not
    click.echo(f"The best trial is compared with the baseline as {confirmation.id}, on seeds that no trial had.", err=True)
    if confirmation.comparison is None:
        wait_for(found, confirmation.id, again, f"mltui experiments stop {confirmation.id}")
    else:
        show_comparison(confirmation)


@sweep.command()
@id_argument
@cd_option
def stop(sweep_id: str, cwd: Path) -> None:
    """Stop a sweep, or what confirms its winner; `run` goes on with its trials. Example: mltui sweep stop P-0004"""
    require_person()
    found = open_experiments(cwd)
    experiment = found.sweeps.get(sweep_id)
    target = experiment.confirmation or sweep_id
    found.stop(target)
    more = f" Its trials are kept; go on with: mltui sweep run {sweep_id}" if target == sweep_id else ""
    click.echo(f"{target} is stopped.{more}", err=True)


@sweep.command()
@id_argument
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Save the pictures as .svg or .png.")
@click.option("-n", "--trials", "most", type=click.IntRange(min=0), default=20, help="Trials in the table, the best first; 0: all.")
@cd_option
@json_option
def show(sweep_id: str, plot: Path | None, most: int, cwd: Path, as_json: bool) -> None:
    """Trials, the best so far, what matters, parallel coordinates. Example: mltui sweep show P-0004 --plot sweep.svg"""
    found = open_experiments(cwd)
    experiment = found.sweeps.get(sweep_id)
    shares, why_not = _importances(experiment)
    if plot is not None:
        from mltui.experiments.sweeps.picture import save

        save(experiment, shares, plot)
        click.echo(f"{clean(str(plot))} is written.", err=True)
    if as_json:
        from mltui.experiments.sweeps.summary import summary

        emit_json(summary(experiment, shares))
        return
    from mltui.ui.plots.canvas import text_of
    from mltui.ui.plots.of_sweep import sweep_lines

    width = shutil.get_terminal_size((100, 24)).columns
    for line in text_of(sweep_lines(experiment, shares, width, most)):
        click.echo(clean(line))
    if why_not:
        click.echo(why_not, err=True)
    if experiment.confirmation:
        confirming = found.get(experiment.confirmation)
        said = confirming.comparison.summary if confirming.comparison else f"it is {confirming.state}"
        click.echo(clean(f"Confirmed on fresh seeds by {confirming.id}: {said}"))


def _importances(experiment: Experiment) -> tuple[dict[str, float], str]:
    """Shares by name, and why there are none where something is missing."""
    from mltui.experiments.sweeps.study import importances
    from mltui.experiments.sweeps.trees import plan_of

    try:
        return importances(plan_of(experiment.proposal), experiment.trials, experiment.proposal.metric.direction), ""
    except MltuiError as error:
        return {}, str(error)
