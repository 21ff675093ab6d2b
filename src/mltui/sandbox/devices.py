"""The nodes of accelerators, which a command needs beside the plain devices that every sandbox has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_PATTERNS = ("nvidia*", "dri", "kfd", "dxg", "infiniband", "gdrdrv", "accel*", "neuron*", "davinci*", "vfio")
"""NVIDIA, graphics, AMD, WSL, RDMA (two), TPU, Trainium, Ascend, TPU by way of VFIO."""


def accelerators(folder: Path = Path("/dev")) -> Iterator[Path]:
    """Those that are there now: a driver may be loaded at any time."""
    for pattern in _PATTERNS:
        yield from sorted(folder.glob(pattern))
