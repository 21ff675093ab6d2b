"""What each setting means and takes, read from the schema, so that there is one place where it is written."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from types import UnionType
from typing import Any

from pydantic import BaseModel

from mltui.config.locate import KeyPath, dotted
from mltui.config.schema import Config

_WORDS = {str: "text", int: "a whole number", float: "a number"}


@dataclass(frozen=True, slots=True)
class Setting:
    """A key of the configuration.

    Attributes:
        what: its meaning, from the schema's docstring; `of`: what its section is about.
        takes: in words; choices: all values that it takes, as TOML writes them, where they are few.
    """

    key: str
    what: str
    takes: str
    choices: tuple[str, ...] = ()


def settings() -> tuple[Setting, ...]:
    """Every setting that has a fixed key, in the order of the schema."""
    return tuple(_walk(Config, ()))


def setting(key: str) -> Setting | None:
    return next((known for known in settings() if known.key == key), None)


def _walk(model: type[BaseModel], prefix: KeyPath) -> Iterator[Setting]:
    said = _said(model)
    for name, field in model.model_fields.items():
        path = (*prefix, name)
        kinds = list(_kinds(field.annotation))
        section = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
        if section is not None and len(path) < 3:
            yield from _walk(section, path)
            continue
        choices = _choices(kinds)
        yield Setting(dotted(path), said.get(name) or _about(model), _takes(kinds, choices), choices)


def _said(model: type[BaseModel]) -> dict[str, str]:
    """What the docstring says of each attribute. It may name several at once: `input, output: …`."""
    _, found, text = (inspect.getdoc(model) or "").partition("Attributes:")
    if not found:
        return {}
    names = "|".join(map(re.escape, model.model_fields))
    heads = list(re.finditer(rf"(?<![\w.`])((?:{names})(?:, (?:{names}))*):\s", text))
    said: dict[str, str] = {}
    for place, head in enumerate(heads):
        end = heads[place + 1].start() if place + 1 < len(heads) else len(text)
        meaning = " ".join(text[head.end() : end].split()).rstrip(";. ")
        said |= dict.fromkeys(head[1].split(", "), meaning)
    return said


def _about(model: type[BaseModel]) -> str:
    text = (inspect.getdoc(model) or "").partition("Attributes:")[0].strip()
    return " ".join(text.split("\n\n")[0].split()) if model is not Config else ""


def _kinds(annotation: Any) -> Iterator[Any]:
    if typing.get_origin(annotation) is typing.Annotated:
        yield from _kinds(typing.get_args(annotation)[0])
    elif typing.get_origin(annotation) in (typing.Union, UnionType):
        for one in typing.get_args(annotation):
            yield from _kinds(one)
    else:
        yield annotation


def _choices(kinds: list[Any]) -> tuple[str, ...]:
    found: list[str] = []
    for kind in kinds:
        if kind is bool:
            found += ["true", "false"]
        elif typing.get_origin(kind) is typing.Literal:
            found += [f'"{one}"' for one in typing.get_args(kind)]
        elif kind is not type(None):
            return ()
    return tuple(found)


def _takes(kinds: list[Any], choices: tuple[str, ...]) -> str:
    if choices:
        return "one of " + ", ".join(choices)
    words: list[str] = []
    for kind in kinds:
        origin = typing.get_origin(kind)
        if origin is tuple:
            inner = typing.get_args(kind)[0]
            words.append('a list, such as ["a", "b"]' if inner is str else "a list, such as [0, 1]" if inner is int else "a list of tables")
        elif origin is dict or (isinstance(kind, type) and issubclass(kind, BaseModel)):
            words.append("a table")
        elif kind in _WORDS:
            words.append(_WORDS[kind])
    return " or ".join(words)
