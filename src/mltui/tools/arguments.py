"""The base of the tools' arguments: what models send in practice is accepted where its meaning is clear."""

from __future__ import annotations

from typing import Any, cast

from pydantic import ConfigDict, model_validator

from mltui.core.errors import InvalidArgumentsError
from mltui.tools.base import Args

_LONGEST_NAME = 255


def plain_schema(schema: dict[str, Any]) -> None:
    """Drops what only costs the model tokens: titles, and defaults that say nothing."""
    schema.pop("title", None)
    schema.pop("description", None)
    for property_ in cast("dict[str, dict[str, Any]]", schema.get("properties", {})).values():
        property_.pop("title", None)
        if property_.get("default") == "":
            del property_["default"]


class LaxArgs(Args):
    """Numbers pass for text and text for numbers; null counts as left out where that is allowed; keys are exact."""

    model_config = ConfigDict(coerce_numbers_to_str=True, json_schema_extra=plain_schema)

    @model_validator(mode="before")
    @classmethod
    def _leave_out_nulls(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        optional = {field.alias or name for name, field in cls.model_fields.items() if not field.is_required()}
        return {key: value for key, value in cast("dict[str, object]", data).items() if value is not None or key not in optional}


def checked_path(path: str) -> str:
    """Raises: InvalidArgumentsError: the path is empty or cannot be one."""
    if not path.strip():
        raise InvalidArgumentsError("the path is empty", hint="Give the path of a file, absolute or relative to the working folder")
    if "\0" in path:
        raise InvalidArgumentsError("the path contains a NUL character")
    if any(len(part.encode("utf-8", "surrogateescape")) > _LONGEST_NAME for part in path.split("/")):
        raise InvalidArgumentsError(f"the path has a name of more than {_LONGEST_NAME} bytes")
    return path
