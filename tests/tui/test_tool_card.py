"""Tool cards: diffs both ways and in colour, the ends of long output, what pictures are."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Picture
from textual.color import Color

from mltui.core.approval import PermissionRequest
from mltui.core.events import ToolCompleted, ToolStarted, TurnStarted
from mltui.core.messages import Image
from mltui.core.pictures import picture
from mltui.core.pixels import pixels
from mltui.ui.pictures import described
from mltui.ui.terminal.colors import contrast
from mltui.ui.tui.diff_lines import DiffLines
from mltui.ui.tui.highlight import Highlight
from mltui.ui.tui.text import clean
from mltui.ui.tui.tool_card import HEAD_LINES, TAIL_LINES, ToolCard

from .driving import app_with, idle, running, screen_text, until
from .fake_session import call, said, tool

PATCH = (
    "--- a/train.py\n+++ b/train.py\n@@ -1,4 +1,4 @@\n import torch\n-def train(lr=0.1):  # old\n"
    '+def train(lr=0.05):  # new\n     return "x"\n \n'
)


def _edit() -> list[Any]:
    made = call("Edit", file_path="/home/anna/digits/train.py")
    return [said("", made), *tool(made, "ok", details={"diff": PATCH})]


async def _card(pilot: Any) -> ToolCard:
    await idle(pilot)
    await pilot.press("tab")
    card = pilot.app.view.focused_item
    assert isinstance(card, ToolCard)
    return card


@pytest.mark.parametrize(("width", "beside"), [(160, True), (90, False)])
async def test_a_diff_stands_beside_where_there_is_room_and_s_changes_it(width: int, beside: bool) -> None:
    app = app_with(_edit(), prompt="go")
    async with running(app, (width, 30)) as pilot:
        await _card(pilot)
        assert (" │ " in screen_text(app)) is beside
        await pilot.press("s")
        await until(pilot, lambda: (" │ " in screen_text(app)) is not beside)
        for sign in ("- def train(lr=0.1)", "+ def train(lr=0.05)"):
            assert sign in screen_text(app)


async def test_code_in_a_diff_has_its_colours_and_is_read_on_every_tint() -> None:
    app = app_with(_edit(), prompt="go")
    async with running(app, (90, 30)) as pilot:
        await idle(pilot)
        for theme in ("mltui-dark", "mltui-light"):
            if theme not in app.available_themes:
                continue
            app.theme = theme
            await pilot.pause(0.05)
            card = next(item for item in app.view.live if isinstance(item, ToolCard))
            lines = DiffLines(PATCH, heads=False)
            spans = Highlight(card.paint).line(lines, 1)
            words = {lines[1].text[start:end]: style for start, end, style in spans}
            assert words["def"].color != words["# old"].color
            for style in words.values():
                for ground in ("diff.add", "diff.del"):
                    back = card.paint.styles[ground].bgcolor
                    assert style.color is not None and back is not None
                    one, two = (Color.from_rich_color(color) for color in (style.color, back))
                    parts = [(color.r / 255, color.g / 255, color.b / 255) for color in (one, two)]
                    assert contrast(parts[0], parts[1]) >= 4.4


def test_both_versions_are_coloured_for_themselves() -> None:
    from mltui.ui.tui.theme import Paint
    from mltui.ui.tui.themes import DARK

    names = ("primary", "secondary", "accent", "success", "warning", "error", "foreground", "background", "surface", "panel")
    paint = Paint(tuple((name, str(getattr(DARK, name))) for name in names), True)
    patch = '--- a/x.py\n+++ b/x.py\n@@ -1,3 +1,3 @@\n-"""old\n+"""new\n text = 1\n """\n'
    lines = DiffLines(patch)
    shown = Highlight(paint)
    first = lines.hunk(1)[0]
    assert {style.color for _, _, style in shown.line(lines, first + 2)} == {style.color for _, _, style in shown.line(lines, first + 1)}
    assert shown.line(DiffLines(patch.replace(".py", ".unknown")), 1) == []
    assert shown.line(DiffLines("@@ -1 +1 @@\n-a\n+b\n"), 0) == []


async def test_a_long_output_shows_its_ends_and_a_shows_all() -> None:
    made = call("Bash", command="seq 1 500")
    app = app_with([said("", made), *tool(made, "\n".join(f"row {number}" for number in range(1, 501)))], prompt="go")
    async with running(app, (90, 40)) as pilot:
        card = await _card(pilot)
        await pilot.press("enter")
        await pilot.pause(0.05)

        def text() -> list[str]:
            return [line.text.strip() for line in card.lines_of(80)]

        assert "row 1" in text() and "row 500" in text() and "row 200" not in text()
        assert f"… {500 - HEAD_LINES - TAIL_LINES} lines in between; a shows them" in text()
        await pilot.press("a")
        assert "row 200" in text()
        await pilot.press("a")
        assert "row 200" not in text()


def _image(kind: str, size: tuple[int, int]) -> Image:
    file = io.BytesIO()
    Picture.new("RGB", size).save(file, kind)
    return picture(file.getvalue(), "x")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_a_picture_is_a_line(kind: str) -> None:
    shown = described(_image(kind, (640, 480)))
    assert shown.startswith(f"640×480 {kind}, ")
    assert shown.endswith((" B", " kB"))


def test_a_jpeg_with_filled_up_markers_is_whole() -> None:
    data = base64.b64decode(_image("JPEG", (640, 480)).data)
    filled = data[:2] + b"\xff\xff\xff" + data[2:]
    assert pixels(filled) == (640, 480) and picture(filled, "x").media_type == "image/jpeg"


@given(
    st.binary(max_size=60), st.sampled_from([b"", b"\xff\xd8", b"RIFF0000WEBPVP8 ", b"RIFF0000WEBPVP8X", b"\x89PNG\r\n\x1a\n", b"GIF89a"])
)
def test_no_picture_is_too_broken_to_name(data: bytes, head: bytes) -> None:
    pixels(head + data)
    encoded = base64.b64encode(head + data or b"x").decode()
    assert "PNG" in described(Image(media_type="image/png", data=encoded))


async def test_pictures_stand_with_the_prompt_and_with_the_result() -> None:
    made = call("Read", file_path="plot.png")
    end = ToolCompleted(call_id=made.id, name="Read", content="a picture", images=(_image("PNG", (64, 48)),))
    start = ToolStarted(call_id=made.id, name="Read", arguments=made.arguments)
    events = [TurnStarted(turn=1, text="look", images=(_image("PNG", (32, 16)),)), said("", made), start, end]
    app = app_with(events=events)
    async with running(app) as pilot:
        await until(pilot, lambda: "picture 64×48 PNG" in screen_text(app) and "picture 32×16 PNG" in screen_text(app))


def test_what_is_not_seen_is_shown_and_joiners_stay_where_they_are_needed() -> None:
    assert clean("pay\u200bload") == "pay⟨U+200B⟩load"
    assert clean("a\u200db") == "a⟨U+200D⟩b"
    assert clean("\U000e0041") == "⟨U+E0041⟩"
    family = "👩\u200d👩\u200d👧"
    assert clean(family) == family
    assert clean("می\u200cخواهم") == "می\u200cخواهم"
    for evil in ("\x1b]52;c;aGk=\x07", "\x1b]8;;http://x\x1b\\", "\x1b]2;title\x07", "\x1bc", "\x9b31m", "\x1b[?1049l"):
        assert clean(f"a{evil}b").replace("31m", "") == "ab"


async def test_the_diff_of_a_question_is_turned_too(quick_panes: None) -> None:
    request = PermissionRequest(id="1", call=call("Edit", file_path="train.py"), effects=(), reason="it changes a file", diff=PATCH)
    app = app_with([request], prompt="go")
    async with running(app, (140, 30)) as pilot:
        pane: Any = await _pane(pilot)
        assert " │ " in screen_text(app)
        await pilot.press("s")
        await until(pilot, lambda: " │ " not in screen_text(app))
        await pilot.press("s")
        await until(pilot, lambda: " │ " in screen_text(app))
        assert app.screen is pane
        await pilot.press("escape")
        await idle(pilot)


async def _pane(pilot: Any) -> Any:
    await until(pilot, lambda: getattr(pilot.app.screen, "armed", False))
    return pilot.app.screen


async def test_what_became_of_a_call_stands_whole_behind_wide_characters() -> None:
    made = call("Bash", command="echo " + "日本語" * 40)
    app = app_with([said("", made), *tool(made, "no", is_error=True)], prompt="go")
    async with running(app, (60, 20)) as pilot:
        await idle(pilot)
        assert "… · failed" in screen_text(app)
