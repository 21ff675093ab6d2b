"""Hyperparameters by name: checked against the declared space, written into the file where they stand."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mltui.config.schema import ChoiceParameter, IntParameter, Parameter
from mltui.core.data import JsonValue
from mltui.core.errors import ProposalError
from mltui.core.experiment import ParameterChange
from mltui.experiments.config_files import get_value, set_value


@dataclass(frozen=True, slots=True)
class ParameterEdits:
    """Attributes: files: new content by path, relative to the root."""

    files: dict[str, bytes]
    changes: tuple[ParameterChange, ...]


def change_parameters(
    values: Mapping[str, JsonValue], space: Mapping[str, Parameter], read: Callable[[str], bytes | None]
) -> ParameterEdits:
    """What the new values make of the configuration files.

    Args:
        read: the current content of a file, or None when there is none.

    Raises:
        ProposalError: an unknown name, a value outside the declared space or equal to the present one, an unreadable file.
    """
    files: dict[str, bytes] = {}
    changes: list[ParameterChange] = []
    for name, wanted in values.items():
        parameter = space.get(name)
        if parameter is None:
            raise ProposalError(f"there is no parameter {name!r}", hint=_known(name, space))
        value = checked(name, wanted, parameter)
        file, _, key = parameter.key.partition(":")
        file = file.removeprefix("./")
        data = files.get(file) or read(file)
        if data is None:
            raise ProposalError(f"{file}, which holds {name}, does not exist", hint="Correct `key` in [experiments.space].")
        before = get_value(file, data, key)
        if before == value and isinstance(before, bool) == isinstance(value, bool):
            raise ProposalError(f"{name} is {before!r} already: nothing would change", hint=f"Choose {allowed(parameter)}.")
        files[file] = set_value(file, data, key, value)
        changes.append(ParameterChange(name=name, key=parameter.key, before=before, after=value))
    return ParameterEdits(files, tuple(changes))


def checked(name: str, value: JsonValue, parameter: Parameter) -> JsonValue:
    """The value in the parameter's own type. Numbers that came as text are taken as numbers.

    Raises:
        ProposalError: it is of another type or out of range.
    """
    if isinstance(parameter, ChoiceParameter):
        for choice in parameter.choices:
            if choice == value and isinstance(choice, bool) == isinstance(value, bool):
                return choice
        raise ProposalError(f"{name} cannot be {value!r}", hint=f"Choose {allowed(parameter)}.")
    number = _number(value)
    if number is None or (isinstance(parameter, IntParameter) and number != int(number)):
        kind = "a whole number" if isinstance(parameter, IntParameter) else "a number"
        raise ProposalError(f"{name} must be {kind}, not {value!r}", hint=f"Choose {allowed(parameter)}.")
    if not parameter.low <= number <= parameter.high:
        raise ProposalError(f"{name} = {value} is out of range", hint=f"Choose {allowed(parameter)}.")
    return int(number) if isinstance(parameter, IntParameter) else number


def allowed(parameter: Parameter) -> str:
    """The values that a parameter may take, in words."""
    if isinstance(parameter, ChoiceParameter):
        return f"one of {', '.join(repr(choice) for choice in parameter.choices)}"
    return f"between {parameter.low:g} and {parameter.high:g}"


def _number(value: JsonValue) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _known(name: str, space: Mapping[str, Parameter]) -> str:
    if not space:
        return "None is declared: add them under [experiments.space], or edit the configuration file."
    near = difflib.get_close_matches(name, space, n=3, cutoff=0.6)
    return f"Did you mean {', '.join(near)}?" if near else f"Declared are: {', '.join(list(space)[:20])}."
