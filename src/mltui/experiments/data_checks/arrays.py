"""NumPy arrays as tables. Nothing is unpickled: an array of Python objects is refused."""

from __future__ import annotations

import math
import tokenize
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from mltui.core.errors import UsageError
from mltui.experiments.data_checks.arrow import pa

_WIDEST = 4096
"""Columns of an array that are looked at."""
_WHOLE = 2 << 30
"""Bytes of an array that is held whole, because it is compressed or lies column by column."""


def distinct(names: Sequence[str]) -> list[str]:
    """The names, made different where two are the same."""
    used: set[str] = set()
    out: list[str] = []
    for name in names:
        number, own = 2, name
        while own in used:
            own, number = f"{name}.{number}", number + 1
        used.add(own)
        out.append(own)
    return out


def batches(path: Path, kind: str, shown: str, rows: int) -> Iterator[dict[str, Any]]:
    """Rows along the first axis; the others become columns.

    Raises: UsageError: it holds Python objects, is broken, or has arrays of different lengths.
    """
    try:
        if kind == "npy":
            with path.open("rb") as file:
                yield from _array(file, shown, rows)
        else:
            yield from _archive(path, shown, rows)
    except (ValueError, EOFError, SyntaxError, tokenize.TokenError, zipfile.BadZipFile, NotImplementedError) as error:
        said = " ".join(str(error).split())[:160]
        raise UsageError(
            f"{shown} cannot be read as {kind}: {said}", hint="It may be broken, or of another kind than its name says"
        ) from None


def _header(file: IO[bytes], shown: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    forms: Any = np.lib.format
    version = forms.read_magic(file)
    shape, fortran, kind = (forms.read_array_header_1_0 if version == (1, 0) else forms.read_array_header_2_0)(file)
    if kind.hasobject:
        raise UsageError(
            f"{shown} holds Python objects, which only unpickling would show: that runs code, so it was not done",
            hint="Save it with a plain dtype (numbers, text) or as Parquet",
        )
    return shape, fortran, kind


def _array(file: IO[bytes], shown: str, rows: int) -> Iterator[dict[str, Any]]:
    shape, fortran, kind = _header(file, shown)
    count = shape[0] if shape else 1
    width = math.prod(shape[1:]) if shape else 1
    if fortran and len(shape) > 1:
        if math.prod(shape) * kind.itemsize > _WHOLE:
            raise UsageError(f"{shown} lies column by column and is too large for that", hint="Save np.ascontiguousarray of it")
        whole = np.frombuffer(file.read(math.prod(shape) * kind.itemsize), kind).reshape(shape, order="F")
        yield from _rows(whole, "", rows)
        return
    step = max(1, min(rows, (64 << 20) // max(1, width * kind.itemsize)))
    if not count:
        yield from _rows(np.empty((0, width), kind), "", rows)
    for start in range(0, count, step):
        taken = min(step, count - start)
        data = file.read(taken * width * kind.itemsize)
        if len(data) < taken * width * kind.itemsize:
            raise UsageError(f"{shown} ends too early: it should have {count:,} rows", hint="It was cut; make or copy it again")
        yield from _rows(np.frombuffer(data, kind).reshape(taken, *shape[1:]), "", rows)


def _archive(path: Path, shown: str, rows: int) -> Iterator[dict[str, Any]]:
    with zipfile.ZipFile(path) as archive:
        members = [info for info in archive.infolist() if info.filename.endswith(".npy")]
        if sum(info.file_size for info in members) > _WHOLE:
            raise UsageError(f"{shown} unpacks to over {_WHOLE >> 30} GiB", hint="Save its arrays as .npy files and check those")
        arrays: dict[str, np.ndarray[Any, np.dtype[Any]]] = {}
        for info in members:
            with archive.open(info) as file:
                shape, fortran, kind = _header(file, f"{shown} ({info.filename})")
                data = np.frombuffer(file.read(), kind)
                arrays[info.filename.removesuffix(".npy")] = data.reshape(shape, order="F" if fortran else "C")
    lengths = {len(array) for array in arrays.values() if array.ndim}
    if len(lengths) != 1:
        sizes = ", ".join(f"{name} {array.shape}" for name, array in list(arrays.items())[:5]) or "none"
        raise UsageError(f"{shown}: its arrays are not rows of one table ({sizes})", hint="Save each as .npy and check those")
    length = lengths.pop()
    for start in range(0, max(length, 1), rows):
        batch: dict[str, Any] = {}
        for name, array in arrays.items():
            for part in _rows(array[start : start + rows], name, rows) if array.ndim else ():
                batch.update(part)
        yield batch


def _rows(array: np.ndarray[Any, np.dtype[Any]], name: str, rows: int) -> Iterator[dict[str, Any]]:
    """The array in batches; the columns are numbered where there are several."""
    flat = (
        array.reshape(len(array), -1)
        if array.ndim > 1 and array.size
        else array.reshape(len(array), 1)
        if array.ndim <= 1
        else array.reshape(0, math.prod(array.shape[1:]))
    )
    if array.dtype.names:
        columns = {f"{name}.{part}" if name else part: array[part].reshape(len(array), -1)[:, 0] for part in array.dtype.names}
    elif flat.shape[1] == 1 and array.ndim <= 1:
        columns = {name or "value": flat[:, 0]}
    else:
        columns = {f"{name}.{number}" if name else str(number): flat[:, number] for number in range(min(flat.shape[1], _WIDEST))}
    for start in range(0, max(len(array), 1), rows):
        yield {column: _arrow(values[start : start + rows]) for column, values in columns.items()}


def _arrow(values: np.ndarray[Any, np.dtype[Any]]) -> Any:
    kind = values.dtype.kind
    if not values.dtype.isnative:
        values = values.astype(values.dtype.newbyteorder("="))  # Arrow takes this machine's byte order only
    if kind in "iub":
        return pa.array(
            np.ascontiguousarray(values), pa.bool_() if kind == "b" else pa.float64() if values.dtype == np.uint64 else pa.int64()
        )
    if kind == "f":
        return pa.array(np.ascontiguousarray(values, dtype=np.float64))
    if kind == "M":
        return pa.array(values.astype("datetime64[us]"))
    if kind in "SU":
        return pa.array([value.decode("latin-1") if isinstance(value, bytes) else value for value in values.tolist()], pa.string())
    return pa.array([str(value) for value in values.tolist()], pa.string())
