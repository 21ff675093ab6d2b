"""Grammars of the numbers in a range, with a bounded number of digits.

The bound is what keeps a small model from writing `1.0000…` for ever.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal

from mltui.models.local.gbnf import DIGIT, NOTHING, Chars, Literal, Node, Repeat, choice, optional, sequence

OPEN_DIGITS = 15
"""Digits of an integer without a bound: what a double holds exactly."""

MAX_PLACES = 12
EXTRA_PLACES = 3
"""Decimal places beyond those of the bounds themselves."""


def integer(low: int | None, high: int | None) -> Node | None:
    """The integers of [low, high] without leading zeros, or None if there are none."""
    reach = 10**OPEN_DIGITS - 1
    floor = low if low is not None else min(-reach, (high or 0) - reach)
    ceiling = high if high is not None else max(reach, (low or 0) + reach)
    return _signed(floor, ceiling, _naturals)


def decimal(low: float | None, high: float | None, *, open_low: bool = False, open_high: bool = False) -> Node | None:
    """The decimal numbers of [low, high] (or with a bound left out), or None if there are none.

    Plain notation; as many decimal places as the bounds have and `EXTRA_PLACES` more.
    """
    reach = Decimal(10) ** OPEN_DIGITS
    floor = Decimal(repr(low)) if low is not None else min(-reach, Decimal(high or 0) - reach)
    ceiling = Decimal(repr(high)) if high is not None else max(reach, Decimal(low or 0) + reach)
    places = min(MAX_PLACES, EXTRA_PLACES + max(_places(floor), _places(ceiling)))
    scale = 10**places
    scaled_low, scaled_high = math.ceil(floor * scale), math.floor(ceiling * scale)
    if open_low and scaled_low == floor * scale:
        scaled_low += 1
    if open_high and scaled_high == ceiling * scale:
        scaled_high -= 1
    return _signed(scaled_low, scaled_high, lambda a, b: _fixed(a, b, places))


def _places(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _signed(low: int, high: int, magnitudes: Callable[[int, int], Node]) -> Node | None:
    if low > high:
        return None
    parts: list[Node] = []
    if high >= 0:
        parts.append(magnitudes(max(low, 0), high))
    if low < 0:
        parts.append(sequence(Literal("-"), magnitudes(max(1, -high), -low)))
    return choice(*parts)


def _naturals(low: int, high: int) -> Node:
    """The integers 0 <= low..high: zero, and by length; lengths that are wholly inside in one alternative."""
    parts: list[Node] = [Literal("0")] if low == 0 else []
    whole: list[int] = []
    low = max(low, 1)
    for length in range(len(str(low)), len(str(high)) + 1 if high else 0):
        smallest, largest = 10 ** (length - 1), 10**length - 1
        if low <= smallest and largest <= high:
            whole.append(length)
        else:
            parts.append(_digits(str(max(low, smallest)), str(min(high, largest))))
    if whole:
        first, last = whole[0] - 1, whole[-1] - 1
        parts.append(sequence(Chars("1-9"), Repeat(DIGIT, first, last) if last else NOTHING))
    return choice(*parts)


def _digits(low: str, high: str) -> Node:
    """The digit strings between two of the same length."""
    if not low:
        return NOTHING
    if low[0] == high[0]:
        return sequence(Literal(low[0]), _digits(low[1:], high[1:]))
    rest = len(low) - 1
    first, last = int(low[0]), int(high[0])
    parts: list[Node] = []
    if set(low[1:]) - {"0"}:
        parts.append(sequence(Literal(low[0]), _digits(low[1:], "9" * rest)))
        first += 1
    ends = bool(set(high[1:]) - {"9"})
    if middle := _one_of(first, last - ends):
        parts.append(sequence(middle, Repeat(DIGIT, rest, rest) if rest else NOTHING))
    if ends:
        parts.append(sequence(Literal(high[0]), _digits("0" * rest, high[1:])))
    return choice(*parts)


def _fixed(low: int, high: int, places: int) -> Node:
    """The decimals low/10^places..high/10^places, trailing zeros optional."""
    whole_low, fraction_low = divmod(low, 10**places)
    whole_high, fraction_high = divmod(high, 10**places)
    above, below = f"{fraction_low:0{places}d}", f"{fraction_high:0{places}d}"
    if whole_low == whole_high:
        return sequence(Literal(str(whole_low)), _fraction(above, below))
    parts = [sequence(Literal(str(whole_low)), _fraction(above, "9" * places))]
    if whole_high - whole_low > 1:
        between = _naturals(whole_low + 1, whole_high - 1)
        parts.append(sequence(between, _fraction("0" * places, "9" * places)))
    parts.append(sequence(Literal(str(whole_high)), _fraction("0" * places, below)))
    return choice(*parts)


def _fraction(low: str, high: str) -> Node:
    """The point and the decimals between two strings of the same length; nothing stands for zeros."""
    body = sequence(Literal("."), _decimals(low, high))
    return body if int(low) else optional(body)


def _decimals(low: str, high: str) -> Node:
    """One or more decimals; a string that ends early means zeros."""
    rest = len(low) - 1
    if low[0] == high[0]:
        return sequence(Literal(low[0]), _tail(low[1:], high[1:]))
    first, last = int(low[0]), int(high[0])
    parts: list[Node] = []
    if set(low[1:]) - {"0"}:
        parts.append(sequence(Literal(low[0]), _tail(low[1:], "9" * rest)))
        first += 1
    ends = bool(set(high[1:]) - {"9"})
    if middle := _one_of(first, last - ends):
        parts.append(sequence(middle, _tail("0" * rest, "9" * rest)))
    if ends:
        parts.append(sequence(Literal(high[0]), _tail("0" * rest, high[1:])))
    return choice(*parts)


def _tail(low: str, high: str) -> Node:
    """The decimals after the first; none of them, where zeros are in the range."""
    if not high or not int(high):
        return NOTHING
    if set(low) == {"0"} and set(high) == {"9"}:
        return Repeat(DIGIT, 0, len(low))
    return _decimals(low, high) if int(low) else optional(_decimals(low, high))


def _one_of(first: int, last: int) -> Node | None:
    if first > last:
        return None
    return Literal(str(first)) if first == last else Chars(f"{first}-{last}")
