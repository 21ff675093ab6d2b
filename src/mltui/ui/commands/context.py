"""Commands about the model's window: what fills it, and making room."""

from __future__ import annotations

from dataclasses import replace

from mltui.agent.context_report import lines
from mltui.ui.commands.base import Console
from mltui.ui.figures import short_name


async def context(console: Console, _argument: str) -> None:
    found = await console.session.context()
    console.tell("info", "\n".join(lines(replace(found, model=short_name(found.model)))))


async def compact(console: Console, argument: str) -> None:
    console.tell("info", "The conversation is being summed up")
    await console.session.compact(argument, console.show)
