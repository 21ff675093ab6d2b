"""The GPUs that llama.cpp sees, by its own account: whichever backend it was built with."""

from __future__ import annotations

import ctypes

from mltui.models.local.binding import ggml
from mltui.models.local.memory import Device

_GPU, _INTEGRATED = 1, 2
"""`enum ggml_backend_dev_type`."""


def gpus() -> tuple[Device, ...]:
    """The GPUs that layers may go to; integrated ones, which share the host's memory, only where there is no other.

    Asking for the free memory makes the driver's context, so what that takes is already gone from `free`.
    """
    ggml.ggml_backend_dev_count.restype = ctypes.c_size_t
    ggml.ggml_backend_dev_get.restype = ctypes.c_void_p
    ggml.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
    ggml.ggml_backend_dev_type.argtypes = [ctypes.c_void_p]
    devices = [ggml.ggml_backend_dev_get(index) for index in range(ggml.ggml_backend_dev_count())]
    kinds = [ggml.ggml_backend_dev_type(device) for device in devices]
    kind = _GPU if _GPU in kinds else _INTEGRATED
    return tuple(_device(device) for device, its in zip(devices, kinds, strict=True) if its == kind)


def _device(device: int) -> Device:
    description, memory = ggml.ggml_backend_dev_description, ggml.ggml_backend_dev_memory
    description.restype, description.argtypes = ctypes.c_char_p, [ctypes.c_void_p]
    memory.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(ctypes.c_size_t)]
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    memory(device, ctypes.byref(free), ctypes.byref(total))
    name: bytes = description(device) or b"GPU"
    return Device(name.decode("utf-8", errors="replace"), free.value, total.value)
