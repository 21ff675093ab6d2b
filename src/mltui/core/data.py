"""The base of every value in core: frozen, closed to unknown keys, comparable."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic import JsonValue as JsonValue

JsonObject = dict[str, JsonValue]


class Data(BaseModel):
    """An immutable value that says no to keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")
