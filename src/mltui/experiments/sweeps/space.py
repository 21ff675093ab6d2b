"""The space of a sweep: what is asked for, held against what the project declares and what stands in its files."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from mltui.config.schema import ChoiceParameter, Parameter
from mltui.core.data import JsonObject, JsonValue
from mltui.core.errors import ProposalError
from mltui.core.sweep import ChoiceDimension, Dimension, FloatDimension, IntDimension
from mltui.experiments.config_files import get_value, set_value
from mltui.experiments.refusals import is_seed

_KEYS = ("type", "low", "high", "log", "step", "choices", "key")
_MODELS: dict[str, type[FloatDimension | IntDimension | ChoiceDimension]] = {
    "float": FloatDimension,
    "int": IntDimension,
    "choice": ChoiceDimension,
}

Read = Callable[[str], bytes | None]
"""The content of a file of the base, by its path; None: it has none."""


def resolve(asked: Mapping[str, JsonObject], declared: Mapping[str, Parameter], read: Read) -> tuple[Dimension, ...]:
    """The dimensions of a sweep; all that the project declares where nothing is asked for.

    Raises: ProposalError: names the parameter and what is wrong with it: outside what is declared, one value only, no such key.
    """
    if not asked and not declared:
        raise ProposalError("space is empty, and the project declares none", hint="Add [space], or [experiments.space] in its settings.")
    found: list[Dimension] = []
    taken: dict[str, str] = {}
    for name, entry in (asked or {name: cast(JsonObject, {}) for name in declared}).items():
        dimension = _dimension(name, entry, declared.get(name), declared)
        place = ":".join(split_key(dimension.key))
        if place in taken:
            raise ProposalError(f"space.{name}: {dimension.key} is that of {taken[place]} already", hint="Leave one of them out.")
        taken[place] = name
        _check_place(dimension, read)
        found.append(dimension)
    return tuple(found)


def _dimension(name: str, entry: JsonObject, declared: Parameter | None, others: Mapping[str, Parameter]) -> Dimension:
    where = f"space.{name}"
    for key in entry:
        if key not in _KEYS:
            near = difflib.get_close_matches(key, _KEYS, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(_KEYS)}."
            raise ProposalError(f"{where}.{key}: there is no such key", hint=hint)
    if declared is None and "key" not in entry:
        near = difflib.get_close_matches(name, others, n=1)
        hint = f"Did you mean {near[0]}?" if near else 'Say where it stands: key = "conf/optim.yaml:lr".'
        raise ProposalError(f"{where}: no parameter of that name is declared, and there is no key", hint=hint)
    asked = dict(entry)
    if declared is not None and asked.get("key", declared.key) != declared.key:
        raise ProposalError(f"{where}.key: the project declares {name} at {declared.key}", hint="Leave key out, or give it another name.")
    base: dict[str, Any] = declared.model_dump() if declared is not None else {}
    kind = asked.get("type") or _kind(asked, base)
    if declared is not None and not isinstance(declared, ChoiceParameter) and kind == "choice":
        base = {"key": declared.key}  # some values of a range, by name
    values = {**base, **asked, "type": kind, "name": name}
    dimension = _validated(where, values)
    _check_values(where, dimension)
    if declared is not None:
        _check_declared(where, dimension, declared)
    return dimension


def _kind(asked: Mapping[str, JsonValue], base: Mapping[str, Any]) -> str:
    if "choices" in asked:
        return "choice"
    if base:
        return str(base["type"])
    bounds = [asked.get(side) for side in ("low", "high")]
    whole = all(isinstance(bound, int) and not isinstance(bound, bool) for bound in bounds)
    return "int" if whole and not isinstance(asked.get("step"), float) else "float"


def _validated(where: str, values: dict[str, Any]) -> Dimension:
    model = _MODELS.get(str(values["type"]))
    if model is None:
        raise ProposalError(f"{where}.type: {values['type']!r} is no type", hint="Use float, int or choice.")
    strangers = [key for key in values if key not in model.model_fields]
    if strangers:
        raise ProposalError(f"{where}.{strangers[0]}: a parameter of type {values['type']} has none", hint=_shape(str(values["type"])))
    for key in ("low", "high", "step"):
        if isinstance(values.get(key), bool | str):
            raise ProposalError(f"{where}.{key}: {values[key]!r} is no number", hint=_shape(str(values["type"])))
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = next((str(part) for part in first["loc"] if part in _KEYS), "")
        said = "is missing" if first["type"] == "missing" else str(first["msg"]).removeprefix("Input ")
        raise ProposalError(f"{where}.{key}: {said}".replace(".:", ":"), hint=_shape(str(values["type"]))) from None


def _shape(kind: str) -> str:
    if kind == "choice":
        return 'Such as { choices = ["sgd", "adam"], key = "conf/optim.yaml:optimizer" }.'
    return 'Such as { low = 1e-4, high = 1e-1, log = true, key = "conf/optim.yaml:lr" }.'


def _check_values(where: str, dimension: Dimension) -> None:
    if isinstance(dimension, ChoiceDimension):
        if len({(type(one), one) for one in dimension.choices}) != len(dimension.choices):
            raise ProposalError(f"{where}.choices: one is given twice", hint="Each counts once.")
        if len(dimension.choices) < 2:
            raise ProposalError(f"{where}.choices: there is one value only, so nothing to sweep", hint="Give more, or leave it out.")
        return
    if not (math.isfinite(dimension.low) and math.isfinite(dimension.high)):
        raise ProposalError(f"{where}: low and high must be numbers", hint=_shape(dimension.type))
    if dimension.low > dimension.high:
        raise ProposalError(f"{where}: low {dimension.low:g} is above high {dimension.high:g}", hint="Swap them.")
    if dimension.log and dimension.low <= 0:
        raise ProposalError(f"{where}: a log scale needs low > 0, not {dimension.low:g}", hint="Raise low, or leave log out.")
    step = dimension.step
    if step is not None and not (step > 0 and math.isfinite(step)):
        raise ProposalError(f"{where}.step: {step:g} is no step", hint="Give a number of more than 0.")
    if step is not None and dimension.log and (isinstance(dimension, FloatDimension) or step != 1):
        raise ProposalError(f"{where}: a log scale has no step", hint="Give choices instead, such as [0.001, 0.01, 0.1].")
    if dimension.low == dimension.high or (step is not None and dimension.low + step > dimension.high + 1e-12):
        raise ProposalError(f"{where}: there is one value only, so nothing to sweep", hint="Widen the range, or leave it out.")


def _check_declared(where: str, dimension: Dimension, declared: Parameter) -> None:
    """A sweep narrows what the project declares, and never widens it."""
    hint = "Narrow it, or widen [experiments.space]."
    if isinstance(declared, ChoiceParameter):
        allowed = ChoiceDimension(name=dimension.name, key=declared.key, choices=declared.choices)
        if not isinstance(dimension, ChoiceDimension):
            raise ProposalError(f"{where}: the project declares it as {allowed.words}", hint="Give choices.")
        strangers = [one for one in dimension.choices if not allowed.admits(one)]
    else:
        sides = dimension.choices if isinstance(dimension, ChoiceDimension) else (dimension.low, dimension.high)
        strangers = [
            one for one in sides if isinstance(one, bool) or not isinstance(one, int | float) or not declared.low <= one <= declared.high
        ]
        if declared.type == "int":
            strangers += [one for one in sides if isinstance(one, float) and one not in strangers]
        allowed = FloatDimension(name=dimension.name, key=declared.key, low=declared.low, high=declared.high)
    if strangers:
        raise ProposalError(f"{where}: {strangers[0]} is outside what the project declares ({allowed.words})", hint=hint)


def split_key(key: str) -> tuple[str, str]:
    """Of `FILE:dotted.key` the file, relative to the root, and the dotted key."""
    file, _, inside = key.partition(":")
    return file.removeprefix("./"), inside


def _check_place(dimension: Dimension, read: Read) -> None:
    """Raises: ProposalError: there is no such file or key in the base, or it cannot be set alone."""
    where = f"space.{dimension.name}"
    file, key = split_key(dimension.key)
    if is_seed(dimension.name) or is_seed(key):
        raise ProposalError(
            f"{where}: it is a seed, and the best of many seeds is luck", hint="Leave it out: seeds_per_trial averages over seeds."
        )
    if not file or not key:
        raise ProposalError(f"{where}.key: {dimension.key!r} names no key in a file", hint='Write it as "conf/optim.yaml:lr".')
    if Path(file).is_absolute() or ".." in Path(file).parts:
        raise ProposalError(f"{where}.key: {file} is outside the project", hint="Name a file below it.")
    data = read(file)
    if data is None:
        raise ProposalError(f"{where}.key: {file} does not exist, or git ignores it", hint="Correct the path.")
    try:
        get_value(file, data, key)
        for value in dimension.choices if isinstance(dimension, ChoiceDimension) else (dimension.low, dimension.high):
            set_value(file, data, key, value)
    except ProposalError as error:
        raise ProposalError(f"{where}.key: {error.args[0]}", hint=error.hint.replace("`key` in [experiments.space]", "it")) from None


def write_values(params: JsonObject, space: tuple[Dimension, ...], read: Read) -> dict[str, bytes]:
    """The files of the base with a trial's values in them, by path. What has them already is left out.

    Raises: ProposalError: a value is outside the space, or one is missing; nothing is made of it then.
    """
    if {one.name for one in space} != set(params):
        raise ProposalError(f"the trial sets {', '.join(sorted(params)) or 'nothing'}, not the approved space")
    files: dict[str, bytes] = {}
    for dimension in space:
        value = params[dimension.name]
        if not dimension.admits(value):
            raise ProposalError(f"{dimension.name} = {value!r} is outside the approved space ({dimension.words})")
        file, key = split_key(dimension.key)
        data = files.get(file) or read(file)
        if data is None:
            raise ProposalError(f"{file}, which holds {dimension.name}, is not in the base")
        before = get_value(file, data, key)
        if before != value or isinstance(before, bool) != isinstance(value, bool):
            files[file] = set_value(file, data, key, value)
    return files
