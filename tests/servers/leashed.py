"""A server that does not outlive the test that started it, not even where pytest is killed. Run as a process: the leash."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def leashed(command: Sequence[str], log: Path, environ: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Runs the command in a process group of its own, with its output in `log`, until the block or this process ends.

    Yields: the process that holds the leash; it ends when the command does, with its exit code.
    """
    holder = [sys.executable, "-I", "-S", str(Path(__file__).resolve()), *command]
    with log.open("wb") as out:
        process = subprocess.Popen(holder, stdin=subprocess.PIPE, stdout=out, stderr=out, env=environ, start_new_session=True)
    try:
        yield process
    finally:
        # The end of its stdin, which the system closes as well when this process is killed.
        assert process.stdin
        process.stdin.close()
        process.wait()


def hold(command: Sequence[str]) -> int:
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def watch() -> None:
        sys.stdin.buffer.read()
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
    return server.wait()


if __name__ == "__main__":
    # Not sys.exit: it would wait for the lock of stdin, which the thread holds while it reads.
    os._exit(hold(sys.argv[1:]))
