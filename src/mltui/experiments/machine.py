"""On what a run was made: interpreter and packages, system, processor, memory, GPUs with their driver."""

from __future__ import annotations

import functools
import os
import platform
import socket
from pathlib import Path

import psutil

from mltui import __version__
from mltui.core.data import JsonObject, JsonValue
from mltui.experiments.gpu import drivers
from mltui.experiments.run_environment import Probe

FILE = "environment.json"
"""In a run's folder."""


def environment_record(probe: Probe) -> JsonObject:
    """Returns: what `environment.json` holds; a fact that the machine does not tell is left out."""
    packages: dict[str, JsonValue] = {name: version for name, _, version in (package.partition("==") for package in probe.packages)}
    return {
        "mltui": __version__,
        "python": probe.version,
        "digest": probe.digest,
        "packages": packages,
        **machine(),
    }


@functools.cache
def machine() -> JsonObject:
    """Returns: what does not change while a job runs. Asked once a process."""
    gpus: list[JsonValue] = [{"index": gpu.index, "name": gpu.name, "memory_mib": gpu.memory, "driver": gpu.driver} for gpu in drivers()]
    found: JsonObject = {
        "host": socket.gethostname(),
        "system": _system(),
        "kernel": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "cpu": _cpu(),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "gpus": gpus,
    }
    return {name: value for name, value in found.items() if value not in ("", None)}


def _system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return f"macOS {platform.mac_ver()[0]}" if platform.mac_ver()[0] else ""


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model", "Hardware")))
    return next(names, platform.processor())
