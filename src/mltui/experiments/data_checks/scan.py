"""The one pass over a table: exact counts of each column, a key of each row, and a uniform sample of the rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mltui.core.errors import UsageError
from mltui.experiments.data_checks.arrow import pa, pc
from mltui.experiments.data_checks.keys import Keys, Numbers, numbers, salted, value_keys
from mltui.experiments.data_checks.reading import Table
from mltui.experiments.data_checks.sample import Sample, Sampler

DISTINCT = 1000
"""Values of a column that are counted one by one; beyond, only the sample tells of them."""
MOST = 1 << 26
"""Rows whose keys are kept (half a gigabyte for each kind of key); rows beyond are not looked at for duplicates."""


@dataclass
class Column:
    """Exact counts of one column.

    Attributes:
        numeric, text: values that are a number, and those that are not.
        values: how often each occurs; None where there are more than `DISTINCT`.
        times: whether the column is of times; its numbers are seconds then.
        odd: the first values that are no number, with their rows.
    """

    name: str
    rows: int = 0
    missing: int = 0
    nan: int = 0
    infinite: int = 0
    numeric: int = 0
    text: int = 0
    low: float = float("inf")
    high: float = float("-inf")
    values: Counter[str] | None = field(default_factory=Counter[str])
    times: bool = False
    booleans: bool = False
    odd: list[str] = field(default_factory=list[str])

    @property
    def present(self) -> int:
        return self.rows - self.missing - self.nan

    @property
    def kind(self) -> str:
        """`number`, `text`, `time` or `empty`; a column is what nine in ten of its values are."""
        if not self.present:
            return "empty"
        if self.times:
            return "time"
        return "number" if self.numeric >= 0.9 * (self.numeric + self.text) and not self.booleans else "text"


@dataclass
class RowKeys:
    """Keys of the rows, in their order.

    Attributes:
        content: without the target and without columns that only number the rows.
        whole: content and target; loose: content, where spelling and the last digits do not count.
    """

    content: Keys
    whole: Keys
    loose: Keys


@dataclass
class Scanned:
    """A table after its pass. Attributes: groups: keys of the groups; left_out: columns that no row key counts in."""

    name: str
    role: str
    rows: int
    columns: dict[str, Column]
    sample: Sample
    keys: RowKeys
    groups: Keys
    left_out: tuple[str, ...]
    unseen: int = 0


class Scanner:
    """Args: content: the columns that make a row's content; the target is not among them."""

    def __init__(self, table: Table, content: Collection[str], target: str | None, group: str | None, sample: int) -> None:
        self._table = table
        self._content = frozenset(content)
        self._target = target
        self._group = group
        self._sampler = Sampler(sample)
        self._columns: dict[str, Column] = {}
        self._parts: list[tuple[Keys, Keys, Keys]] = []
        self._groups: list[Keys] = []
        self._rows = 0

    def run(self, told: Callable[[int], None] | None = None) -> Scanned:
        """Args: told: is told the number of rows after each batch. Raises: UsageError: the table cannot be read, or is empty."""
        kept = 0
        for batch in self._table.batches():
            length = len(next(iter(batch.values()))) if batch else 0
            keep = self._rows < MOST
            self._batch(batch, length, keep)
            kept += length if keep else 0
            self._rows += length
            if told is not None:
                told(self._rows)
        if not self._columns:
            raise UsageError(f"{self._table.place.name} is empty", hint="There is nothing to check")
        for column in self._columns.values():
            column.missing += self._rows - column.rows
            column.rows = self._rows
        none = np.zeros(0, np.uint64)
        joined = [np.concatenate(parts) if parts else none for parts in ([part[i] for part in self._parts] for i in range(3))]
        self._parts = []
        return Scanned(
            name=self._table.place.name,
            role=self._table.place.role,
            rows=self._rows,
            columns=self._columns,
            sample=self._sampler.finish(list(self._columns)),
            keys=RowKeys(*joined),
            groups=np.unique(np.concatenate(self._groups)) if self._groups else none,
            left_out=tuple(sorted(set(self._columns) - self._content - {self._target or ""})),
            unseen=self._rows - kept,
        )

    def _batch(self, batch: dict[str, Any], length: int, keep: bool) -> None:
        content, loose = np.zeros(length, np.uint64), np.zeros(length, np.uint64)
        whole: Keys | None = None
        for name, values in batch.items():
            column = self._columns.setdefault(name, Column(name, rows=self._rows, missing=self._rows))
            floats, missing = numbers(values)
            _count(column, values, floats, missing, self._rows)
            if not keep:
                continue
            exact = salted(value_keys(values, floats, missing, loose=False), name)
            if name in self._content:
                content += exact
                same = pa.types.is_integer(values.type) or pa.types.is_boolean(values.type)
                loose += exact if same else salted(value_keys(values, floats, missing, loose=True), name)
            elif name == self._target:
                whole = exact
            if name == self._group:
                self._groups.append(np.unique(exact[~missing]))
        if length:
            self._sampler.add(batch, length)
        if keep:
            self._parts.append((content, content if whole is None else content + whole, loose))


def _count(column: Column, values: Any, floats: Numbers, missing: NDArray[np.bool_], before: int) -> None:
    rows = len(values)
    gone = int(missing.sum())
    column.rows += rows
    column.missing += gone
    column.times = column.times or pa.types.is_timestamp(values.type)
    text = pa.types.is_string(values.type)
    if pa.types.is_boolean(values.type):
        column.booleans = True
        column.text += rows - gone
    else:
        known = ~np.isnan(floats)
        count = int(known.sum())
        column.numeric += count
        strange = ~known & ~missing
        if not text:
            column.nan += int(strange.sum())
        else:
            column.text += int(strange.sum())
            if strange.any() and len(column.odd) < 4:
                _keep_odd(column, values, strange, before)
        _extremes(column, floats[known])
    if column.values is not None:
        _count_values(column, values)


def _extremes(column: Column, known: Numbers) -> None:
    finite = known[np.isfinite(known)]
    column.infinite += len(known) - len(finite)
    if len(finite):
        column.low, column.high = min(column.low, float(finite.min())), max(column.high, float(finite.max()))


def _keep_odd(column: Column, values: Any, strange: NDArray[np.bool_], before: int) -> None:
    for index in np.flatnonzero(strange)[: 4 - len(column.odd)].tolist():
        column.odd.append(f"row {before + index + 1}: {str(values[index].as_py())[:60]!r}")


def _count_values(column: Column, values: Any) -> None:
    """A column with many values is told by its first rows, so that the others are not counted in vain."""
    assert column.values is not None
    if len(pc.unique(values.slice(0, 4 * DISTINCT))) > DISTINCT:
        column.values = None
        return
    for entry in pc.value_counts(values).to_pylist():
        value = entry["values"]
        if value is not None and value == value:  # NaN is not equal to itself
            column.values[spelled(value)] += int(entry["counts"])
    if len(column.values) > DISTINCT:
        column.values = None


def spelled(value: Any) -> str:
    """The value as text, the same for 5 and 5.0."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value)
