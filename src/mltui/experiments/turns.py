"""The turns of one job's runs: what each waits for, and says so, and what it is shown when it has it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from mltui.config import paths
from mltui.config.schema import Config
from mltui.experiments.budget_clock import BudgetClock
from mltui.experiments.gpu import gpus
from mltui.experiments.gpu_room import make_room
from mltui.experiments.heartbeat import Beating
from mltui.experiments.jobs import Job
from mltui.experiments.slots import Holder, Slots, Wants, visible


class Turns:
    """Safe to use from several threads.

    Attributes:
        clock: of the approved budget; waiting does not count.

    Args:
        tell: is told what a run waits for, by its name, when no run of the job goes on; once until one does.
        slots: by default those that all jobs of this person share.
    """

    def __init__(
        self, job: Job, config: Config, minutes: float, beats: Beating, tell: Callable[[str, str], None], slots: Slots | None
    ) -> None:
        self.clock = BudgetClock(minutes * 60)
        self._job = job
        self._wants = Wants(config.experiments.slots, config.experiments.gpus_per_run)
        self._beats = beats
        self._tell = tell
        self._slots = slots or machine_slots()
        self._said = False
        self._lock = threading.Lock()

    @contextmanager
    def turn(self, name: str, over: Callable[[], bool]) -> Generator[dict[str, str] | None]:
        """Waits for the turn of a run. Gives the variables that show it its GPUs; None: the job is over.

        Raises: ExperimentError: the machine does not have what is wanted.
        """
        holder = Holder(state=str(self._job.folder.parent.parent), job=self._job.id, run=name)
        with self._slots.turn(holder, self._wants, partial(self._waits, name), over) as turn:
            if turn is None or over():
                yield None
                return
            with self.clock.running():
                self._said = False
                self._beats.run(name, gpus=tuple(gpu.index for gpu in turn.gpus))
                if turn.gpus:
                    make_room(turn.gpus, partial(self._gives_back, name))
                yield visible(turn.gpus)

    def _gives_back(self, name: str, what: str) -> None:
        self._beats.note(f"{name} waited for {what}")
        self._tell(name, what)

    def _waits(self, name: str, what: str) -> None:
        self._beats.run(name, waits=what)
        with self._lock:
            said, self._said = self._said, True
        if not said and not self.clock.runs:
            self._tell(name, what)


def machine_slots() -> Slots:
    """The slots that all jobs of this person share."""
    return Slots(paths.state_dir(os.environ) / "slots", gpus, _end_left_behind, os.environ.get("CUDA_VISIBLE_DEVICES"))


def _end_left_behind(holder: Holder) -> None:
    """A holder that died may have left runs behind, which still use what it held."""
    job = Job(Path(holder.state), holder.job)
    if not job.alive():
        job.kill()
