"""The file of a sweep, as a person writes it."""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from mltui.config.schema import ChoiceParameter, Parameter
from mltui.core.data import JsonValue
from mltui.core.errors import UsageError
from mltui.core.sweep import SweepRequest

LARGEST = 1 << 20
"""Bytes of a sweep file at most."""


def example(space: Mapping[str, Parameter] = MappingProxyType({})) -> str:
    """A file to begin with, with everything that it may say.

    Args: space: the parameters that the project declares; they stand in it as they are declared.
    """
    text = (files("mltui.experiments.sweeps") / "example.toml").read_text(encoding="utf-8")
    if not space:
        return text
    declared = "".join(f"{_bare(name)} = {_range(parameter)}\n" for name, parameter in space.items())
    title = _toml(f"Sweep of {', '.join(space)}"[:200])
    for line, instead in ((r"title = .*\n", f"title = {title}\n"), (r"lr = .*\n", declared)):
        text = re.sub(f"^{line}", instead.replace("\\", "\\\\"), text, count=1, flags=re.MULTILINE)
    return text.replace("Another learning rate or batch size beats", "Other values beat")


def _toml(value: JsonValue) -> str:
    # TOML has JSON's strings and lists, but no halves of a character.
    return json.dumps(value, ensure_ascii=False)


def _bare(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _toml(name)


def _range(parameter: Parameter) -> str:
    if isinstance(parameter, ChoiceParameter):
        return f"{{ choices = {_toml(list(parameter.choices))} }}"
    return f"{{ low = {parameter.low!r}, high = {parameter.high!r} }}"


def read_sweep(path: Path) -> SweepRequest:
    """Raises: UsageError: it cannot be read, is no TOML, or has an unknown key or a wrong value; names the file and the key."""
    try:
        if path.stat().st_size > LARGEST:
            raise UsageError(f"{path} has {path.stat().st_size / 1e6:.0f} MB", hint="A sweep has a few lines")
        text = path.read_bytes().decode("utf-8")
        raw: dict[str, Any] = tomllib.loads(text)
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8", hint="Save it as UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}", hint="`mltui sweep init` prints an example") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", hint="`mltui sweep init > sweep.toml` writes an example") from None
    for key in raw:
        if key not in SweepRequest.model_fields:
            near = difflib.get_close_matches(key, SweepRequest.model_fields, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(SweepRequest.model_fields)}"
            raise UsageError(f"{path}: {key}{_line(text, key)}: there is no such key", hint=hint)
    names = ", ".join(raw["space"]) if isinstance(raw.get("space"), dict) and raw["space"] else "the declared parameters"
    raw.setdefault("title", f"Sweep of {names}"[:200])
    raw.setdefault("hypothesis", f"A setting of {names} beats the present one")
    try:
        return SweepRequest.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"] if part not in ("float", "int", "str"))
        said = str(first["msg"]).removeprefix("Input ")
        raise UsageError(
            f"{path}: {where}{_line(text, str(first['loc'][0]))}: {said}", hint="`mltui sweep init` prints an example"
        ) from None


def _line(text: str, key: str) -> str:
    found = re.search(rf"^[ \t]*\[?[ \t]*[\"']?{re.escape(key)}[\"']?[ \t]*[=\]]", text, re.MULTILINE)
    return f" (line {text.count(chr(10), 0, found.start()) + 1})" if found else ""
