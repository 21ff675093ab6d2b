"""What a person does with the conversation itself: find in it, go through it, copy from it, leave the mouse to the terminal."""

from __future__ import annotations

import asyncio
import os
from abc import abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import Binding, BindingType

from mltui.ui.tui.keys.line import key_anywhere
from mltui.ui.tui.once import once
from mltui.ui.tui.terminal_app import TerminalApp
from mltui.ui.tui.transcript import TranscriptView

if TYPE_CHECKING:
    from mltui.config.schema import Ui
    from mltui.ui.session import AgentSession
    from mltui.ui.terminal.clipboard import Copied, Way
    from mltui.ui.tui.composer import Composer
    from mltui.ui.tui.find_bar import FindBar
    from mltui.ui.tui.finding import Finder
    from mltui.ui.tui.status import StatusLine

HINT_SECONDS = 4.0
"""Seconds that the status line says what was copied."""


class ConversationApp(TerminalApp):
    """The keys of the conversation that hold wherever the focus is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+f,f7", "find", "Find in the conversation", priority=True, id="app.find"),
        Binding("alt+up", "turn(-1)", "Prompt before", priority=True, id="app.previous-prompt"),
        Binding("alt+down", "turn(1)", "Next prompt", priority=True, id="app.next-prompt"),
        Binding("f12", "mouse", "Leave the mouse to the terminal, or take it back", priority=True, id="app.mouse"),
    ]
    view: TranscriptView
    composer: Composer
    status_line: StatusLine
    session: AgentSession | None

    def __init__(self) -> None:
        super().__init__()
        self.clipboard_way: Way = "auto"
        self.use_mouse = True
        """Whether the mouse is the app's; the terminal selects text by itself where it is not."""
        self._finder: Finder | None = None

    def use_settings(self, ui: Ui) -> None:
        """Takes what the person set of the clipboard and the mouse."""
        self.clipboard_way = ui.clipboard
        self.set_mouse(self.use_mouse and ui.mouse)

    # ── finding ──────────────────────────────────────────────────────────────────

    @property
    def _bar(self) -> FindBar | None:
        from mltui.ui.tui.find_bar import FindBar

        return next(iter(self.screen_stack[0].query(FindBar)), None)

    def action_find(self) -> None:
        self.find()

    def find(self, text: str = "") -> None:
        """Opens the line to find text with, or goes back into it."""
        from mltui.ui.tui.find_bar import FindBar

        bar = self._bar
        if bar is not None:
            bar.input.value = text or bar.input.value
            bar.input.take_focus()
            return
        text = text or (self._finder.text if self._finder is not None else "")
        self.stop_finding()
        self.screen_stack[0].mount(FindBar(self.view, text), after=self.view)

    def on_find_bar_left(self, event: FindBar.Left) -> None:
        bar = self._bar
        if bar is None:
            return
        item = bar.finder.item()
        if event.stays and item is not None:
            self._finder = bar.finder
            item.focus(scroll_visible=False)
            self._say_found(self._finder)
        else:
            bar.finder.back()
            self.composer.area.focus()
        bar.remove()

    def stop_finding(self) -> bool:
        """Ends a search that goes on with n and N. Returns: whether there was one."""
        finder, self._finder = self._finder, None
        if finder is not None:
            finder.stay()
            self.status_line.put(hint="")
        return finder is not None

    def _found(self, direction: int) -> None:
        finder = self._finder
        if finder is None:
            self.find()
            return
        finder.step(direction)
        item = finder.item()
        if item is not None:
            item.focus(scroll_visible=False)
        self._say_found(finder)

    def _say_found(self, finder: Finder) -> None:
        after, before = (key_anywhere(self, f"transcript.found-{way}", TranscriptView) for way in ("next", "previous"))
        self.status_line.put(hint=f"{finder.count} · {after} next · {before} before · {key_anywhere(self, 'app.escape')} ends it")

    # ── going through it ─────────────────────────────────────────────────────────

    def action_turn(self, direction: int) -> None:
        self.view.turn(direction)

    def on_transcript_view_asked(self, event: TranscriptView.Asked) -> None:
        match event.what:
            case "find":
                self.find()
            case "next" | "previous":
                self._found(1 if event.what == "next" else -1)
            case "block":
                self.run_worker(self._copy_block, name="copy", exit_on_error=True)
            case _:
                item = self.view.focused_item
                if item is not None:
                    self.copy_to_clipboard(item.words(item.state))

    # ── copying ──────────────────────────────────────────────────────────────────

    async def _copy_block(self) -> None:
        from mltui.ui.code_blocks import code_blocks
        from mltui.ui.commands.copying import choose_block
        from mltui.ui.tui.slash import AppConsole

        item = self.view.focused_item
        if item is None or self.session is None:
            return
        app: Any = self
        blocks = code_blocks(item.words(item.state))
        if blocks:
            await choose_block(AppConsole(app, self.session), blocks)
        else:
            self.hint("There is no code block in this")

    def copy_to_clipboard(self, text: str) -> None:
        """Puts a text on the person's clipboard as well as that can be done, and says what became of it."""
        self._clipboard = text
        if self.streams is None:
            super().copy_to_clipboard(text)
        self.run_worker(partial(self.copied, text), name="copy", exit_on_error=True)

    async def copied(self, text: str) -> None:
        """The same, and waits for it."""
        from mltui.config.paths import state_dir
        from mltui.ui.terminal.clipboard import copy

        write = self._write if self.streams is not None else None
        try:
            done = await asyncio.to_thread(copy, text, os.environ, write, state_dir(os.environ), self.clipboard_way)
        except OSError as error:
            self.tell("error", f"The text could not be copied: {error.strerror or error}")
            return
        self._say_copied(done)

    def _say_copied(self, done: Copied) -> None:
        if done.path is not None and len(self.screen_stack) == 1:
            self.tell("info", done.text)
        elif len(self.screen_stack) > 1:
            self.notify(done.text, markup=False)
        else:
            self.hint(done.text)

    def hint(self, text: str) -> None:
        """Says something in the status line for a few seconds."""
        self.status_line.put(hint=text)
        once(self, HINT_SECONDS, partial(self._end_hint, text))

    def _end_hint(self, text: str) -> None:
        if self.status_line.status.hint == text:
            self.status_line.put(hint="")

    @abstractmethod
    def tell(self, level: str, text: str, hint: str = "") -> None:
        """Shows a line of mltui's own in the conversation."""

    # ── the mouse ────────────────────────────────────────────────────────────────

    def action_mouse(self) -> None:
        self.set_mouse(not self.use_mouse)

    def set_mouse(self, on: bool) -> None:
        """Takes the mouse, or leaves it to the terminal, which then selects text by itself."""
        from mltui.ui.tui.driver import TerminalDriver

        self.use_mouse = on
        if isinstance(self._driver, TerminalDriver):
            self._driver.use_mouse(on)
        self.status_line.put(mouse=on)
