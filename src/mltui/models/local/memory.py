"""How much context fits into memory, decided before llama.cpp allocates it."""

from __future__ import annotations

import psutil

from mltui.core.errors import ConfigError
from mltui.models.local.gguf import GGUFInfo

MAX_DEFAULT_CONTEXT = 32_768
MIN_CONTEXT = 2048
_FALLBACK_CONTEXT = 4096
_USABLE = 0.9
"""Part of the free memory that a model may take."""


def wanted_context(info: GGUFInfo, configured: int) -> int:
    """The configured context, or what the model was trained with, at most `MAX_DEFAULT_CONTEXT`."""
    return configured or min(info.context_length or _FALLBACK_CONTEXT, MAX_DEFAULT_CONTEXT)


def plan_context(info: GGUFInfo, configured: int, gpu_layers: int, available: int | None = None) -> int:
    """Tokens of context to open the model with.

    A default is halved until it fits; a configured context is taken or refused. With layers on a
    GPU, its own allocator decides.

    Args:
        available: free bytes; by default what the system reports.

    Raises:
        ConfigError: the model with this context does not fit into memory.
    """
    context = wanted_context(info, configured)
    if gpu_layers != 0 and _has_gpu():
        return context
    room = int((psutil.virtual_memory().available if available is None else available) * _USABLE)
    while info.memory_bytes(context) > room and not configured and context > MIN_CONTEXT:
        context = max(MIN_CONTEXT, context // 2)
    needed = info.memory_bytes(context)
    if needed > room:
        raise ConfigError(
            f"{info.name} with a context of {context:,} tokens needs about {needed / 2**30:.1f} GiB, and {room / 2**30:.1f} GiB are free",
            hint="Set local.context lower, choose a smaller model, or free memory",
        )
    return context


def _has_gpu() -> bool:
    from mltui.models.local.binding import lib

    return bool(lib.llama_supports_gpu_offload())
