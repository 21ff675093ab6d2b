"""Runs one command to its end: in its own process group, with bounded output and a time limit that holds."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import psutil

from mltui.sandbox import SandboxedProcess

OUTPUT_LIMIT = 20_000_000
"""Bytes of each output stream that are kept on disk."""

TAIL = 262_144
"""Bytes of the end of each stream that are kept in memory, whatever its length."""

GRACE = 5.0
"""Seconds between asking a process group to end and ending it."""

MARK = "MLTUI_RUN_MARK"
"""Environment variable by which what a command started is found, whatever session it moved to."""

Ended = Literal["exit", "timeout", "killed"]

Launcher = Callable[[Sequence[str], Path, Mapping[str, str]], subprocess.Popen[bytes]]
"""Starts arguments in a folder with an environment: in a session of its own, without input, both outputs in pipes."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Attributes: exit_code: negative for a signal; stdout, stderr: the ends of the streams; cpu_seconds: of all that it waited for."""

    ended: Ended
    exit_code: int
    stdout: str
    stderr: str
    cpu_seconds: float = 0.0


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


class Pump(threading.Thread):
    """Reads a stream to its end, keeps what fits in a file, and the end in memory."""

    def __init__(self, source: IO[bytes], target: IO[bytes], limit: int = OUTPUT_LIMIT) -> None:
        super().__init__(daemon=True)
        self._source = source
        self._target = target
        self._limit = limit
        self._tail: deque[bytes] = deque()
        self._tail_size = 0

    def run(self) -> None:
        written = 0
        dropped = 0
        with self._target as file:
            while chunk := self._read():
                self._remember(chunk)
                room = max(0, self._limit - written)
                file.write(chunk[:room])
                written += len(chunk[:room])
                dropped += len(chunk) - len(chunk[:room])
                file.flush()
            if dropped:
                file.write(f"\n[mltui: cut here, {dropped:,} more bytes were not kept]\n".encode())

    def _read(self) -> bytes:
        try:
            return os.read(self._source.fileno(), 65_536)
        except (OSError, ValueError):
            return b""

    def _remember(self, chunk: bytes) -> None:
        self._tail.append(chunk)
        self._tail_size += len(chunk)
        while self._tail_size - len(self._tail[0]) >= TAIL:
            self._tail_size -= len(self._tail.popleft())

    def text(self) -> str:
        return b"".join(self._tail)[-TAIL:].decode("utf-8", "replace")


class _Child:
    """A process that is waited for together with what it cost."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.pid = process.pid
        self.cpu_seconds = 0.0
        self._process = process

    def wait(self, seconds: float | None) -> bool:
        """Whether it has ended, at the latest after so many seconds (None: when it has)."""
        deadline = None if seconds is None else time.monotonic() + seconds
        pause = 0.001
        while not self._ended():
            left = pause if deadline is None else min(pause, deadline - time.monotonic())
            if left <= 0:
                return False
            time.sleep(left)
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
        return self._process.returncode is not None


class Runner:
    """Starts commands and can end all of them at once, from any thread.

    Args:
        on_change: is told the process ids of the running groups whenever they change.
        name: by which `end_marked` finds what they started, also from another process.
    """

    def __init__(self, on_change: Callable[[tuple[int, ...]], None] = lambda pids: None, name: str = "") -> None:
        self._name = name or str(os.getpid())
        self._groups: set[int] = set()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._on_change = on_change

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def run(self, command: str, *, cwd: Path, env: Mapping[str, str], folder: Path, seconds: float, launcher: Launcher = launch) -> Outcome:
        """Runs a shell command; `folder` gets `stdout.log` and `stderr.log`. Nothing of it runs any more when this returns."""
        mark = f"{self._name}/{time.monotonic_ns()}/"
        # Opened before anything runs that could put a link in their place.
        logs = ((folder / "stdout.log").open("wb"), (folder / "stderr.log").open("wb"))
        try:
            process = launcher(["/bin/sh", "-c", command], cwd, {**env, MARK: mark})
        except BaseException:
            for log in logs:
                log.close()
            raise
        assert process.stdout is not None and process.stderr is not None
        pumps = (Pump(process.stdout, logs[0]), Pump(process.stderr, logs[1]))
        for pump in pumps:
            pump.start()
        self._note(process.pid, running=True)
        child = _Child(process)
        try:
            ended = self._wait(child, seconds)
        finally:
            # Whatever the command left behind, in its group or out of it, ends with it.
            signal_group(process.pid, signal.SIGKILL)
            end_marked(mark)
            self._note(process.pid, running=False)
        for pump, stream in zip(pumps, (process.stdout, process.stderr), strict=True):
            pump.join(timeout=2.0)
            stream.close()
        return Outcome(ended, child.exit_code(), pumps[0].text(), pumps[1].text(), child.cpu_seconds)

    def stop(self) -> None:
        """Ends every running command, and every one that would still start. Returns at once."""
        self._stopped.set()

    def _wait(self, child: _Child, seconds: float) -> Ended:
        deadline = time.monotonic() + seconds
        ended: Ended = "exit"
        while not child.wait(max(0.0, min(0.5, deadline - time.monotonic()))):
            if self._stopped.is_set():
                ended = "killed"
            elif time.monotonic() >= deadline:
                ended = "timeout"
            if ended != "exit":
                child.ask_to_end()
                if not child.wait(GRACE):
                    signal_group(child.pid, signal.SIGKILL)
                    child.wait(None)
                return ended
        return ended

    def _note(self, group: int, *, running: bool) -> None:
        with self._lock:
            (self._groups.add if running else self._groups.discard)(group)
            self._on_change(tuple(sorted(self._groups)))


def signal_group(group: int, number: signal.Signals) -> None:
    """Signals a process group; one that is gone is no error."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return


def end_marked(mark: str) -> None:
    """Ends every process whose mark begins so. Where there is no /proc to look into: none."""
    wanted = f"{MARK}={mark}".encode()
    for _ in range(3):
        found = [pid for pid in _processes() if _carries(pid, wanted)]
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not found:
            return


def _processes() -> list[int]:
    try:
        return [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdecimal()]
    except OSError:
        return []


def _carries(pid: int, wanted: bytes) -> bool:
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(variable.startswith(wanted) for variable in variables)
