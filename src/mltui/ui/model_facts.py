"""What decides about a model: who answers, at what price, with how much room, and for a file on this machine how it fits into memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mltui.config import loader, trust
from mltui.core.errors import MltuiError
from mltui.models import registry
from mltui.models.local import gguf, memory
from mltui.models.roles import is_own
from mltui.ui.figures import price, short_name, tokens

if TYPE_CHECKING:
    from mltui.config.schema import Config
    from mltui.models.local.gguf import GGUFInfo
    from mltui.models.local.memory import Device
    from mltui.models.roles import ModelOption

ROLES: Final = ("default", "architect", "small")
WORK: Final = {"default": "answers you now", "architect": "plans and decides about architecture", "small": "writes titles and summaries"}
"""What the model of a role does."""

Fact = tuple[str, str]
"""A name and what is said of it."""


@dataclass(frozen=True)
class Machine:
    """Attributes: free: bytes of the host's memory; devices: its GPUs."""

    free: int
    devices: tuple[Device, ...] = ()


@dataclass(frozen=True)
class Roles:
    """Attributes:
    names: the model that each role would take for the next request that needs it.
    fallback: the models that answer where the others do not, in their order.
    """

    names: Mapping[str, str]
    fallback: tuple[str, ...] = ()


def machine() -> Machine:
    """What is free here now. Blocks for a moment where there is a GPU."""
    from psutil import virtual_memory

    from mltui.experiments.gpu import gpus

    mib = 1 << 20
    devices = [
        memory.Device(gpu.name, (gpu.total - (gpu.used or 0)) * mib, gpu.total * mib) for gpu in gpus() or () if gpu.total is not None
    ]
    return Machine(virtual_memory().available, tuple(devices))


def config_of(cwd: Path) -> tuple[Config, Mapping[str, str]]:
    """(settings, where each comes from) that hold in a folder. Blocks. Raises: ConfigError."""
    trusted = trust.is_trusted(cwd, os.environ) or not trust.what_needs_trust(cwd)
    loaded = loader.load(cwd, os.environ, {}, trusted)
    return loaded.config, loaded.origins


def roles(config: Config, origins: Mapping[str, str], here: str) -> Roles:
    """Args: here: the id of the model that the session talks to.

    A session on a model of one's own stays there: a role for which nobody named a model is then its own, too.
    """
    stays = is_own(here)
    names = {role: here if stays and f"model.{role}" not in origins else getattr(config.model, role) for role in ROLES[1:]}
    return Roles({"default": here, **names}, config.model.fallback)


def provider(option: ModelOption) -> str:
    """Who runs it."""
    if option.id.lower().endswith(".gguf"):
        return "this machine"
    return "script" if option.id.startswith("scripted:") else registry.provider_of(option.id) or "?"


def short_price(option: ModelOption) -> str:
    """Dollars for a million tokens, in and out."""
    if option.input_price is None or option.output_price is None:
        return ""
    return f"${option.input_price:.4g}/{option.output_price:.4g}"


def roles_of(option: ModelOption, found: Roles) -> list[str]:
    """The roles that the model would take now."""
    return [role for role, name in found.names.items() if name in (option.name, option.id)]


def facts(option: ModelOption, found: Roles, config: Config | None, measure: Callable[[], Machine]) -> list[Fact]:
    """Everything that is known of a model. Reads the head of its file."""
    said = [("role", ", ".join(WORK[role] for role in roles_of(option, found)))]
    return [*_usual(option, config, measure), *(fact for fact in said if fact[1])]


def _usual(option: ModelOption, config: Config | None, measure: Callable[[], Machine]) -> list[Fact]:
    known = [("model", option.id), ("provider", provider(option) + (f" · {option.missing}: mltui auth login" if option.missing else ""))]
    if option.id.lower().endswith(".gguf"):
        return [*known, *_fit(Path(option.id), config, measure)]
    window = f"{tokens(option.context_window)} tokens" if option.context_window else "unknown"
    costs = price(option.input_price, option.output_price) or ("nothing" if is_own(option.id) else "no price is known")
    return [*known, ("window", f"{window} · {'sees pictures' if option.sees else 'text alone'}"), ("price", costs)]


def _fit(path: Path, config: Config | None, measure: Callable[[], Machine]) -> list[Fact]:
    try:
        info = gguf.inspect(path)
        place = measure()
        local = config.local if config is not None else None
        plan = memory.plan(info, local.context if local else 0, local.gpu_layers if local else -1, place.free, place.devices)
    except (MltuiError, OSError) as error:
        hint = error.hint if isinstance(error, MltuiError) else ""
        return [("memory", f"{error}" + (f". {hint}" if hint else ""))]
    return [("context", _context(info, plan)), ("memory", _memory(info, plan, place)), ("GPU", _gpu(info, plan, place.devices))]


def _context(info: GGUFInfo, plan: memory.Plan) -> str:
    made = f", of {info.context_length:,} that it was made for" if info.context_length else ""
    return f"{plan.context:,} tokens{made}"


def _memory(info: GGUFInfo, plan: memory.Plan, place: Machine) -> str:
    cache = plan.context * info.cache_bytes_per_token
    parts = f"weights {_gib(info.tensor_bytes)}, KV cache {_gib(cache)}"
    return f"{_gib(plan.host_bytes)} of {_gib(place.free)} free ({parts})"


def _gpu(info: GGUFInfo, plan: memory.Plan, devices: Sequence[Device]) -> str:
    if not devices:
        return f"none: all {info.layers} layers on the CPU"
    free = sum(device.free for device in devices)
    return f"{min(plan.gpu_layers, info.layers)} of {info.layers} layers, {_gib(plan.gpu_bytes)} of {_gib(free)} free on {_names(devices)}"


def _names(devices: Sequence[Device]) -> str:
    names = list(dict.fromkeys(device.name for device in devices))
    return f"{len(devices)} × {names[0]}" if len(names) == 1 and len(devices) > 1 else ", ".join(names)


def _gib(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**27 else f"{count / 2**20:.0f} MiB"


def role_line(found: Roles) -> str:
    """Who would be asked for what, in a line."""
    said = [f"{role} {short_name(name)}" for role, name in found.names.items()]
    return " · ".join([*said, f"fallback {', '.join(map(short_name, found.fallback)) or 'none'}"])
