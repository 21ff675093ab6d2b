"""`mltui experiments run | stop | baseline`: what starts and ends runs, and the watching of them."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Literal

import click

from mltui.cli.experiments_again import run_again
from mltui.cli.experiments_options import id_argument
from mltui.cli.output import clean
from mltui.cli.progress import line
from mltui.cli.project import cd_option, open_experiments, person
from mltui.cli.standing import require_person
from mltui.core.edits import parse_seeds
from mltui.core.errors import ExperimentError, UsageError
from mltui.core.events import ExperimentFinished, ExperimentProgressed
from mltui.core.experiment import Experiment
from mltui.core.reproduction import Again
from mltui.experiments.origin import origin as origin_of
from mltui.experiments.service import Experiments


@click.command()
@id_argument
@click.option("--wait/--no-wait", default=True, help="Show the runs as they go; they go on if you leave.")
@click.option("--again", is_flag=True, help="Make its recorded runs once more and say whether the numbers agree; changes no verdict.")
@click.option("--seed", "seeds", type=click.IntRange(min=0), multiple=True, help="With --again: only this seed; may be given again.")
@click.option("--arm", type=click.Choice(["baseline", "candidate"]), help="With --again: only these runs.")
@click.option("--here", is_flag=True, help="With --again: also where interpreter or packages are others by now; the record says so.")
@click.option("--json", "as_json", is_flag=True, help="With --again: the outcome as JSON on stdout.")
@cd_option
def run(
    experiment_id: str,
    wait: bool,
    again: bool,
    seeds: tuple[int, ...],
    arm: Literal["baseline", "candidate"] | None,
    here: bool,
    as_json: bool,
    cwd: Path,
) -> None:
    """Run an approved proposal, or what ran once more.

    \b
    Example: mltui experiments run P-0001
             mltui experiments run P-0001 --again --seed 3
    """
    if again:
        wanted = Again(seeds=seeds, arms=(arm,) if arm else (), here=here)
        run_again(open_experiments(cwd), experiment_id, wanted, wait=wait, as_json=as_json)
        return
    if seeds or arm or here or as_json:
        raise UsageError("--seed, --arm, --here and --json belong to --again", hint=f"mltui experiments run {experiment_id} --again …")
    start_and_watch(open_experiments(cwd), experiment_id, wait)


def start_and_watch(found: Experiments, experiment_id: str, wait: bool) -> None:
    require_person()
    if found.get(experiment_id).state != "running":
        job = found.start(experiment_id)
        click.echo(f"{experiment_id} runs as {job}; it goes on if you leave (Ctrl-C).", err=True)
    if wait:
        wait_for(found, experiment_id)


def wait_for(found: Experiments, experiment_id: str, again: str = "", end: str = "") -> None:
    """Shows the runs to their end. Args: again, end: the commands that watch and stop it, told to whoever leaves."""
    try:
        asyncio.run(watch(found, experiment_id))
    except KeyboardInterrupt:
        click.echo(f"\n{experiment_id} goes on. To watch it again: {again or f'mltui experiments run {experiment_id}'}", err=True)
        click.echo(f"To end it: {end or f'mltui experiments stop {experiment_id}'}", err=True)
        raise


async def watch(found: Experiments, experiment_id: str) -> None:
    """Shows the runs as they go, and the result. Raises: ExperimentError: it failed."""
    async for event in found.follow(experiment_id):
        match event:
            case ExperimentProgressed():
                text = line(event)
                if text:
                    click.echo(clean(text), err=True)
            case ExperimentFinished(comparison=comparison):
                experiment = found.get(experiment_id)
                if experiment.state == "measured":
                    click.echo(event.message)
                elif comparison is None:
                    how = "is stopped" if experiment.state == "stopped" else "failed"
                    raise ExperimentError(f"{experiment_id} {how}: {event.message}", hint=output_of_failed(experiment, found.root))
                else:
                    show_comparison(experiment)
            case _:
                pass


def output_of_failed(experiment: Experiment, root: Path) -> str:
    """Where to read what the failed run printed that the message is about, or its evaluator; else the last that failed."""
    runs = (*experiment.runs, *(run for trial in experiment.trials if trial.state == "failed" for run in trial.runs))
    failed = [run for run in runs if run.status != "finished" and run.folder]
    told = [run for run in failed if f"{run.arm} runs failed; seed {run.seed}: " in experiment.message] or failed[-1:]
    if not told:
        return f"mltui experiments show {experiment.id}"
    folder = root / told[0].folder
    if told[0].message.lower().startswith("the evaluator"):
        folder = folder.parent.parent / "evaluations" / folder.name
    return f"All that it printed is in {folder}"


def show_comparison(experiment: Experiment) -> None:
    from mltui.experiments.render import render_comparison

    assert experiment.comparison is not None
    click.echo(render_comparison(experiment.comparison, shutil.get_terminal_size((100, 24)).columns))
    for guard in experiment.guardrails:
        click.echo(f"guardrail {guard.metric.name}: {guard.summary}")


@click.command()
@id_argument
@cd_option
def stop(experiment_id: str, cwd: Path) -> None:
    """Stop a running experiment. Example: mltui experiments stop P-0001"""
    require_person()
    found = open_experiments(cwd)
    (found.reproductions() if found.get(experiment_id).repeating else found).stop(experiment_id)
    click.echo(f"{experiment_id} is stopped.", err=True)


@click.command()
@click.option("--seeds", help="Seeds, separated by commas; as declared when absent.")
@click.option("--wait/--no-wait", default=True, help="Show the runs as they go; they go on if you leave.")
@cd_option
def baseline(seeds: str | None, wait: bool, cwd: Path) -> None:
    """Measure the working tree as it is: the noise floor. Example: mltui experiments baseline --seeds 0,1,2,3,4,5"""
    require_person()
    chosen = parse_seeds(seeds) if seeds else None
    found = open_experiments(cwd)
    plan = found.start_baseline(by=person(), seeds=chosen, origin=origin_of(found.root, "cli"))
    click.echo(f"{plan.id} measures {len(plan.seeds)} seeds; it goes on if you leave (Ctrl-C).", err=True)
    if wait:
        wait_for(found, plan.id)


COMMANDS = (run, stop, baseline)
