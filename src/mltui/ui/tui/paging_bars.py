"""The lines above and below the part of a conversation that is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.message import Message

from mltui.ui.tui.keys.line import key_anywhere
from mltui.ui.tui.strip_view import RichView

if TYPE_CHECKING:
    from textual import events


class EarlierBar(RichView):
    """The way back to what was paged out."""

    DEFAULT_CSS = "EarlierBar { height: 1; padding: 0 1; display: none; &:hover { background: $surface; } }"

    class Chosen(Message):
        pass

    def show_count(self, count: int, more: bool) -> None:
        """Args: more: there are others that were not counted."""
        self.display = count > 0 or more
        text = f"{count}{' and more' if more else ''} earlier" if count else "more earlier"
        self.update(
            Text.assemble(("↑ ", "primary"), (text, "muted"), (f"  {key_anywhere(self, 'app.earlier')} shows them", "faint"), no_wrap=True)
        )

    def on_click(self, event: events.Click) -> None:
        self.post_message(self.Chosen())


class LaterBar(RichView):
    """The way forward, where a part far back is shown."""

    DEFAULT_CSS = "LaterBar { height: 1; padding: 0 1; display: none; &:hover { background: $surface; } }"

    class Chosen(Message):
        pass

    def show_count(self, count: int) -> None:
        self.display = count > 0
        self.update(
            Text.assemble(
                ("↓ ", "primary"),
                (f"{count} later", "muted"),
                (f"  {key_anywhere(self, 'app.escape')} goes to the end", "faint"),
                no_wrap=True,
            )
        )

    def on_click(self, event: events.Click) -> None:
        self.post_message(self.Chosen())
