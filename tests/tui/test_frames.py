"""What the frame writer writes makes a terminal show what is wanted, with few bytes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style

from mltui.ui.terminal.cells import Palette
from mltui.ui.terminal.frames import SYNC_FROM, FrameWriter

from .emulator import Emulator

WIDTH, HEIGHT = 24, 9
PALETTE = Palette(ColorSystem.TRUECOLOR)
STYLES = [
    None,
    Style(color="#ff0000"),
    Style(color="#00ff00", bgcolor="#101010"),
    Style(bold=True, bgcolor="#101010"),
    Style(underline=True),
    Style(reverse=True, color="#0000ff"),
]
segments = st.builds(
    Segment,
    st.text(st.sampled_from("abcde   ·─❯文字🎉é\u0301\u200d\ufe0f☁\x1b\x07\n"), min_size=0, max_size=16) | st.just(" " * 16),
    st.sampled_from(STYLES),
)
rows = st.lists(segments, max_size=4)


def filled(row: list[Segment]) -> list[Segment]:
    return [*row, Segment(" " * WIDTH, STYLES[2])]


def show(writer: FrameWriter, screen: dict[int, list[Segment]]) -> str:
    for y, row in screen.items():
        writer.want(y, {0: filled(row)})
    return writer.frame((1, 1))


def fresh(screen: dict[int, list[Segment]]) -> Emulator:
    """What a screen looks like that was drawn at once."""
    emulator = Emulator(WIDTH, HEIGHT)
    writer = FrameWriter(PALETTE)
    writer.resize(WIDTH, HEIGHT)
    emulator.feed(show(writer, screen))
    return emulator


@settings(deadline=None, max_examples=60)
@given(st.data(), st.booleans())
def test_the_terminal_shows_what_is_wanted_whatever_was_there_before(data: st.DataObject, erases: bool) -> None:
    writer = FrameWriter(PALETTE, erases=erases)
    writer.resize(WIDTH, HEIGHT)
    emulator = Emulator(WIDTH, HEIGHT)
    screen: dict[int, list[Segment]] = {y: data.draw(rows) for y in range(HEIGHT)}
    emulator.feed(show(writer, screen))
    for _ in range(data.draw(st.integers(1, 4))):
        by = data.draw(st.integers(-4, 4))
        moved = {y: screen.get(y + by, []) for y in range(HEIGHT)}
        changed = data.draw(st.dictionaries(st.integers(0, HEIGHT - 1), rows, max_size=3))
        kept = data.draw(st.integers(0, 3))
        screen = moved | {y: screen[y] for y in range(kept)} | changed
        emulator.feed(show(writer, screen))
        assert emulator.rows == fresh(screen).rows


def lines(start: int) -> dict[int, list[Segment]]:
    return {y: [Segment(f"line {start + y} of some text", STYLES[1])] for y in range(HEIGHT - 1)} | {HEIGHT - 1: [Segment("status")]}


def test_text_that_scrolls_is_moved_and_not_written_again() -> None:
    writer = FrameWriter(PALETTE, erases=True)
    writer.resize(WIDTH, HEIGHT)
    whole = show(writer, lines(10))
    scrolled = show(writer, lines(12))
    assert "\x1b[2M" in scrolled
    assert "line 18" in scrolled and "line 17" not in scrolled
    assert len(scrolled) < len(whole) / 2
    back = show(writer, lines(10))
    assert "\x1b[2L" in back
    assert show(writer, lines(10)) == ""


def test_text_that_grows_is_written_once() -> None:
    writer = FrameWriter(PALETTE, erases=True)
    writer.resize(WIDTH, HEIGHT)
    show(writer, {3: [Segment("hello", STYLES[1])]})
    assert show(writer, {3: [Segment("hello you", STYLES[1])]}) == "\x1b[4;6H\x1b[49m you\x1b[2;2H"


def test_a_long_frame_is_drawn_at_once_where_the_terminal_can() -> None:
    writer = FrameWriter(PALETTE)
    writer.resize(WIDTH, HEIGHT)
    for y in range(HEIGHT):
        writer.want(y, {0: filled([Segment(f"row {y}", STYLES[3])])})
    frame = writer.frame(sync=True)
    assert len(frame) > SYNC_FROM
    assert frame.startswith("\x1b[?2026h") and frame.endswith("\x1b[?2026l")
    writer.want(0, {0: [Segment("x")]})
    assert "2026" not in writer.frame(sync=True)


def test_no_control_character_and_no_address_of_a_link_gets_out() -> None:
    writer = FrameWriter(PALETTE)
    writer.resize(WIDTH, 1)
    writer.want(0, {0: [Segment("a\x1b]0;x\x07\x9b1mb\u202ec", Style(link="https://e.org/\x1b\\\x07 y"))]})
    frame = writer.frame()
    assert frame.count("\x1b]") == frame.count("\x1b]8;;") and "\x07" not in frame and "\x9b" not in frame
    assert "\x1b]8;;https://e.org/\\y\x1b\\" in frame


def test_without_colours_weight_and_reversal_say_what_backgrounds_would() -> None:
    writer = FrameWriter(Palette(None, (15, 19, 24)))
    writer.resize(WIDTH, 1)
    writer.want(
        0,
        {
            0: [
                Segment("plain", Style(color="#d8dee6", bgcolor="#0f1318")),
                Segment("cursor", Style(color="#0f1318", bgcolor="#d8dee6")),
                Segment("focus", Style(color="#d8dee6", bgcolor="#151a21")),
            ]
        },
    )
    assert writer.frame() == "\x1b[1;1H\x1b[0mplain\x1b[0;7mcursor\x1b[0;1mfocus"
