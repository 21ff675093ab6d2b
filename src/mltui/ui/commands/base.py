"""What a slash command is, and what it needs of the front-end that it was typed into."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from mltui.core.events import Event
    from mltui.ui.session import AgentSession

Level = Literal["info", "warning", "error"]


class Console(Protocol):
    """A front-end, as a command sees it."""

    @property
    def session(self) -> AgentSession: ...

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines of the terminal."""
        ...

    def tell(self, level: Level, text: str, hint: str = "") -> None:
        """Shows lines that are no part of the conversation; control characters are shown, not obeyed."""
        ...

    async def show(self, event: Event) -> None: ...

    async def choose(self, title: str, options: Sequence[tuple[str, str]], preview: Callable[[int], str] | None = None) -> int | None:
        """Lets the person pick one of (label, description).

        Args:
            preview: what is shown of an option while it is looked at, where there is room; called in a thread.

        Returns: its index, or None if they picked none.
        """
        ...

    async def switch(self, session_id: str) -> None:
        """Goes on with another session of this project. Raises: MltuiError: a turn runs, or it cannot be opened."""
        ...

    async def patch(self, title: str, patch: str) -> None:
        """Shows a unified diff."""
        ...

    def suggest(self, text: str) -> None:
        """Offers a prompt that was taken back, to be changed and sent anew."""
        ...

    async def edit(self, title: str, text: str) -> str | None:
        """Lets the person change a text. Returns: what it is then, or None if they left it."""
        ...

    async def copy(self, text: str) -> None:
        """Puts a text on the person's clipboard, and says what became of it."""
        ...

    async def prompt(self, text: str) -> None:
        """Sends text to the agent as if the person had typed it; while a turn runs it is queued."""
        ...


@dataclass(frozen=True, slots=True)
class Command:
    """A command and how it is used.

    Attributes:
        argument: how its argument is called in help; in brackets if it may be left out; empty if it takes none.
        values: what may stand there, if fixed.
        run: `MODULE.FUNCTION` of this package that does it, loaded when it is first used; empty: each front-end has its own way.
        only: the front-ends that have it; empty: all.
    """

    name: str
    help: str
    argument: str = ""
    values: tuple[str, ...] = ()
    run: str = ""
    aliases: tuple[str, ...] = ()
    only: frozenset[str] = frozenset()

    @property
    def usage(self) -> str:
        return f"/{self.name} {self.argument}".rstrip()

    def load(self) -> Callable[[Console, str], Awaitable[None]]:
        """The coroutine function behind `run`."""
        module, _, function = self.run.rpartition(".")
        return getattr(importlib.import_module(f"mltui.ui.commands.{module}"), function)
