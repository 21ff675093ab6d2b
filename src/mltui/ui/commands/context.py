"""Commands about the model's window: what fills it, and making room."""

from __future__ import annotations

from mltui.agent.context_report import lines
from mltui.ui.commands.base import Console


async def context(console: Console, _argument: str) -> None:
    console.tell("info", "\n".join(lines(await console.session.context())))


async def compact(console: Console, argument: str) -> None:
    console.tell("info", "The conversation is being summed up")
    await console.session.compact(argument, console.show)
