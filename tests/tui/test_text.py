from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mltui.ui.figures import dollars, duration, size, tokens
from mltui.ui.tui.text import clean, clip, number, one_line


@settings(deadline=None)
@given(st.text())
def test_clean_leaves_no_control_but_newlines(text: str) -> None:
    cleaned = clean(text)
    assert not any(ord(char) < 32 and char != "\n" for char in cleaned)
    assert not any(0x7F <= ord(char) < 0xA0 or char in "\u202e\u2066\u2028" for char in cleaned)
    assert clean(cleaned) == cleaned


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07x", "x"),
        ("\x1b]8;;http://e\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("10%\r50%\r100%\n", "100%\n"),
        ("a\r\nb", "a\nb"),
        ("a\tb", "a   b"),
        ("x\x00\x08y", "xy"),
        ("if user\u202e != admin", "if user⟨U+202E⟩ != admin"),
        ("[bold]x[/]", "[bold]x[/]"),
    ],
)
def test_clean(raw: str, shown: str) -> None:
    assert clean(raw) == shown


def test_one_line_and_clip() -> None:
    assert one_line("a\n  b\t c") == "a b c"
    assert clip("abcdef", 4) == "abc…"
    assert clip("abc", 4) == "abc"


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "0"), (999, "999"), (1000, "1k"), (12_345, "12.3k"), (200_000, "200k"), (999_600, "1M"), (1_250_000, "1.2M")]
)
def test_tokens(count: int, shown: str) -> None:
    assert tokens(count) == shown


@pytest.mark.parametrize(("seconds", "shown"), [(0.42, "0.4s"), (12, "12s"), (185, "3m05s"), (7800, "2h10m"), (400_000, "4d")])
def test_duration(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_other_numbers() -> None:
    assert (dollars(0), dollars(0.0042), dollars(1.234)) == ("$0.00", "$0.0042", "$1.23")
    assert (size(12), size(1500), size(491_520), size(20_000_000)) == ("12 B", "1.5 kB", "492 kB", "20 MB")
    assert (number(None), number(0.1), number("a\nb"), number([1, 2])) == ("—", "0.1", "a b", "[1, 2]")


@pytest.mark.parametrize(
    ("text", "limit", "shown"), [("日本語", 6, "日本語"), ("日本語", 5, "日本…"), ("日本語", 4, "日 …"), ("abc", 2, "a…"), ("", 0, "")]
)
def test_clip_counts_columns(text: str, limit: int, shown: str) -> None:
    assert clip(text, limit) == shown
