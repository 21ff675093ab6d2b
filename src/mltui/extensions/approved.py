"""Which hooks and servers of a project a person agreed to, by the digest of what they say: a change asks again.

Trust of a folder is not enough for what runs outside the gate: the agent's own commands may write into a trusted folder.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from mltui.config.paths import project_root, state_dir
from mltui.core.errors import ConfigError


def is_agreed(cwd: Path, what: str, digest: str, environ: Mapping[str, str]) -> bool:
    """Whether a person agreed to what it says now.

    Args:
        what: `mcp:NAME`, or `hooks:` and a file.
    """
    return _read(environ).get(str(project_root(cwd)), {}).get(what) == digest


def remember(cwd: Path, what: str, digest: str, environ: Mapping[str, str]) -> None:
    """A person agreed. Raises: ConfigError: it cannot be written."""
    content = _read(environ)
    content.setdefault(str(project_root(cwd)), {})[what] = digest
    path = _file(environ)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".approved-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2)
        Path(temporary).replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}", hint="Set MLTUI_HOME to a folder that you may write") from error


def _file(environ: Mapping[str, str]) -> Path:
    return state_dir(environ) / "approved.json"


def _read(environ: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    try:
        content: Any = json.loads(_file(environ).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # nobody is taken to have agreed to anything
    if not isinstance(content, dict):
        return {}
    return {key: cast("dict[str, Any]", value) for key, value in cast("dict[str, Any]", content).items() if isinstance(value, dict)}
