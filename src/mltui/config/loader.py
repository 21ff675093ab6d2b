"""Loads the settings: command line over environment over project file over user file over default."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from pydantic import ValidationError

from mltui.config.locate import KeyPath, dotted
from mltui.config.paths import project_root
from mltui.config.problems import INCOMPLETE, problems
from mltui.config.schema import Config
from mltui.config.sources import Layer, environment_layers, override_layers, project_layers, user_layers, without_untrusted
from mltui.core.errors import ConfigError

ADDITIVE: frozenset[KeyPath] = frozenset({("permissions", "allow"), ("permissions", "ask"), ("permissions", "deny")})
"""Lists that add up over the layers, so that a nearer file cannot drop a rule that denies. Other lists replace."""

WITHOUT_EFFECT: Mapping[str, str] = MappingProxyType(
    {
        "experiments.unplanned_training": "training outside a proposal is always refused",
    }
)
"""Settings that are known and checked, that this version does not act on, and what holds instead. Whoever sets one is told."""

NO_OVERRIDES: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """The settings and where they came from.

    Attributes:
        origins: dotted key of each value that something set, to that file, variable or `command line`.
        warnings: what was left out, and why, one line each.
    """

    config: Config
    origins: dict[str, str]
    warnings: tuple[str, ...]
    project_root: Path


def load(cwd: Path, environ: Mapping[str, str], overrides: Mapping[str, Any] = NO_OVERRIDES, trusted: bool = True) -> LoadedConfig:
    """Loads the settings that hold in a folder.

    Args:
        overrides: what the command line sets, nested or by dotted key; None means not given.
        trusted: whether the project's folder is; if not, most of its file is left out with a warning.

    Raises:
        ConfigError: names the file, the line and the nearest valid key.
    """
    layers, warnings = _layers(cwd, environ, overrides, trusted)
    found = _layer_problems(layers)
    if found:
        raise _first_of(found)
    values, origins = _merge_all(layers)
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise _first_of(problems(error, layers, values)) from error
    warnings += [
        f"{origins[key]}: `{key}` has no effect in this version: {instead}" for key, instead in WITHOUT_EFFECT.items() if key in origins
    ]
    return LoadedConfig(config, origins, tuple(warnings), project_root(cwd))


def check(cwd: Path, environ: Mapping[str, str], trusted: bool = True) -> list[str]:
    """Every problem of the settings, one line each; an empty list is good news."""
    try:
        layers, _ = _layers(cwd, environ, NO_OVERRIDES, trusted)
    except ConfigError as error:
        return [str(error)]
    found = _layer_problems(layers)
    if not found:
        values, _ = _merge_all(layers)
        try:
            Config.model_validate(values)
        except ValidationError as error:
            found = problems(error, layers, values)
    return [str(problem) for problem in found]


def _layers(cwd: Path, environ: Mapping[str, str], overrides: Mapping[str, Any], trusted: bool) -> tuple[list[Layer], list[str]]:
    """All layers, the weakest first, and warnings."""
    project, warnings = project_layers(cwd)
    if not trusted:
        for index, layer in enumerate(project):
            project[index], left_out = without_untrusted(layer)
            if left_out:
                names = ", ".join(f"`{key}`" for key in left_out)
                warnings.append(f"{layer.origin}: {names} left out, because this folder is not trusted yet")
    return [*user_layers(environ), *project, *environment_layers(environ), *override_layers(overrides)], warnings


def _layer_problems(layers: list[Layer]) -> list[ConfigError]:
    """Checks each layer alone: a mistake is an error also where a stronger layer would hide it."""
    found: list[ConfigError] = []
    for layer in layers:
        try:
            if layer.text is None:
                Config.model_validate(layer.values)
            else:
                # Files are typed, so "5" is no number there; JSON mode is strict and still takes a list for a tuple.
                Config.model_validate_json(json.dumps(layer.values, default=str), strict=True)
        except ValidationError as error:
            found += problems(error, [layer], layer.values, ignore=INCOMPLETE)
    return found


def _first_of(found: list[ConfigError]) -> ConfigError:
    first = found[0]
    if len(found) > 1:
        more = f"{len(found) - 1} more: `mltui config check` lists them"
        first.hint = f"{first.hint} ({more})" if first.hint else more
    return first


def _merge_all(layers: list[Layer]) -> tuple[dict[str, Any], dict[str, str]]:
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer in layers:
        added = {dotted(path) for path in _leaves(layer.values) if path in ADDITIVE}
        values = _merge(values, layer.values)
        for key in map(dotted, _leaves(layer.values)):
            origins[key] = f"{origins[key]} + {layer.origin}" if key in added and key in origins else layer.origin
    return values, origins


def _merge(under: dict[str, Any], over: dict[str, Any], prefix: KeyPath = ()) -> dict[str, Any]:
    merged = dict(under)
    for key, value in over.items():
        path = (*prefix, key)
        below = merged.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            merged[key] = _merge(cast("dict[str, Any]", below), cast("dict[str, Any]", value), path)
        elif path[:1] == ("hooks",) and isinstance(below, list):
            merged[key] = [*cast("list[Any]", below), *value]  # a project's hooks must not displace the person's
        elif path in ADDITIVE and below is not None:
            merged[key] = list(dict.fromkeys([*cast("list[str]", below), *cast("list[str]", value)]))
        else:
            merged[key] = value
    return merged


def _leaves(values: dict[str, Any], prefix: KeyPath = ()) -> Iterator[KeyPath]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _leaves(cast("dict[str, Any]", value), (*prefix, key))
        else:
            yield (*prefix, key)
