"""The GPUs and which processes use them, by NVIDIA's own account: through its library, else by its program."""

from __future__ import annotations

import importlib
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

QUERY = ("--query-compute-apps=pid", "--format=csv,noheader,nounits")
FACTS = ("--query-gpu=uuid,index,name,utilization.gpu,memory.used,memory.total,temperature.gpu", "--format=csv,noheader,nounits")
DRIVERS = ("--query-gpu=index,driver_version,memory.total,name", "--format=csv,noheader,nounits")
USERS = ("--query-compute-apps=gpu_uuid,pid,used_memory", "--format=csv,noheader,nounits")
TIMEOUT = 4.0


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """Attributes: memory: MiB of the GPU, None where the driver does not say."""

    pid: int
    memory: int | None


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU now.

    Attributes:
        busy: per cent of the last moment in which it computed.
        used, total: MiB of its memory.
        celsius: its temperature; each of these is None where the driver does not say.
    """

    index: int
    name: str
    busy: int | None
    used: int | None
    total: int | None
    celsius: int | None
    processes: tuple[GpuProcess, ...] = ()
    uuid: str = ""

    @property
    def free(self) -> int:
        """MiB of its memory that nobody has; 0 where the driver does not say."""
        return max(0, self.total - self.used) if self.total is not None and self.used is not None else 0


def gpu_processes(devices: Path = Path("/dev"), find: Callable[[str], str | None] = shutil.which) -> frozenset[int]:
    """Ids of the processes that compute on a GPU now; none where there is no GPU, or nobody who knows."""
    said = _ask(QUERY, devices, find) or ""
    return frozenset(int(line) for line in said.split() if line.isdecimal())


def gpus(devices: Path = Path("/dev"), find: Callable[[str], str | None] = shutil.which) -> tuple[Gpu, ...] | None:
    """The GPUs as they are now; None where there is none, or nobody who knows. Blocks for a moment."""
    if any_device(devices) and (known := importlib.import_module("mltui.experiments.nvml").look()) is not None:
        return cast("tuple[Gpu, ...]", known)
    facts = _ask(FACTS, devices, find)
    if facts is None:
        return None
    users = [[part.strip() for part in line.split(",")] for line in (_ask(USERS, devices, find) or "").splitlines()]
    found: list[Gpu] = []
    for line in facts.splitlines():
        parts = [part.strip() for part in line.split(",")]
        if len(parts) < 7 or not parts[1].isdecimal():
            continue
        busy, used, total, celsius = (_number(part) for part in parts[-4:])
        own = [user for user in users if len(user) == 3 and user[0] == parts[0] and user[1].isdecimal()]
        processes = tuple(GpuProcess(int(user[1]), _number(user[2])) for user in own)
        found.append(Gpu(int(parts[1]), ", ".join(parts[2:-4]), busy, used, total, celsius, processes, parts[0]))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Card:
    """A GPU as it is built in. Attributes: memory: MiB, None where the driver does not say."""

    index: int
    name: str
    memory: int | None
    driver: str


def drivers(devices: Path = Path("/dev"), find: Callable[[str], str | None] = shutil.which) -> tuple[Card, ...]:
    """The GPUs with their driver's version; none where there is none, or nobody who knows."""
    rows = [[part.strip() for part in line.split(",", 3)] for line in (_ask(DRIVERS, devices, find) or "").splitlines()]
    return tuple(Card(int(row[0]), row[3], _number(row[2]), row[1]) for row in rows if len(row) == 4 and row[0].isdecimal())


def any_device(devices: Path = Path("/dev")) -> bool:
    """Whether there may be a GPU of NVIDIA's: its nodes, or those of Windows beneath."""
    return any(devices.glob("nvidia[0-9]*")) or (devices / "dxg").exists()


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


def _ask(query: tuple[str, ...], devices: Path, find: Callable[[str], str | None]) -> str | None:
    """What nvidia-smi answers; None where there is no GPU, no such program, or no answer in time."""
    program = find("nvidia-smi") if any_device(devices) else None
    if program is None:
        return None
    try:
        done = subprocess.run([program, *query], capture_output=True, text=True, timeout=TIMEOUT, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None
