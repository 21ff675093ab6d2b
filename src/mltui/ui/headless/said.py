"""What a person says to a headless run: a prompt, or a line of `--input-format stream-json`."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, cast

from mltui.core.errors import UsageError
from mltui.core.messages import Image
from mltui.core.pictures import picture


@dataclass(frozen=True, slots=True)
class Said:
    text: str
    images: tuple[Image, ...] = ()


def said(line: str, number: int) -> Said:
    """The text and pictures of a `{"type":"user","message":{…}}` line.

    Raises:
        UsageError: it is none, or holds a block of another kind.
    """
    try:
        content = json.loads(line)["message"]["content"]
        if isinstance(content, str):
            return Said(content)
        blocks = cast("list[dict[str, Any]]", content)
        text = "".join(str(block.get("text", "")) for block in blocks if block.get("type") == "text")
        images = [_image(block, number) for block in blocks if block.get("type") == "image"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UsageError(
            f"Line {number} of stdin is not a user message", hint='Expected {"type":"user","message":{"role":"user","content":"…"}}'
        ) from None
    others = sorted({str(block.get("type")) for block in blocks} - {"text", "image"})
    if others:
        raise UsageError(f"Line {number} of stdin has a block of type {others[0][:40]}", hint="text and image can be sent")
    return Said(text, tuple(images))


def _image(block: dict[str, Any], number: int) -> Image:
    source = block["source"]
    if source.get("type") != "base64":
        raise UsageError(f"The image in line {number} of stdin is not base64", hint="fetch it first: mltui loads no addresses")
    try:
        data = base64.b64decode(source["data"], validate=True)
    except binascii.Error:
        raise UsageError(f"The image in line {number} of stdin is not base64") from None
    return picture(data, f"The image in line {number} of stdin")
