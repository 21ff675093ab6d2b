"""The editor of the composer: its keys, what is pasted into it, and the prompts that it had before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from textual.binding import Binding, BindingType
from textual.geometry import Offset
from textual.message import Message
from textual.widgets._text_area import TextArea

from mltui.ui.pasting import Pastes, clean, picture_path
from mltui.ui.tui.key_order import run_binding
from mltui.ui.tui.vim_keys import VimKeys

if TYPE_CHECKING:
    from textual import events
    from textual.document._document import Location

Wish = Literal["search", "editor", "picture", "queue"]


PLACEHOLDER = "Ask, or / for commands"
LONG_PLACEHOLDER = "Ask · / commands · @ files · ! shell · # notes"


class PromptArea(TextArea):
    """The editor itself. Enter sends; Shift+Enter, Alt+Enter and Ctrl+J make a new line."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("shift+enter,ctrl+j", "newline", "New line", show=False, id="composer.newline"),
        Binding("ctrl+s,alt+enter", "send_now", "Say it to the turn that runs", show=False, id="composer.send-now"),
        Binding("up", "up_or_history", "Line up; at the top a queued or an earlier prompt", show=False, id="composer.up"),
        Binding("down", "down_or_history", "Line down; at the end a later prompt", show=False, id="composer.down"),
        Binding("ctrl+r,alt+r", "wish('search')", "Search earlier prompts", show=False, id="composer.history-search"),
        Binding("ctrl+g,alt+e", "wish('editor')", "Write in your own editor", show=False, id="composer.editor"),
        Binding("ctrl+v,alt+v", "wish('picture')", "Paste the clipboard's picture", show=False, id="composer.paste-picture"),
        Binding("alt+p", "unfold", "Show a pasted text whole", show=False, id="composer.unfold"),
        Binding("ctrl+underscore,alt+z", "undo", "Undo", show=False, id="composer.undo"),
        Binding("alt+y", "redo", "Redo", show=False, id="composer.redo"),
        Binding("ctrl+left,alt+b,alt+left", "cursor_word_left", "A word to the left", show=False, id="composer.word-left"),
        Binding("ctrl+right,alt+f,alt+right", "cursor_word_right", "A word to the right", show=False, id="composer.word-right"),
        Binding("ctrl+k", "kill('end')", "Cut to the end of the line", show=False, id="composer.kill-end"),
        Binding("ctrl+u,super+backspace", "kill('start')", "Cut to the start of the line", show=False, id="composer.kill-start"),
        Binding("ctrl+w,alt+backspace,ctrl+backspace", "kill('word')", "Cut the word before", show=False, id="composer.kill-word"),
        Binding("alt+d,alt+delete", "kill('next')", "Cut the word behind", show=False, id="composer.kill-next"),
        Binding("ctrl+y", "yank", "Put back what was cut", show=False, id="composer.yank"),
    ]
    DEFAULT_CSS = """
    PromptArea { height: auto; max-height: 10; border: none; padding: 0; background: $background;
        &:focus { border: none; } scrollbar-size-vertical: 1; }
    """

    class Sent(Message):
        """Attributes: now: it is for the turn that runs; behind: how many of the queued prompts stay behind it."""

        def __init__(self, text: str, *, now: bool = False, behind: int = 0) -> None:
            super().__init__()
            self.text = text
            self.now = now
            self.behind = behind

    class Leave(Message):
        """Tab with nothing to complete."""

    class Navigate(Message):
        """A key that belongs to the list above while it is open."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    class Wished(Message):
        """Something that is not the editor's own to do."""

        def __init__(self, wish: Wish) -> None:
            super().__init__()
            self.wish: Wish = wish

    def __init__(self) -> None:
        super().__init__(compact=True, highlight_cursor_line=False, placeholder=PLACEHOLDER)
        self.cursor_blink = False
        self.sent: list[str] = []
        self.queue: list[str] = []
        """The prompts that wait for the agent, shared with the app."""
        self.pastes = Pastes()
        self.folder = Path()
        self.vim = VimKeys(self)
        self.completing = False
        self.searching = False
        self._place: int | None = None
        self._behind: int | None = None
        self._unsent = ""
        self._killed = ""
        self._after_kill: Location | None = None
        self._chord = False

    async def _on_key(self, event: events.Key) -> None:
        chord, self._chord = self._chord, event.key == "ctrl+x" and self.selection.is_empty
        if self._chord or (chord and event.key == "ctrl+e"):
            event.stop()
            event.prevent_default()
            if chord:
                self.action_wish("editor")
        elif event.key == "tab" or (self.completing and event.key in ("enter", "escape")):
            event.stop()
            event.prevent_default()
            self.post_message(self.Navigate(event.key) if self.completing else self.Leave())
        elif event.character == "?" and not self.text and not self.searching:
            event.stop()
            event.prevent_default()
            await self.run_action("app.help")
        elif self.vim.takes(event.key, event.character):
            event.stop()
            event.prevent_default()
        elif event.key == "enter":
            event.stop()
            event.prevent_default()
            self.send()
        elif event.is_printable or not await run_binding(self, event):
            await super()._on_key(event)

    async def _on_paste(self, event: events.Paste) -> None:
        # Textual calls the handlers of every base class, unless told not to.
        event.stop()
        event.prevent_default()
        text = clean(event.text)
        if not text and not event.text.strip():
            return self.action_wish("picture")  # what terminals send for a picture that they cannot paste
        shown = picture_path(text, self.folder) or self.pastes.fold(text)
        start, end = self.selection
        self.replace(shown, start, end, maintain_selection_offset=False)
        return None

    def on_resize(self, event: events.Resize) -> None:
        """Says as much as there is room for."""
        self.placeholder = LONG_PLACEHOLDER if event.size.width > len(LONG_PLACEHOLDER) else PLACEHOLDER

    def action_wish(self, wish: Wish) -> None:
        self.post_message(self.Wished(wish))

    # ── sending ──────────────────────────────────────────────────────────────────

    def action_send_now(self) -> None:
        self.send(now=True)

    def send(self, *, now: bool = False) -> None:
        """Hands the text over and starts a new one; does nothing when there is only white space."""
        text = self.pastes.whole(self.text).strip("\n")
        if not text.strip():
            return
        self.remember(text)
        behind, self._behind, self._place = self._behind or 0, None, None
        self.text = ""
        self.vim.begin()
        self.post_message(self.Sent(text, now=now, behind=behind))

    def remember(self, text: str) -> None:
        """Takes a prompt among those that Up brings back."""
        if not self.sent or self.sent[-1] != text:
            self.sent.append(text)

    def scroll_cursor_visible(self, center: bool = False, animate: bool = False) -> Offset:
        """Textual asks for it within an undo, while the cursor is where the text no longer is."""
        if self.cursor_location[0] >= self.document.line_count:
            return Offset()
        return super().scroll_cursor_visible(center, animate)

    def action_newline(self) -> None:
        start, end = self.selection
        self.replace("\n", start, end, maintain_selection_offset=False)

    def put(self, text: str) -> None:
        """Has this text in place of what is there; undo brings that back."""
        self.replace(text, (0, 0), self.document.end, maintain_selection_offset=False)
        self.move_cursor(self.document.end)

    # ── earlier and queued prompts ───────────────────────────────────────────────

    def action_up_or_history(self) -> None:
        if self.completing:
            self.post_message(self.Navigate("up"))
        elif self.cursor_at_first_line and (self._behind is not None or (self.queue and not self.text and self._place is None)):
            self._take_queued(-1)
        elif self.cursor_at_first_line and self.sent and self._place != 0:
            if self._place is None:
                self._unsent, self._place = self.text, len(self.sent)
            self._place = min(self._place, len(self.sent)) - 1
            self.put(self.sent[self._place])
        else:
            self.action_cursor_up()

    def action_down_or_history(self) -> None:
        if self.completing:
            self.post_message(self.Navigate("down"))
        elif self.cursor_at_last_line and self._behind is not None:
            self._take_queued(1)
        elif self.cursor_at_last_line and self._place is not None:
            self._place += 1
            at_end = self._place >= len(self.sent)
            self.put(self._unsent if at_end else self.sent[self._place])
            if at_end:
                self._place = None
        else:
            self.action_cursor_down()

    def _take_queued(self, step: int) -> None:
        """Takes a queued prompt to be edited; the one that was being edited goes back to its place, unless nothing is left of it."""
        place = len(self.queue)
        if self._behind is not None:
            place = max(0, len(self.queue) - self._behind)
            text = self.pastes.whole(self.text)
            if text.strip():
                self.queue.insert(place, text)
            elif step > 0:
                step = 0
        place = max(0, place + step)
        if place < len(self.queue):
            self.put(self.queue.pop(place))
            self._behind = len(self.queue) - place
        else:
            self._behind = None
            self.put("")
        self.post_message(self.Wished("queue"))

    @property
    def behind(self) -> int | None:
        """While a queued prompt is edited: how many wait behind it."""
        return self._behind

    def forget_place(self) -> None:
        """What is in the editor is no queued prompt any more."""
        self._behind = None

    # ── cutting and putting back ─────────────────────────────────────────────────

    def action_kill(self, what: str) -> None:
        """Cuts; what is cut in a row comes back together."""
        cursor = self.cursor_location
        start, end = sorted(self.selection)
        if start == end:
            start, end = self._span(what, cursor)
        cut = self.document.get_text_range(start, end)
        in_a_row = self._after_kill == cursor
        self.delete(start, end, maintain_selection_offset=False)
        if cut:
            backwards = what in ("start", "word")
            joined = (cut + self._killed if backwards else self._killed + cut) if in_a_row else cut
            self._killed, self._after_kill = joined, self.cursor_location

    def _span(self, what: str, cursor: Location) -> tuple[Location, Location]:
        row, column = cursor
        match what:
            case "end":
                end = self.get_cursor_line_end_location()
                return cursor, end if end != cursor else self.get_cursor_right_location()
            case "start":
                return ((row, 0), cursor) if column else (self.get_cursor_left_location(), cursor)
            case "word":
                return self.get_cursor_word_left_location(), cursor
            case _:
                return cursor, self.get_cursor_word_right_location()

    def action_yank(self) -> None:
        start, end = self.selection
        self.replace(self._killed, start, end, maintain_selection_offset=False)

    def action_unfold(self) -> None:
        """Puts a pasted text in place of its mark: that at the cursor, else the last one."""
        text = self.text
        found = self.pastes.mark_at(text, self.vim.offset(text, self.cursor_location))
        if found is not None:
            start, end, whole = found
            self.replace(whole, self.vim.location(text, start), self.vim.location(text, end), maintain_selection_offset=False)
