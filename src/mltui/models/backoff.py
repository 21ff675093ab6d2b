"""How long to wait before another try, and when to give up."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential back-off with jitter, bounded in tries and in time.

    Attributes:
        tries: requests in all, the first one included.
        first: seconds before the second try, before jitter.
        longest: the most seconds of one wait that the provider did not ask for.
        total: the most seconds of all waits together; a longer wait is not begun.
    """

    tries: int = 5
    first: float = 1.0
    longest: float = 30.0
    total: float = 180.0

    def delay(self, attempt: int, waited: float, retry_after: float | None) -> float | None:
        """Seconds to wait after failed try number `attempt` (from 1), or None to give up.

        What the provider asks for (`retry_after`) is a lower bound; jitter of a quarter keeps many clients apart.
        """
        if attempt >= self.tries:
            return None
        wait = min(self.longest, self.first * 2 ** (attempt - 1)) * random.uniform(0.75, 1.25)  # noqa: S311 (no secret)
        wait = max(wait, retry_after or 0.0)
        return wait if waited + wait <= self.total else None
