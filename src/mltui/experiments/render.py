"""A comparison as text: one sentence, or a block for a terminal of any width. No heavy imports."""

from __future__ import annotations

import json
import math
import re
import textwrap
import unicodedata

from mltui.core.data import JsonObject, JsonValue
from mltui.core.experiment import Comparison

NARROW = 48
"""Under this many columns the picture of the interval is left out."""


LAST_LINES = "; last lines:\n"
"""Begins what a message quotes of a failed command's output."""


def in_short(message: str) -> str:
    """Returns: why a run failed on one line, with the last of the lines that it quotes: `exit code 1: KeyError: 'lr'`."""
    why, _, quoted = message.partition(LAST_LINES)
    last = quoted.rstrip().rpartition("\n")[2].strip()
    return f"{why.rstrip('.')}: {last}" if last else message.partition("\n")[0]


def significant(value: float, digits: int = 2) -> str:
    """Returns: the number with so many significant digits, at most in plain notation: `0.0123`, `5.0`, `1.2e-09`."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    exponent = math.floor(math.log10(abs(value)))
    if not -5 <= exponent <= 8:
        return f"{value:.{digits - 1}e}"
    return f"{value:.{max(0, digits - 1 - exponent)}f}"


def decimals_for(width: float, value: float) -> int:
    """Returns: digits after the point that show two significant digits of an interval's width (or of the value without one)."""
    scale = width or abs(value)
    return 1 if scale == 0 or not math.isfinite(scale) else min(9, max(0, 1 - math.floor(math.log10(scale))))


def value_text(value: JsonValue) -> str:
    """Returns: a parameter's value as people write it, `0.267945`, `adam`, `[1, 2]`."""
    return value if isinstance(value, str) else f"{value:.6g}" if isinstance(value, float) else json.dumps(value)


def setting(params: JsonObject) -> str:
    """Returns: a trial's values, `lr 0.0123, optimizer adam`."""
    return ", ".join(f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in params.items())


def p_text(p_value: float) -> str:
    """Returns: `p = 0.031`, or `p < 0.001`."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.2g}"


def difference_text(comparison: Comparison) -> str:
    """Returns: the difference with its interval first, `+0.0123 [0.004, 0.020]`; without one if there were fewer than two pairs."""
    return difference_of(comparison.diff, comparison.ci_low, comparison.ci_high, comparison.n, comparison.metric.unit)


def difference_of(diff: float, low: float, high: float, pairs: int, unit: str) -> str:
    """Returns: as `difference_text`, of a comparison's numbers."""
    width = high - low
    digits = decimals_for(width, diff)
    number = f"{diff:+.{digits + (width > 0)}f}"
    if pairs > 1:
        number += f" [{low:.{digits}f}, {high:.{digits}f}]"
    return f"{number} {unit}".rstrip()


def sentence(comparison: Comparison, reason: str = "") -> str:
    """Returns: `accuracy +0.0123 [0.004, 0.020] (95 % CI, paired by 8 seeds, p = 0.008): better`, and the reason after it."""
    name = clean(comparison.metric.name)
    if comparison.n == 0:
        return f"{name}: {comparison.verdict}{reason and f', {reason}'}"
    notes = [over_text(comparison)]
    if comparison.n > 1:
        notes = [f"{comparison.confidence * 100:g} % CI", *notes, p_text(comparison.p_value)]
    text = f"{name} {difference_text(comparison)} ({', '.join(notes)}): {comparison.verdict}"
    return f"{text}, {reason}" if reason else text


_OVER = {
    "seed": "paired by {}",
    "split": "paired by {}",
    "example": "on {}",
    "cluster": "on {}",
    "sample": "on {}",
    "run": "at least {} an arm",
}
_COUNTED = {"seed": "pair", "split": "split"}


def counted(n: int, of: str) -> str:
    """Returns: `6 pairs`, `30 examples`: so many of what a test is over (see `core.experiment.Comparison`)."""
    return f"{n:,} {_COUNTED.get(of, of)}{'' if n == 1 else 's'}"


def over_text(comparison: Comparison) -> str:
    """Returns: `paired by 8 seeds`, `on 500 examples`."""
    n, of = comparison.n, comparison.of
    return _OVER.get(of, "on {}").format(f"{n:,} {of}{'' if n == 1 else 's'}")


def clean(text: str) -> str:
    """Returns: the text on one line, without control characters (metric names come from what a run printed)."""
    return re.sub(r"\s+", " ", "".join(" " if unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp"} else char for char in text)).strip()


def cells(text: str) -> int:
    """Returns: columns that the text takes in a terminal."""
    return sum(0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def render_comparison(comparison: Comparison, width: int) -> str:
    """Returns: the comparison for a terminal, no line wider than `width` columns (at least 20): the
    difference with its interval, effect size, p, both arms, then the pairs."""
    width = max(20, width)
    blocks = _wrapped(clean(comparison.summary), width)
    if comparison.n:
        if comparison.n > 1 and width >= NARROW:
            blocks += ["", *_picture(comparison, width)]
        blocks += ["", *_rows(_facts(comparison), width)]
        blocks += ["", *_pairs(comparison, width)]
    return "\n".join(blocks)


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    # textwrap counts characters; where they are wider than a cell, half the width is always enough.
    room = width if cells(text) == len(text) else max(10, width // 2)
    return textwrap.wrap(text, room, subsequent_indent=indent, break_on_hyphens=False) or [""]


def _facts(comparison: Comparison) -> list[tuple[str, str]]:
    digits = decimals_for(comparison.ci_high - comparison.ci_low, comparison.diff) + 1
    facts = [("difference", difference_text(comparison))]
    if comparison.n > 1:
        facts.append(("interval", f"{comparison.confidence * 100:g} % CI, {comparison.ci_method}"))
    if comparison.second:
        second = comparison.second
        facts.append(("or", f"[{second.low:.{digits}f}, {second.high:.{digits}f}], {second.method}"))
    if comparison.effect_size is not None:
        facts.append(("effect", f"{comparison.effect_name} = {comparison.effect_size:.2f}"))
    ties = f", {comparison.ties} tied" if comparison.ties else ""
    facts.append(("test", f"{p_text(comparison.p_value)}, {comparison.test}, {counted(comparison.n, comparison.of)}{ties}"))
    if comparison.metric.min_effect:
        facts.append(("worth having", f"{comparison.metric.min_effect:g} {comparison.metric.unit}".rstrip()))
    if comparison.needed_n:
        facts.append(("needed", f"about {counted(comparison.needed_n, comparison.of)}"))
    facts.append(("baseline", f"{comparison.baseline_mean:.{digits}f} ± {comparison.baseline_std:.{digits}f}"))
    facts.append(("candidate", f"{comparison.candidate_mean:.{digits}f} ± {comparison.candidate_std:.{digits}f}"))
    facts += [("note", note) for note in comparison.notes]
    return facts


def _rows(facts: list[tuple[str, str]], width: int) -> list[str]:
    lines: list[str] = []
    for name, value in facts:
        lines += _wrapped(f"{name:<13} {clean(value)}", width, indent="  ")
    return lines


def _picture(comparison: Comparison, width: int) -> list[str]:
    """The interval on a line that always shows zero: `──┼───├────●────┤──`."""
    room = min(width, 80) - 1
    shown = [0.0, comparison.ci_low, comparison.ci_high, comparison.diff]
    low, high = min(shown), max(shown)
    if high == low:
        return []
    margin = (high - low) * 0.06
    low, high = low - margin, high + margin

    def column(value: float) -> int:
        return round((value - low) / (high - low) * room)

    line = ["─"] * (room + 1)
    line[column(0.0)] = "┼"
    for position in range(column(comparison.ci_low), column(comparison.ci_high) + 1):
        line[position] = "┿" if position == column(0.0) else "━"
    line[column(comparison.ci_low)], line[column(comparison.ci_high)] = "┣", "┫"
    line[column(comparison.diff)] = "●"
    return ["".join(line), " " * column(0.0) + "0"]


def _pairs(comparison: Comparison, width: int) -> list[str]:
    digits = decimals_for(comparison.ci_high - comparison.ci_low, comparison.diff) + 1
    seeds = max([4, *(len(str(seed)) for seed, _, _ in comparison.pairs)])
    lines = [f"{'seed':>{seeds}}  baseline → candidate"]
    lines += [
        f"{seed:>{seeds}}  {baseline:.{digits}f} → {candidate:.{digits}f}  {candidate - baseline:+.{digits}f}"
        for seed, baseline, candidate in comparison.pairs
    ]
    return [part for line in lines for part in _wrapped(line, width, indent=" " * (seeds + 2) if width > 2 * seeds else "")]
