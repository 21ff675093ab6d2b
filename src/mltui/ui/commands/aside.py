"""A side question that the conversation does not learn of."""

from __future__ import annotations

from mltui.ui.commands.base import Console
from mltui.ui.figures import dollars


async def aside(console: Console, argument: str) -> None:
    answer, usage = await console.session.aside(argument, console.show)
    cost = "" if usage.cost_usd is None else f", {dollars(usage.cost_usd)}"
    console.tell("info", answer, f"beside the conversation{cost}")
