"""Runs one command to its end: in its own process group, with bounded output and a time limit that holds."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

OUTPUT_LIMIT = 20_000_000
"""Bytes of each output stream that are kept on disk."""

TAIL = 262_144
"""Bytes of the end of each stream that are kept in memory, whatever its length."""

GRACE = 5.0
"""Seconds between asking a process group to end and ending it."""

Ended = Literal["exit", "timeout", "killed"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Attributes: exit_code: negative for a signal; stdout, stderr: the ends of the streams."""

    ended: Ended
    exit_code: int
    stdout: str
    stderr: str


class Pump(threading.Thread):
    """Reads a stream to its end, keeps what fits in a file, and the end in memory."""

    def __init__(self, source: IO[bytes], target: Path, limit: int = OUTPUT_LIMIT) -> None:
        super().__init__(daemon=True)
        self._source = source
        self._target = target
        self._limit = limit
        self._tail: deque[bytes] = deque()
        self._tail_size = 0

    def run(self) -> None:
        written = 0
        dropped = 0
        with self._target.open("wb") as file:
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


class Runner:
    """Starts commands and can end all of them at once, from any thread.

    Args:
        on_change: is told the process ids of the running groups whenever they change.
    """

    def __init__(self, on_change: Callable[[tuple[int, ...]], None] = lambda pids: None) -> None:
        self._groups: set[int] = set()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._on_change = on_change

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def run(self, command: str, *, cwd: Path, env: Mapping[str, str], folder: Path, seconds: float) -> Outcome:
        """Runs a shell command; `folder` gets `stdout.log` and `stderr.log`."""
        process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdout is not None and process.stderr is not None
        pumps = (Pump(process.stdout, folder / "stdout.log"), Pump(process.stderr, folder / "stderr.log"))
        for pump in pumps:
            pump.start()
        self._note(process.pid, running=True)
        try:
            ended = self._wait(process, seconds)
        finally:
            # Whatever the command left behind in its group ends with it.
            signal_group(process.pid, signal.SIGKILL)
            self._note(process.pid, running=False)
        for pump, stream in zip(pumps, (process.stdout, process.stderr), strict=True):
            pump.join(timeout=2.0)
            stream.close()
        return Outcome(ended, process.returncode, pumps[0].text(), pumps[1].text())

    def stop(self) -> None:
        """Ends every running command, and every one that would still start. Returns at once."""
        self._stopped.set()

    def _wait(self, process: subprocess.Popen[bytes], seconds: float) -> Ended:
        deadline = time.monotonic() + seconds
        ended: Ended = "exit"
        while process.poll() is None:
            if self._stopped.is_set():
                ended = "killed"
            elif time.monotonic() >= deadline:
                ended = "timeout"
            if ended != "exit":
                signal_group(process.pid, signal.SIGTERM)
                try:
                    process.wait(timeout=GRACE)
                except subprocess.TimeoutExpired:
                    signal_group(process.pid, signal.SIGKILL)
                    process.wait()
                return ended
            self._pause(process, deadline)
        return ended

    def _pause(self, process: subprocess.Popen[bytes], deadline: float) -> None:
        try:
            process.wait(timeout=max(0.0, min(0.5, deadline - time.monotonic())))
        except subprocess.TimeoutExpired:
            return

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
