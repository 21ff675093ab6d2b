"""What was found in files, kept from one process to the next.

A verdict depends on nothing but the bytes, so entries are found by the SHA-256 of the content: a file that changes has
none. What could be forged is an entry that calls training code free. So the file is sealed with a key that lies in the
person's own folder, which a sandboxed command cannot see; a seal that does not fit means that all is looked at again.
It is read once, when a process starts: nothing written later changes what a running session believes.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mltui.config.paths import state_dir
from mltui.experiments.detection.analysis import VERSION
from mltui.experiments.detection.facts import Facts, facts_from_json, facts_to_json
from mltui.experiments.storage import make_state_folder, write_atomically

NAME = "control-cache.json"
_KEY = "control-cache.key"
_LARGEST = 100_000_000


def load(state: Path) -> dict[str, Facts]:
    """What an earlier process found, by `key_of`; empty when there is none or it cannot be trusted."""
    path = state / NAME
    try:
        if path.is_symlink() or path.stat().st_size > _LARGEST:
            return {}
        seal, _, body = path.read_bytes().partition(b"\n")
        key = _key(make=False)
        if key is None or not hmac.compare_digest(seal, _seal(key, body)):
            return {}
        document: dict[str, Any] = json.loads(body)
        if document["version"] != VERSION:
            return {}
        return {name: facts_from_json(value) for name, value in document["found"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def save(state: Path, found: Mapping[str, Facts]) -> None:
    """Writes what was found; where that is not possible, the next process looks again."""
    body = json.dumps(
        {"version": VERSION, "found": {name: facts_to_json(facts) for name, facts in found.items()}}, separators=(",", ":")
    ).encode()
    try:
        key = _key(make=True)
        if key is not None:
            make_state_folder(state)
            write_atomically(state / NAME, _seal(key, body) + b"\n" + body)
    except OSError:
        return


def key_of(name: str, content: bytes) -> str:
    """Of a file's content; a notebook and a module of the same bytes are two things."""
    suffix = name.rpartition(".")[2].lower()
    return f"{suffix}:{hashlib.sha256(content).hexdigest()}"


def _seal(key: bytes, body: bytes) -> bytes:
    return hmac.new(key, body, hashlib.sha256).hexdigest().encode()


def _key(*, make: bool) -> bytes | None:
    path = state_dir(os.environ) / _KEY
    try:
        key = path.read_bytes()
        if len(key) == 32:
            return key
    except FileNotFoundError:
        pass
    if not make:
        return None
    key = secrets.token_bytes(32)
    write_atomically(path, key, mode=0o600)
    return key
