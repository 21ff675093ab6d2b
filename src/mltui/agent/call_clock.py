"""How long a call took, without what a person took to permit it."""

from __future__ import annotations

from time import monotonic

from mltui.core.events import Emit, Event, ToolStarted


class CallClock:
    """Passes a call's events on, and starts anew when it may run."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._started = monotonic()

    async def __call__(self, event: Event) -> None:
        if isinstance(event, ToolStarted):
            self._started = monotonic()
        await self._emit(event)

    @property
    def seconds(self) -> float:
        return monotonic() - self._started
