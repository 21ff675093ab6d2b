"""A leashed server ends with its test, and with pytest."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from .leashed import leashed

# A server with a worker, both of which do not listen to a polite word.
SERVER = """\
import os, signal, sys, time
from pathlib import Path
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
Path(sys.argv[1], "worker" if child == 0 else "server").write_text(str(os.getpid()))
time.sleep(600)
"""
OWNER = """\
import sys, time
from pathlib import Path
from tests.servers.leashed import leashed
with leashed([sys.executable, "-c", sys.argv[1], sys.argv[2]], Path(sys.argv[2], "log")):
    time.sleep(600)
"""


def started(folder: Path) -> list[int]:
    deadline = time.monotonic() + 60
    while True:
        found = [int(path.read_text() or 0) for name in ("server", "worker") if (path := folder / name).exists()]
        if len(found) == 2 and all(found):
            return found
        assert time.monotonic() < deadline, (folder / "log").read_text()
        time.sleep(0.02)


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def gone(pids: list[int]) -> bool:
    deadline = time.monotonic() + 60
    while any(map(runs, pids)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_it_ends_with_the_block(tmp_path: Path) -> None:
    with leashed([sys.executable, "-c", SERVER, str(tmp_path)], tmp_path / "log") as holder:
        pids = started(tmp_path)
        assert holder.poll() is None
    assert gone(pids)


def test_it_ends_with_a_killed_owner(tmp_path: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER, SERVER, str(tmp_path)], cwd=Path(__file__).parents[2])
    pids = started(tmp_path)
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    assert gone(pids)


def test_a_server_that_ends_is_told(tmp_path: Path) -> None:
    with leashed([sys.executable, "-c", "print('no'); raise SystemExit(3)"], tmp_path / "log") as holder:
        assert holder.wait(60) == 3
    assert (tmp_path / "log").read_text() == "no\n"
