"""What a person may say to a headless run."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltui.core.errors import UsageError
from mltui.core.messages import MAX_IMAGE
from mltui.core.pictures import image_type, picture
from mltui.ui.headless.said import said

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (1).to_bytes(4, "big") * 2 + b"rest IEND"


def line(content: Any) -> str:
    return json.dumps({"type": "user", "message": {"role": "user", "content": content}})


def image(content: bytes = PNG, **source: Any) -> dict[str, Any]:
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": base64.b64encode(content).decode()} | source}


def test_text_and_pictures() -> None:
    assert said(line("hello"), 1).text == "hello"
    both = said(line([{"type": "text", "text": "Look: "}, image(), {"type": "text", "text": "what is it?"}]), 1)
    assert both.text == "Look: what is it?"
    (sent,) = both.images
    assert (sent.media_type, base64.b64decode(sent.data)) == ("image/png", PNG)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ([image(b"no picture")], "is no PNG"),
        ([image(data="???")], "not base64"),
        ([image(type="url", url="https://example.org/a.png")], "mltui loads no addresses"),
        ([{"type": "document"}], "type document"),
        (7, "not a user message"),
        ([{"type": "image"}], "not a user message"),
    ],
)
def test_mistakes_say_what_to_do(content: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        said(line(content), 3)


def test_kinds_and_sizes() -> None:
    kinds = [image_type(data) for data in (b"\xff\xd8\xff\xe0", b"GIF89a", b"RIFF....WEBPVP8", b"RIFF....WAVE", b"%PDF", b"")]
    assert kinds == ["image/jpeg", "image/gif", "image/webp", None, None, None]
    picture(PNG + bytes(MAX_IMAGE * 3 // 4 - 100), "a.png")
    with pytest.raises(UsageError, match=r"a\.png has 3\.8 MiB"):
        picture(PNG + bytes(MAX_IMAGE * 3 // 4), "a.png")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (PNG[:8], "broken"),
        (PNG[:20], "broken"),
        (PNG[:-4], "broken"),
        (PNG.replace(b"\0\0\0\1", b"\0\0\0\0"), "broken"),
        (b"GIF89a", "broken"),
        (b"RIFF\xff\0\0\0WEBPVP8L" + bytes(30), "broken"),
        (PNG.replace(b"\0\0\0\1", b"\0\0\x2e\xe0"), "12000×12000 pixels; at most 8000"),
    ],
)
def test_a_picture_that_every_request_would_be_refused_for_is_not_sent(data: bytes, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        picture(data, "a.png")


@given(st.text() | st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)).map(line))
def test_any_line_is_said_or_refused(text: str) -> None:
    try:
        said(text, 1)
    except UsageError as error:
        assert "\n" not in str(error)
