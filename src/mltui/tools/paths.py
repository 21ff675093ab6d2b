"""From the path that a model wrote to the one that is decided on."""

from __future__ import annotations

from pathlib import Path

from mltui.core.errors import InvalidArgumentsError
from mltui.tools.arguments import checked_path
from mltui.tools.base import Workspace


def resolve(workspace: Workspace, path: str) -> Path:
    """The absolute path with symlinks resolved, whether or not it exists.

    Raises: InvalidArgumentsError: the path is empty, holds NUL, is too long, loops, or names an unknown user.
    """
    try:
        return workspace.resolve(checked_path(path))
    except (OSError, RuntimeError, ValueError) as error:
        raise InvalidArgumentsError(f"{path[:200]!r} is no usable path: {error}") from None
