"""Which processes use a GPU, by NVIDIA's own account."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

QUERY = ("--query-compute-apps=pid", "--format=csv,noheader,nounits")
TIMEOUT = 4.0


def gpu_processes(devices: Path = Path("/dev"), find: Callable[[str], str | None] = shutil.which) -> frozenset[int]:
    """Ids of the processes that compute on a GPU now; none where there is no GPU, or nobody who knows."""
    if not any(devices.glob("nvidia[0-9]*")):
        return frozenset()
    program = find("nvidia-smi")
    if program is None:
        return frozenset()
    try:
        done = subprocess.run([program, *QUERY], capture_output=True, text=True, timeout=TIMEOUT, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError):
        return frozenset()
    return frozenset(int(line) for line in done.stdout.split() if line.isdecimal())
