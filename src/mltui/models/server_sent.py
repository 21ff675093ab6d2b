"""Server-sent events as both protocols that nearly every server speaks use them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any, cast

from mltui.core.errors import ModelUnavailableError


async def payloads(lines: AsyncGenerator[str]) -> AsyncGenerator[dict[str, Any]]:
    """The JSON objects of a stream of server-sent events, up to the end that both protocols mark.

    Raises:
        ModelUnavailableError: something else was sent.
    """
    data = ""
    async for line in lines:
        if line.startswith("data:"):
            data = line[5:].strip()
        elif data and line and not line.startswith(("event:", "id:", "retry:", ":")):
            data += "\u2028" + line  # the reader of lines also splits at Unicode's separators, which JSON may contain
        elif not line and data:
            if data == "[DONE]":
                break
            payload = _decoded(data)
            data = ""
            yield payload
            if payload.get("type") == "message_stop":
                break
    with suppress(TimeoutError):
        async with asyncio.timeout(1.0):  # the connection can be used again once the response was read to its very end
            async for _ in lines:
                pass


def _decoded(data: str) -> dict[str, Any]:
    try:
        return cast("dict[str, Any]", json.loads(data))
    except ValueError:
        raise ModelUnavailableError("the server sent something that is no JSON") from None
