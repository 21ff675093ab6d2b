"""The scratch budget, held while a command of the agent runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar

from mltui.experiments.records import UnplannedTraining
from mltui.experiments.unplanned import UnplannedWatch
from mltui.tools.shell_syntax import simple_commands

Ask = Callable[[str], Awaitable[bool]]

ASK: ContextVar[Ask | None] = ContextVar("ask", default=None)
"""Puts a reason to a person, and returns whether the command of this call may go on; None where there is nobody."""


class TrainingWatch:
    """Looks at a command once a second, and says when it has to end."""

    def __init__(self, watch: UnplannedWatch, launch: Callable[[str], str | None]) -> None:
        """Args: launch: why a simple command is known to train, or None."""
        self._watch = watch
        self._launch = launch

    def environ(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Variables for the commands."""
        return self._watch.environ(environ)

    def start(self, command: str, before: float = 0.0) -> None:
        """Args: before: CPU seconds that its process, which was there already, has spent on other things."""
        views = [command, *(simple.core_text for simple in simple_commands(command))]
        self._watch.start(command, next((reason for view in views if (reason := self._launch(view))), ""), before)

    async def look(self, process: int) -> str:
        """Why the command has to end now, or an empty string. The command goes on while a person is asked."""
        over = await asyncio.to_thread(self._watch.tick, process)
        if over is None:
            return ""
        if over.ask and (ask := ASK.get()) is not None and await ask(over.reason):
            self._watch.go_on()
            return ""
        return over.reason

    async def finish(self, cpu_seconds: float, ended: str) -> list[str]:
        """Records what trained. Returns what the model has to be told.

        Args:
            ended: what `look` said, if the command was ended for it.
        """
        recorded = await asyncio.to_thread(self._watch.finish, cpu_seconds)
        notes = [f"ended by mltui: {ended}"] if ended else []
        return [*notes, _note(recorded)] if recorded else notes

    def close(self) -> None:
        self._watch.close()


def _note(recorded: UnplannedTraining) -> str:
    seconds = f"{recorded.cpu_seconds:.0f} CPU seconds" + (f", {recorded.gpu_seconds:.0f} GPU seconds" if recorded.gpu_seconds else "")
    return f"this was training outside a proposal ({seconds}), recorded as {recorded.id}: its numbers can never be compared or promoted"
