"""What runs in a project and on the machine, gathered for every front-end."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from mltui.config import paths
from mltui.experiments.gpu import Gpu, gpus
from mltui.experiments.job_list import JobList, JobView, tail
from mltui.ui.figures import duration, size

if TYPE_CHECKING:
    from mltui.ui.session import AgentSession


@dataclass(frozen=True, slots=True)
class Running:
    """Something that runs or ran.

    Attributes:
        kind: `experiment`, or `command` for one that the agent runs in the background.
        id: of the job or the command; proposal_id: of the experiment.
        what: the experiment's title, or the command.
        waits: what all its runs wait for; empty else. done: how many runs are over, of how many.
        silent: seconds without a sign of life of its supervisor, where that is long.
    """

    kind: str
    id: str
    state: str
    what: str
    alive: bool
    proposal_id: str = ""
    elapsed: float | None = None
    cpu: float = 0.0
    memory: int = 0
    running: tuple[str, ...] = ()
    log: Path | None = None
    waits: str = ""
    done: str = ""
    silent: float | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """Attributes: cpu: per cent of all cores; load: of the last minute; memory, disk: bytes used and in all."""

    cpu: float
    cores: int
    load: float
    memory: tuple[int, int]
    disk: tuple[int, int]
    gpus: tuple[Gpu, ...] | None


class Watch:
    """Looks at a session's jobs and at the machine. Its methods block."""

    def __init__(self, session: AgentSession) -> None:
        self._session = session
        self._root = paths.project_root(session.workspace.cwd)
        self._jobs = JobList(paths.project_state(self._root))
        psutil.cpu_percent(None)

    def jobs(self, wanted: str = "") -> list[Running]:
        """What runs, and what ran last; what runs comes first.

        Args:
            wanted: the id of a job or an experiment that is among them, however old it is.
        """
        rows = {row.id: row for row in self._session.experiments.rows()}
        found: list[Running] = []
        for view in self._jobs.look(wanted):
            row = rows.get(view.proposal_id)
            state = state_of(view, row.state if row is not None else "")
            what = f"{view.proposal_id} {row.title if row is not None else ''}".rstrip()
            found.append(_experiment(view, state, what))
        commands = [
            Running("command", id_, state, " ".join(command.split()), state == "running")
            for id_, state, command in self._session.background.listed()
        ]
        return sorted([*commands, *found], key=lambda one: not one.alive)

    def machine(self) -> Machine:
        memory, disk = psutil.virtual_memory(), psutil.disk_usage(str(self._root) if self._root.exists() else "/")
        return Machine(
            psutil.cpu_percent(None),
            psutil.cpu_count() or 1,
            psutil.getloadavg()[0],
            (memory.total - memory.available, memory.total),
            (disk.used, disk.total),
            gpus(),
        )

    def output(self, job: Running, lines: int) -> list[str]:
        """The last lines that it printed."""
        if job.kind == "command":
            return self._session.background.tail(job.id).splitlines()[-lines:]
        return tail(job.log, lines) if job.log is not None else []


def state_of(view: JobView, experiment: str) -> str:
    """In a word. Args: experiment: its state, or nothing."""
    if view.alive:
        return view.state
    if view.state == "lost" and experiment != "stopped":
        return "lost"
    if view.outcome in ("agrees", "differs"):
        return view.outcome  # runs that were made again change nothing of the experiment
    return experiment if experiment not in ("", "running") else view.outcome or "ended"


def _experiment(view: JobView, state: str, what: str) -> Running:
    until = time.time() if view.alive else view.changed
    return Running(
        "experiment",
        view.id,
        state,
        what,
        view.alive,
        view.proposal_id,
        max(0.0, until - view.started),
        view.cpu,
        view.memory,
        tuple(f"{name}{_on(view, name)}" for name in view.running),
        view.log,
        view.waits,
        f"{view.done}/{view.total}" if view.total and view.alive else "",
        view.silent,
    )


def _on(view: JobView, name: str) -> str:
    """The GPUs that a run has."""
    gpus = next((run.gpus for run in view.runs if run.name == name), ())
    return f" on GPU {', '.join(map(str, gpus))}" if gpus else ""


def facts(job: Running) -> str:
    """Elapsed time, the run that it is at, and what it takes, in a line."""
    parts = [duration(job.elapsed)] if job.elapsed is not None else []
    parts += [f"{job.done} runs"] if job.done else []
    parts += [f"now {', '.join(job.running)}"] if job.running else []
    parts += [f"waits for {job.waits}"] if job.waits else []
    parts += [f"no sign of life for {duration(job.silent)}"] if job.silent is not None else []
    if job.alive and job.kind == "experiment" and not job.waits:
        parts += [f"CPU {job.cpu:.0f} %", size(job.memory)]
    return " · ".join(parts)


def machine_line(machine: Machine) -> str:
    used, total = machine.memory
    disk_used, disk_total = machine.disk
    return (
        f"CPU {machine.cpu:.0f} % of {machine.cores} cores, load {machine.load:.1f} · memory {size(used)} of {size(total)}"
        f" · disk {size(disk_total - disk_used)} free of {size(disk_total)}"
    )


def gpu_lines(found: tuple[Gpu, ...] | None) -> list[str]:
    """A line for each GPU with its processes; one that says so where there is none."""
    if not found:
        return ["No GPU that nvidia-smi knows of: training runs on the CPU"]
    lines: list[str] = []
    for gpu in found:
        parts = [f"{gpu.busy} % busy" if gpu.busy is not None else ""]
        parts += [f"{gpu.used:,} of {gpu.total:,} MiB" if gpu.used is not None and gpu.total is not None else ""]
        parts += [f"{gpu.celsius} °C" if gpu.celsius is not None else ""]
        lines.append(f"GPU {gpu.index}  {gpu.name}: {', '.join(filter(None, parts)) or 'says nothing of itself'}")
        for process in gpu.processes:
            memory = f"{process.memory:,} MiB" if process.memory is not None else "some memory"
            lines.append(f"  {_name(process.pid)} ({process.pid}) holds {memory}")
    return lines


def _name(pid: int) -> str:
    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return "a process of another user or container"
