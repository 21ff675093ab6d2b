"""A uniform sample of a table's rows, the same rows for all columns, taken while the table streams by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mltui.experiments.data_checks.arrow import pa, pc
from mltui.experiments.data_checks.keys import Keys, Numbers, numbers, value_keys

_CELLS = 20_000_000
_SEED = 20_240_601


@dataclass
class Values:
    """The sampled values of one column, in the order of their rows. Attributes: column: an Arrow array."""

    column: Any

    @cached_property
    def _read(self) -> tuple[Numbers, NDArray[np.bool_]]:
        return numbers(self.column)

    @property
    def floats(self) -> Numbers:
        """NaN where a value is missing or no number."""
        return self._read[0]

    @property
    def missing(self) -> NDArray[np.bool_]:
        floats, missing = self._read
        return missing if pa.types.is_string(self.column.type) else missing | np.isnan(floats)

    @cached_property
    def keys(self) -> Keys:
        floats, missing = self._read
        return value_keys(self.column, floats, missing, loose=False)

    @cached_property
    def loose_keys(self) -> Keys:
        floats, missing = self._read
        return value_keys(self.column, floats, missing, loose=True)

    @cached_property
    def codes(self) -> NDArray[np.int64]:
        """The values as whole numbers from 0 on; missing is one value of its own."""
        return np.unique(self.keys, return_inverse=True)[1].astype(np.int64).reshape(-1)

    def texts(self) -> list[str | None]:
        return [None if value is None else str(value) for value in self.column.to_pylist()]

    def shown(self, index: int) -> str:
        return str(self.column[index].as_py())


@dataclass
class Sample:
    """Attributes: rows: the number of each sampled row, counted from 0, ascending."""

    rows: NDArray[np.int64]
    columns: dict[str, Values]

    def __len__(self) -> int:
        return len(self.rows)


class Sampler:
    """Each row draws a number, and the rows with the lowest are kept: a uniform sample without knowing how many rows there are.

    The draws have a fixed seed, so the same data gives the same sample.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._rng = np.random.default_rng(_SEED)
        self._bound = 1.0
        self._seen = 0
        self._draws: list[NDArray[np.float64]] = []
        self._rows: list[NDArray[np.int64]] = []
        self._parts: list[dict[str, Any]] = []
        self._held = 0

    def add(self, batch: dict[str, Any], length: int) -> None:
        most = max(1000, min(self._most, _CELLS // max(1, len(batch))))
        draws = self._rng.random(length)
        chosen = np.flatnonzero(draws < self._bound)
        if len(chosen):
            take = pa.array(chosen)
            self._parts.append({name: column.take(take) for name, column in batch.items()})
            self._draws.append(draws[chosen])
            self._rows.append(chosen.astype(np.int64) + self._seen)
            self._held += len(chosen)
        self._seen += length
        if self._held > 2 * most:
            self._shrink(most)

    def _shrink(self, most: int) -> None:
        if self._held <= most:
            return
        draws = np.concatenate(self._draws)
        self._bound = float(np.partition(draws, most)[most])
        for index, own in enumerate(self._draws):
            kept = np.flatnonzero(own < self._bound)
            take = pa.array(kept)
            self._parts[index] = {name: column.take(take) for name, column in self._parts[index].items()}
            self._draws[index], self._rows[index] = own[kept], self._rows[index][kept]
        filled = [index for index, own in enumerate(self._draws) if len(own)]
        self._parts, self._draws, self._rows = (
            [self._parts[i] for i in filled], [self._draws[i] for i in filled], [self._rows[i] for i in filled],
        )  # fmt: skip
        self._held = sum(len(own) for own in self._draws)

    def finish(self, names: list[str]) -> Sample:
        self._shrink(max(1000, min(self._most, _CELLS // max(1, len(names)))))
        rows = np.concatenate(self._rows) if self._rows else np.zeros(0, np.int64)
        lengths = [len(own) for own in self._rows]
        columns = {name: Values(_joined([part.get(name) for part in self._parts], lengths)) for name in names}
        self._parts = []
        return Sample(rows, columns)


def _joined(parts: list[Any], lengths: list[int]) -> Any:
    kinds = {part.type for part in parts if part is not None}
    if len(kinds) > 1:
        numeric = all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in kinds)
        kind = pa.float64() if numeric else pa.string()
    else:
        kind = kinds.pop() if kinds else pa.string()
    filled = [
        pa.nulls(length, kind) if part is None else part if part.type == kind else pc.cast(part, kind, safe=False)
        for part, length in zip(parts, lengths, strict=True)
    ]
    return pa.concat_arrays(filled) if filled else pa.array([], kind)
