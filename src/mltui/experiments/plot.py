"""The picture of a comparison: each seed's pair on the left, the difference with its interval on the right.

Written as SVG text: drawing it takes no time and loads nothing, which a plotting library (two seconds to import) does not match.
"""

from __future__ import annotations

import math
import textwrap
from html import escape

from mltui.core.experiment import Comparison
from mltui.experiments.render import clean, difference_text

WIDTH, HEIGHT, TOP, BOTTOM = 720, 400, 80, 350
BASELINE_X, CANDIDATE_X, DIFFERENCE_X = 130.0, 370.0, 600.0
INK, PALE, GOOD, BAD = "#24292f", "#8c959f", "#1a7f37", "#cf222e"


def comparison_svg(comparison: Comparison) -> str:
    """Returns: an SVG document. Without pairs it holds the sentence alone."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"',
        f' font-family="sans-serif" font-size="13" fill="{INK}">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        *(_text(16, 24 + 18 * row, line, "start") for row, line in enumerate(textwrap.wrap(clean(comparison.summary), 100, max_lines=3))),
    ]
    if comparison.pairs:
        parts += _pairs(comparison)
        parts += _interval(comparison)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _pairs(comparison: Comparison) -> list[str]:
    scale = Scale([value for _, *values in comparison.pairs for value in values])
    parts = _axis(scale, 70.0)
    parts += [_text(BASELINE_X, HEIGHT - 20, "baseline"), _text(CANDIDATE_X, HEIGHT - 20, "candidate")]
    for seed, baseline, candidate in comparison.pairs:
        y1, y2 = scale.y(baseline), scale.y(candidate)
        color = _color(comparison, candidate - baseline)
        parts.append(
            f'<g stroke="{color}" fill="{color}"><title>seed {seed}: {baseline:.6g} → {candidate:.6g}</title>'
            f'<line x1="{BASELINE_X}" y1="{y1:.1f}" x2="{CANDIDATE_X}" y2="{y2:.1f}"/>'
            f'<circle cx="{BASELINE_X}" cy="{y1:.1f}" r="3.5"/><circle cx="{CANDIDATE_X}" cy="{y2:.1f}" r="3.5"/></g>'
        )
    return parts


def _interval(comparison: Comparison) -> list[str]:
    metric = comparison.metric
    margins = [metric.min_effect, -metric.min_effect] if metric.min_effect else []
    scale = Scale([0.0, comparison.diff, comparison.ci_low, comparison.ci_high, *margins])
    left, right, x = DIFFERENCE_X - 60, DIFFERENCE_X + 60, DIFFERENCE_X
    parts = _axis(scale, left - 10)
    for margin in margins:
        y = scale.y(margin)
        parts.append(f'<line x1="{left}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="{PALE}" stroke-dasharray="4 4"/>')
    parts.append(f'<line x1="{left}" y1="{scale.y(0):.1f}" x2="{right}" y2="{scale.y(0):.1f}" stroke="{INK}"/>')
    if comparison.n > 1:
        low, high = scale.y(comparison.ci_low), scale.y(comparison.ci_high)
        shape = f"M{x - 8} {low:.1f}H{x + 8}M{x} {low:.1f}V{high:.1f}M{x - 8} {high:.1f}H{x + 8}"
        parts.append(f'<path d="{shape}" stroke="{INK}" stroke-width="2" fill="none"/>')
    parts.append(f'<circle cx="{x}" cy="{scale.y(comparison.diff):.1f}" r="5"/>')
    parts += [_text(x, HEIGHT - 20, "difference"), _text(x, HEIGHT - 4, difference_text(comparison))]
    return parts


class Scale:
    """Values to pixels, the greatest on top."""

    def __init__(self, values: list[float]) -> None:
        low, high = min(values), max(values)
        largest = max(abs(low), abs(high))
        # Values that differ by rounding alone still get an axis whose ticks are apart.
        room = max((high - low) * 0.08, largest * 1e-9) if high > low else largest * 0.01 or 1.0
        self.low, self.high = low - room, high + room

    def y(self, value: float) -> float:
        return BOTTOM - (value - self.low) / (self.high - self.low) * (BOTTOM - TOP)

    def ticks(self) -> list[float]:
        """Three to seven round numbers."""
        step = 10 ** math.floor(math.log10(self.high - self.low))
        for factor in (1.0, 0.5, 0.2):
            if (self.high - self.low) / (step * factor) >= 3:
                step *= factor
                break
        first = math.ceil(self.low / step)
        return [index * step for index in range(first, math.floor(self.high / step) + 1)]


def _axis(scale: Scale, x: float) -> list[str]:
    ticks = scale.ticks()
    digits = max(0, -math.floor(math.log10(ticks[1] - ticks[0]))) if len(ticks) > 1 else 3
    parts = [f'<line x1="{x}" y1="{TOP}" x2="{x}" y2="{BOTTOM}" stroke="{PALE}"/>']
    for tick in ticks:
        parts.append(f'<line x1="{x - 4}" y1="{scale.y(tick):.1f}" x2="{x}" y2="{scale.y(tick):.1f}" stroke="{PALE}"/>')
        parts.append(_text(x - 8, scale.y(tick) + 4, f"{tick:.{digits}f}", "end"))
    return parts


def _color(comparison: Comparison, difference: float) -> str:
    if difference == 0:
        return PALE
    return GOOD if (difference > 0) == (comparison.metric.direction == "maximize") else BAD


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
