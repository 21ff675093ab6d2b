"""Commands of people as a fake session has them."""

from __future__ import annotations

from mltui.agent.person_commands import PersonCommand
from mltui.core.events import Emit


class FakeCommands:
    """Implements `ui.session.SessionCommands` with one command, `/explain`."""

    def list(self) -> tuple[PersonCommand, ...]:
        return (PersonCommand("explain", "Explains something", "[WHAT]"),)

    async def text(self, name: str, argument: str, show: Emit) -> str:
        return f"Explain {argument}."

    def servers(self) -> tuple[str, ...]:
        return ("testing  ready: add",)

    def hooks(self) -> tuple[str, ...]:
        return ("There are no hooks here.",)

    def skills(self) -> tuple[str, ...]:
        return ("tidy-up  Tidies up",)
