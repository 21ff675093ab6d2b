from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from mltui.ui.tui.markdown import MarkdownLines, split_blocks

from .test_diff import PAINT

SAMPLE = """# Title

A paragraph with **bold**, `code` and [a link](https://example.org/x).

1. one
2. two

   more of two

| a | b |
|---|---|
| 1 | 2 |

```python
def f():

    return "[bold]x[/bold]"
```

Setext
======

<b>html</b> and [bold]markup[/bold] [/] &amp;

- x

- y
> quoted
"""


def lines(source: str | MarkdownLines, width: int = 60, *, growing: bool = False) -> list[str]:
    made = MarkdownLines(source) if isinstance(source, str) else source
    return [strip.text.rstrip() for strip in made.strips(PAINT, width, growing=growing)]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(min_value=0, max_value=len(SAMPLE)), max_size=12))
def test_pieces_come_to_the_same_as_the_whole(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(SAMPLE)]
    grown = MarkdownLines()
    for start, end in itertools.pairwise(edges):
        grown.append(SAMPLE[start:end])
        lines(grown, growing=True)
    assert lines(grown) == lines(SAMPLE)


def test_untrusted_text_is_shown_as_it_is() -> None:
    text = "\n".join(lines(SAMPLE + "\n\x1b[31mred\x1b[0m"))
    assert "<b>html</b> and [bold]markup[/bold] [/]" in text
    assert 'return "[bold]x[/bold]"' in text
    assert "https://example.org/x" in text
    assert "\x1b" not in text


def test_closed_blocks_are_those_that_cannot_change() -> None:
    assert split_blocks("one paragraph") == ([], "one paragraph")
    assert split_blocks("a\n\nb") == (["a\n\n"], "b")
    assert split_blocks("```\nx\n\ny")[0] == []


def test_every_width() -> None:
    for width in (1, 2, 5, 20, 200):
        assert all(strip.cell_length <= max(width, 4) or width < 20 for strip in MarkdownLines(SAMPLE).strips(PAINT, width, growing=False))


def test_empty_and_white_space() -> None:
    assert lines("") == []
    assert lines("  \n\n ") == []


def test_numbered_items_keep_their_dot() -> None:
    found = [line.rstrip() for line in lines("9. first\n10. second, which is long enough to wrap\n", 24)]
    assert found == ["  9. first", " 10. second, which is", "     long enough to wrap"]


def test_a_table_with_more_columns_than_there_is_room_for_is_shown_as_it_was_written() -> None:
    cells = [f"v{number}" for number in range(30)]
    table = f"| {' | '.join(cells)} |\n{'|---' * 30}|\n| {' | '.join(cells)} |\n"
    shown = " ".join(lines(table))
    assert all(f"{cell} " in shown for cell in cells) and "…" not in shown
    assert "|" not in " ".join(lines(table, 200))
