"""The sign of life of a supervisor: what its runs do now, in a file of the job's folder, for whoever looks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from mltui.core.data import Data
from mltui.experiments.storage import write_atomically

FILE = "heartbeat.json"
EVERY = 3.0
"""Seconds between two beats."""
SILENT = 20.0
"""Seconds without a beat after which a supervisor that lives is said to be held up."""


class RunNow(Data):
    """A run that goes on, or waits for its turn.

    Attributes:
        name: `ARM-SEED`.
        since: seconds since the epoch.
        waits: for what; empty once it runs.
        gpus: indices of those that it has.
        peak: bytes of memory that it held at the most so far.
    """

    name: str
    since: float
    waits: str = ""
    gpus: tuple[int, ...] = ()
    peak: int = 0


class Heartbeat(Data):
    """Attributes:
    at: seconds since the epoch.
    ended: when the supervisor had written the outcome to the journal; None before: if it is gone then, the job is lost.
    outcome: how it ended: `compared`, `measured`, `failed` or `stopped`; of one that made runs again `agrees` or `differs`.
    notes: what happened beside the runs, for people; the last.
    """

    at: float
    done: int = 0
    total: int = 0
    runs: tuple[RunNow, ...] = ()
    ended: float | None = None
    outcome: str = ""
    notes: tuple[str, ...] = ()

    @property
    def waiting(self) -> bool:
        """Whether every run that was begun waits."""
        return bool(self.runs) and all(run.waits for run in self.runs)


def read_heartbeat(folder: Path) -> Heartbeat | None:
    """That of a job; None where there is none."""
    try:
        return Heartbeat.model_validate_json((folder / FILE).read_bytes())
    except (OSError, ValueError):
        return None


class Beating:
    """Writes a job's heartbeat from a thread of its own, and at once when something changes. A full disk does not disturb it.

    Args:
        peaks: bytes of memory of the running runs so far, by their names.
    """

    def __init__(self, folder: Path, total: int, peaks: Callable[[], Mapping[str, int]] = dict) -> None:
        self._path = folder / FILE
        self._peaks = peaks
        self._lock = threading.Lock()
        self._now = Heartbeat(at=time.time(), total=total)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True, name="heartbeat")

    def start(self) -> None:
        self._write()
        self._thread.start()

    def plan(self, total: int) -> None:
        """How many runs there will be."""
        self._change(total=total)

    def run(self, name: str, *, waits: str = "", gpus: tuple[int, ...] = ()) -> None:
        """A run waits, or has begun."""
        others = tuple(run for run in self._now.runs if run.name != name)
        self._change(runs=(*others, RunNow(name=name, since=time.time(), waits=waits, gpus=gpus)))

    def over(self, name: str, done: int) -> None:
        """A run has ended, or will not begin."""
        self._change(runs=tuple(run for run in self._now.runs if run.name != name), done=done)

    def note(self, text: str) -> None:
        self._change(notes=(*self._now.notes, text)[-5:])

    def end(self, outcome: str) -> None:
        """The journal has the outcome."""
        self._over.set()
        self._change(runs=(), ended=time.time(), outcome=outcome)

    def _change(self, **values: object) -> None:
        with self._lock:
            self._now = self._now.model_copy(update=values)
        self._write()

    def _beat(self) -> None:
        while not self._over.wait(EVERY):
            self._write()

    def _write(self) -> None:
        peaks = self._peaks()
        with self._lock:
            runs = tuple(run.model_copy(update={"peak": peaks.get(run.name, 0)}) for run in self._now.runs)
            self._now = self._now.model_copy(update={"at": time.time(), "runs": runs})
            try:
                write_atomically(self._path, self._now.model_dump_json().encode())
            except OSError:
                return  # the disk is full: the runs say so themselves
