"""What a session may cost."""

from __future__ import annotations

import math

from mltui.core.errors import UsageError
from mltui.ui.commands.base import Console
from mltui.ui.figures import dollars


async def budget(console: Console, argument: str) -> None:
    session = console.session
    if argument:
        session.set_budget(None if argument == "off" else _amount(argument))
    spent = dollars(session.transcript.usage.cost_usd or 0.0)
    text = "no limit" if session.budget is None else f"of {dollars(session.budget)}"
    console.tell("info", f"spent {spent}, {text}", "" if argument else "/budget 5 sets it, /budget off takes it away")


def _amount(text: str) -> float:
    """Raises: UsageError: it is no amount."""
    try:
        amount = float(text.removeprefix("$"))
    except ValueError:
        amount = math.nan
    if not (math.isfinite(amount) and amount > 0):
        raise UsageError(f"{text!r} is no amount of dollars", hint="/budget 5, or /budget off")
    return amount
