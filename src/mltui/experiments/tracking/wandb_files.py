"""What a run's own wandb calls leave behind in its folder: kept from the network, and read without wandb.

A `.wandb` file is a log of records in blocks of 32 KiB, as LevelDB writes it, behind a head of 7 bytes; a record is a protocol buffer.
Format: https://github.com/google/leveldb/blob/main/doc/log_format.md; messages: wandb/proto/wandb_internal.proto
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from mltui.experiments.points import Points
from mltui.experiments.tracking.protobuf import MalformedError, fields, floating, signed

FILE_LIMIT = 200_000_000
_HEAD, _BLOCK, _RECORD_HEAD = 7, 32_768, 7
_FULL, _LAST = 1, 4

_HISTORY, _SUMMARY, _CONFIG, _RUN, _RUN_CONFIG = 2, 3, 5, 17, 4
_KEY, _NESTED, _INTEGER, _NUMBER, _JSON = 1, 2, 5, 6, 16


@dataclass
class WandbRun:
    """Attributes: summary: what was set at the end; config: as text."""

    history: Points = field(default_factory=Points)
    summary: dict[str, float] = field(default_factory=dict[str, float])
    config: dict[str, str] = field(default_factory=dict[str, str])


def wandb_environment(run_folder: Path) -> dict[str, str]:
    """What makes a child's wandb write into its run's folder, and nowhere else."""
    own = run_folder / "wandb"
    return {
        "WANDB_MODE": "offline",
        "WANDB_DIR": str(run_folder),
        "WANDB_CACHE_DIR": str(own / "cache"),
        "WANDB_CONFIG_DIR": str(own / "config"),
        "WANDB_DATA_DIR": str(own / "data"),
        "WANDB_SILENT": "true",
    }


def read_runs(run_folder: Path) -> WandbRun:
    """Returns: all that was logged in a run's folder, of later wandb runs over earlier ones."""
    found = WandbRun()
    for file in sorted((run_folder / "wandb").glob("*run-*/run-*.wandb")):
        for record in _records(file):
            try:
                _take(record, found)
            except (MalformedError, ValueError, RecursionError):
                continue
    return found


def _records(file: Path) -> Iterator[bytes]:
    try:
        if file.is_symlink() or not file.is_file() or file.stat().st_size > FILE_LIMIT:
            return
        data = file.read_bytes()
    except OSError:
        return
    at, parts = _HEAD, b""
    while at + _RECORD_HEAD <= len(data):
        left = _BLOCK - at % _BLOCK
        if left < _RECORD_HEAD:
            at += left
            continue
        size, kind = struct.unpack_from("<HB", data, at + 4)
        if kind == 0:  # the rest of the block is empty
            at += left
            continue
        start = at + _RECORD_HEAD
        parts += data[start : start + size]
        at = start + size
        if kind in (_FULL, _LAST):
            yield parts
            parts = b""


def _take(record: bytes, found: WandbRun) -> None:
    for number, value in fields(record):
        if not isinstance(value, bytes):
            continue
        if number == _HISTORY:
            _take_history(value, found.history)
        elif number == _SUMMARY:
            found.summary.update(_numbers(dict(_items(value))))
        elif number == _CONFIG:
            found.config.update(_texts(dict(_items(value))))
        elif number == _RUN:
            for inner, config in fields(value):
                if inner == _RUN_CONFIG and isinstance(config, bytes):
                    found.config.update(_texts(dict(_items(config))))


def _take_history(message: bytes, history: Points) -> None:
    items = dict(_items(message))
    step = items.pop("_step", None)
    for number, value in fields(message):
        if step is None and number == 2 and isinstance(value, bytes):
            step = next((signed(inner) for key, inner in fields(value) if key == 1), 0)
    at = float(step) if isinstance(step, int | float) else 0.0
    for name, value in _numbers(items).items():
        history.add(name, at, value)


def _items(message: bytes) -> Iterator[tuple[str, object]]:
    """(key, value) of a history, summary or configuration; keys of nested values are joined by slashes."""
    for number, item in fields(message):
        if number == 1 and isinstance(item, bytes):
            keys: list[str] = []
            held: object = None
            for inner, value in fields(item):
                if inner in (_KEY, _NESTED) and isinstance(value, bytes):
                    keys.append(value.decode("utf-8", "replace"))
                elif inner == _INTEGER:
                    held = signed(value)
                elif inner == _NUMBER:
                    held = floating(value)
                elif inner == _JSON and isinstance(value, bytes):
                    held = json.loads(value)
            yield "/".join(keys), held


def _numbers(items: dict[str, object]) -> dict[str, float]:
    """Those that a script logged; wandb's own begin with `_`."""
    found: dict[str, float] = {}
    for name, value in items.items():
        if name.startswith("_"):
            continue
        if isinstance(value, dict):
            inner = cast("dict[str, object]", value)
            found |= _numbers({f"{name}/{key}": held for key, held in inner.items()})
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[name] = float(value)
        elif value in ("NaN", "Infinity", "-Infinity"):
            found[name] = float(cast("str", value))
    return found


def _texts(items: dict[str, object]) -> dict[str, str]:
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in items.items() if not name.startswith("_")}
