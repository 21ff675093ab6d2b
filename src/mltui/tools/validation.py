"""From the JSON that a model sent to the frozen arguments of a tool."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from mltui.core.data import JsonObject, JsonValue
from mltui.core.errors import InvalidArgumentsError
from mltui.tools.base import Args, Tool


def validate(tool: Tool, arguments: JsonObject) -> Args:
    """The arguments as the tool's own frozen type.

    A list or object that came as JSON text is read.

    Raises: InvalidArgumentsError: one line per problem, with the nearest name for an unknown argument.
    """
    model = tool.args_model
    known = {field.alias or name: field for name, field in model.model_fields.items()}
    given = {name: _unquoted(value, known[name].annotation) if name in known else value for name, value in arguments.items()}
    try:
        return model.model_validate(given)
    except ValidationError as error:
        problems = [_problem(dict(detail), known) for detail in error.errors(include_url=False, include_context=False)]
        raise InvalidArgumentsError("\n".join(f"{tool.name}: {problem}" for problem in problems)) from None


def _unquoted(value: JsonValue, annotation: Any) -> JsonValue:
    """Models that wrap a list or an object into a string mean the list or the object."""
    if not isinstance(value, str) or annotation is str or not value.lstrip().startswith(("[", "{")):
        return value
    if "tuple" not in str(annotation) and "dict" not in str(annotation):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _problem(detail: dict[str, Any], known: Iterable[str]) -> str:
    location = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "missing":
        return f"the argument {location!r} is missing"
    if detail["type"] == "extra_forbidden":
        nearest = difflib.get_close_matches(location, list(known), n=1, cutoff=0.5) if len(detail["loc"]) == 1 else []
        advice = f"did you mean {nearest[0]!r}?" if nearest else f"known are {', '.join(known)}"
        return f"there is no argument {location!r}; {advice}"
    message = str(detail["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    return f"the argument {location!r} {message}, not {json.dumps(detail.get('input'), default=str)[:80]}"
