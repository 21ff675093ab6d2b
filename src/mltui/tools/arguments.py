"""The base of the tools' arguments: what models send in practice is accepted where its meaning is clear."""

from __future__ import annotations

from typing import Any, cast

from pydantic import ConfigDict

from mltui.core.errors import InvalidArgumentsError
from mltui.tools.base import Args


def _plain_schema(schema: dict[str, Any]) -> None:
    """Drops what only costs the model tokens: titles, and defaults that say nothing."""
    schema.pop("title", None)
    schema.pop("description", None)
    for property_ in cast("dict[str, dict[str, Any]]", schema.get("properties", {})).values():
        property_.pop("title", None)
        if property_.get("default", "") is None:
            del property_["default"]


class LaxArgs(Args):
    """Numbers pass for text and text for numbers; keys are still exact."""

    model_config = ConfigDict(coerce_numbers_to_str=True, json_schema_extra=_plain_schema)


def checked_path(path: str) -> str:
    """Raises: InvalidArgumentsError: the path is empty or cannot be one."""
    if not path.strip():
        raise InvalidArgumentsError("the path is empty", hint="Give the path of a file, absolute or relative to the working folder")
    if "\0" in path:
        raise InvalidArgumentsError("the path contains a NUL character")
    return path
