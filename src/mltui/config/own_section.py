"""What a `pyproject.toml` says to mltui."""

from __future__ import annotations

import tomllib
from typing import Any, cast


def settings_section(data: bytes | None) -> Any:
    """What a `pyproject.toml` says to mltui; None when nothing."""
    if data is None or b"mltui" not in data:
        return None
    try:
        tool = tomllib.loads(data.decode("utf-8")).get("tool")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return data
    return cast("dict[str, Any]", tool).get("mltui") if isinstance(tool, dict) else None
