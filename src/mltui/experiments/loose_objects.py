"""Git objects written one by one without starting git: a checkpoint must cost a tool step next to nothing."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

ObjectKind = Literal["blob", "tree", "commit"]
FOLDER_MODE = "40000"
FILE_MODE = "100644"


class LooseObjects:
    """The `objects` folder of a git directory of mltui's own.

    Args:
        folder: the folder, which exists.
        sha256: whether objects are named by SHA-256, not SHA-1.
    """

    def __init__(self, folder: Path, *, sha256: bool) -> None:
        self._folder = folder
        self._make = hashlib.sha256 if sha256 else hashlib.sha1

    def write(self, kind: ObjectKind, data: bytes) -> str:
        """Returns: the object's name. Raises: OSError: the disk is full or the folder is gone."""
        whole = b"%s %d\0" % (kind.encode(), len(data)) + data
        name = self._make(whole).hexdigest()
        place = self._folder / name[:2] / name[2:]
        if place.exists():
            # As git does: what is written again is not old.
            with contextlib.suppress(OSError):
                os.utime(place)
            return name
        place.parent.mkdir(exist_ok=True)
        spare = place.parent / f"tmp_obj_{secrets.token_hex(6)}"
        try:
            spare.write_bytes(zlib.compress(whole, 1))
            spare.chmod(0o444)
            spare.replace(place)
        except BaseException:
            spare.unlink(missing_ok=True)
            raise
        return name

    def write_tree(self, entries: Iterable[tuple[str, str, str]]) -> str:
        """A tree of (mode, name, object). Raises: OSError: as `write`."""
        ordered = sorted(entries, key=lambda entry: entry[1] + ("/" if entry[0] == FOLDER_MODE else ""))
        return self.write("tree", b"".join(f"{mode} {name}\0".encode() + bytes.fromhex(blob) for mode, name, blob in ordered))


def tree_entries(data: bytes, width: int) -> dict[str, str]:
    """The names and objects of a tree as git stores it.

    Args:
        width: bytes of an object's name.

    Raises: ValueError: it is no tree.
    """
    found: dict[str, str] = {}
    at = 0
    while at < len(data):
        end = data.index(b"\0", at)
        _, _, name = data[at:end].partition(b" ")
        found[name.decode("utf-8", "surrogateescape")] = data[end + 1 : end + 1 + width].hex()
        at = end + 1 + width
    return found
