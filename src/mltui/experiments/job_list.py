"""The jobs of a project, as their folders and processes say: for people who want to see what runs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from mltui.experiments.heartbeat import SILENT, Heartbeat, RunNow, read_heartbeat
from mltui.experiments.jobs import Job, Marks
from mltui.sandbox.brand import with_brand

JobState = Literal["running", "waiting", "syncing", "lost", "ended"]

MOST = 30
"""Jobs that are looked at: the latest."""
_FRESH = 60.0
"""Seconds before the last sign of a job in which a run is taken to be one of those that go on."""
_TAIL = 8_000
"""Bytes of the end of a log that are read."""


@dataclass(frozen=True, slots=True)
class JobView:
    """A job of experiments.

    Attributes:
        alive: whether its supervisor works.
        state: `waiting` where all its runs wait for their turn, `syncing` once the journal has the outcome and the tracker is told,
            `lost` where the supervisor is gone and left no outcome: killed, or the machine was restarted.
        outcome: of one that ended: `compared`, `measured`, `failed` or `stopped`; empty where it is lost, or of an earlier version.
        started, changed: seconds since the epoch; `changed` is when something of it was last written.
        running: the runs that go on.
        runs: those that go on or wait, as the supervisor says; done, total: how many are over, of how many.
        silent: seconds without a sign of life, where that is long; None else.
        notes: what happened beside the runs, for people.
        cpu: per cent of a core that its runs take, since the last look at the same processes.
        memory: bytes that they hold; both are 0 where nothing runs.
        log: the file that was written to last.
    """

    id: str
    proposal_id: str
    alive: bool
    state: JobState
    started: float
    changed: float
    outcome: str = ""
    running: tuple[str, ...] = ()
    cpu: float = 0.0
    memory: int = 0
    log: Path | None = None
    runs: tuple[RunNow, ...] = ()
    done: int = 0
    total: int = 0
    silent: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def waits(self) -> str:
        """For what, where all its runs wait; empty else."""
        return self.runs[0].waits if self.state == "waiting" else ""


class JobList:
    """Looks at the jobs below a project's state folder. Keeps the processes that it saw, to say what they took since."""

    def __init__(self, state: Path) -> None:
        self._folder = state / "jobs"
        self._state = state
        self._seen: dict[tuple[int, float], psutil.Process] = {}

    def look(self, wanted: str = "", most: int = MOST) -> list[JobView]:
        """The latest jobs, what runs and the newest first. Blocks.

        Args:
            wanted: the id of a job or an experiment that is looked at, however old it is.
            most: so many are looked at.
        """
        try:
            folders = [(folder.stat().st_mtime, folder) for folder in self._folder.iterdir() if (folder / "plan.json").is_file()]
        except OSError:
            return []
        folders.sort(reverse=True)
        older = [(at, folder) for at, folder in folders[most:] if wanted and wanted in (folder.name, _proposal_of(folder))]
        views = [view for _, folder in folders[:most] + older if (view := self._view(folder)) is not None]
        return sorted(views, key=lambda view: (view.alive, view.started), reverse=True)

    def _view(self, folder: Path) -> JobView | None:
        job = Job(self._state, folder.name)
        try:
            started = (folder / "plan.json").stat().st_mtime
        except OSError:
            return None
        logs = _logs(folder)
        alive = job.alive()
        cpu, memory = self._usage(folder) if alive else (0.0, 0)
        changed = max([at for at, _ in logs], default=started)
        beat = read_heartbeat(folder)
        if beat is None:
            fresh = {log.parent.name for at, log in logs if alive and log.parent != folder and at >= changed - _FRESH}
            running = tuple(sorted(fresh))
        else:
            running = tuple(sorted(run.name for run in beat.runs if alive and not run.waits))
            changed = max(changed, beat.ended or beat.at)
        quiet = time.time() - beat.at if beat is not None and alive and beat.ended is None else 0.0
        return JobView(
            id=job.id,
            proposal_id=_proposal_of(folder),
            alive=alive,
            state=_state(alive, beat),
            started=started,
            changed=changed,
            outcome=beat.outcome if beat is not None else "",
            running=running,
            cpu=cpu,
            memory=memory,
            log=logs[0][1] if logs else None,
            runs=beat.runs if beat is not None and alive else (),
            done=beat.done if beat is not None else 0,
            total=beat.total if beat is not None else 0,
            silent=quiet if quiet > SILENT else None,
            notes=beat.notes if beat is not None else (),
        )

    def _usage(self, folder: Path) -> tuple[float, int]:
        """Per cent of a core, and bytes, of the job's runs with all that they started."""
        try:
            marks = Marks.model_validate_json((folder / "groups.json").read_bytes())
        except (OSError, ValueError):
            return 0.0, 0
        cpu, memory = 0.0, 0
        for pid in _processes(marks):
            try:
                found = psutil.Process(pid)
                process = self._seen.setdefault((pid, found.create_time()), found)
                cpu += process.cpu_percent(None)
                memory += process.memory_info().rss
            except psutil.Error:
                continue
        return cpu, memory


def _state(alive: bool, beat: Heartbeat | None) -> JobState:
    if alive:
        return "running" if beat is None else "syncing" if beat.ended else "waiting" if beat.waiting else "running"
    return "lost" if beat is not None and beat.ended is None else "ended"


def _processes(marks: Marks) -> set[int]:
    """The groups of a job's runs, what they started, and what of that left them."""
    found = set(with_brand(*marks.brands))
    for mark in marks.groups:
        try:
            if mark.alive():
                found |= {mark.pid, *(child.pid for child in psutil.Process(mark.pid).children(recursive=True))}
        except psutil.Error:
            continue
    return found


def _proposal_of(folder: Path) -> str:
    """By its name, which stands also where the plan is damaged."""
    return folder.name.rpartition("-")[0]


def _logs(folder: Path) -> list[tuple[float, Path]]:
    """(when it was written to, log) of the runs and of the supervisor, the last first; what is empty is left out."""
    found: list[tuple[float, Path]] = []
    for log in (*folder.glob("runs/*/std*.log"), folder / "supervisor.log"):
        try:
            about = log.stat()
        except OSError:
            continue
        if about.st_size:
            found.append((about.st_mtime, log))
    return sorted(found, reverse=True)


def tail(log: Path, lines: int) -> list[str]:
    """The last lines of a log as text; a progress bar's overwritten states are one line."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL))
            text = file.read().decode("utf-8", "replace")
    except OSError as error:
        return [f"{log.name} cannot be read: {error.strerror}"]
    return [line.rstrip("\r").rpartition("\r")[2] for line in text.rstrip("\n").split("\n")][-lines:]
