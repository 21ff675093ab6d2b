"""Tables as a stream of batches, whatever they are kept in. What is wrong with the file itself becomes findings."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from mltui.core.errors import UsageError
from mltui.experiments.data_checks import arrays, delimited, json_lines
from mltui.experiments.data_checks.arrow import pa, parquet, pc
from mltui.experiments.data_checks.places import COMPRESSED, Place
from mltui.experiments.data_checks.problems import Problems

ROWS = 65_536
"""Rows of a batch, at most."""
_CELLS = 4_000_000


@dataclass
class Table:
    """A table that can be read any number of times.

    Attributes:
        problems: what the last reading found wrong with its files.
    """

    place: Place
    problems: Problems = field(init=False)

    def __post_init__(self) -> None:
        self.problems = Problems(self.place.name)

    def batches(self) -> Iterator[dict[str, Any]]:
        """Batches as columns by name, each an Arrow array of numbers, booleans, times or text.

        Raises: UsageError: a file cannot be read at all; it is empty, broken, or of another kind than its name says.
        """
        self.problems = Problems(self.place.name)
        for path in self.place.files:
            shown = self.place.name if len(self.place.files) == 1 else f"{self.place.name} ({path.name})"
            for batch in self._of_file(path, shown):
                yield {name: plain(column) for name, column in batch.items()}
            self.problems.next_file()

    def _of_file(self, path: Path, shown: str) -> Iterator[dict[str, Any]]:
        kind = self.place.kind
        try:
            if path.stat().st_size == 0:
                raise UsageError(f"{shown} is empty", hint="There is nothing to check")
            match kind:
                case "parquet":
                    yield from _parquet(path, self.problems)
                case "npy" | "npz":
                    yield from arrays.batches(path, kind, shown, ROWS)
                case "jsonl":
                    with opened(path) as file:
                        yield from json_lines.batches(file, self.problems)
                case _:
                    yield from delimited.batches(lambda: opened(path), "\t" if kind == "tsv" else ",", shown, self.problems)
        except OSError as error:
            reason = error.strerror or " ".join(str(error).split())[:160]
            raise UsageError(f"{shown} cannot be read: {reason}", hint=_hint(path)) from None
        except (pa.ArrowException, UnicodeDecodeError) as error:
            said = " ".join(str(error).split())[:160]
            raise UsageError(
                f"{shown} cannot be read as {kind}: {said}", hint="It may be broken, or of another kind than its name says"
            ) from None


def _hint(path: Path) -> str:
    return "It may be broken: unpack it and look" if path.suffix in COMPRESSED else "Look at its permissions, and whether it is whole"


@contextlib.contextmanager
def opened(path: Path) -> Generator[IO[bytes]]:
    """The file's content, unpacked."""
    with pa.input_stream(str(path), compression=COMPRESSED.get(path.suffix.lower()), buffer_size=1 << 20) as stream:
        yield stream


def _parquet(path: Path, problems: Problems) -> Iterator[dict[str, Any]]:
    with parquet.ParquetFile(path) as file:
        problems.same_names(file.schema_arrow.names)
        names = arrays.distinct(file.schema_arrow.names)
        rows = max(256, min(ROWS, _CELLS // max(1, len(names))))
        if not file.metadata.num_rows:
            yield {name: pa.array([], field.type) for name, field in zip(names, file.schema_arrow, strict=True)}
        for batch in file.iter_batches(batch_size=rows, use_threads=True):
            batch.validate(full=True)  # a damaged file may hold text that is none
            yield dict(zip(names, batch.columns, strict=True))


def plain(column: Any) -> Any:
    """The column as numbers (int64, float64), booleans, times or text. What is nested becomes its text."""
    kinds = pa.types
    kind = column.type
    if kinds.is_dictionary(kind):
        column = column.dictionary_decode()
        kind = column.type
    if kinds.is_string(kind) or kinds.is_boolean(kind) or kind in (pa.int64(), pa.float64()):
        return column
    if kinds.is_integer(kind):
        return column.cast(pa.float64() if kind == pa.uint64() else pa.int64(), safe=False)
    if kinds.is_floating(kind) or kinds.is_decimal(kind):
        return column.cast(pa.float64(), safe=False)
    if kinds.is_timestamp(kind) or kinds.is_date(kind):
        return pc.cast(column, pa.timestamp("us"), safe=False)
    if kinds.is_large_string(kind) or kinds.is_string_view(kind) or kinds.is_null(kind):
        return column.cast(pa.string())
    if kinds.is_binary(kind) or kinds.is_large_binary(kind) or kinds.is_fixed_size_binary(kind):
        return pa.array([None if value is None else f"0x{value.hex()}" for value in column.to_pylist()], pa.string())
    return pa.array([None if value is None else str(value) for value in column.to_pylist()], pa.string())
