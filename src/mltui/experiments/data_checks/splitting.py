"""`mltui data split`: rows of one file into train, validation and test files, with a manifest that says how."""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from mltui.core.errors import UsageError
from mltui.experiments.data_checks.arrow import pa, parquet
from mltui.experiments.data_checks.assigning import NAMES, TEST, VAL, Codes, assign
from mltui.experiments.data_checks.check import need
from mltui.experiments.data_checks.places import COMPRESSED, Place, kind_of
from mltui.experiments.data_checks.reading import Table, opened
from mltui.experiments.datasets import Digests

MANIFEST = "split.json"
_KINDS = ("csv", "tsv", "jsonl", "parquet")
_LARGEST = 256 << 20


@dataclass(frozen=True, slots=True)
class Plan:
    """Attributes: test, val: shares of the rows; at most one of group, stratify and time."""

    test: float
    val: float
    seed: int
    group: str | None = None
    stratify: str | None = None
    time: str | None = None

    @property
    def how(self) -> str:
        return "group" if self.group else "stratify" if self.stratify else "time" if self.time else "random"

    @property
    def column(self) -> str | None:
        return self.group or self.stratify or self.time


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    file: str
    rows: int


def split(path: Path, shown: str, plan: Plan, out: Path, digests: Digests) -> tuple[Part, ...]:
    """Writes the splits and the manifest into the new folder `out`, all or nothing; the lines of text files stay as they are.

    Raises: UsageError: it cannot be read or split so, or `out` is there already.
    """
    kind = kind_of(path)
    if kind not in _KINDS:
        raise UsageError(f"{shown} is of no kind that is split", hint="Kinds: CSV, TSV, JSONL (also .gz and .zst) and Parquet")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is there already", hint="Name a new folder with --out; nothing is overwritten")
    before = digests.of(path)
    codes = _codes(path, shown, kind, plan)
    spare = out.with_name(f".{out.name}.{secrets.token_hex(4)}.tmp")
    try:
        spare.mkdir(parents=True)
        suffix = "".join(path.suffixes[-2:]) if path.suffix.lower() in COMPRESSED else path.suffix
        files = {code: f"{NAMES[code]}{suffix}" for code in sorted({0, *_shares(plan)})}
        if kind == "parquet":
            _write_parquet(path, codes, {code: spare / file for code, file in files.items()})
        else:
            _write_lines(path, shown, codes, {code: spare / file for code, file in files.items()}, header=kind != "jsonl")
        if digests.of(path) != before:
            raise UsageError(f"{shown} changed while it was split", hint="Wait until whatever writes it is done")
        parts = tuple(Part(NAMES[code], file, int((codes == code).sum())) for code, file in files.items())
        (spare / MANIFEST).write_text(
            json.dumps(_manifest(path, before, plan, parts, spare), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )
        if out.is_dir():
            out.rmdir()
        spare.rename(out)
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(spare, ignore_errors=True)
    return parts


def _shares(plan: Plan) -> dict[int, float]:
    return {code: share for code, share in ((VAL, plan.val), (TEST, plan.test)) if share > 0}


def _codes(path: Path, shown: str, kind: str, plan: Plan) -> Codes:
    table = Table(Place(shown, "", kind, (path,), path.parent))
    parts: list[Any] = []
    rows = 0
    for batch in table.batches():
        rows += len(next(iter(batch.values()))) if batch else 0
        if plan.column is None:
            continue
        if plan.column not in batch and kind == "jsonl":
            batch[plan.column] = pa.nulls(len(next(iter(batch.values()))), pa.string())
        need(plan.column, list(batch), plan.how)
        parts.append(batch[plan.column])
    for finding in table.problems.findings():
        if finding.check in ("malformed", "encoding"):
            where = f" ({finding.examples[0]})" if finding.examples else ""
            raise UsageError(f"{shown}: {finding.text}{where}", hint="Mend the file first: a split must have every row")
    if not rows:
        raise UsageError(f"{shown} has no rows")
    column = _joined(parts) if plan.column is not None else None
    return assign(column, rows, _shares(plan), plan.seed, plan.how, plan.column or "")


def _joined(parts: list[Any]) -> Any:
    kinds = {part.type for part in parts if part.null_count < len(part)}
    kind = kinds.pop() if len(kinds) == 1 else pa.string()
    return pa.concat_arrays([part.cast(kind) if part.null_count < len(part) else pa.nulls(len(part), kind) for part in parts])


def _write_parquet(path: Path, codes: Codes, files: dict[int, Path]) -> None:
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(parquet.ParquetFile(path))
        writers = {code: stack.enter_context(parquet.ParquetWriter(file, source.schema_arrow)) for code, file in files.items()}
        start = 0
        for batch in source.iter_batches(batch_size=65_536):
            own = codes[start : start + len(batch)]
            start += len(batch)
            for code, writer in writers.items():
                kept = batch.take(pa.array(np.flatnonzero(own == code)))
                if len(kept):
                    writer.write_batch(kept)


def _write_lines(path: Path, shown: str, codes: Codes, files: dict[int, Path], *, header: bool) -> None:
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(opened(path))
        writers = {code: stack.enter_context(_writing(file)) for code, file in files.items()}
        records = _records(source, quoted=header)
        if header:
            head = next(records, b"")
            for writer in writers.values():
                writer.write(head)
        number = -1
        for number, record in enumerate(records):
            if number >= len(codes):
                break
            writers[int(codes[number])].write(record)
        if number != len(codes) - 1:
            raise UsageError(f"{shown} has rows that are counted in two ways", hint="Look for lone quotes and carriage returns")


def _records(source: IO[bytes], *, quoted: bool) -> Iterator[bytes]:
    """Rows as they stand, each with a line ending; a row of a CSV goes on while a quote is open. Empty lines are none."""
    held: list[bytes] = []
    quotes = size = 0
    for line in _lines(source):
        if not held and not line.strip():
            continue
        held.append(line)
        size += len(line)
        quotes += line.count(b'"') if quoted else 0
        if size > _LARGEST:
            raise UsageError("a row is larger than 256 MB", hint="Look for a quote that opens and never closes")
        if quotes % 2 == 0:
            whole = b"".join(held)
            yield whole if whole.endswith(b"\n") else whole + b"\n"
            held, quotes, size = [], 0, 0
    if held:
        yield b"".join(held)


def _lines(source: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    while chunk := source.read(4 << 20):
        pieces = (rest + chunk).split(b"\n")
        rest = pieces.pop()
        yield from (piece + b"\n" for piece in pieces)
    if rest:
        yield rest


@contextlib.contextmanager
def _writing(path: Path) -> Generator[Any]:
    with pa.output_stream(str(path), compression=COMPRESSED.get(path.suffix.lower())) as stream:
        yield stream


def _manifest(path: Path, source: tuple[str, int], plan: Plan, parts: tuple[Part, ...], folder: Path) -> dict[str, object]:
    plain = Digests(None)
    written = {part.name: {"file": part.file, "rows": part.rows, "sha256": plain.of(folder / part.file)[0]} for part in parts}
    return {
        "version": 1,
        "source": {"name": path.name, "sha256": source[0], "size": source[1]},
        "method": plan.how,
        "column": plan.column,
        "seed": plan.seed,
        "shares": {NAMES[code]: share for code, share in _shares(plan).items()},
        "splits": written,
    }
