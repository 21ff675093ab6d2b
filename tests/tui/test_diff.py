from __future__ import annotations

import difflib

from hypothesis import given, settings
from hypothesis import strategies as st

from mltui.ui.tui.diff import DiffText
from mltui.ui.tui.theme import DARK, Paint

from .samples import PATCH

PAINT = Paint(
    tuple(
        (name, getattr(DARK, name))
        for name in ("primary", "secondary", "accent", "success", "warning", "error", "foreground", "background", "surface", "panel")
    ),
    dark=True,
)


def shown(patch: str, width: int = 100, **options: int) -> list[str]:
    return [strip.text.rstrip() for strip in PAINT.strips(DiffText(patch, **options), width)]


def test_a_patch_of_two_files() -> None:
    lines = shown(PATCH)
    assert lines[0] == "conf/train.yaml"
    assert " 4 -   lr: 0.1" in lines
    assert " 4 +   lr: 0.05" in lines
    assert "train.py" in lines
    assert not any(line.startswith(("index", "diff --git", "+++", "---")) for line in lines)


def test_counts_and_limit() -> None:
    diff = DiffText(PATCH, limit=3)
    assert (diff.added, diff.removed) == (3, 1)
    assert shown(PATCH, limit=3)[-1].endswith("more lines")
    assert not DiffText("")


def test_long_lines_are_wrapped_whole() -> None:
    text = "".join(shown(PATCH, width=40)).replace(" ", "")
    assert "insteadofjumpingoverit" in text
    assert all(len(line) <= 40 for line in shown(PATCH, width=40))


def test_lines_that_look_like_heads_are_text_inside_a_hunk() -> None:
    patch = "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n a\n--- y\n+++ z\n"
    assert shown(patch) == ["x", " 1   a", " 2 - -- y", " 2 + ++ z"]


def test_markup_is_text() -> None:
    assert " 1 + [bold]x[/] [/]" in shown("--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+[bold]x[/] [/]\n")


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["a", "b", "", "--- c", "+++ d", "@@ -1 +1 @@", "[/]"])),
    st.lists(st.sampled_from(["a", "b", "", "--- c", "-", "+"])),
)
def test_every_changed_line_is_shown(old: list[str], new: list[str]) -> None:
    patch = "\n".join(difflib.unified_diff(old, new, "a/x", "b/x", lineterm=""))
    diff = DiffText(patch)
    assert diff.added >= sum(1 for line in new if line not in old) * bool(patch)
    assert diff.added - diff.removed == (len(new) - len(old) if patch else 0)
