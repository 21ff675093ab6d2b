"""Folders whose own instructions and settings the person has agreed to obey."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from mltui.config.instructions import NAMES as INSTRUCTION_FILES
from mltui.config.paths import folders_from_root, project_root, state_dir
from mltui.core.errors import ConfigError

_SETTINGS = (".mltui/config.toml", ".mltui/hooks.json", ".mcp.json", ".claude/settings.json", ".claude/settings.local.json")
_FILES = (*INSTRUCTION_FILES, *_SETTINGS)
_FOLDERS = (".mltui/personas", ".claude/agents", ".mltui/skills", ".agents/skills", ".claude/skills", ".mltui/commands", ".claude/commands")


def is_trusted(path: Path, environ: Mapping[str, str]) -> bool:
    """Whether the project that holds `path` was trusted. A folder above or below it does not count.

    Raises:
        ConfigError: the list of trusted folders cannot be read.
    """
    return str(project_root(path)) in _folders(environ)


def trust(path: Path, environ: Mapping[str, str]) -> None:
    """Adds the project that holds `path` to the trusted folders."""
    folders = sorted({*_folders(environ), str(project_root(path))})
    target = _list_file(environ)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # mkstemp makes the file readable by its owner alone, and the replace keeps that.
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".trusted-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({"folders": folders}, file, indent=2)
        Path(temporary).replace(target)
    except OSError as error:
        raise ConfigError(f"{target}: cannot be written: {error.strerror}", hint="Set MLTUI_HOME to a folder that you may write") from error


def what_needs_trust(path: Path) -> list[str]:
    """What mltui would obey in the project of `path`, relative to its root. Nothing found, nothing to ask."""
    root = project_root(path)
    found = [str(one.relative_to(root)) for folder in folders_from_root(path) for one in _found_in(folder)]
    return list(dict.fromkeys(found))


def _found_in(folder: Path) -> Iterator[Path]:
    yield from (folder / name for name in _FILES if os.path.lexists(folder / name))
    for name in _FOLDERS:
        if (folder / name).is_dir() and any((folder / name).iterdir()):
            yield folder / name
    pyproject = folder / "pyproject.toml"
    if pyproject.is_file() and b"tool.mltui" in pyproject.read_bytes():
        yield pyproject


def _list_file(environ: Mapping[str, str]) -> Path:
    return state_dir(environ) / "trusted.json"


def _folders(environ: Mapping[str, str]) -> list[str]:
    path = _list_file(environ)
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}", hint="Set MLTUI_HOME to a folder of yours") from error
    except ValueError as error:
        raise ConfigError(f"{path}: is not a list of trusted folders: {error}", hint="Delete it to begin a new one") from error
    folders: Any = cast("dict[str, Any]", content).get("folders") if isinstance(content, dict) else None
    if not isinstance(folders, list) or not all(isinstance(folder, str) for folder in cast("list[Any]", folders)):
        raise ConfigError(f"{path}: is not a list of trusted folders", hint="Delete it to begin a new one")
    return cast("list[str]", folders)
