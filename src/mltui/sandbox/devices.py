"""The nodes of accelerators, which a command needs beside the plain devices that every sandbox has."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

_NAMES = re.compile("nvidia.*|dri|kfd|dxg|infiniband|gdrdrv|accel.*|neuron.*|davinci.*|vfio")
"""NVIDIA, graphics, AMD, WSL, RDMA (two), TPU, Trainium, Ascend, TPU by way of VFIO."""


def accelerators(folder: Path = Path("/dev")) -> Iterator[Path]:
    """Those that are there now: a driver may be loaded at any time."""
    try:
        names = os.listdir(folder)  # noqa: PTH208  before each command, and half the time of iterdir
    except OSError:
        return
    yield from (folder / name for name in sorted(names) if _NAMES.fullmatch(name))
