"""Tries again, at the start and now and then, what trackers could not take, for as long as a session uses the experiments."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import Protocol

EVERY = 120.0
"""Seconds between two looks; whether it is time to try is up to each tracker's back-off."""


class _Behind(Protocol):
    def catch_up(self) -> None: ...


_tasks: set[asyncio.Task[None]] = set()


def catch_up_now_and_then(experiments: _Behind, every: float = EVERY) -> None:
    """Begins to, beside the running event loop; ends with the loop, or when nobody uses the experiments any more."""
    task = asyncio.create_task(_look(weakref.ref(experiments), every))
    _tasks.add(task)  # the loop itself keeps no task alive
    task.add_done_callback(_tasks.discard)


async def _look(known: Callable[[], _Behind | None], every: float) -> None:
    while (experiments := known()) is not None:
        await asyncio.to_thread(experiments.catch_up)
        del experiments
        await asyncio.sleep(every)
