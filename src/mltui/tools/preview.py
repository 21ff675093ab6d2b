"""What a call would change, before anybody is asked about it."""

from __future__ import annotations

import hashlib

from mltui.core.errors import ToolError
from mltui.tools.base import Args
from mltui.tools.changes import check_seen, difference
from mltui.tools.edit import EditArgs, edited
from mltui.tools.notebook_edit import NotebookEditArgs, notebook_edited
from mltui.tools.write import WriteArgs, written


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal: what `Files.digest` gives."""
    return hashlib.sha256(data).hexdigest()


def target(args: Args) -> str | None:
    """The file that a call of Write, Edit or NotebookEdit changes, as the model named it; None for other tools."""
    match args:
        case EditArgs(file_path=path) | WriteArgs(file_path=path) | NotebookEditArgs(notebook_path=path):
            return path
        case _:
            return None


def outcome(args: Args, path: str, current: bytes | None) -> bytes:
    """The bytes that such a call would leave.

    Args:
        path: the path as it is shown.
        current: what the file holds now, or None where there is none.

    Raises: ToolError: the call would fail.
    """
    match args:
        case EditArgs():
            return edited(args, path, current)
        case NotebookEditArgs():
            return notebook_edited(args, path, current)
        case WriteArgs():
            return written(args, current)
        case _:
            raise ToolError(f"this call changes no file, {path} included")


def preview(args: Args, path: str, current: bytes | None, seen: str | None) -> str:
    """The unified diff that Write, Edit or NotebookEdit would make; empty for other tools and where nothing changes.

    Args:
        path: the path as it is shown.
        current: what the file holds now, or None where there is none.
        seen: the digest of what the model knows of it, or None.

    Raises: ToolError: the call would fail; there is nothing to ask a person.
    """
    if target(args) is None:
        return ""
    if current is not None and not (isinstance(args, EditArgs) and args.creates):
        check_seen(path, seen, digest(current))
    return difference(path, current, outcome(args, path, current))
