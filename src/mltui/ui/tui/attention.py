"""Calls the person back when they are needed and look elsewhere, and keeps the window's title."""

from __future__ import annotations

import os
from time import monotonic
from typing import TYPE_CHECKING, Final

from mltui.ui.terminal import telling

if TYPE_CHECKING:
    from collections.abc import Callable

    from mltui.core.events import Event
    from mltui.ui.terminal.telling import Way

AWAY: Final = 30.0
"""Seconds without a key after which a person counts as away, where the terminal does not say whether it is in front."""
LONG: Final = 10.0
"""Seconds of a turn from which its end is worth a call."""


class Attention:
    """Args: write: puts a sequence on its way to the terminal; it may be called before there is one."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self.way: Way = "auto"
        self.titled = True
        self._front: bool | None = None
        self._key_at = monotonic()
        self._name = ""
        self._needs = ""
        self._title = ""

    # ── who looks ────────────────────────────────────────────────────────────────

    def focus(self, front: bool) -> None:
        """The terminal said whether it is in front."""
        self._front = front

    def key(self) -> None:
        """The person did something. Any thread may call this."""
        self._key_at = monotonic()

    @property
    def since_key(self) -> float:
        """Seconds."""
        return monotonic() - self._key_at

    @property
    def away(self) -> bool:
        """Whether the person looks elsewhere, as far as is known."""
        return not self._front if self._front is not None else self.since_key > AWAY

    # ── what happens ─────────────────────────────────────────────────────────────

    def needs(self, what: str) -> None:
        """Something waits for the person's answer."""
        self._needs = what
        self.show_title()
        self._call(what)

    def answered(self) -> None:
        self._needs = ""
        self.show_title()

    def saw(self, event: Event) -> None:
        """Calls for what is worth it of a session's events."""
        match event.type:
            case "session.titled":
                self.name(event.title)
            case "turn.completed" if event.seconds >= LONG and event.outcome != "interrupted":
                self._call("the turn is over" if event.outcome == "completed" else f"the turn ended: {event.outcome}")
            case "experiment.finished":
                self._call(f"{event.proposal_id}: {event.state}")
            case _:
                pass

    def _call(self, text: str) -> None:
        if self.away:
            self._write(telling.notification(text, os.environ, self.way))

    # ── the title ────────────────────────────────────────────────────────────────

    def name(self, title: str) -> None:
        """Args: title: of the session, or of its folder while it has none."""
        self._name = title
        self.show_title()

    def show_title(self) -> None:
        if not self.titled:
            return
        parts = ("needs you" if self._needs else "", "mltui", self._name)
        title = telling.title(" — ".join(part for part in parts if part), os.environ)
        if title != self._title:
            self._title = title
            self._write(title)

    def came(self) -> None:
        """The terminal is the app's."""
        if self.titled and telling.title("", os.environ):
            self._write(telling.SAVE_TITLE)
            self._title = ""
            self.show_title()

    def leaves(self) -> None:
        """The terminal is given back."""
        if self._title:
            self._write(telling.RESTORE_TITLE)
            self._title = ""
