"""What a call would change, before anybody is asked about it."""

from __future__ import annotations

import hashlib

from mltui.tools.base import Args
from mltui.tools.changes import check_seen, difference
from mltui.tools.edit import EditArgs, edited
from mltui.tools.write import WriteArgs, written


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal: what `Files.digest` gives."""
    return hashlib.sha256(data).hexdigest()


def preview(args: Args, path: str, current: bytes | None, seen: str | None) -> str:
    """The unified diff that Write or Edit would make; empty for other tools and where nothing changes.

    Args:
        path: the path as it is shown.
        current: what the file holds now, or None where there is none.
        seen: the digest of what the model knows of it, or None.

    Raises: ToolError: the call would fail; there is nothing to ask a person.
    """
    if isinstance(args, EditArgs):
        if current is not None and args.old_string:
            check_seen(path, seen, digest(current))
        return difference(path, current, edited(args, path, current))
    if isinstance(args, WriteArgs):
        if current is not None:
            check_seen(path, seen, digest(current))
        return difference(path, current, written(args, current))
    return ""
