"""Lines that a person wants the agent to know from now on, appended to the instructions."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from mltui.config.instructions import NAMES
from mltui.config.paths import config_dir, project_root
from mltui.core.errors import ConfigError


def places(cwd: Path, environ: Mapping[str, str]) -> list[tuple[str, Path]]:
    """Where such a line may go: what it means, and the file that counts there, whether or not it exists."""
    root, here = project_root(cwd), cwd.resolve()
    found = [("this project", _counting(root))]
    if here != root:
        found.append(("this folder", _counting(here)))
    return [*found, ("all your projects", _counting(config_dir(environ)))]


def remember(path: Path, line: str) -> None:
    """Appends a list item. Raises: ConfigError: the file cannot be read or written."""
    try:
        before = path.read_bytes().decode("utf-8") if path.exists() else ""
        newline = "\r\n" if "\r\n" in before else "\n"
        gap = newline if before and not before.endswith("\n") else ""
        last = before.rstrip().rpartition("\n")[2]
        between = newline if before.strip() and not last.lstrip().startswith(("-", "*")) else ""
        path.parent.mkdir(parents=True, exist_ok=True)
        # A link stays a link: what it leads to is replaced.
        target = path.resolve()
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".memory-")
        with os.fdopen(handle, "wb") as file:
            file.write(f"{before}{gap}{between}- {' '.join(line.split())}{newline}".encode())
        Path(temporary).chmod(target.stat().st_mode & 0o777 if target.exists() else 0o644)
        Path(temporary).replace(target)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8", hint="Save the file as UTF-8") from error


def _counting(folder: Path) -> Path:
    return next((folder / name for name in NAMES if os.path.lexists(folder / name)), folder / "AGENTS.md")
