"""What a turn may spend, and when it goes in circles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from mltui.config.schema import Limits
from mltui.core.errors import LimitError
from mltui.core.messages import ToolCall, Usage

WARN_AT = 0.8
"""The share of a limit at which the person is told."""


@dataclass(slots=True)
class TurnLimits:
    """Counts one turn against the limits.

    Attributes:
        spent: usage of the whole session so far, this turn included.
        warned: limits of the session that the person was warned of; shared by its turns.
    """

    limits: Limits
    spent: Callable[[], Usage]
    steps: int = 0
    warned: set[str] = field(default_factory=set[str])

    def before_request(self) -> str:
        """Counts a request.

        Returns: a warning that a limit is near, once for each limit; or an empty string.

        Raises: LimitError: another request would pass a limit.
        """
        limits, spent = self.limits, self.spent()
        if limits.max_turns is not None and self.steps >= limits.max_turns:
            raise LimitError(f"Reached the limit of {limits.max_turns} turns", limit="turns", hint="Raise it with --max-turns")
        cost, tokens = spent.cost_usd or 0.0, spent.prompt_tokens + spent.output_tokens
        if limits.max_budget_usd is not None and cost >= limits.max_budget_usd:
            text = f"Reached the budget of ${limits.max_budget_usd:g} (spent ${cost:.4f})"
            raise LimitError(text, limit="budget_usd", hint="Raise it with /budget, or --max-budget-usd")
        if limits.max_tokens is not None and tokens >= limits.max_tokens:
            text = f"Reached the limit of {limits.max_tokens} tokens ({tokens} used)"
            raise LimitError(text, limit="tokens", hint="Raise it with --max-tokens")
        self.steps += 1
        return self._near("budget", cost, limits.max_budget_usd, "$") or self._near("tokens", tokens, limits.max_tokens, "")

    def _near(self, what: str, used: float, most: float | None, unit: str) -> str:
        key = f"{what} {most}"
        if most is None or used < WARN_AT * most or key in self.warned:
            return ""
        self.warned.add(key)
        return f"{used / most:.0%} of the {what} limit is used ({unit}{used:,.4g} of {unit}{most:,.4g})"


class RepeatGuard:
    """Notices a model that makes the same call over and over, with the same result each time."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._last: tuple[str, str, str] = ("", "", "")
        self._count = 0

    def repeated(self, call: ToolCall) -> int:
        """How often this call has just come back with one and the same result, if that is as often as the limit; else 0."""
        return self._count if self._last[:2] == _key(call) and self._count >= self.limit else 0

    def came_back(self, call: ToolCall, result: str) -> None:
        """Takes note of what a call came back with."""
        last = (*_key(call), result)
        self._count = self._count + 1 if last == self._last else 1
        self._last = last

    def refused(self) -> None:
        """The call was not run again; the next one like it is one too many."""
        self._count += 1


def _key(call: ToolCall) -> tuple[str, str]:
    return call.name, call.broken or repr(sorted(call.arguments.items()))
