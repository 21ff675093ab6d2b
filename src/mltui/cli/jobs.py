"""`mltui jobs`: the processes that carry out experiments: list, show, logs, stop, attach."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mltui.cli.output import clean, emit_json, emit_table
from mltui.cli.project import cd_option, json_option, open_experiments
from mltui.cli.standing import require_person
from mltui.core.errors import ExperimentError, MltuiError, UsageError
from mltui.experiments.render import in_short
from mltui.ui.figures import duration, size
from mltui.ui.jobs import state_of

if TYPE_CHECKING:
    from mltui.core.experiment import Run
    from mltui.experiments.heartbeat import RunNow
    from mltui.experiments.job_list import JobView
    from mltui.experiments.jobs import Job
    from mltui.experiments.log_following import LogFollower
    from mltui.experiments.service import Experiments

_SHOWN = {"arm", "seed", "status", "exit_code", "signal", "started", "ended", "cpu_seconds", "peak_memory", "message", "folder", "reused"}
"""Of a run, in JSON."""

POLL = 0.3
"""Seconds between two looks at the logs."""


def _complete(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    with contextlib.suppress(MltuiError, OSError):
        ids = [id_ for view in _views(open_experiments(_folder(ctx))) for id_ in (view.id, view.proposal_id)]
        return [id_ for id_ in dict.fromkeys(ids) if id_.startswith(incomplete)]
    return []


def _folder(ctx: click.Context) -> Path:
    return Path(ctx.params.get("cwd") or ".")


job_argument = click.argument("job_id", metavar="ID", shell_complete=_complete)


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog="Example: mltui jobs logs P-0003 -f")
def jobs() -> None:
    """The processes that carry out experiments. They need neither the app nor a terminal.

    ID is a job's, as `jobs list` shows it, or an experiment's.
    """


@jobs.command("list")
@click.option("--limit", type=click.IntRange(min=1), default=30, show_default=True, help="Only so many of the latest.")
@cd_option
@json_option
def list_(limit: int, cwd: Path, as_json: bool) -> None:
    """What runs and what ran, what runs first. Example: mltui jobs list"""
    found = open_experiments(cwd)
    states = {row.id: (row.state, row.title) for row in found.rows()}
    views = _views(found, most=limit)
    if as_json:
        emit_json([_as_json(view, states.get(view.proposal_id, ("", ""))[0]) for view in views])
        return
    if not views:
        click.echo("No job yet. `mltui experiments run ID` starts an approved experiment as one.", err=True)
        return
    rows = [[*_row(view, states.get(view.proposal_id, ("", ""))[0]), states.get(view.proposal_id, ("", ""))[1]] for view in views]
    emit_table(["JOB", "STATE", "RUNS", "TIME", "CPU", "MEMORY", "NOW", "TITLE"], rows)


@jobs.command()
@job_argument
@cd_option
@json_option
def show(job_id: str, cwd: Path, as_json: bool) -> None:
    """One job and its runs: exit codes, signals, peak memory. Example: mltui jobs show P-0003"""
    found = open_experiments(cwd)
    view, experiment = _known(found, job_id), None
    with contextlib.suppress(ExperimentError):
        experiment = found.get(view.proposal_id)
        view = _known(found, job_id)  # it may have been settled just now
    runs = (*experiment.runs, *(run for trial in experiment.trials for run in trial.runs)) if experiment is not None else ()
    state = experiment.state if experiment is not None else ""
    if as_json:
        emit_json({**_as_json(view, state), "message": experiment.message if experiment else "", "runs": [_run_json(run) for run in runs]})
        return
    headings = ("job", "state", "runs", "time", "CPU", "memory", "now")
    facts: dict[str, str] = dict(zip(headings, _row(view, state), strict=True))
    facts["experiment"] = f"{view.proposal_id} {experiment.proposal.title if experiment else ''}".rstrip()
    facts["folder"] = str(found.state / "jobs" / view.id)
    if experiment is not None and experiment.message and not view.alive:
        facts["ended"] = in_short(experiment.message)
    for name, value in facts.items():
        if value not in ("", "–"):
            click.echo(f"{name:<11} {clean(value)}")
    for note in view.notes:
        click.echo(f"{'note':<11} {clean(note)}")
    rows = [_finished_row(run) for run in runs] + [_running_row(run) for run in view.runs]
    if rows:
        click.echo()
        emit_table(["RUN", "STATE", "EXIT", "TIME", "CPU", "PEAK MEMORY", "NOTE"], rows)


@jobs.command()
@job_argument
@click.option("-f", "--follow", is_flag=True, help="Go on until the job ends, or Ctrl-C.")
@click.option("-n", "--lines", type=click.IntRange(min=0, max=100_000), default=40, show_default=True, help="So many of the last lines.")
@click.option("--run", "run", metavar="ARM-SEED", default="", help="Of this run, as `baseline-0`; by default of the one that goes on.")
@cd_option
def logs(job_id: str, follow: bool, lines: int, run: str, cwd: Path) -> None:
    """What its runs printed. Example: mltui jobs logs P-0003 -f"""
    from mltui.experiments.log_following import LogFollower

    found = open_experiments(cwd)
    view = _known(found, job_id)
    folder = found.state / "jobs" / view.id / "runs"
    names = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    if run and run not in names and not follow:
        raise UsageError(f"{view.id} has no run {run}", hint=f"It has: {', '.join(names) or 'none yet'}")
    if follow and view.alive:
        printer = _Printer(LogFollower(folder, run, lines, of=run or _current(view)))
        asyncio.run(printer.follow(_job(found, view)))
        return
    printer = _Printer(LogFollower(folder, run or _current(view), lines))
    printer.print(over=True)
    if not printer.any:
        words = _job(found, view).last_words()
        click.echo(
            f"Its runs printed nothing{' yet' if view.alive else ''}.{f' The supervisor: {clean(words)}' if words else ''}", err=True
        )


@jobs.command()
@job_argument
@cd_option
def stop(job_id: str, cwd: Path) -> None:
    """End a job with all that its runs started. Example: mltui jobs stop P-0003"""
    require_person()
    found = open_experiments(cwd)
    view = _known(found, job_id)
    if not view.alive or view.state == "syncing":
        raise UsageError(f"{view.id} does not run", hint=f"It is {state_of(view, found.get(view.proposal_id).state)}.")
    (found.reproductions() if found.get(view.proposal_id).repeating else found).stop(view.proposal_id)
    click.echo(f"{view.id} is stopped; what its runs left is kept.", err=True)


@jobs.command()
@job_argument
@click.option(
    "-n", "--lines", type=click.IntRange(min=0, max=100_000), default=10, show_default=True, help="So many lines of what there is."
)
@cd_option
def attach(job_id: str, lines: int, cwd: Path) -> None:
    """Watch the runs and what they print; Ctrl-C leaves the job running. Example: mltui jobs attach P-0003"""
    from mltui.cli.experiments_again import watch_again
    from mltui.cli.experiments_run import watch
    from mltui.experiments.log_following import LogFollower

    found = open_experiments(cwd)
    view = _known(found, job_id)
    folder = found.state / "jobs" / view.id / "runs"
    printer = _Printer(LogFollower(folder, lines=lines if view.alive else 0))

    async def both() -> None:
        printing = asyncio.create_task(printer.go_on())
        try:
            if found.get(view.proposal_id).repeating:
                ended = await watch_again(found, view.proposal_id)
                click.echo(f"{view.proposal_id}: {clean(ended.message)}")
            else:
                await watch(found, view.proposal_id)
        finally:
            printing.cancel()
            printer.print(over=True)

    try:
        asyncio.run(both())
    except KeyboardInterrupt:
        click.echo(f"\n{view.id} goes on. To watch it again: mltui jobs attach {view.proposal_id}", err=True)
        raise


class _Printer:
    """Prints what is logged: the lines to stdout, which run they are of to stderr."""

    def __init__(self, follower: LogFollower) -> None:
        self.any = False
        self._follower = follower
        self._last = ("", "")

    def print(self, *, over: bool = False) -> None:
        for printed in self._follower.news(over=over):
            self.any = True
            if self._last != (printed.run, printed.stream):
                self._last = (printed.run, printed.stream)
                click.echo(f"==> {printed.run} {printed.stream} <==", err=True)
            for line in printed.lines:
                click.echo(clean(line.expandtabs()))

    async def go_on(self) -> None:
        while True:
            self.print()
            await asyncio.sleep(POLL)

    async def follow(self, job: Job) -> None:
        """To the end of the job."""
        while True:
            over = not await asyncio.to_thread(job.alive)
            self.print(over=over)
            if over:
                return
            await asyncio.sleep(POLL)


def _views(found: Experiments, wanted: str = "", most: int = 30) -> list[JobView]:
    from mltui.experiments.job_list import JobList

    return JobList(found.state).look(wanted, most)


def _known(found: Experiments, job_id: str) -> JobView:
    """The job of that id, or the latest of the experiment of that id. Raises: UsageError: there is none."""
    views = _views(found, job_id)
    fitting = [view for view in views if job_id in (view.id, view.proposal_id)]
    if fitting:
        return max(fitting, key=lambda view: view.started)
    near = ", ".join(view.id for view in views[:5])
    raise UsageError(f"There is no job {job_id}", hint=f"There are: {near}" if near else "None ran yet.")


def _job(found: Experiments, view: JobView) -> Job:
    from mltui.experiments.jobs import Job

    return Job(found.state, view.id)


def _current(view: JobView) -> str:
    """The run whose output is wanted where none was named: one that goes on, else the one that wrote last."""
    if view.running:
        return view.running[0]
    return view.log.parent.name if view.log is not None and view.log.parent.parent.name == "runs" else ""


def _row(view: JobView, experiment: str) -> list[str]:
    """State, runs, time, CPU, memory, and what it does now."""
    until = time.time() if view.alive else view.changed
    now = ", ".join(f"{run.name}{_gpus(run)}" for run in view.runs if not run.waits) or ", ".join(view.running)
    if view.waits:
        now = f"waits for {view.waits}"
    if view.silent is not None:
        now = f"{now + '; ' if now else ''}no sign of life for {duration(view.silent)}"
    busy = view.alive and view.state == "running"
    return [
        view.id,
        state_of(view, experiment),
        f"{view.done}/{view.total}" if view.total else "–",
        duration(max(0.0, until - view.started)),
        f"{view.cpu:.0f} %" if busy and view.cpu else "–",
        size(view.memory) if busy else "–",
        now or "–",
    ]


def _gpus(run: RunNow) -> str:
    return f" on GPU {', '.join(map(str, run.gpus))}" if run.gpus else ""


def _finished_row(run: Run) -> list[str]:
    exit_ = "–" if run.exit_code is None else run.signal or str(run.exit_code)
    note = in_short(run.message) or ("made for an earlier proposal" if run.reused else "")
    took = duration(run.ended - run.started)
    peak = size(run.peak_memory) if run.peak_memory else "–"
    # A trial's folder says of which; a run that was made earlier lies in another job's.
    name = f"{run.arm}-{run.seed}" if run.reused or not run.folder else Path(run.folder).name
    return [name, run.status, exit_, took, duration(run.cpu_seconds) if run.cpu_seconds else "–", peak, note]


def _running_row(run: RunNow) -> list[str]:
    note = f"waits for {run.waits}" if run.waits else _gpus(run).strip()
    peak = size(run.peak) if run.peak else "–"
    return [run.name, "waiting" if run.waits else "running", "–", duration(time.time() - run.since), "–", peak, note]


def _as_json(view: JobView, experiment: str) -> dict[str, object]:
    return {
        "id": view.id,
        "experiment": view.proposal_id,
        "state": state_of(view, experiment),
        "alive": view.alive,
        "started": view.started,
        "changed": view.changed,
        "done": view.done,
        "total": view.total,
        "running": [run.model_dump(mode="json") for run in view.runs],
        "cpu_percent": view.cpu,
        "memory": view.memory,
        "log": str(view.log) if view.log else None,
        "silent_seconds": view.silent,
        "notes": list(view.notes),
    }


def _run_json(run: Run) -> dict[str, object]:
    shown = {
        "arm",
        "seed",
        "status",
        "exit_code",
        "signal",
        "started",
        "ended",
        "cpu_seconds",
        "peak_memory",
        "message",
        "folder",
        "reused",
    }
    return run.model_dump(mode="json", include=shown)
