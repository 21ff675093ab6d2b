"""The comparison as text: nothing wider than the terminal, nothing that controls it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltui.core.experiment import Comparison, Metric, Verdict
from mltui.experiments.render import cells, clean, decimals_for, in_short, render_comparison, sentence, significant


def comparison(name: str = "accuracy", n: int = 6, diff: float = 0.0123, half: float = 0.008, verdict: Verdict = "better") -> Comparison:
    made = Comparison(
        metric=Metric(name=name, min_effect=0.005),
        test="exact sign-flip",
        n=n,
        baseline_mean=0.9,
        candidate_mean=0.9 + diff,
        baseline_std=0.01,
        candidate_std=0.01,
        diff=diff,
        ci_low=diff - half,
        ci_high=diff + half,
        ci_method="paired t",
        p_value=0.008,
        effect_size=1.5,
        effect_name="d_z",
        verdict=verdict,
        summary="",
        needed_n=12 if verdict == "inconclusive" else None,
        pairs=tuple((seed, 0.9, 0.9 + diff) for seed in range(n)),
    )
    return made.model_copy(update={"summary": sentence(made)})


def test_the_sentence_has_the_interval_before_p():
    assert sentence(comparison()) == "accuracy +0.0123 [0.004, 0.020] (95 % CI, paired by 6 seeds, p = 0.008): better"


@pytest.mark.parametrize(
    ("message", "short"),
    [
        ("exit code 1; last lines:\n  Traceback (most recent call last):\n  KeyError: 'lr'", "exit code 1: KeyError: 'lr'"),
        ("No accuracy was reported.; last lines:\n  done", "No accuracy was reported: done"),
        ("stopped", "stopped"),
        ("", ""),
        ("one\ntwo", "one"),
    ],
)
def test_a_failure_in_short_has_the_line_that_says_what_failed(message: str, short: str) -> None:
    assert in_short(message) == short


def test_the_block_shows_difference_effect_p_and_pairs_in_this_order():
    text = render_comparison(comparison(), 80)
    words = ("+0.0123", "●", "difference", "d_z = 1.50", "p = 0.008, exact sign-flip", "\nbaseline", "\nseed")
    positions = [text.index(word) for word in words]
    assert positions == sorted(positions)
    assert "┼" in text
    assert "5  0.9000 → 0.9123  +0.0123" in text


def test_zero_is_drawn_inside_an_interval_that_covers_it():
    picture = render_comparison(comparison(diff=0.001, verdict="inconclusive"), 60).splitlines()
    line = next(line for line in picture if "┣" in line)
    assert line.index("┣") < line.index("┿") < line.index("┫")
    assert "about 12 pairs" in "\n".join(picture)


def test_narrow_terminals_get_no_picture():
    assert "┣" not in render_comparison(comparison(), 40)


@given(
    st.text(max_size=30),
    st.integers(0, 12),
    st.floats(-1e6, 1e6),
    st.floats(0, 1e6),
    st.integers(20, 130),
)
def test_no_line_is_wider_than_the_terminal(name: str, n: int, diff: float, half: float, width: int):
    for line in render_comparison(comparison(name, n, diff, half), width).splitlines():
        assert cells(line) <= width
        assert "\x1b" not in line


def test_names_cannot_control_the_terminal():
    assert clean("a\x1b[2Jb\nc\u202ed") == "a [2Jb c d"
    assert cells("日本") == 4


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.01234, "0.012"), (5, "5.0"), (0, "0"), (1234, "1234"), (1.2e-9, "1.2e-09"), (-0.5, "-0.50")],
)
def test_significant_digits(value: float, text: str):
    assert significant(value) == text


def test_decimals_follow_the_interval():
    assert [decimals_for(width, 1.0) for width in (0.016, 0.3, 25.0, 0.0)] == [3, 2, 0, 1]
