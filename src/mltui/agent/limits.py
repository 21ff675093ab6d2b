"""What a turn may spend, and when it goes in circles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mltui.config.schema import Limits
from mltui.core.errors import LimitError
from mltui.core.messages import ToolCall, Usage


@dataclass(slots=True)
class TurnLimits:
    """Counts one turn against the limits.

    Attributes:
        spent: usage of the whole session so far, this turn included.
    """

    limits: Limits
    spent: Callable[[], Usage]
    steps: int = 0

    def before_request(self) -> None:
        """Raises: LimitError: another request would pass a limit."""
        limits, spent = self.limits, self.spent()
        if limits.max_turns is not None and self.steps >= limits.max_turns:
            raise LimitError(f"Reached the limit of {limits.max_turns} turns", limit="turns", hint="Raise it with --max-turns")
        if limits.max_budget_usd is not None and (spent.cost_usd or 0.0) >= limits.max_budget_usd:
            raise LimitError(
                f"Reached the budget of ${limits.max_budget_usd:g} (spent ${spent.cost_usd or 0.0:.4f})",
                limit="budget_usd",
                hint="Raise it with --max-budget-usd",
            )
        total = spent.prompt_tokens + spent.output_tokens
        if limits.max_tokens is not None and total >= limits.max_tokens:
            raise LimitError(
                f"Reached the limit of {limits.max_tokens} tokens ({total} used)", limit="tokens", hint="Raise it with --max-tokens"
            )
        self.steps += 1


class RepeatGuard:
    """Notices a model that makes the same call over and over.

    The `limit`-th equal call in a row is refused with advice, the one after that ends the turn.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._last: tuple[str, str] = ("", "")
        self._count = 0

    def count(self, call: ToolCall) -> int:
        """How often in a row this call has been made, this time included, beyond the limit; 0 below it."""
        key = (call.name, call.broken or repr(sorted(call.arguments.items())))
        self._count = self._count + 1 if key == self._last else 1
        self._last = key
        return max(0, self._count - self._limit + 1)
