"""vi's keys in a text area, when the person wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets.text_area import Selection

from mltui.ui.vim import Change, Vim

if TYPE_CHECKING:
    from textual.document._document import Location
    from textual.widgets._text_area import TextArea

_NAMES = {"ctrl+r": "\x12", "left": "h", "right": "l", "backspace": "h", "home": "0", "end": "$"}
"""Keys without a character that mean something outside insert mode."""


class VimKeys:
    """Drives a text area by `ui.vim`. Off until `on` is set."""

    def __init__(self, area: TextArea) -> None:
        self._area = area
        self._vim: Vim | None = None

    @property
    def on(self) -> bool:
        return self._vim is not None

    @on.setter
    def on(self, value: bool) -> None:
        self._vim = (self._vim or Vim()) if value else None

    @property
    def mark(self) -> str:
        """The letter of the mode; empty in insert mode, or when vi's keys are off."""
        return {"normal": "N", "visual": "V", "lines": "V"}.get(self._vim.mode, "") if self._vim else ""

    @property
    def typing(self) -> bool:
        """Whether keys put in what they say."""
        return self._vim is None or self._vim.mode == "insert"

    def begin(self) -> None:
        """A new text is typed."""
        if self._vim is not None:
            self._vim = Vim()

    def takes(self, key: str, character: str | None) -> bool:
        """Carries a key out if it is vi's. Returns: whether it was.

        Enter, arrows up and down and what the app binds stay what they are; Esc in normal mode with nothing begun is the app's.
        """
        vim = self._vim
        if vim is None:
            return False
        if key.startswith("alt+") and len(key) == len("alt+x"):
            # A terminal sends the same for Esc and a letter, typed fast; and vi has no Alt.
            return self.takes("escape", None) and self.takes(key[-1], key[-1])
        text = self._area.text
        cursor = self.offset(text, self._area.cursor_location)
        if key == "escape":
            if vim.mode == "normal" and not vim.waits:
                return False
            self._do(vim.escape(text, cursor), text)
            return True
        name = _NAMES.get(key) or (character if character and character.isprintable() else None)
        if self.typing or name is None:
            return False
        change = vim.press(name, text, cursor)
        self._do(change, text)
        if self.typing:
            vim.begin_insert(self._area.text, change.cursor)
        return True

    def _do(self, change: Change, text: str) -> None:
        area = self._area
        if change.history:
            area.undo() if change.history == "undo" else area.redo()
            return
        if change.edits:
            area.history.checkpoint()
            area.replace(change.new, self.location(text, change.start), self.location(text, change.end), maintain_selection_offset=False)
            area.history.checkpoint()
            text = text[: change.start] + change.new + text[change.end :]
        cursor = self.location(text, change.cursor)
        if change.anchor is None:
            area.selection = Selection.cursor(cursor)
        else:
            # What is selected holds both ends; a text area's selection ends before its last character.
            area.selection = Selection(self.location(text, change.anchor + (change.anchor >= change.cursor)), cursor)
        area.scroll_cursor_visible()
        area.refresh()

    @staticmethod
    def offset(text: str, location: Location) -> int:
        """The place of a location in the text."""
        row, column = location
        at = 0
        for _ in range(row):
            at = text.find("\n", at) + 1
        return at + column

    @staticmethod
    def location(text: str, offset: int) -> Location:
        """The location of a place in the text."""
        before = text[: max(0, offset)]
        return before.count("\n"), len(before) - (before.rfind("\n") + 1)
