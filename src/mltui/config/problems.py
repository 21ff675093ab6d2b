"""Says in plain words what is wrong with a setting, where, and which key was meant."""

from __future__ import annotations

import json
import typing
from collections.abc import Iterator, Mapping, Sequence
from types import UnionType
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from mltui.config.locate import KeyPath, dotted, line_of
from mltui.config.schema import Config
from mltui.config.sources import Layer, is_secret, mask_url
from mltui.core.errors import ConfigError

INCOMPLETE = ("missing", "union_tag_not_found")
"""Errors of one layer that another layer may yet heal."""

_WORDS = {
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be text in quotes",
    "tuple_type": 'must be a list, such as ["a", "b"]',
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "literal_error": "must be one of {expected}",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "too_short": "needs at least {min_length} of them",
    "value_error": "{error}",
    "missing": "is missing",
    "union_tag_not_found": "needs a `type`",
    "union_tag_invalid": "has a `type` that must be one of {expected_tags}",
}
_WITHOUT_VALUE = ("missing", "union_tag_not_found", "union_tag_invalid", "value_error", "too_short")


def problems(error: ValidationError, layers: Sequence[Layer], values: Mapping[str, Any], ignore: Sequence[str] = ()) -> list[ConfigError]:
    """One error for each wrong setting, in the order of the settings.

    Args:
        error: what pydantic said of `values`.
        layers: the origins of `values`, the strongest last.
        ignore: pydantic's names of errors that do not count.
    """
    found: dict[KeyPath, ConfigError] = {}
    for detail in error.errors(include_url=False):
        path = _data_path(detail["loc"], values, missing=detail["type"] == "missing")
        if path not in found and detail["type"] not in ignore:
            found[path] = _problem(path, detail["type"], detail["msg"], dict(detail.get("ctx") or {}), detail["input"], layers)
    return list(found.values())


def _problem(path: KeyPath, kind: str, message: str, context: dict[str, Any], value: Any, layers: Sequence[Layer]) -> ConfigError:
    origin = place(path, layers)
    if kind == "extra_forbidden":
        near = nearest_key(path)
        hint = f"Did you mean `{near}`?" if near else f"Known here: {', '.join(sorted(_keys(_annotations(path[:-1])))) or 'nothing'}"
        return ConfigError(f"{origin}: `{dotted(path)}` is not a setting", hint=hint)
    words = _WORDS[kind].format_map(context) if kind in _WORDS else message[:1].lower() + message[1:]
    shown = "" if kind in _WITHOUT_VALUE else f", not {_shown(path, value)}"
    hint = ""
    if path == ("model",) and isinstance(value, str):
        hint = "Name the model in `model.default`"
    return ConfigError(f"{origin}: `{dotted(path)}` {words}{shown}", hint=hint)


def place(path: KeyPath, layers: Sequence[Layer]) -> str:
    """The origin, with the line where there is one, of the strongest layer that comes nearest to the path."""
    best = max(reversed(layers), key=lambda layer: _depth(layer.values, path))
    if best.text is None:
        return best.origin
    line = line_of(best.text, (*best.table, *path))
    return f"{best.origin}:{line}" if line else best.origin


def nearest_key(path: KeyPath) -> str | None:
    """The valid key that an unknown one was probably meant to be."""
    import difflib

    name = str(path[-1])
    siblings = _keys(_annotations(path[:-1]))
    if close := difflib.get_close_matches(name, siblings, n=1):
        return dotted((*path[:-1], close[0]))
    everywhere = {key.rsplit(".", 1)[-1]: key for key in _all_keys()}
    close = difflib.get_close_matches(name, everywhere, n=1, cutoff=0.8)
    return everywhere[close[0]] if close else None


def _shown(path: KeyPath, value: Any) -> str:
    if is_secret(path):
        return "what is there"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    text = mask_url(json.dumps(value, ensure_ascii=False, default=str))
    return text if len(text) <= 60 else text[:57] + "…"


def _data_path(location: Sequence[int | str], values: Any, *, missing: bool) -> KeyPath:
    """The place in the data: pydantic's location without the tags of unions, which stand nowhere in a file."""
    path: KeyPath = ()
    node = values
    for index, part in enumerate(location):
        if isinstance(node, dict) and part in node:
            node = cast("dict[str | int, Any]", node)[part]
        elif isinstance(node, (list, tuple)) and isinstance(part, int):
            node = cast("Sequence[Any]", node)[part]
        elif not (missing and index == len(location) - 1):
            continue
        path = (*path, part)
    return path


def _depth(values: Any, path: KeyPath) -> int:
    depth = 0
    for part in path:
        if isinstance(values, dict) and part in values:
            values = cast("dict[str | int, Any]", values)[part]
        elif isinstance(values, list) and isinstance(part, int) and part < len(cast("list[Any]", values)):
            values = cast("list[Any]", values)[part]
        else:
            break
        depth += 1
    return depth


def _annotations(path: KeyPath) -> list[Any]:
    """The types that the schema allows at a path."""
    types: list[Any] = [Config]
    for part in path:
        inner: list[Any] = []
        for kind in types:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                field = kind.model_fields.get(str(part))
                inner += list(_alternatives(field.annotation)) if field else []
            elif typing.get_origin(kind) in (dict, tuple):
                inner += list(_alternatives(typing.get_args(kind)[1 if typing.get_origin(kind) is dict else 0]))
        types = inner
    return types


def _alternatives(annotation: Any) -> Iterator[Any]:
    if typing.get_origin(annotation) is typing.Annotated:
        yield from _alternatives(typing.get_args(annotation)[0])
    elif typing.get_origin(annotation) in (typing.Union, UnionType):
        for one in typing.get_args(annotation):
            yield from _alternatives(one)
    else:
        yield annotation


def _keys(types: list[Any]) -> list[str]:
    return list(dict.fromkeys(key for kind in types if isinstance(kind, type) and issubclass(kind, BaseModel) for key in kind.model_fields))


def _all_keys() -> Iterator[str]:
    for section in Config.model_fields:
        yield section
        for key in _keys(_annotations((section,))):
            yield f"{section}.{key}"
