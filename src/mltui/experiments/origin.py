"""Who decides, and from where: for the journal."""

from __future__ import annotations

import functools
import os
import platform
import pwd
import subprocess
from pathlib import Path

from mltui.core.experiment import Origin

_LONGEST = 200
"""Characters of a name that are kept: git's configuration belongs to the repository, which may hold anything."""


def origin(root: Path, via: str) -> Origin:
    """Who this process belongs to, by the system's own list of users, not by a variable that anyone may set.

    Args:
        via: `app`, `plain`, `headless`, `cli`, or `agent`.
    """
    return Origin(os_user=_os_user(), identity=_identity(root), host=_shown(platform.node()), via=via)


def _os_user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # no such user in the system's list, as in some containers
        return f"uid:{os.getuid()}"


@functools.lru_cache(maxsize=64)
def _identity(root: Path) -> str:
    """`Name <mail>` of git's configuration, or what there is of it. `git config` runs neither hooks nor filters."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "config", "--null", "--get-regexp", r"^user\.(name|email)$"]
    try:
        done = subprocess.run(command, cwd=root, env=environ, capture_output=True, timeout=5, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError):
        return ""
    pairs = [item.partition("\n") for item in done.stdout.decode("utf-8", "replace").split("\0") if item]
    found = {key: value for key, _, value in pairs}
    name, mail = _shown(found.get("user.name", "")), _shown(found.get("user.email", ""))
    return f"{name} <{mail}>".strip() if mail else name


def _shown(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)[:_LONGEST].strip()
