"""Scalars of TensorBoard's event files, read without TensorBoard.

A file is a row of records: length (8 bytes), its checksum (4), the message, its checksum (4). The last one may be half written.
Messages: https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto/event.proto
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from mltui.experiments.points import Points
from mltui.experiments.tracking.protobuf import MalformedError, fields, floating, signed

NAME = "events.out.tfevents."
"""In the name of every event file."""

FILE_LIMIT = 100_000_000

_STEP, _SUMMARY, _VALUE = 2, 5, 1
_TAG, _SIMPLE, _TENSOR = 1, 2, 8
_TYPE, _CONTENT, _FLOATS, _DOUBLES = 1, 4, 5, 6
_FLOAT, _DOUBLE = 1, 2


def read_scalars(files: Iterable[Path]) -> Points:
    """Returns: the scalars by tag. A tag that stands in several folders gets the folder's name before it, as `validation/loss`."""
    by_folder: dict[Path, list[Path]] = {}
    for file in sorted(files):
        by_folder.setdefault(file.parent, []).append(file)
    top = _common(list(by_folder))
    scalars = {folder: [point for file in members for point in _scalars(file)] for folder, members in by_folder.items()}
    owners: dict[str, set[Path]] = {}
    for folder, points in scalars.items():
        for tag, _, _ in points:
            owners.setdefault(tag, set()).add(folder)
    found = Points()
    for folder, points in scalars.items():
        prefix = folder.relative_to(top).as_posix()
        for tag, step, value in points:
            name = tag if len(owners[tag]) == 1 or prefix == "." else f"{prefix}/{tag}"
            found.add(name, step, value)
    return found


def _common(folders: list[Path]) -> Path:
    top = folders[0] if folders else Path()
    while not all(folder.is_relative_to(top) for folder in folders):
        top = top.parent
    return top


def _scalars(file: Path) -> Iterator[tuple[str, int, float]]:
    """(tag, step, value); what is no such file has none."""
    try:
        if file.is_symlink() or not file.is_file() or file.stat().st_size > FILE_LIMIT:
            return
        data = file.read_bytes()
    except OSError:
        return
    at = 0
    while at + 12 <= len(data):
        (size,) = struct.unpack_from("<Q", data, at)
        start = at + 12
        if start + size > len(data):
            return
        try:
            yield from _of_event(data[start : start + size])
        except MalformedError:
            return
        at = start + size + 4


def _of_event(event: bytes) -> Iterator[tuple[str, int, float]]:
    step, summary = 0, b""
    for number, value in fields(event):
        if number == _STEP:
            step = signed(value)
        elif number == _SUMMARY and isinstance(value, bytes):
            summary = value
    for number, value in fields(summary):
        if number == _VALUE and isinstance(value, bytes):
            tag, scalar = _of_value(value)
            if tag and scalar is not None:
                yield tag, step, scalar


def _of_value(message: bytes) -> tuple[str, float | None]:
    tag, scalar = "", None
    for number, value in fields(message):
        if number == _TAG and isinstance(value, bytes):
            tag = value.decode("utf-8", "replace")
        elif number == _SIMPLE:
            scalar = floating(value)
        elif number == _TENSOR and isinstance(value, bytes):
            scalar = _of_tensor(value)
    return tag, scalar


def _of_tensor(message: bytes) -> float | None:
    """The number of a tensor that holds one; None of any other."""
    kind, held = 0, b""
    for number, value in fields(message):
        if number == _TYPE and isinstance(value, int):
            kind = value
        elif number in (_CONTENT, _FLOATS, _DOUBLES) and isinstance(value, bytes):
            held = value
    return floating(held) if len(held) == {_FLOAT: 4, _DOUBLE: 8}.get(kind) else None
