"""A call for later. Textual's own one-shot timer drops its only call where the process is held up as it starts to wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.message_pump import MessagePump


def once(node: MessagePump, seconds: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
    """Calls back in the turn of `node`, unless that is gone by then. Returns: what cancels it."""
    return asyncio.get_running_loop().call_later(seconds, _call, node, callback)


def _call(node: MessagePump, callback: Callable[[], object]) -> None:
    if node.is_running:
        node.call_next(callback)
