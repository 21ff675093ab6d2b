"""Job folders and the detached processes that work in them."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from mltui.config.schema import Config
from mltui.core.data import Data
from mltui.core.errors import ExperimentError
from mltui.core.reproduction import Again
from mltui.experiments.run_tree import MARK, end_marked, signal_group
from mltui.experiments.storage import make_state_folder, write_atomically

STARTING = 15.0
"""Seconds that a supervisor may take until it shows itself."""

SUPERVISOR = "mltui.experiments.supervisor"
SANDBOX = "sandbox of the runs: "
"""Begins what each supervisor logs at its start: no word about its end."""


class Plan(Data):
    """What a supervisor is started with. What to run stands in the journal.

    Attributes:
        again: which of its runs are made again; None: it is run for the first time.
    """

    job: str
    proposal_id: str
    root: str
    config: Config
    again: Again | None = None


class ProcessMark(Data):
    """A process that cannot be confused with a later one of the same id.

    Attributes:
        created: seconds since the epoch. It moves when the machine's clock is set.
        start: the boot and the clock ticks from it, which do not move; empty where there is no /proc to look into.
    """

    pid: int
    created: float
    start: str = ""

    @classmethod
    def of(cls, pid: int) -> ProcessMark | None:
        try:
            return cls(pid=pid, created=psutil.Process(pid).create_time(), start=_start(pid))
        except psutil.Error:
            return None

    def alive(self) -> bool:
        try:
            process = psutil.Process(self.pid)
            same = _start(self.pid) == self.start if self.start else abs(process.create_time() - self.created) < 0.05
            # A dead child that its parent has not asked about keeps its id and start time.
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    def signal(self, number: signal.Signals) -> None:
        """Signals it while it lives. Raises: ExperimentError: it is another user's."""
        if not self.alive():
            return
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return
        except PermissionError:
            raise ExperimentError(
                f"process {self.pid} supervises the job and is another user's", hint="Who started it, or root, can stop it"
            ) from None


def _start(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return ""
    boot = _boot()
    # The name stands in parentheses and may hold anything, parentheses included.
    return f"{boot}/{stat.rpartition(')')[2].split()[19]}" if boot else ""


def _boot() -> str:
    """Which start of the machine this is; empty where that cannot be known."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


class Marks(Data):
    """The process groups that a job's runs are in, and the brands of what descends from them (`sandbox.brand`)."""

    groups: tuple[ProcessMark, ...] = ()
    brands: tuple[int, ...] = ()


class Job:
    """The folder `.mltui/jobs/JOB`.

    Attributes:
        folder: plan, process mark, and `runs/ARM-SEED` with what each run left.
        log: what the supervisor printed.
    """

    def __init__(self, state: Path, job_id: str) -> None:
        self.id = job_id
        self.folder = state / "jobs" / job_id
        self._plan = self.folder / "plan.json"
        self._process = self.folder / "process.json"
        self._groups = self.folder / "groups.json"
        self.log = self.folder / "supervisor.log"

    @classmethod
    def create(cls, state: Path, root: Path, proposal_id: str, config: Config, again: Again | None = None) -> Job:
        make_state_folder(state)
        job = cls(state, f"{proposal_id}-{secrets.token_hex(3)}")
        plan = Plan(job=job.id, proposal_id=proposal_id, root=str(root), config=config, again=again)
        write_atomically(job._plan, plan.model_dump_json().encode())
        return job

    def plan(self) -> Plan:
        try:
            return Plan.model_validate_json(self._plan.read_bytes())
        except (OSError, ValueError) as error:
            raise ExperimentError(f"{self._plan} cannot be read: {error}", hint="Start the experiment again.") from error

    def spawn(self) -> None:
        """Starts the supervisor in a session of its own; it outlives this process and its terminal."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", SUPERVISOR, str(self.folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self.folder,
                env={**os.environ, MARK: f"{self.id}/"},
            )
        self.mark(process.pid)
        threading.Thread(target=process.wait, daemon=True, name=f"reap-{self.id}").start()

    def mark(self, pid: int) -> None:
        """Writes down which process supervises."""
        mark = ProcessMark.of(pid)
        if mark:
            write_atomically(self._process, mark.model_dump_json().encode())

    def mark_groups(self, pids: Sequence[int], brands: Sequence[int] = ()) -> None:
        """Writes down the process groups of the present runs, so that they can be ended if the supervisor cannot do it."""
        groups = tuple(mark for pid in pids if (mark := ProcessMark.of(pid)))
        write_atomically(self._groups, Marks(groups=groups, brands=tuple(brands)).model_dump_json().encode())

    def alive(self) -> bool:
        """Whether the supervisor works, or may just be starting."""
        mark = self._mark()
        if mark:
            return mark.alive()
        try:
            return time.time() - self._plan.stat().st_mtime < STARTING
        except OSError:
            return False

    def await_end(self, seconds: float) -> None:
        """Returns when the supervisor is gone, or so much later."""
        deadline = time.monotonic() + seconds
        while self.alive() and time.monotonic() < deadline:
            time.sleep(0.05)

    def interrupt(self) -> None:
        """Asks the supervisor to stop its runs, and returns. Raises: ExperimentError: it is another user's."""
        mark = self._mark()
        if mark:
            mark.signal(signal.SIGTERM)

    def last_words(self) -> str:
        """The last line of the supervisor's log but for what stands in each, or an empty string."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - 4000))
                lines = file.read().decode("utf-8", "replace").split("\n")
        except OSError:
            return ""
        return next((line.strip() for line in reversed(lines) if line.strip() and not line.startswith(SANDBOX)), "")

    def kill(self) -> None:
        """Ends the supervisor, if it still runs, and every run that it left behind. Raises: ExperimentError: it is another user's."""
        mark = self._mark()
        if mark:
            mark.signal(signal.SIGKILL)
        try:
            marks = Marks.model_validate_json(self._groups.read_bytes())
        except (OSError, ValueError):
            marks = Marks()
        for group in marks.groups:
            if group.alive():
                signal_group(group.pid, signal.SIGKILL)
        # A run that had just been started, what left its group, and a git that is half done.
        end_marked(f"{self.id}/", marks.brands)

    def restarted(self) -> bool:
        """Whether the machine was started again since the supervisor began. Where there is no /proc to look into: no."""
        mark = self._mark()
        return bool(mark and mark.start and _boot() and mark.start.partition("/")[0] != _boot())

    def end_of_supervisor(self) -> str:
        """How one that is gone ended, as far as is known."""
        if self.restarted():
            return "the machine was restarted while it ran"
        words = self.last_words()
        return f"the supervisor died{f': {words}' if words else ''} (its log: {self.log})"

    def loss(self, proposal_id: str, *, goes_on: bool) -> str:
        """What the journal says of an experiment whose supervisor is gone. Args: goes_on: it can be taken up where it was."""
        then = f"Go on with: mltui sweep run {proposal_id}" if goes_on else "Propose again: finished baseline runs count again."
        return f"lost: {self.end_of_supervisor()}. {then}"

    def worktrees(self) -> Path:
        """Where the job's checkouts are."""
        return self.folder.parent.parent / "worktrees" / self.id

    def _mark(self) -> ProcessMark | None:
        try:
            return ProcessMark.model_validate_json(self._process.read_bytes())
        except (OSError, ValueError):
            return None
