"""JSON values as types, without pydantic: the worker process starts half a second sooner without it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mltui.core.data import JsonObject as JsonObject
    from mltui.core.data import JsonValue as JsonValue
else:
    JsonValue = Any
    JsonObject = dict[str, Any]
