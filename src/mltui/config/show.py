"""The settings as `mltui config show` lists them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from mltui.config.loader import LoadedConfig
from mltui.config.locate import KeyPath, dotted
from mltui.config.sources import is_secret, mask_url


@dataclass(frozen=True, slots=True)
class Row:
    """One setting. `value` is written as in TOML, with credentials hidden; unset is an empty text."""

    key: str
    value: str
    origin: str


def rows(loaded: LoadedConfig) -> list[Row]:
    """Every setting with its value and where that came from, in the order of the schema."""
    values = loaded.config.model_dump(mode="json")
    return [Row(dotted(path), _toml(path, value), _origin(path, loaded.origins)) for path, value in _settings(values)]


def _settings(values: Mapping[str, Any], prefix: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _settings(cast("dict[str, Any]", value), (*prefix, key))
        else:
            yield (*prefix, key), value


def _origin(path: KeyPath, origins: Mapping[str, str]) -> str:
    return origins.get(dotted(path), "default")


def _toml(path: KeyPath, value: Any) -> str:
    if value is None:
        return ""
    if is_secret(path):
        return '"***"'
    return mask_url(_literal(value))


def _literal(value: Any) -> str:
    if isinstance(value, dict):
        pairs = ", ".join(
            f"{dotted((key,))} = {_literal(inner)}" for key, inner in cast("dict[str, Any]", value).items() if inner is not None
        )
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, list):
        return f"[{', '.join(_literal(inner) for inner in cast('Sequence[Any]', value))}]"
    return json.dumps(value, ensure_ascii=False)
