"""Whose turn it is: slots for runs and GPUs, shared by all jobs of a person on this machine, in the order in which they came.

A slot is a lock file. The system lets go of it when its holder dies, however it dies; what the file says tells others who holds it,
and tells the next holder whose runs may have been left behind. Nothing here trusts a clock or a process id.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mltui.core.data import Data
from mltui.core.errors import ExperimentError
from mltui.experiments.gpu import Gpu

POLL = 0.5
"""Seconds between two tries of one who waits."""


class Holder(Data):
    """Who holds a slot or waits for one.

    Attributes:
        state: the project's `.mltui`.
        run: `ARM-SEED`.
        gpus: so many are wanted, in a waiter's ticket.
    """

    state: str
    job: str
    run: str
    gpus: int = 0


@dataclass(frozen=True, slots=True)
class Wants:
    """What a run needs. Attributes: slots: how many runs may have one at once, None: no slot is needed; gpus: so many."""

    slots: int | None = None
    gpus: int = 0

    @property
    def anything(self) -> bool:
        return self.slots is not None or self.gpus > 0


class _Lock:
    """An open lock file, held by this process. Closing it lets go."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    @classmethod
    def take(cls, path: Path) -> _Lock | None:
        """None where another has it."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        return cls(path, descriptor)

    def left(self) -> Holder | None:
        """The holder before, if it did not let go but died."""
        return _holder(os.pread(self._descriptor, 10_000, 0))

    def write(self, holder: Holder | None) -> None:
        data = holder.model_dump_json().encode() if holder else b""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, data, 0)

    def release(self, *, remove: bool = False) -> None:
        """Lets go, and says that nothing was left behind."""
        with contextlib.suppress(OSError):
            self.path.unlink() if remove else self.write(None)
        self.close()

    def close(self) -> None:
        """Lets go, and leaves what it says."""
        os.close(self._descriptor)


@dataclass(frozen=True, slots=True)
class Turn:
    """Attributes: gpus: those that the run has, by index."""

    gpus: tuple[Gpu, ...] = ()


class Slots:
    """The slots of one person on one machine. Safe to use from several threads and processes.

    Args:
        folder: of the lock files, shared by all projects; on a local disk.
        look: the GPUs as they are now.
        recover: ends what a dead holder may have left running.
        allowed: the value of CUDA_VISIBLE_DEVICES that this process was given; None: all.
    """

    def __init__(
        self,
        folder: Path,
        look: Callable[[], tuple[Gpu, ...] | None],
        recover: Callable[[Holder], None] = lambda holder: None,
        allowed: str | None = None,
    ) -> None:
        self._folder = folder
        self._look = look
        self._recover = recover
        self._allowed = allowed
        self._known: list[Gpu] = []

    @contextlib.contextmanager
    def turn(self, holder: Holder, wants: Wants, waits: Callable[[str], None], stopped: Callable[[], bool]) -> Generator[Turn | None]:
        """Waits for what the run needs and holds it. Gives None if the job was stopped meanwhile.

        Args:
            waits: is told for what, when that changes.

        Raises: ExperimentError: the machine has fewer GPUs, or no locks.
        """
        if not wants.anything:
            yield Turn()
            return
        try:
            got = self._wait(holder, wants, waits, stopped)
        except OSError as error:
            raise ExperimentError(
                f"{self._folder}: {error.strerror}", hint="It holds the slots of runs; look at its permissions."
            ) from error
        if got is None:
            yield None
            return
        locks, turn = got
        try:
            yield turn
        finally:
            for lock in locks:
                lock.release()

    def _wait(
        self, holder: Holder, wants: Wants, waits: Callable[[str], None], stopped: Callable[[], bool]
    ) -> tuple[list[_Lock], Turn] | None:
        self._folder.mkdir(parents=True, exist_ok=True)
        ticket = self._ticket(holder, wants)
        said = ""
        try:
            while not stopped():
                with self._alone():
                    got, why = self._try(holder, wants, ticket)
                if got is not None:
                    return got
                if why != said:
                    said = why
                    waits(why)
                time.sleep(POLL)
            return None
        finally:
            with self._alone():
                ticket.release(remove=True)

    def _try(self, holder: Holder, wants: Wants, ticket: _Lock) -> tuple[tuple[list[_Lock], Turn] | None, str]:
        """All that is needed, or nothing and why. Under the lock of the folder."""
        before = self._earlier(ticket, wants)
        if before is not None:
            return None, f"its turn, after {_named(before)}"
        locks: list[_Lock] = []
        if wants.slots is not None:
            places = [self._folder / f"run-{number}.slot" for number in range(wants.slots)]
            lock = next((lock for place in places if (lock := self._take(place, holder)) is not None), None)
            if lock is None:
                return None, f"one of {wants.slots} slots, held by {', '.join(sorted({_held(place) for place in places}))}"
            locks.append(lock)
        if not wants.gpus:
            return (locks, Turn()), ""
        chosen: list[Gpu] = []
        try:
            chosen = self._gpus(holder, wants.gpus, locks)
        finally:
            for lock in locks if not chosen else ():
                lock.release()
        if chosen:
            return (locks, Turn(tuple(chosen))), ""
        held = [f"GPU {gpu.index} is held by {_held(self._place(gpu))}" for gpu in self._known if _content(self._place(gpu))]
        return None, f"{wants.gpus} GPU{'s' if wants.gpus > 1 else ''}: {', '.join(held)}"

    def _gpus(self, holder: Holder, count: int, locks: list[_Lock]) -> list[Gpu]:
        """Takes those with the most free memory; nothing where there are not enough that nobody holds."""
        if len(self._known) < count:
            self._known = self._enough(count)
        free = {gpu.index: lock for gpu in self._known if (lock := _Lock.take(self._place(gpu))) is not None}
        chosen: list[Gpu] = []
        try:
            if len(free) >= count:
                # A look may take half a second, so that one is only taken when there is something to choose from.
                self._known = self._enough(count)
                most = sorted(self._known, key=lambda gpu: gpu.free, reverse=True)
                chosen = [gpu for gpu in most if gpu.index in free][:count]
                for gpu in chosen if len(chosen) == count else ():
                    locks.append(self._mine(free.pop(gpu.index), holder))
        finally:
            for lock in free.values():
                lock.close()
        return sorted(chosen, key=lambda gpu: gpu.index) if len(chosen) == count else []

    def _enough(self, count: int) -> list[Gpu]:
        """The GPUs that runs may have. Raises: ExperimentError: they are fewer than `count`."""
        found = list(self._look() or ())
        names = [name.strip() for name in self._allowed.split(",")] if self._allowed is not None else []
        if self._allowed is not None:
            found = [gpu for gpu in found if str(gpu.index) in names or any(name and gpu.uuid.startswith(name) for name in names)]
        if len(found) < count:
            known = f"{len(found)} GPU{'s' if len(found) != 1 else ''}" if found else "no GPU that NVIDIA's driver knows of"
            seen = f"{'are' if len(found) > 1 else 'is'} {known}"
            where = " and that CUDA_VISIBLE_DEVICES allows" if names else ""
            raise ExperimentError(
                f"gpus_per_run is {count}, and there {seen}{where}", hint="Set gpus_per_run lower in [experiments], or to 0."
            )
        return found

    def _place(self, gpu: Gpu) -> Path:
        return self._folder / f"gpu-{gpu.index}.slot"

    def _take(self, place: Path, holder: Holder) -> _Lock | None:
        lock = _Lock.take(place)
        return self._mine(lock, holder) if lock is not None else None

    def _mine(self, lock: _Lock, holder: Holder) -> _Lock:
        dead = lock.left()
        if dead is not None:
            self._recover(dead)
        lock.write(holder)
        return lock

    def _ticket(self, holder: Holder, wants: Wants) -> _Lock:
        with self._alone():
            numbers = [int(path.stem.partition("-")[2]) for path in self._folder.glob("wait-*.slot")]
            ticket = _Lock.take(self._folder / f"wait-{max(numbers, default=0) + 1:09}.slot")
            assert ticket is not None  # its number is new
            ticket.write(holder.model_copy(update={"gpus": wants.gpus}))
            return ticket

    def _earlier(self, ticket: _Lock, wants: Wants) -> Holder | None:
        """Who came before and waits for the same kind: runs without GPUs are not held up by those with."""
        for path in sorted(self._folder.glob("wait-*.slot")):
            if path == ticket.path:
                return None
            gone = _Lock.take(path)
            if gone is not None:
                gone.release(remove=True)  # who drew it is dead
                continue
            other = _content(path)
            if other is not None and bool(other.gpus) == bool(wants.gpus):
                return other
        return None

    @contextlib.contextmanager
    def _alone(self) -> Generator[None]:
        """Under the lock of the folder, which is held for moments."""
        descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _content(path: Path) -> Holder | None:
    try:
        return _holder(path.read_bytes())
    except OSError:
        return None


def _holder(data: bytes) -> Holder | None:
    try:
        return Holder.model_validate_json(data) if data else None
    except ValueError:
        return None


def _held(path: Path) -> str:
    holder = _content(path)
    return _named(holder) if holder else "another job"


def _named(holder: Holder) -> str:
    return f"{holder.job} ({holder.run})"


def visible(gpus: Sequence[Gpu]) -> dict[str, str]:
    """Environment variables that show a run these GPUs and no others. Without the order, CUDA numbers the fastest first."""
    return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": ",".join(str(gpu.index) for gpu in gpus)} if gpus else {}
