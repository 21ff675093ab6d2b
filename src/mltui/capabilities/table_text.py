"""The heads of tables and arrays: how many rows there are, of which columns and types, and the first of them.

Nothing is unpickled. pyarrow and numpy are loaded by name, in the process of `file_text` alone.
"""

from __future__ import annotations

import codecs
import importlib
import json
import math
import os
import zipfile
from collections.abc import Iterator
from typing import IO, Any, cast

from mltui.core.errors import ToolError

ROWS = 10
"""Rows that are shown."""
_COLUMNS = 200
"""Columns that are named."""
_VALUE = 100
"""Characters of a value that are shown."""
_VALUES = 20
"""Values of a row of an array that are shown."""
_COUNTED = 256 << 20
"""Bytes of a text file in which rows are counted; beyond, their number is estimated."""
_HEAD = 1 << 20
_MEMBERS = 100
_SAMPLE = 1000
"""Lines of a JSONL file that tell its fields."""


def parquet(file: IO[bytes]) -> Iterator[str]:
    """Schema, rows and the first rows of a Parquet file; of its data only what the first rows need is read."""
    found: Any = importlib.import_module("pyarrow.parquet").ParquetFile(file)
    meta = found.metadata
    yield f"Parquet table: {meta.num_rows:,} rows in {meta.num_row_groups} row groups, {len(found.schema_arrow)} columns"
    yield from _schema(found.schema_arrow)
    batch: Any = next(found.iter_batches(batch_size=ROWS, use_threads=False), None)
    if batch is not None:
        yield from _rows(batch.to_pylist(), meta.num_rows)


def delimited(file: IO[bytes], delimiter: str) -> Iterator[str]:
    """Columns with inferred types, rows and the first rows of a CSV or TSV file with a header line."""
    csv: Any = importlib.import_module("pyarrow.csv")
    size = os.fstat(file.fileno()).st_size
    head = _head(file, size)
    reading = csv.ReadOptions(use_threads=False, encoding="utf8" if _is_utf8(head) else "latin-1")
    table = csv.read_csv(
        importlib.import_module("io").BytesIO(head),
        read_options=reading,
        parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
    )
    if len(head) == size:
        rows, about = int(table.num_rows), ""
    elif size <= _COUNTED:
        rows, about = _counted_rows(csv, file, table.column_names[0], delimiter, reading), ""
    else:
        rows, about = round(table.num_rows * size / len(head)), "about "
    yield f"Table: {about}{rows:,} rows, {table.num_columns} columns (types as the first {len(head):,} bytes have them)"
    yield from _schema(table.schema)
    yield from _rows(table.slice(0, ROWS).to_pylist(), rows)


def _is_utf8(head: bytes) -> bool:
    """Whether the beginning of a file is UTF-8, wherever it was cut."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def _counted_rows(csv: Any, file: IO[bytes], first: str, delimiter: str, reading: Any) -> int:
    file.seek(0)
    batches: Any = csv.open_csv(
        file,
        read_options=reading,
        parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=csv.ConvertOptions(include_columns=[first], column_types={first: "string"}, check_utf8=False),
    )
    return sum(int(batch.num_rows) for batch in batches)


def _head(file: IO[bytes], size: int) -> bytes:
    """The beginning of the file, up to the end of a line."""
    head = file.read(_HEAD)
    return head if len(head) >= size else head[: head.rfind(b"\n") + 1] or head


def json_lines(file: IO[bytes]) -> Iterator[str]:
    """Fields with their types, rows and the first rows of a file with one JSON value a line."""
    size = os.fstat(file.fileno()).st_size
    head = _head(file, size)
    lines = [line for line in head.split(b"\n") if line.strip()]
    if len(head) == size:
        rows, about = len(lines), ""
    elif size <= _COUNTED:
        file.seek(0)
        rows, about = sum(1 for line in file if line.strip()), ""
    else:
        rows, about = round(len(lines) * size / len(head)), "about "
    types: dict[str, dict[str, int]] = {}
    parsed: list[Any] = []
    for number, line in enumerate(lines[:_SAMPLE], 1):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ToolError(f"has a line {number} that is no JSON: {str(error)[:100]}") from None
        parsed.append(value)
        fields = cast("dict[str, Any]", value) if isinstance(value, dict) else {"(value)": value}
        for name, field in fields.items():
            kinds = types.setdefault(name, {})
            kind = type(field).__name__
            kinds[kind] = kinds.get(kind, 0) + 1
    yield f"JSON lines: {about}{rows:,} rows; fields of the first {len(parsed)}:"
    for name, kinds in list(types.items())[:_COLUMNS]:
        missing = len(parsed) - sum(kinds.values())
        yield f"  {_short(name)}: {' | '.join(sorted(kinds))}{f' (missing in {missing})' if missing else ''}"
    yield from _rows(parsed[:ROWS], rows)


def array(file: IO[bytes]) -> Iterator[str]:
    """Shape, type and the first values of a .npy file."""
    yield from _array(file, "Array")


def arrays(file: IO[bytes]) -> Iterator[str]:
    """The arrays of a .npz file."""
    with zipfile.ZipFile(file) as archive:
        names = [name for name in archive.namelist() if name.endswith(".npy")]
        yield f"NumPy archive: {len(names)} arrays"
        for name in names[:_MEMBERS]:
            with archive.open(name) as member:
                yield from _array(member, _short(name.removesuffix(".npy")))
        if len(names) > _MEMBERS:
            yield f"[{len(names) - _MEMBERS} more arrays were left out]"


def _array(file: IO[bytes], name: str) -> Iterator[str]:
    np: Any = importlib.import_module("numpy")
    forms: Any = importlib.import_module("numpy.lib.format")
    version = forms.read_magic(file)
    shape, fortran, kind = (forms.read_array_header_1_0 if version == (1, 0) else forms.read_array_header_2_0)(file)
    order = ", columns first" if fortran else ""
    yield f"{name}: shape {shape}, dtype {_short(kind)}, {math.prod(shape) * kind.itemsize:,} bytes{order}"
    if kind.hasobject:
        yield "  (Python objects, which only unpickling would show: that runs code, so it was not done)"
        return
    total = math.prod(shape)
    width = math.prod(shape[1:]) if len(shape) > 1 and not fortran else total
    if not total or not kind.itemsize or kind.itemsize > _HEAD:
        return
    rows = min(ROWS, shape[0]) if len(shape) > 1 and not fortran else 1
    for number in range(rows):
        wanted = min(width, _VALUES)
        values = np.frombuffer(file.read(wanted * kind.itemsize), dtype=kind)
        more = ", …" if width > wanted else ""
        yield f"  [{number}] {', '.join(_short(value) for value in values.tolist())}{more}"
        left = (width - wanted) * kind.itemsize
        if left > _HEAD * 64:
            return
        while left > 0 and (skipped := file.read(min(left, _HEAD))):
            left -= len(skipped)


def _schema(schema: Any) -> Iterator[str]:
    for field in list(schema)[:_COLUMNS]:
        yield f"  {_short(field.name)}: {_short(field.type)}{'' if field.nullable else ' not null'}"
    if len(schema) > _COLUMNS:
        yield f"  [{len(schema) - _COLUMNS} more columns]"


def _rows(rows: list[Any], total: int) -> Iterator[str]:
    yield f"First {len(rows)} of {total:,} rows:"
    for row in rows:
        if isinstance(row, dict):
            named = list(cast("dict[str, Any]", row).items())
            cells = ", ".join(f"{_short(name)}={_short(value)}" for name, value in named[:_COLUMNS])
            yield f"  {cells}{', …' if len(named) > _COLUMNS else ''}"
        else:
            yield f"  {_short(row)}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else f"<{len(value)} bytes>" if isinstance(value, bytes) else str(value)
    text = text.replace("\r", "\\r").replace("\n", "\\n")
    return text if len(text) <= _VALUE else f"{text[:_VALUE]}…"
