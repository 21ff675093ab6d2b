"""The diff of a proposal as text that a person edits before approving it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets._text_area import TextArea  # loaded by the composer already; the public name is a lazy import of the same

from mltui.ui.tui.key_order import run_binding

if TYPE_CHECKING:
    from textual import events


class DiffEditor(TextArea):
    """Hidden until it is opened. Esc is the pane's; tab types a tab, as a Makefile needs it."""

    DEFAULT_CSS = """
    DiffEditor { display: none; height: 1fr; border: none; padding: 0 1; background: $background; scrollbar-size-vertical: 1;
        &:focus { border: none; }
    }
    """

    def __init__(self, patch: str, edited: str | None = None) -> None:
        """Args: patch: as proposed; edited: what stands in its place already."""
        super().__init__(patch if edited is None else edited, soft_wrap=False, show_line_numbers=False, compact=True)
        self.cursor_blink = False
        self._proposed = patch

    @property
    def edited(self) -> str | None:
        """The text, or None as long as it is what was proposed."""
        return None if self.text.rstrip("\n") == self._proposed.rstrip("\n") else self.text.rstrip("\n") + "\n"

    def open(self) -> None:
        """Shows it with the cursor at the first line that is new."""
        self.display = True
        lines = self.text.split("\n")
        first = next((at for at, line in enumerate(lines) if line[:1] == "+" and line[:3] != "+++"), 0)
        self.move_cursor((first, min(1, len(lines[first]))))
        self.focus()

    def reset(self) -> None:
        """Takes every edit back."""
        self.text = self._proposed

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "tab":
            event.stop()
            event.prevent_default()
            self.insert("\t")
        elif event.is_printable or not await run_binding(self, event):
            await super()._on_key(event)
