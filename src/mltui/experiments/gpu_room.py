"""Room on the GPUs of a run: mltui's own local models give back what they hold there.

A worker of `models.local` that is sent `GIVE_BACK` ends as soon as it is idle, and its session starts it again with the next prompt. The
worker is found by what the driver says of the GPU, or by the device that it has open where the driver's process ids are those
of another namespace.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from mltui.experiments.gpu import Gpu

WORKER = "mltui.models.local.worker"
GIVE_BACK = signal.SIGUSR1
PATIENCE = 60.0
"""Seconds that a worker has to finish the answer that it is giving."""


def make_room(gpus: Sequence[Gpu], tell: Callable[[str], None], seconds: float = PATIENCE) -> None:
    """Asks the local models on these GPUs to give their memory back, and waits for it.

    Args:
        tell: is told what is waited for, as the object of a sentence.
    """
    asked: list[psutil.Process] = []
    for process in _workers():
        held = [gpu for gpu in gpus if _holds(process, gpu)]
        if not held:
            continue
        try:
            process.send_signal(GIVE_BACK)
        except psutil.Error:
            continue
        asked.append(process)
        memory = sum(one.memory or 0 for gpu in held for one in gpu.processes if one.pid == process.pid)
        amount = f"{memory:,} MiB" if memory else "its memory"
        where = ", ".join(f"GPU {gpu.index}" for gpu in held)
        tell(f"the local model (process {process.pid}) to give back {amount} of {where}; it is loaded again with the next prompt")
    deadline = time.monotonic() + seconds
    while any(_runs(process) for process in asked) and time.monotonic() < deadline:
        time.sleep(0.1)


def _workers() -> list[psutil.Process]:
    """The worker processes of this person."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter(["cmdline", "uids"]):
        uids = process.info["uids"]
        command: list[str] | None = process.info["cmdline"]
        if WORKER in (command or ()) and uids is not None and uids.real == os.getuid():
            found.append(process)
    return found


def _holds(process: psutil.Process, gpu: Gpu) -> bool:
    if any(one.pid == process.pid for one in gpu.processes):
        return True
    try:
        return f"/dev/nvidia{gpu.index}" in {str(link.readlink()) for link in Path(f"/proc/{process.pid}/fd").iterdir()}
    except OSError:
        return False


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
