"""Plots made of characters: nothing is wider than it may be, whatever the numbers are, and what is drawn stands where it is."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltui.experiments.run_records import RunRecord, Series
from mltui.ui.plots.canvas import Canvas, labels, text_of, ticks
from mltui.ui.plots.curves import Curve, curve_lines
from mltui.ui.plots.errors import error_lines
from mltui.ui.plots.intervals import Scale, dots, interval, pair
from mltui.ui.plots.of_experiment import curve_grid, seed_lines, system_lines

from .samples import comparison, error_analysis

NUMBERS = st.floats(allow_nan=True, allow_infinity=True, width=32)
FINITE = st.floats(-1e12, 1e12)


@given(st.lists(st.tuples(FINITE, NUMBERS), min_size=1, max_size=30), st.integers(1, 130), st.integers(1, 30))
def test_any_curve_fits(points: list[tuple[float, float]], width: int, height: int) -> None:
    points.sort(key=lambda point: point[0])
    xs, ys = [x for x, _ in points], [y for _, y in points]
    curve = Curve("baseline", xs, ys, [y - 1 for y in ys], [y + 1 for y in ys], 3, "primary", "", 3)
    lines = text_of(curve_lines("loss", [curve], width, height))
    assert lines and all(len(line) <= max(width, 32) for line in lines)


def test_a_curve_rises_from_the_lower_left_to_the_upper_right() -> None:
    lines = text_of(curve_lines("accuracy", [Curve("candidate", [0, 10], [0.0, 1.0])], 60, 12))
    assert lines[0].startswith("accuracy by step") and "candidate 1" in lines[0]
    body = [line.split("│", 1)[-1].split("┤", 1)[-1] for line in lines if "│" in line or "┤" in line]
    assert body[0].rstrip()[-1] > "\u2800" and body[-1][0] > "\u2800" and not body[0][:20].strip()
    assert [label for label in ("0.0", "0.5", "1.0") if any(line.startswith(label) for line in lines)] == ["0.0", "0.5", "1.0"]
    assert lines[-1].split() == ["0", "2", "4", "6", "8", "10"] or lines[-1].split()[0] == "0"


def test_between_whole_steps_nothing_is_marked() -> None:
    floor = [text_of(curve_lines("accuracy", [Curve("best", xs, [0.1] * 3)], 60, 12))[-1].split() for xs in ([1, 2, 3], [1, 2, 2.5])]
    assert floor[0] == ["1", "2", "3"] and "1.5" in floor[1]


def test_arms_differ_by_stroke_where_there_are_no_colours() -> None:
    solid, dashed = (text_of(curve_lines("x", [Curve("a", [0, 9], [1, 1], gap=gap)], 60, 8)) for gap in (0, 3))
    assert solid[0] != dashed[0]
    assert max(line.count("⠤") + line.count("⠒") + line.count("⣀") + line.count("⠉") for line in solid[1:]) > 40
    assert max(line.count("⠤") + line.count("⠒") + line.count("⣀") + line.count("⠉") for line in dashed[1:]) < 40


@given(FINITE, FINITE, st.integers(1, 12))
def test_ticks_lie_between_the_ends_and_their_labels_differ(low: float, high: float, most: int) -> None:
    found = ticks(low, high, most)
    step = (high - low) or 1.0
    assert all(low - abs(step) * 1e-6 <= tick <= high + abs(step) * 1e-6 for tick in found)
    if len(found) > 1 and step > max(abs(low), abs(high)) * 1e-3 and max(map(abs, found)) < 1e6 and max(map(abs, found)) > 1e-4:
        assert len(set(labels(found))) == len(found)


@given(NUMBERS, NUMBERS, NUMBERS, st.integers(1, 60))
def test_any_interval_is_as_wide_as_its_scale(value: float, low: float, high: float, width: int) -> None:
    scale = Scale.over([0.0, 1.0], width)
    for line in (interval(scale, value, low, high, "", rule=0.5), pair(scale, low, high, ""), dots(scale, [value, low, high], "o", "")):
        assert sum(len(text) for text, _ in line) == width


def test_an_interval_shows_its_ends_its_middle_and_that_it_goes_on() -> None:
    scale = Scale(0.0, 1.0, 11)
    assert text_of([interval(scale, 0.5, 0.2, 0.8, "", rule=0.0)]) == ["│ ├──●──┤"]
    assert text_of([interval(scale, 0.5, -1.0, 2.0, "")]) == ["◂────●────▸"]
    assert text_of([interval(scale, 7.0, 6.0, 8.0, "")]) == ["          ▸"]
    assert text_of([pair(scale, 0.8, 0.2, "")]) == ["  ◀─────○"]
    assert text_of([dots(scale, [0.5, 0.5, 1.0, math.nan], "o", "")]) == ["     2    o"]


@pytest.mark.parametrize("width", [40, 58, 80, 120])
def test_pictures_of_an_experiment_fit(width: int) -> None:
    records = [
        RunRecord(
            arm,
            seed,
            {"loss": Series((1, 2, 3), (3.0, 2.0, 1.0)), "accuracy": Series((1, 2), (0.1, 0.9)), "system/cpu": Series((1,), (50.0,))},
        )
        for arm in ("baseline", "candidate")
        for seed in range(3)
    ]
    for lines in (
        curve_grid(records, "accuracy", width, 20),
        seed_lines(comparison(), width),
        error_lines(error_analysis(), width),
        system_lines(records, width),
    ):
        assert lines and all(len(line) <= width for line in text_of(lines)), text_of(lines)
    assert curve_grid([], "accuracy", width, 20) == []


def test_dots_outside_are_left_out() -> None:
    canvas = Canvas(3, 2)
    for x, y in ((-1, 0), (6, 0), (0, 8), (5, 7)):
        canvas.dot(x, y, "")
    assert text_of(canvas.lines()) == ["", "  ⢀"[:2] + "⢀"]
