"""What the person says while a turn runs."""

from __future__ import annotations

from mltui.models.assembly import whole


class Steering:
    """Holds what was said until the next request takes it.

    Attributes:
        said: in order; the turn empties it.
        open: a turn runs that will ask the model again.
    """

    def __init__(self) -> None:
        self.said: list[str] = []
        self.open = False

    def say(self, text: str) -> bool:
        """Says more to the turn that runs. Returns: False where no turn takes it any more."""
        if self.open:
            self.said.append(whole(text))
        return self.open

    def unsaid(self) -> list[str]:
        """Takes back what was said to a turn that ended before it could have it."""
        said = list(self.said)
        self.said.clear()
        return said
