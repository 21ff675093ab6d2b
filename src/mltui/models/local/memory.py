"""How much context and how many layers fit into memory, decided before llama.cpp allocates it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mltui.core.errors import ConfigError
from mltui.models.local.gguf import GGUFInfo

MAX_DEFAULT_CONTEXT = 32_768
MIN_CONTEXT = 2048
WORKING_CONTEXT = 8192
"""Tokens below which an agent soon runs out of room: for this much, layers leave the GPU rather than context."""
_FALLBACK_CONTEXT = 4096
_USABLE = 0.9
"""Part of the host's free memory that a model may take."""
_GPU_MARGIN = 1 << 30
"""Bytes of each GPU left alone, at most a tenth of it: as much as llama.cpp's own server leaves."""


@dataclass(frozen=True, slots=True)
class Device:
    """A GPU. Attributes: name: what people call it; free, total: bytes of its memory."""

    name: str
    free: int
    total: int


@dataclass(frozen=True, slots=True)
class Plan:
    """How a model is opened.

    Attributes:
        context: tokens.
        gpu_layers: layers on the GPU as llama.cpp counts them, from the output backwards; the output is one.
        host_bytes, gpu_bytes: what that takes. Upper estimates.
    """

    context: int
    gpu_layers: int
    host_bytes: int
    gpu_bytes: int


def wanted_context(info: GGUFInfo, configured: int) -> int:
    """The configured context, or what the model was trained with, at most `MAX_DEFAULT_CONTEXT`."""
    return configured or min(info.context_length or _FALLBACK_CONTEXT, MAX_DEFAULT_CONTEXT)


def plan(info: GGUFInfo, context: int, gpu_layers: int, host_free: int, devices: Sequence[Device] = ()) -> Plan:
    """Decides context and layers.

    A default context is halved until it fits; a configured one is taken or refused, and so is a number of layers. Without a
    number, all layers go to the GPU if they fit with `WORKING_CONTEXT` at least, else as many as fit.

    Args:
        context: as configured; 0: as much as the model was made for.
        gpu_layers: as configured; -1: as many as fit.
        host_free: free bytes of the host.
        devices: the GPUs.

    Raises:
        ConfigError: the model does not fit.
    """
    room = int(host_free * _USABLE)
    most = info.layers + 1 if devices else 0
    tried: Plan | None = None
    for size in _contexts(wanted_context(info, context), fixed=bool(context)):
        fitting = layers_that_fit(info, size, devices)
        layers = min(fitting if gpu_layers < 0 else gpu_layers, most)
        tried = Plan(size, layers, info.host_bytes(size, layers), info.gpu_bytes(size, layers) if layers else 0)
        smaller_helps = not context and size > WORKING_CONTEXT and gpu_layers < 0 and layers < most
        if layers <= fitting and tried.host_bytes <= room and not smaller_helps:
            return tried
    assert tried is not None
    raise _too_large(info, tried, room, layers_that_fit(info, tried.context, devices))


def layers_that_fit(info: GGUFInfo, context: int, devices: Sequence[Device]) -> int:
    """How many layers the GPUs hold with that context, from 0 to all and the output."""
    room = sum(max(0, device.free - min(_GPU_MARGIN, device.total // 10) - info.compute_bytes) for device in devices)
    layers = 0
    while devices and layers <= info.layers and info.gpu_bytes(context, layers + 1) - info.compute_bytes <= room:
        layers += 1
    return layers


def _contexts(wanted: int, *, fixed: bool) -> Iterator[int]:
    """The context and its halves, down to `MIN_CONTEXT`."""
    yield wanted
    while not fixed and wanted > MIN_CONTEXT:
        wanted = max(MIN_CONTEXT, wanted // 2)
        yield wanted


def _too_large(info: GGUFInfo, tried: Plan, room: int, fitting: int) -> ConfigError:
    what = f"{info.name} with a context of {tried.context:,} tokens"
    if tried.gpu_layers > fitting:
        return ConfigError(
            f"{what} and {tried.gpu_layers} layers on the GPU needs about {_gib(tried.gpu_bytes)} there; {fitting} layers fit",
            hint=f"Set local.gpu_layers to {fitting}, or to -1 for as many as fit",
        )
    return ConfigError(
        f"{what} needs about {_gib(tried.host_bytes)}, and {_gib(room)} are free",
        hint="Set local.context lower, choose a smaller model, or free memory",
    )


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
