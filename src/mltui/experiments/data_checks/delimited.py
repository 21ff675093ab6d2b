"""CSV and TSV: read as text, so that one odd value does not decide the type of its column or end the reading."""

from __future__ import annotations

import codecs
import csv as text_csv
import io
import itertools
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO, Any

from mltui.core.errors import UsageError
from mltui.experiments.data_checks.arrays import distinct
from mltui.experiments.data_checks.arrow import csv, pa
from mltui.experiments.data_checks.problems import Problems

_BLOCK = 8 << 20
_LARGEST = 256 << 20
"""Bytes of the longest row that is read."""
_HUGE = 1 << 20
"""Bytes of a line that are said to be many."""
_CHUNK = 4 << 20
_WIDEST = 20_000
_SEPARATORS = ";\t|"
"""What separates the columns of files whose one column holds it: `;` where a comma marks decimals."""
_LOOKED_AT = 10
_PATIENCE = 10.0
"""Seconds that Arrow has for letting go of a file that was read."""

Open = Callable[[], AbstractContextManager[IO[bytes]]]


@dataclass(frozen=True, slots=True)
class _Nature:
    encoding: str
    names: list[str]
    delimiter: str
    longest: int = 0
    lines: int = 0
    quotes: int = 0


@dataclass(frozen=True, slots=True)
class _Seen:
    """Attributes: bad: the first line that is not UTF-8, or 0; foreign: there was UTF-8 beyond ASCII before it; longest: in bytes."""

    bad: int
    longest: int
    foreign: bool
    lines: int
    quotes: int


def batches(open_file: Open, delimiter: str, shown: str, problems: Problems) -> Iterator[dict[str, Any]]:
    """Batches of text columns; empty fields and the usual words for nothing (NA, NaN, null, …) are missing.

    Raises: UsageError: it has no columns, is no text, or a quote in it never closes.
    """
    given_back = threading.Event()
    yield from _batches(open_file, delimiter, shown, problems, given_back.set)
    # Arrow's thread may hold the handler of bad rows a moment longer; to give it back while Python ends would abort the process.
    given_back.wait(_PATIENCE)


def _batches(open_file: Open, delimiter: str, shown: str, problems: Problems, given_back: Callable[[], None]) -> Iterator[dict[str, Any]]:
    nature = _nature(open_file, delimiter, shown, problems)

    def skip(row: Any) -> str:
        problems.add(
            "error",
            "malformed",
            "rows with more or fewer fields than the header, which were skipped: {count}",
            "Mend these lines, or quote what holds the separator",
            f"row {row.number}: {row.actual_columns} fields, not {row.expected_columns}",
        )
        return "skip"

    weakref.finalize(skip, given_back).atexit = False
    read = csv.ReadOptions(use_threads=False, encoding=nature.encoding, block_size=max(_BLOCK, min(_LARGEST, nature.longest + 4096)))
    parse = csv.ParseOptions(delimiter=nature.delimiter, newlines_in_values=True, invalid_row_handler=skip)
    convert = csv.ConvertOptions(column_types=dict.fromkeys(nature.names, pa.string()), strings_can_be_null=True)
    names = distinct(nature.names)
    problems.same_names(nature.names)
    unnamed = sum(not name.strip() for name in nature.names)
    if unnamed:
        problems.add(
            "warning", "schema", "columns without a name: {count}", "Name them, or drop an index that was saved by mistake", count=unnamed
        )
    with open_file() as file:
        try:
            reader = csv.open_csv(file, read_options=read, parse_options=parse, convert_options=convert)
            if len(reader.schema.names) != len(names):
                names = distinct(reader.schema.names)
            yield {name: pa.array([], pa.string()) for name in names}
            rows = 0
            for batch in reader:
                rows += len(batch)
                columns = [column if pa.types.is_string(column.type) else column.cast(pa.string()) for column in batch.columns]
                yield dict(zip(names, columns, strict=True))
            if nature.quotes % 2 and rows < nature.lines - 2:
                problems.add(
                    "error",
                    "malformed",
                    "a quote opens and never closes, so lines may have run together",
                    "Look for the lone quote",
                    f"{nature.quotes:,} quotes, {nature.lines:,} lines, {rows:,} rows",
                )
        except pa.ArrowInvalid as error:
            if "straddling" in str(error) or "boundar" in str(error):
                raise UsageError(
                    f"{shown} has a row that does not end: a quote opens and never closes, or a field is over {_LARGEST >> 20} MB",
                    hint=f"The longest line has {nature.longest:,} bytes; look for a lone quote",
                ) from None
            raise


def _nature(open_file: Open, delimiter: str, shown: str, problems: Problems) -> _Nature:
    """Reads the file once as bytes: its encoding, its header, its longest line."""
    with open_file() as file:
        head = file.read(_CHUNK)
        wide = _wide(head)
        if wide:
            return _Nature(wide, *_header(head, wide, delimiter, shown, problems))
        if b"\0" in head:
            raise UsageError(f"{shown} holds zero bytes, so it is no text", hint="It may be of another kind than its name says")
        seen = _scan(head, file)
    encoding = "utf8"
    if seen.bad:
        encoding = "latin-1"  # has a sign for every byte, so the reading goes on
        also = "UTF-8 before it: the encodings are mixed" if seen.foreign else f"read as {encoding}"
        action = "Save the file as UTF-8 (iconv -f cp1252 -t utf-8)"
        problems.add("error", "encoding", f"line {seen.bad:,} is not UTF-8 ({also})", action, f"line {seen.bad}")
    if seen.longest > _HUGE:
        problems.add(
            "warning", "schema", f"the longest line has {seen.longest:,} bytes", "Look for an unclosed quote or a field that holds a file"
        )
    return _Nature(encoding, *_header(head, encoding, delimiter, shown, problems), seen.longest, seen.lines, seen.quotes)


def _wide(head: bytes) -> str:
    return "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else ""


def _scan(head: bytes, file: IO[bytes]) -> _Seen:
    decoder = codecs.getincrementaldecoder("utf-8")()
    line, longest, current, foreign, bad = 1, 0, 0, False, 0
    chunk, quotes = head, 0
    while chunk:
        quotes += chunk.count(b'"')
        if not bad:
            try:
                foreign = foreign or not decoder.decode(chunk).isascii()
            except UnicodeDecodeError as error:
                before = error.object[: error.start]
                bad = line + before.count(b"\n")
                foreign = foreign or not before.isascii()
        start = 0
        end = chunk.find(b"\n")
        if end < 0:
            current += len(chunk)
        else:
            line += chunk.count(b"\n")
            longest = max(longest, current + end)
            if longest < len(chunk):  # only where a longer line may be inside is each one looked at
                longest = max(longest, max(map(len, chunk[end + 1 :].split(b"\n")[:-1]), default=0))
            start = chunk.rfind(b"\n") + 1
            current = len(chunk) - start
        chunk = file.read(_CHUNK)
    if not bad:
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            bad = line
    return _Seen(bad, max(longest, current), foreign, line, quotes)


def _header(head: bytes, encoding: str, delimiter: str, shown: str, problems: Problems) -> tuple[list[str], str]:
    """Returns: the names of the columns, and what separates them."""
    text = head.decode(encoding, errors="replace").removeprefix("\ufeff").lstrip("\r\n")
    text_csv.field_size_limit(_LARGEST)
    try:
        names = next(_rows(text, delimiter), list[str]())
        other = next((one for one in _SEPARATORS if len(names) == 1 and _separates(one, text)), "")
    except text_csv.Error as error:
        raise UsageError(f"{shown} has no header that can be read: {error}") from None
    if not names:
        raise UsageError(f"{shown} is empty", hint="There is no header line")
    if other:
        problems.add(
            "warning",
            "schema",
            f"columns are separated by {other!r}, not by {delimiter!r}",
            f"Read it with that separator, as in sep={other!r}",
        )
        names, delimiter = next(_rows(text, other)), other
    if len(names) > _WIDEST:
        raise UsageError(f"{shown} has {len(names):,} columns", hint=f"At most {_WIDEST:,} are checked; is the first line a header?")
    return names, delimiter


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    return text_csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)


def _separates(delimiter: str, text: str) -> bool:
    """Whether each of the first rows has the same number of fields by it, and more than one."""
    rows = [row for row in itertools.islice(_rows(text, delimiter), _LOOKED_AT) if row]
    return len(rows) > 1 and len(rows[0]) > 1 and len({len(row) for row in rows}) == 1
