"""Pictures on a terminal: which ones are asked, what is written, and that nothing is where there is no call for it."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from pathlib import Path

import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltui.ui.terminal import drawing
from mltui.ui.terminal.cells import Palette
from mltui.ui.terminal.colors import SYSTEMS
from mltui.ui.terminal.drawing import Cell, Undrawable
from mltui.ui.terminal.frames import FrameWriter
from mltui.ui.terminal.placeholders import MARK, MOST, Place, color_of, row_of
from mltui.ui.terminal.replies import Replies, Reply

from .terminals import PtyApp, modern
from .test_terminal import app_on, quit_app

KITTY = {"TERM": "xterm-kitty"}
SEES = """
from functools import partial
from mltui.models import scripted
scripted.ModelInfo = partial(scripted.ModelInfo, sees=True)
"""
TRANSMITTED = re.compile(rb"\x1b_G([^;\x1b]*);([A-Za-z0-9+/=]*)\x1b\\")


def png(width: int = 300, height: int = 100, color: str = "red") -> bytes:
    file = io.BytesIO()
    PIL.Image.new("RGB", (width, height), color).save(file, "PNG")
    return file.getvalue()


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def terminal(*, kitty: bool = False, sixel: bool = False, cell: tuple[int, int] | None = None) -> Callable[[bytes], bytes]:
    """Returns: how a terminal that knows so much answers."""

    def answer(asked: bytes) -> bytes:
        said = modern(asked).replace(b"\x1b[?62;22c", b"")
        if kitty and b"\x1b_Gi=31," in asked:
            said += b"\x1b_Gi=31;OK\x1b\\"
        if cell and b"\x1b[16t" in asked:
            said += b"\x1b[6;%d;%dt" % cell
        return said + (b"\x1b[?62;4;22c" if sixel else b"\x1b[?62;22c") if b"\x1b[c" in asked else said

    return answer


def pictured(folder: Path) -> Path:
    project = folder / "project"
    project.mkdir()
    (project / "plot.png").write_bytes(png())
    return project


def send_picture(app: PtyApp) -> None:
    app.type("look at @plot.png ")
    app.until_text("@plot.png")
    app.type("\r")
    app.until_text("picture 300×100 PNG")


def shown(data: bytes) -> PIL.Image.Image:
    """The picture that a terminal with kitty's protocol decodes, put together from its messages."""
    messages = TRANSMITTED.findall(data)
    first = next(at for at, (keys, _) in enumerate(messages) if b"U=1" in keys)
    payload = b""
    for keys, part in messages[first:]:
        payload += part
        if b"m=0" in keys:
            break
    return PIL.Image.open(io.BytesIO(base64.b64decode(payload)))


def test_kitty_gets_the_picture_once_and_placeholders_where_it_stands(tmp_path: Path) -> None:
    pictured(tmp_path)
    with app_on(tmp_path, "a fine plot", code=SEES, answer=terminal(kitty=True, cell=(20, 10)), environ=KITTY) as app:
        send_picture(app)
        app.until(lambda: b"U=1" in app.output and b"m=0" in app.output.partition(b"U=1")[2], "the picture")
        image = shown(bytes(app.output))
        assert image.size == (300, 100)
        assert image.convert("RGB").getcolors() in ([(30_000, (255, 0, 0))], [(30_000, (254, 0, 0))])
        text = app.output.decode("utf-8", "replace")
        assert text.count(MARK) >= 30 * 5  # 300 pixels are 30 cells, 100 are 5 rows
        app.settle_output()
        before = len(app.output)
        app.type("x")
        app.until(lambda: len(app.output) > before, "the key")
        app.settle_output()
        assert b"U=1" not in app.output[before:]  # it is not sent again
        assert MARK not in app.output[before:].decode("utf-8", "replace")
        assert quit_app(app) == 0
        app.settle_output()
        assert b"\x1b_Ga=d,d=I" in app.output[before:]  # and the terminal keeps nothing


def test_sixel_is_drawn_over_blanks_at_its_place(tmp_path: Path) -> None:
    pictured(tmp_path)
    with app_on(tmp_path, "a fine plot", code=SEES, answer=terminal(sixel=True, cell=(20, 10))) as app:
        send_picture(app)
        app.until(lambda: re.search(rb"\x1b7\x1b\[\d+;\d+H\x1bP[0-9;]*q.*\x1b\\\x1b8", app.output, re.DOTALL), "the picture")
        assert MARK not in app.output.decode("utf-8", "replace")
        assert b'"1;1;300;100' in app.output  # exactly its cells in pixels
        app.settle_output()
        before = len(app.output)
        app.type("\x0c")  # Ctrl+L: all is written again, and so is the picture
        app.until(lambda: b"\x1b7\x1b[" in app.output[before:], "the picture again")
        assert quit_app(app) == 0


@pytest.mark.parametrize(
    ("answers", "environ", "arguments"),
    [
        (terminal(), {}, ()),
        (terminal(kitty=True, sixel=True, cell=(20, 10)), KITTY, ("--low-bandwidth",)),
        (terminal(kitty=True), {**KITTY, "TMUX": "/tmp/none,1,0", "TERM": "tmux-256color"}, ()),
    ],
    ids=["a terminal without pictures", "low bandwidth", "inside tmux"],
)
def test_elsewhere_a_picture_is_a_line(
    tmp_path: Path, answers: Callable[[bytes], bytes], environ: dict[str, str], arguments: tuple[str, ...]
) -> None:
    pictured(tmp_path)
    with app_on(tmp_path, "a fine plot", code=SEES, answer=answers, environ=environ, arguments=arguments) as app:
        send_picture(app)
        app.until_text("a fine plot")
        app.settle_output()
        assert quit_app(app) == 0
        assert b"\x1b_G" not in app.output and b"\x1bPq" not in app.output and b"\x1b7" not in app.output
        assert MARK not in app.output.decode("utf-8", "replace")


def test_answers_about_pictures_are_taken_out_of_what_is_typed_in_any_pieces() -> None:
    said = "a\x1b_Gi=31;OK\x1b\\\x1b[6;20;10t\x1b[?62;4;22cb"
    # A lone Esc is let through at once, as the key that it most likely is.
    for cut in (at for at in range(len(said)) if said[at - 1] != "\x1b"):
        replies = Replies()
        replies.awaited = 1
        found: list[Reply] = []
        typed = ""
        for piece in (said[:cut], said[cut:]):
            text, got = replies.feed(piece)
            typed += text
            found += got
        assert [reply.kind for reply in found] == ["kitty", "cell", "kind"]
        assert found[0].kitty and found[1].cell == (20, 10) and found[2].sixel
        assert typed == "ab"


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(8, 200), st.integers(1, 60))
def test_a_picture_fits_its_room_and_keeps_its_proportions(width: int, height: int, columns: int, rows: int) -> None:
    cell = Cell(10, 20)
    across, down = drawing.fitted((width, height), cell, columns, rows)
    assert 1 <= across <= min(columns, drawing.COLUMNS, MOST) and 1 <= down <= min(rows, drawing.ROWS)
    assert across * cell.width <= width + cell.width and down * cell.height <= height + cell.height  # not enlarged
    if across > 4 and down > 4:
        assert 0.75 < across * cell.width / (down * cell.height) / (width / height) < 1.25


def writer(width: int = 20, height: int = 8, *, over: bool = False) -> FrameWriter:
    made = FrameWriter(Palette(SYSTEMS["true"]))
    made.draws_over = over
    made.resize(width, height)
    return made


def test_what_covers_a_picture_bares_it_when_it_goes() -> None:
    from rich.color import Color
    from rich.segment import Segment
    from rich.style import Style

    style = Style(color=Color.from_rgb(1, 2, 3))
    color = color_of(0x010203)
    made = writer(over=True)
    for row in range(3):
        made.want(row + 2, {4: [Segment(row_of(row, 5), style)]})
    first = made.frame()
    assert MARK not in first and made.bare == {color}
    assert made.place(color, 5) == Place(4, 2, 0, 3)
    made.bare.clear()
    for row in range(3):
        made.want(row + 2, {4: [Segment(row_of(row, 5), style)]})
    assert made.frame() == "" and not made.bare  # drawn once, it stays
    made.want(3, {6: [Segment("popup")]})
    made.frame()
    assert made.place(color, 5) is None and not made.bare
    made.want(3, {4: [Segment(row_of(1, 5), style), Segment("    ")]})
    made.frame()
    assert made.bare == {color} and made.place(color, 5) == Place(4, 2, 0, 3)


def test_only_the_rows_in_sight_are_drawn() -> None:
    drawn = drawing.sixel(encoded(png(50, 60)), Place(3, 0, 2, 1), 5, 3, Cell(10, 20))
    assert drawn.startswith("\x1b7\x1b[1;4H\x1bP") and drawn.endswith("\x1b\\\x1b8")
    assert '"1;1;50;20' in drawn


def test_bytes_that_are_no_picture_are_not_drawn_and_say_so() -> None:
    for data in (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, b"GIF89a", png()[:60]):
        with pytest.raises(Undrawable):
            drawing.kitty(encoded(data), 7, 3, 2, Cell(10, 20))


def test_text_that_names_a_picture_shows_none() -> None:
    from mltui.ui.tui.text import clean

    assert MARK not in clean(row_of(0, 3))
