"""vi's keys for a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltui.ui.vim import Vim

KEYS = 'hjklwbe0$^GgiaIAoOxXDCSsdcyrp PuvV~J.123450\x12\x1bz"'
TEXT = "one two, three\n\n  four five\nsix"


def typed(keys: str, text: str, cursor: int = 0) -> tuple[str, int, str]:
    """Types from normal mode on; `\\x1b` is Esc. Returns: text, cursor, mode."""
    vim = Vim("normal")
    for key in keys:
        if key == "\x1b":
            cursor = vim.escape(text, cursor).cursor
        elif vim.mode == "insert":
            text, cursor = text[:cursor] + key + text[cursor:], cursor + 1
        else:
            change = vim.press(key, text, cursor)
            if not change.history:
                text = text[: change.start] + change.new + text[change.end :]
                cursor = change.cursor
            _typing(vim, text, cursor)
    return text, cursor, vim.mode


def _typing(vim: Vim, text: str, cursor: int) -> None:
    if vim.mode == "insert":
        vim.begin_insert(text, cursor)


@pytest.mark.parametrize(
    ("keys", "text", "cursor"),
    [
        ("w", TEXT, 4),
        ("2w", TEXT, 7),
        ("$", TEXT, 13),
        ("jj^", TEXT, 18),
        ("G", TEXT, 28),
        ("Ggg", TEXT, 0),
        ("3G", TEXT, 18),
        ("e", TEXT, 2),
        ("eb", TEXT, 0),
        ("dw", "two, three\n\n  four five\nsix", 0),
        ("3dw", "three\n\n  four five\nsix", 0),
        ("d2w", ", three\n\n  four five\nsix", 0),
        ("cwX\x1b", "X two, three\n\n  four five\nsix", 0),
        ("wciwX\x1b", "one X, three\n\n  four five\nsix", 4),
        ("dd", "\n  four five\nsix", 0),
        ("2dd", "  four five\nsix", 2),
        ("Gdd", "one two, three\n\n  four five", 18),
        ("ddp", "\none two, three\n  four five\nsix", 1),
        ("yyP", f"one two, three\n{TEXT}", 0),
        ("x", TEXT[1:], 0),
        ("3x", TEXT[3:], 0),
        ("xp", "noe two, three\n\n  four five\nsix", 1),
        ("rX", "Xne two, three\n\n  four five\nsix", 0),
        ("3rX", "XXX two, three\n\n  four five\nsix", 2),
        ("~", "One two, three\n\n  four five\nsix", 1),
        ("ihey \x1b", f"hey {TEXT}", 3),
        ("aX\x1b", "oXne two, three\n\n  four five\nsix", 1),
        ("AX\x1b", "one two, threeX\n\n  four five\nsix", 14),
        ("oX\x1b", "one two, three\nX\n\n  four five\nsix", 15),
        ("OX\x1b", f"X\n{TEXT}", 0),
        ("vey$p", TEXT[:14] + "one" + TEXT[14:], 16),
        ("ved", " two, three\n\n  four five\nsix", 0),
        ("Vjd", "  four five\nsix", 2),
        ("D", "\n\n  four five\nsix", 0),
        ("CX\x1b", "X\n\n  four five\nsix", 0),
        ("dw.", ", three\n\n  four five\nsix", 0),
        ("x..", TEXT[3:], 0),
        ("cwX\x1bw.", "X X, three\n\n  four five\nsix", 2),
        ("J", "one two, three \n  four five\nsix", 14),
        ("q", TEXT, 0),
    ],
)
def test_keys(keys: str, text: str, cursor: int) -> None:
    assert typed(keys, TEXT) == (text, cursor, "normal")


@given(st.text(alphabet=KEYS, max_size=30), st.text(alphabet="ab _,\n\tä", max_size=30), st.integers(0, 30))
def test_no_key_leaves_the_text(keys: str, text: str, at: int) -> None:
    vim = Vim("normal")
    cursor = min(at, len(text))
    for key in keys:
        change = vim.escape(text, cursor) if key == "\x1b" or vim.mode == "insert" else vim.press(key, text, cursor)
        assert 0 <= change.start <= change.end <= len(text)
        text = text[: change.start] + change.new + text[change.end :]
        cursor = change.cursor
        assert 0 <= cursor <= len(text)
        assert change.anchor is None or change.anchor >= 0
        _typing(vim, text, cursor)
        if len(text) > 2_000:
            return
