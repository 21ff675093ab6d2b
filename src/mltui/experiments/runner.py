"""Runs one command to its end: in its own process group, with bounded output and limits that hold."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from mltui.experiments.run_limits import Limits, Watch
from mltui.experiments.run_logs import BoundedLog, Pump
from mltui.experiments.run_tree import MARK, RunTree, end_marked, signal_group
from mltui.sandbox import SandboxedProcess
from mltui.sandbox.brand import new_brand
from mltui.sandbox.process import brand_command

GRACE = 5.0
"""Seconds between asking a process group to end and ending it."""

_LIMIT_GRACE = 1.0
"""The same for one that takes more than it may, and would take more meanwhile."""

_FIRST_LOOK = 0.05
"""Seconds until a command is looked at for the first time; the next looks come later and later."""

Ended = Literal["exit", "timeout", "killed", "limit"]

Launcher = Callable[[Sequence[str], Path, Mapping[str, str]], subprocess.Popen[bytes]]
"""Starts arguments in a folder with an environment: in a session of its own, without input, both outputs in pipes."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended.

    Attributes:
        exit_code: negative for a signal.
        stdout, stderr: the ends of the streams.
        cpu_seconds: of all that it waited for.
        peak_memory: bytes that its processes held together at the most, as far as was seen.
        reason: where `ended` is `limit`: which one, and what to do; where its output is not all on the disk: why.
    """

    ended: Ended
    exit_code: int
    stdout: str
    stderr: str
    cpu_seconds: float = 0.0
    peak_memory: int = 0
    reason: str = ""


def launch(arguments: Sequence[str], cwd: Path, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Starts it without confinement."""
    return subprocess.Popen(
        arguments,
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


class _Child:
    """A process that is waited for together with what it cost."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.pid = process.pid
        self.cpu_seconds = 0.0
        self.peak_memory = 0
        self._process = process
        self._own_peak = _own_peak()

    def wait(self, seconds: float | None) -> bool:
        """Whether it has ended, at the latest after so many seconds (None: when it has)."""
        deadline = None if seconds is None else time.monotonic() + seconds
        pause = 0.001
        with _end_of(self.pid) as sleep:
            while not self._ended():
                left = pause if deadline is None else min(pause, deadline - time.monotonic())
                if left <= 0:
                    return False
                sleep(left)
                pause = min(pause * 2, 0.05)
        return True

    def ask_to_end(self) -> None:
        if not (isinstance(self._process, SandboxedProcess) and self._process.guarded):
            signal_group(self.pid, signal.SIGTERM)
            return
        # The outermost process would take all the others with it, without a word.
        with contextlib.suppress(psutil.Error):
            for process in psutil.Process(self.pid).children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    process.terminate()

    def exit_code(self) -> int:
        """Negative for a signal. Of a process that has been waited for."""
        return self._process.exit_code() if isinstance(self._process, SandboxedProcess) else self._process.returncode

    def _ended(self) -> bool:
        if self._process.returncode is None:
            # `Popen.poll` would drop what the process and its children used.
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            if pid == self.pid:
                self._process.returncode = os.waitstatus_to_exitcode(status)
                self.cpu_seconds = usage.ru_utime + usage.ru_stime
                # A child starts with the peak of whoever forked it, so that only more than that is its own. The kernel counts
                # pages by the processor, and so not to the last.
                if (peak := _maxrss(usage)) > 1.05 * self._own_peak:
                    self.peak_memory = peak
        return self._process.returncode is not None


@contextlib.contextmanager
def _end_of(pid: int) -> Generator[Callable[[float], object]]:
    """A sleep of so many seconds that the end of a child cuts short, where the system tells of it. The child has not been waited for."""
    try:
        handle = os.pidfd_open(pid)
    except (AttributeError, OSError):
        yield time.sleep
        return
    try:
        ended = select.poll()
        ended.register(handle, select.POLLIN)
        yield lambda seconds: ended.poll(seconds * 1000)
    finally:
        os.close(handle)


class Runner:
    """Starts commands and can end all of them at once, from any thread.

    Args:
        on_change: is told the process ids and the brands of the running groups whenever they change, brands before anything starts.
        name: by which `end_marked` finds what they started, also from another process.
        limits: of memory and disk, for each command.
    """

    def __init__(
        self,
        on_change: Callable[[tuple[int, ...], tuple[int, ...]], None] = lambda pids, brands: None,
        name: str = "",
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> None:
        self._name = name or str(os.getpid())
        self._limits = limits
        self._groups: set[int] = set()
        self._brands: set[int] = set()
        self._trees: dict[Path, RunTree] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._on_change = on_change

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def peaks(self) -> dict[Path, int]:
        """Bytes that the running commands held together at the most so far, by the folder of each."""
        with self._lock:
            return {folder: tree.peak for folder, tree in self._trees.items()}

    def run(
        self,
        command: str,
        *,
        cwd: Path,
        env: Mapping[str, str],
        folder: Path,
        seconds: float,
        launcher: Launcher = launch,
        watch: Callable[[bytes], None] | None = None,
        ends_early: Callable[[], bool] = lambda: False,
    ) -> Outcome:
        """Runs a shell command; `folder` gets `stdout.log` and `stderr.log`. Nothing of it runs any more when this returns.

        Args:
            watch: is given all of the standard output, in a thread of its own.
            ends_early: is asked now and then while it runs; True ends it as `killed`.

        Raises: OSError: it cannot be started, or its folder cannot be written to.
        """
        mark, brand = f"{self._name}/{time.monotonic_ns()}/", new_brand()
        # Opened before anything runs that could put a link in their place.
        logs = [BoundedLog(folder, "stdout")]
        try:
            logs.append(BoundedLog(folder, "stderr"))
            self._note(self._brands, brand, running_now=True)
            process = launcher(brand_command(["/bin/sh", "-c", command], brand), cwd, {**env, MARK: mark})
        except BaseException:
            self._note(self._brands, brand, running_now=False)
            for log in logs:
                log.close()
            raise
        assert process.stdout is not None and process.stderr is not None
        pumps = (Pump(process.stdout, logs[0], watch), Pump(process.stderr, logs[1]))
        for pump in pumps:
            pump.start()
        self._note(self._groups, process.pid, running_now=True)
        child, tree = _Child(process), RunTree(process.pid, brand)
        self._trees[folder] = tree
        reason = ""
        try:
            ended, reason = self._wait(child, seconds, Watch(tree, self._limits, (cwd, folder)), pumps, ends_early)
        finally:
            # Whatever the command left behind, in its group or out of it, ends with it.
            signal_group(process.pid, signal.SIGKILL)
            end_marked(mark, (brand,))
            self._trees.pop(folder, None)
            self._note(self._brands, brand, running_now=False)
            self._note(self._groups, process.pid, running_now=False)
        for pump, stream in zip(pumps, (process.stdout, process.stderr), strict=True):
            pump.join(timeout=10.0)
            stream.close()
        reason = reason or _unwritten(folder, pumps)
        ended = "limit" if reason and ended == "exit" else ended
        peak = max(child.peak_memory, tree.peak)
        return Outcome(ended, child.exit_code(), pumps[0].text(), pumps[1].text(), child.cpu_seconds, peak, reason)

    def stop(self) -> None:
        """Ends every running command, and every one that would still start. Returns at once."""
        self._stopped.set()

    def _wait(
        self, child: _Child, seconds: float, watch: Watch, pumps: Sequence[Pump], ends_early: Callable[[], bool]
    ) -> tuple[Ended, str]:
        deadline = time.monotonic() + seconds
        pause = _FIRST_LOOK
        while not child.wait(max(0.0, min(pause, deadline - time.monotonic()))):
            pause = min(0.5, pause * 2)
            ended: Ended = "exit"
            reason = ""
            if self._stopped.is_set() or ends_early():
                ended = "killed"
            elif time.monotonic() >= deadline:
                ended = "timeout"
            elif reason := watch.exceeded() or next((pump.problem for pump in pumps if pump.problem), ""):
                ended = "limit"
            if ended != "exit":
                child.ask_to_end()
                if not child.wait(_LIMIT_GRACE if ended == "limit" else GRACE):
                    signal_group(child.pid, signal.SIGKILL)
                    child.wait(None)
                return ended, "" if any(pump.problem for pump in pumps) else reason
        return "exit", ""

    def _note(self, running: set[int], number: int, *, running_now: bool) -> None:
        with self._lock:
            (running.add if running_now else running.discard)(number)
            self._on_change(tuple(sorted(self._groups)), tuple(sorted(self._brands)))


def _unwritten(folder: Path, pumps: Sequence[Pump]) -> str:
    """Why a command's output is not all on the disk."""
    problem = next((pump.problem for pump in pumps if pump.problem), "")
    return f"its output cannot be written to {folder}: {problem}. Free some space, and propose it again" if problem else ""


def _own_peak() -> int:
    """Bytes that this process held at the most. What the kernel accounts to it begins with what its parent held; its memory does not."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return _maxrss(resource.getrusage(resource.RUSAGE_SELF))


def _maxrss(usage: resource.struct_rusage) -> int:
    """Bytes."""
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
