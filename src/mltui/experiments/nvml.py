"""The GPUs through NVIDIA's library, where its Python binding (`nvidia-ml-py`) is installed: a look takes milliseconds, not half a second.

Source: https://docs.nvidia.com/deploy/nvml-api/
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from typing import Any

from mltui.experiments.gpu import Gpu, GpuProcess

_MIB = 1 << 20
_TEMPERATURE_GPU = 0


def look() -> tuple[Gpu, ...] | None:
    """The GPUs as they are now; None where there is no binding, or no driver that answers."""
    try:
        nvml: Any = importlib.import_module("pynvml")
    except ImportError:
        return None
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return None
    try:
        return tuple(_gpus(nvml))
    except nvml.NVMLError:
        return None
    finally:
        with contextlib.suppress(nvml.NVMLError):
            nvml.nvmlShutdown()


def _gpus(nvml: Any) -> Iterator[Gpu]:
    for index in range(nvml.nvmlDeviceGetCount()):
        device = nvml.nvmlDeviceGetHandleByIndex(index)
        memory = _ask(nvml, "nvmlDeviceGetMemoryInfo", device)
        load = _ask(nvml, "nvmlDeviceGetUtilizationRates", device)
        using: Any = _ask(nvml, "nvmlDeviceGetComputeRunningProcesses", device) or ()
        yield Gpu(
            index,
            _text(nvml.nvmlDeviceGetName(device)),
            load.gpu if load else None,
            memory.used // _MIB if memory else None,
            memory.total // _MIB if memory else None,
            _ask(nvml, "nvmlDeviceGetTemperature", device, _TEMPERATURE_GPU),
            tuple(GpuProcess(one.pid, one.usedGpuMemory // _MIB if one.usedGpuMemory else None) for one in using),
            _text(nvml.nvmlDeviceGetUUID(device)),
        )


def _ask(nvml: Any, question: str, *about: Any) -> Any:
    """None where this GPU does not answer it."""
    try:
        return getattr(nvml, question)(*about)
    except nvml.NVMLError:
        return None


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
