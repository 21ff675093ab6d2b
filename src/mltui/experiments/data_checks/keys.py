"""A 64-bit key for each value and for each row: equal values have equal keys, whatever they are kept as.

The number 5 has one key as an integer, as 5.0 and as the text "5" in a CSV. The keys of a row are summed, so the order of columns does
not matter. Text is hashed with Python's own keyed hash, which no file can be made to collide with.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mltui.experiments.data_checks.arrow import pa, pc

Keys = NDArray[np.uint64]
Numbers = NDArray[np.float64]

_GOLD = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_TEXT = np.uint64(0x2545F4914F6CDD1D)
_MISSING = np.uint64(0x5851F42D4C957F2D)
_EXACT = float(1 << 62)
_INEXACT = float(1 << 53)
_MASK = (1 << 64) - 1
_NUMBER = r"^\s*[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf|Inf|INF|infinity|Infinity|nan)\s*$"


def mixed(keys: Keys) -> Keys:
    """SplitMix64's finalizer (Steele, Lea, Flood 2014)."""
    keys = (keys ^ (keys >> np.uint64(30))) * _FIRST
    keys = (keys ^ (keys >> np.uint64(27))) * _SECOND
    return keys ^ (keys >> np.uint64(31))


def numbers(column: Any) -> tuple[Numbers, NDArray[np.bool_]]:
    """The values as floats, NaN where they are none, and where they are missing. Text counts where it is written as a number."""
    missing = np.asarray(pc.is_null(column).to_numpy(zero_copy_only=False), dtype=bool)
    kinds = pa.types
    if kinds.is_string(column.type):
        try:
            column = pc.cast(column, pa.float64())
        except pa.ArrowInvalid:
            fits = pc.match_substring_regex(column, _NUMBER)
            kept = pc.if_else(fits, pc.utf8_trim_whitespace(column), pa.scalar(None, pa.string()))
            try:
                column = pc.cast(kept, pa.float64())
            except pa.ArrowInvalid:  # a spelling that the pattern lets through, and Arrow does not know
                column = pa.array([None if value is None else float(value) for value in kept.to_pylist()], pa.float64())
    elif kinds.is_timestamp(column.type):
        seconds = pc.cast(column, pa.int64()).cast(pa.float64(), safe=False)
        return np.asarray(pc.fill_null(seconds, float("nan")).to_numpy(zero_copy_only=False), dtype=np.float64) / 1e6, missing
    else:
        column = column.cast(pa.float64(), safe=False)
    return np.asarray(pc.fill_null(column, float("nan")).to_numpy(zero_copy_only=False), dtype=np.float64), missing


def value_keys(column: Any, floats: Numbers, missing: NDArray[np.bool_], *, loose: bool) -> Keys:
    """The keys of a column.

    Args:
        floats, missing: as `numbers` gives them.
        loose: numbers count to four digits (whole ones to the last), and letter case and spaces of text do not count.
    """
    if pa.types.is_integer(column.type) and not column.null_count:
        return mixed(np.asarray(column.to_numpy(zero_copy_only=False)).astype(np.int64).view(np.uint64))
    keys = _number_keys(floats, loose)
    if pa.types.is_string(column.type):
        text = np.isnan(floats) & ~missing
        if text.all():
            keys = _text_keys(column, loose)
        elif text.any():
            keys[text] = _text_keys(column.filter(pa.array(text)), loose)
        long = np.isfinite(floats) & (np.abs(floats) >= _INEXACT)
        if long.any():
            keys[long] = [_long_key(value, key) for value, key in zip(column.filter(pa.array(long)).to_pylist(), keys[long], strict=True)]
    elif pa.types.is_integer(column.type):
        keys = mixed(np.asarray(pc.fill_null(column, 0).to_numpy(zero_copy_only=False)).astype(np.int64).view(np.uint64))
    keys[missing] = _MISSING
    return keys


def _number_keys(floats: Numbers, loose: bool) -> Keys:
    with np.errstate(all="ignore"):
        whole = (np.floor(floats) == floats) & (np.abs(floats) < _EXACT)
        if whole.all():
            return mixed(floats.astype(np.int64).view(np.uint64))
        keys = (floats + 0.0).view(np.uint64) ^ _GOLD
        if loose:
            power = np.floor(np.log10(np.abs(floats)))
            digits = np.rint(floats / 10.0 ** (power - 3))
            over = np.abs(digits) >= 10_000
            power, digits = np.where(over, power + 1, power), np.where(over, digits / 10, digits)
            rounded = np.nan_to_num(digits * 4096 + power, posinf=2e9, neginf=-2e9, nan=3e9).astype(np.int64)
            keys = np.where(np.isfinite(floats), rounded.view(np.uint64) ^ _GOLD, keys)
    keys = np.where(whole, np.where(whole, floats, 0.0).astype(np.int64).view(np.uint64), keys)
    keys = np.where(np.isnan(floats), _MISSING, keys)
    return mixed(keys)


def _long_key(text: str, rounded: np.uint64) -> np.uint64:
    """The key of a number that a float would round, as an id of 64 bits; `rounded` where it is not written as a whole number."""
    try:
        value = int(text) if "_" not in text else None
    except ValueError:  # 1e300
        value = None
    if value is None or not -(1 << 63) <= value < 1 << 63:
        return rounded if value is None else mixed(np.array([hash(str(value)) & _MASK], np.uint64))[0]
    return mixed(np.array([value], np.int64).view(np.uint64))[0]


def _text_keys(column: Any, loose: bool) -> Keys:
    coded = column.dictionary_encode()
    words = coded.dictionary
    if loose:
        words = pc.utf8_trim_whitespace(pc.replace_substring_regex(pc.utf8_lower(words), r"\s+", " "))
    hashed = np.fromiter(map(hash, words.to_pylist()), np.int64, len(words)).view(np.uint64) ^ _TEXT
    codes = np.asarray(pc.fill_null(coded.indices, 0).to_numpy(zero_copy_only=False)).astype(np.int64)
    return mixed(hashed)[codes] if len(hashed) else np.zeros(len(column), np.uint64)


def salted(keys: Keys, name: str) -> Keys:
    """The keys of a column's values made its own, so that rows with swapped values differ."""
    return mixed(keys ^ np.uint64(hash(name) & 0xFFFFFFFFFFFFFFFF))
