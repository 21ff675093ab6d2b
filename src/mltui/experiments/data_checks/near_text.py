"""Texts of one split that are almost those of another: MinHash with banding finds candidates, and each is compared for certain.

Broder 1997; 32 bands of 4 hashes find a pair of Jaccard similarity 0.8 with probability over 0.999999, one of 0.5 with 0.87.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mltui.experiments.data_checks.report import Finding
from mltui.experiments.data_checks.sample import Values
from mltui.experiments.data_checks.scan import Scanned

ALIKE = 0.8
"""Jaccard similarity of the texts' shingles (three words) from which they are said to be almost the same."""
_BANDS, _HASHES = 32, 4
_LOOKED = 10_000
_LENGTH = 60
"""Characters that the texts of a column have on average, at least; shorter ones are alike by chance."""
_WORDS = 3
_CANDIDATES = 20
_PRIME = np.uint64((1 << 31) - 1)

Shingles = frozenset[int]


def near_texts(train: Scanned, test: Scanned) -> Iterator[Finding]:
    """Texts of `test` that are almost in `train`, in the first rows of the samples; equal texts are not counted."""
    for name, column in test.columns.items():
        known = train.columns.get(name)
        if column.kind != "text" or known is None or known.kind != "text" or (column.values is not None and len(column.values) < 20):
            continue
        before, after = _texts(train.sample.columns[name]), _texts(test.sample.columns[name])
        if not before or not after or sum(len(text) for _, text in after) / len(after) < _LENGTH:
            continue
        found = alike([text for _, text in before], [text for _, text in after])
        if not found:
            continue
        rows = [(int(train.sample.rows[before[i][0]]) + 1, int(test.sample.rows[after[j][0]]) + 1, score) for i, j, score in found]
        about = f" of {len(after):,} looked at" if len(after) < test.rows or len(before) < train.rows else ""
        yield Finding(
            severity="error", check="leak.text", dataset=f"{train.name} → {test.name}", column=name, count=len(found),
            fraction=len(found) / len(after), text=f"texts that are almost in {train.role or train.name} too: {len(found):,}{about}",
            action="Drop them from one of the two, or split by what they have in common (--group)",
            examples=tuple(f"rows {first} and {second} ({score:.0%} alike)" for first, second, score in rows[:4]),
        )  # fmt: skip


def _texts(values: Values) -> list[tuple[int, str]]:
    column = values.column.slice(0, _LOOKED)
    return [(index, str(text)[:20_000]) for index, text in enumerate(column.to_pylist()) if text]


def alike(before: list[str], after: list[str]) -> list[tuple[int, int, float]]:
    """For each text of `after` the first of `before` that is almost the same, with their similarity."""
    old, new = [shingles(text) for text in before], [shingles(text) for text in after]
    table: dict[tuple[int, bytes], list[int]] = {}
    for index, own in enumerate(old):
        for key in _keys(own):
            found = table.setdefault(key, [])
            if len(found) < _CANDIDATES:
                found.append(index)
    out: list[tuple[int, int, float]] = []
    for index, own in enumerate(new):
        candidates = sorted({other for key in _keys(own) for other in table.get(key, ())})
        scores = [(jaccard(old[other], own), other) for other in candidates if before[other] != after[index]]
        best = max(scores, default=(0.0, 0))
        if best[0] >= ALIKE and not any(before[other] == after[index] for other in candidates):
            out.append((best[1], index, best[0]))
    return out


def shingles(text: str) -> Shingles:
    words = re.findall(r"\w+", text.casefold())
    if len(words) < _WORDS:
        words = list(text.casefold())
    return frozenset(
        zlib.crc32(" ".join(words[start : start + _WORDS]).encode("utf-8", "replace")) for start in range(len(words) - _WORDS + 1)
    )


def jaccard(one: Shingles, other: Shingles) -> float:
    return len(one & other) / len(one | other) if one or other else 0.0


_rng = np.random.default_rng(7)
_FACTORS = _rng.integers(1, int(_PRIME), _BANDS * _HASHES, dtype=np.uint64)
_OFFSETS = _rng.integers(0, int(_PRIME), _BANDS * _HASHES, dtype=np.uint64)


def _keys(own: Shingles) -> Iterator[tuple[int, bytes]]:
    if not own:
        return
    values: NDArray[np.uint64] = np.fromiter(own, np.uint64, len(own)) % _PRIME
    least = ((values[:, None] * _FACTORS + _OFFSETS) % _PRIME).min(axis=0).astype(np.uint32)
    for band in range(_BANDS):
        yield band, least[band * _HASHES : (band + 1) * _HASHES].tobytes()
