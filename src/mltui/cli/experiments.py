"""`mltui experiments`: everything that can be decided in the app can be decided here."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import time
from pathlib import Path

import click

from mltui.cli.output import clean, emit_json, emit_table
from mltui.cli.progress import line
from mltui.cli.project import cd_option, json_option, open_experiments, person
from mltui.cli.standing import require_person
from mltui.core.errors import ExperimentError, MltuiError, UsageError
from mltui.core.events import ExperimentFinished, ExperimentProgressed
from mltui.core.experiment import Experiment, Recommendation
from mltui.experiments.service import Experiments


def _complete_id(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The experiments of the project, for the shell's Tab key; a project that cannot be read has none."""
    with contextlib.suppress(MltuiError, OSError):
        return [e.id for e in open_experiments(Path(ctx.params.get("cwd") or ".")).list() if e.id.startswith(incomplete)]
    return []


id_argument = click.argument("experiment_id", metavar="ID", shell_complete=_complete_id)
reason_option = click.option("--reason", default="", help="Why; the agent is told and the journal keeps it.")


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: mltui experiments approve P-0003 && mltui experiments run P-0003",
)
def experiments() -> None:
    """List, decide, run and compare experiments."""


@experiments.command("list")
@cd_option
@json_option
def list_(cwd: Path, as_json: bool) -> None:
    """All experiments of the project, the newest last. Example: mltui experiments list --json"""
    found = open_experiments(cwd).list()
    if as_json:
        emit_json([_brief(experiment) for experiment in found])
        return
    if not found:
        click.echo("There are no experiments yet. The agent makes one with ProposeExperiment; `mltui try` shows how.", err=True)
        return
    rows = [
        [
            e.id,
            e.state,
            e.proposal.kind,
            _verdict(e),
            _difference(e),
            _age(e.proposal.created),
            e.proposal.title,
        ]
        for e in found
    ]
    emit_table(["ID", "STATE", "KIND", "VERDICT", "DIFFERENCE [95 % CI]", "AGE", "TITLE"], rows)


def _brief(experiment: Experiment) -> dict[str, object]:
    comparison = experiment.comparison
    return {
        "id": experiment.id,
        "title": experiment.proposal.title,
        "kind": experiment.proposal.kind,
        "state": experiment.state,
        "created": experiment.proposal.created,
        "verdict": comparison.verdict if comparison else None,
        "diff": comparison.diff if comparison else None,
        "ci_low": comparison.ci_low if comparison else None,
        "ci_high": comparison.ci_high if comparison else None,
        "p_value": comparison.p_value if comparison else None,
        "guardrails": {guard.metric.name: guard.verdict for guard in experiment.guardrails},
    }


def _verdict(experiment: Experiment) -> str:
    """The verdict on the primary metric; a guardrail that does not hold belongs to it."""
    if experiment.comparison is None:
        return "–"
    broken = [guard.metric.name for guard in experiment.guardrails if guard.verdict == "worse"]
    unsure = [guard.metric.name for guard in experiment.guardrails if guard.verdict == "inconclusive"]
    but = f", but {', '.join(broken)} worse" if broken else f", {', '.join(unsure)} unclear" if unsure else ""
    return experiment.comparison.verdict + but


def _difference(experiment: Experiment) -> str:
    comparison = experiment.comparison
    return f"{comparison.diff:+.4g} [{comparison.ci_low:.4g}, {comparison.ci_high:.4g}]" if comparison else "–"


def _age(created: float) -> str:
    seconds = max(0.0, time.time() - created)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


@experiments.command()
@id_argument
@cd_option
@json_option
def show(experiment_id: str, cwd: Path, as_json: bool) -> None:
    """One experiment in full: plan, diff, runs, comparison, decision. Example: mltui experiments show P-0001"""
    experiment = open_experiments(cwd).get(experiment_id)
    if as_json:
        emit_json(experiment.model_dump(mode="json"))
        return
    from mltui.experiments.report import experiment_report

    text = experiment_report(experiment)
    click.echo("\n".join(clean(line) for line in text.splitlines()))


@experiments.command()
@id_argument
@reason_option
@click.option("--run", "start", is_flag=True, help="Start it at once.")
@cd_option
def approve(experiment_id: str, reason: str, start: bool, cwd: Path) -> None:
    """Approve a proposal exactly as it is. Example: mltui experiments approve P-0001 --run"""
    require_person()
    found = open_experiments(cwd)
    found.decide(experiment_id, answer="approve", by=person(), reason=reason)
    click.echo(f"{experiment_id} is approved.", err=True)
    if start:
        _run(found, experiment_id, wait=True)
    else:
        click.echo(f"Start it with: mltui experiments run {experiment_id}", err=True)


@experiments.command()
@id_argument
@reason_option
@cd_option
def reject(experiment_id: str, reason: str, cwd: Path) -> None:
    """Reject a proposal; the working tree stays as it is. Example: mltui experiments reject P-0001 --reason 'too costly'"""
    require_person()
    open_experiments(cwd).decide(experiment_id, answer="reject", by=person(), reason=reason)
    click.echo(f"{experiment_id} is rejected.", err=True)


@experiments.command()
@id_argument
@click.option("--wait/--no-wait", default=True, help="Show the runs as they go; they go on if you leave.")
@cd_option
def run(experiment_id: str, wait: bool, cwd: Path) -> None:
    """Run an approved proposal. Example: mltui experiments run P-0001"""
    _run(open_experiments(cwd), experiment_id, wait)


def _run(found: Experiments, experiment_id: str, wait: bool) -> None:
    require_person()
    if found.get(experiment_id).state != "running":
        job = found.start(experiment_id)
        click.echo(f"{experiment_id} runs as {job}; it goes on if you leave (Ctrl-C).", err=True)
    if wait:
        _wait(found, experiment_id)


def _wait(found: Experiments, experiment_id: str) -> None:
    try:
        asyncio.run(_watch(found, experiment_id))
    except KeyboardInterrupt:
        click.echo(f"\n{experiment_id} goes on. To watch it again: mltui experiments run {experiment_id}", err=True)
        click.echo(f"To end it: mltui experiments stop {experiment_id}", err=True)
        raise


async def _watch(found: Experiments, experiment_id: str) -> None:
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
                    raise ExperimentError(f"{experiment_id} failed: {event.message}", hint=_output_of_failed(experiment, found.root))
                else:
                    _show_comparison(experiment)
            case _:
                pass


def _output_of_failed(experiment: Experiment, root: Path) -> str:
    """Where to read what the last failed run printed."""
    failed = [run.folder for run in experiment.runs if run.status not in ("finished", "running") and run.folder]
    return f"All that it printed is in {root / failed[-1]}" if failed else f"mltui experiments show {experiment.id}"


def _show_comparison(experiment: Experiment) -> None:
    from mltui.experiments.render import render_comparison

    assert experiment.comparison is not None
    click.echo(render_comparison(experiment.comparison, shutil.get_terminal_size((100, 24)).columns))
    for guard in experiment.guardrails:
        click.echo(f"guardrail {guard.metric.name}: {guard.summary}")


@experiments.command()
@id_argument
@cd_option
def stop(experiment_id: str, cwd: Path) -> None:
    """Stop a running experiment. Example: mltui experiments stop P-0001"""
    require_person()
    open_experiments(cwd).stop(experiment_id)
    click.echo(f"{experiment_id} is stopped.", err=True)


@experiments.command()
@id_argument
@cd_option
@json_option
def compare(experiment_id: str, cwd: Path, as_json: bool) -> None:
    """The comparison with the baseline: difference, interval, test, verdict. Example: mltui experiments compare P-0001"""
    experiment = open_experiments(cwd).get(experiment_id)
    if experiment.comparison is None:
        raise ExperimentError(
            f"{experiment_id} is {experiment.state} and has no comparison yet", hint=f"See `mltui experiments show {experiment_id}`"
        )
    if as_json:
        emit_json(
            {
                "primary": experiment.comparison.model_dump(mode="json"),
                "guardrails": [g.model_dump(mode="json") for g in experiment.guardrails],
            }
        )
    else:
        _show_comparison(experiment)


@experiments.command()
@id_argument
@click.option("--interpretation", required=True, help="What the result shows and what it does not.")
@click.option("--recommendation", type=click.Choice(["accept", "discard", "inconclusive"]), required=True)
@cd_option
def conclude(experiment_id: str, interpretation: str, recommendation: Recommendation, cwd: Path) -> None:
    """Record what a result means. Example: mltui experiments conclude P-0001 --interpretation '…' --recommendation accept"""
    require_person()
    open_experiments(cwd).conclude(experiment_id, interpretation=interpretation, recommendation=recommendation, by=person())
    click.echo(f"The interpretation of {experiment_id} is recorded.", err=True)


@experiments.command()
@id_argument
@cd_option
def accept(experiment_id: str, cwd: Path) -> None:
    """Keep the change: it becomes the working tree. Example: mltui experiments accept P-0001"""
    require_person()
    experiment = open_experiments(cwd).accept(experiment_id, by=person())
    files = ", ".join(file.path for file in experiment.proposal.files)
    click.echo(f"{experiment_id} is accepted; changed in the working tree: {clean(files)}", err=True)


@experiments.command()
@id_argument
@cd_option
def discard(experiment_id: str, cwd: Path) -> None:
    """Drop the change; the experiment stays in the log. Example: mltui experiments discard P-0001"""
    require_person()
    open_experiments(cwd).discard(experiment_id, by=person())
    click.echo(f"{experiment_id} is discarded; the working tree is unchanged.", err=True)


@experiments.command()
@click.option("--seeds", help="Seeds, separated by commas; as declared when absent.")
@click.option("--wait/--no-wait", default=True, help="Show the runs as they go; they go on if you leave.")
@cd_option
def baseline(seeds: str | None, wait: bool, cwd: Path) -> None:
    """Measure the working tree as it is: the noise floor. Example: mltui experiments baseline --seeds 0,1,2,3,4,5"""
    require_person()
    try:
        chosen = tuple(int(seed) for seed in seeds.split(",")) if seeds else None
    except ValueError:
        raise UsageError(f"--seeds {seeds}: not whole numbers separated by commas", hint="--seeds 0,1,2,3,4,5") from None
    found = open_experiments(cwd)
    plan = found.start_baseline(by=person(), seeds=chosen)
    click.echo(f"{plan.id} measures {len(plan.seeds)} seeds; it goes on if you leave (Ctrl-C).", err=True)
    if wait:
        _wait(found, plan.id)


@experiments.command()
@cd_option
def verify(cwd: Path) -> None:
    """Check the journal's hash chain. Example: mltui experiments verify"""
    count = open_experiments(cwd).verify()
    click.echo(f"The journal is whole: {count} records.", err=True)


@experiments.command()
@cd_option
@json_option
@click.option("--explain", "path", type=click.Path(path_type=Path), help="Say why this file is under experiment, or why not.")
def control(cwd: Path, as_json: bool, path: Path | None) -> None:
    """What is under experiment and why. Example: mltui experiments control --explain train.py"""
    found = open_experiments(cwd)
    paths = [path.resolve()] if path else found.control.files()
    rows = [(str(p), c.kind if c else "free", c.reason if c else "no rule names it") for p in paths for c in [found.control.explain(p)]]
    rows = [
        (str(Path(name).relative_to(found.root)) if Path(name).is_relative_to(found.root) else name, kind, why) for name, kind, why in rows
    ]
    if as_json:
        emit_json([{"path": name, "kind": kind, "reason": why} for name, kind, why in rows])
    elif rows:
        emit_table(["PATH", "KIND", "REASON"], rows)
    else:
        print("Nothing is under experiment: declare it in [experiments] of .mltui/config.toml", file=sys.stderr)
