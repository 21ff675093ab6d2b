"""Where the person types: the editor with its mark, the list above it, and the queue above that."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from rich.text import Text
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets._static import Static  # the public name is a lazy import of the same

from mltui.core.mentions import OpenMention, open_mention, written
from mltui.ui.commands.table import complete
from mltui.ui.history import matching
from mltui.ui.tui.choice_list import Choice, ChoiceList
from mltui.ui.tui.prompt_area import PromptArea
from mltui.ui.tui.strip_view import RichView
from mltui.ui.tui.text import clip, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.app import ComposeResult
    from textual.widgets._text_area import TextArea

    from mltui.core.messages import Image
    from mltui.ui.commands.base import Command
    from mltui.ui.history import PromptHistory
    from mltui.ui.tui.app import MltuiApp

MOST_CHOICES = 50
LONGEST_LINE = 20_000
"""Characters of a line beyond which nothing in it is completed."""

__all__ = ["Composer", "PromptArea"]


class Composer(Vertical):
    """The editor with its mark, the list above it, and the queue above that."""

    DEFAULT_CSS = """
    Composer { height: auto; border-top: solid $panel; background: $background;
        & > #queue { padding: 0 1; display: none; }
        & > #completions { padding: 0 1; display: none; background: $surface; }
        & > Horizontal { height: auto; padding: 0 1; }
        & #mark { width: 2; height: 1; color: $accent; text-style: bold; }
        &.-busy #mark { color: $foreground-muted; }
    }
    """

    class Listing(Message):
        """The list of completions came or went."""

        def __init__(self, shown: bool) -> None:
            super().__init__()
            self.shown = shown

    def __init__(self, more: Callable[[], Sequence[Command]] = tuple, queue: list[str] | None = None) -> None:
        """Args: more: the commands beside mltui's own, as they are now; queue: the prompts that wait, which the app holds too."""
        super().__init__()
        self._more = more
        self.area = PromptArea()
        self.area.queue = [] if queue is None else queue
        self.files: Callable[[str, int], list[str]] | None = None
        """Names of files for a query, which is asked in a thread."""
        self.history: PromptHistory | None = None
        self._queue = RichView(id="queue")
        self._list = ChoiceList()
        self._mark = Static("❯", id="mark", markup=False)
        self._marked = "❯"
        self._dismissed = ""
        self._wanted: str | None = None
        self._finding = False
        self._before_search = ""

    def compose(self) -> ComposeResult:
        yield self._queue
        yield self._list
        with Horizontal():
            yield self._mark
            yield self.area

    def show_queue(self, texts: Sequence[str], said: Sequence[str] = ()) -> None:
        """Shows what waits. Args: texts: for turns of their own; said: for the next step of the turn that runs."""
        lines: list[Text] = []
        for waiting, note in ((said, "said with the next step"), (texts, "sent next · Up edits it · Esc takes all back")):
            for text in waiting:
                lines.append(Text.assemble(("⧖ ", "accent"), (clip(one_line(text), 200), "muted"), no_wrap=True, overflow="ellipsis"))
            if waiting:
                lines[-1].append(f"  {note}", style="faint")
        self._queue.display = bool(lines)
        self._queue.update(*lines)

    def pictures(self, text: str) -> tuple[Image, ...]:
        """The pictures that were pasted into a prompt."""
        return self.area.pastes.pictures(text)

    def on_prompt_area_sent(self, event: PromptArea.Sent) -> None:
        """Keeps a prompt for later sessions; what becomes of it is the app's business."""
        if self.history is not None:
            self.history.add(event.text)

    # ── the list ─────────────────────────────────────────────────────────────────

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self._offer()
        self.remark()

    def on_text_area_selection_changed(self, event: TextArea.SelectionChanged) -> None:
        event.stop()
        self.remark()
        if self._list.kind == "file" and self._open() is None:
            self._show("", ())

    def remark(self) -> None:
        """Has the mark say what the next keys are: a search, a command for the shell, vi's mode."""
        area = self.area
        mark = "?" if area.searching else area.vim.mark or ("!" if area.get_line(0).plain.startswith("!") else "❯")
        if mark != self._marked:
            self._marked = mark
            self._mark.update(mark)

    def _offer(self) -> None:
        area = self.area
        if area.searching:
            found = matching(area.sent, area.text, MOST_CHOICES)
            nothing = "No earlier prompt has these words" if area.sent else "There are no earlier prompts yet"
            self._show("prompt", [Choice(text, text) for text in found], nothing)
            return
        first = area.document.get_line(0)
        if first.startswith("/") and area.document.line_count == 1:
            commands = [] if first == self._dismissed else complete(first, "tui", self._more())
            if [text for text, _ in commands] == [first]:
                commands = []
            self._show("command", [Choice(text, text, help_) for text, help_ in commands])
        elif self.files is not None and (mention := self._open()) is not None and self._line() != self._dismissed:
            self._find(mention.query)
        else:
            self._wanted = None
            self._show("", ())

    def _show(self, kind: str, choices: Sequence[Choice], empty: str = "") -> None:
        self._list.offer(kind, choices, empty)
        if self.area.completing != self._list.display:
            self.area.completing = self._list.display
            self.post_message(self.Listing(self.area.completing))

    def _line(self) -> str:
        return self.area.document.get_line(self.area.cursor_location[0])

    def _open(self) -> OpenMention | None:
        """The mention that is typed at the cursor."""
        row, column = self.area.cursor_location
        line = self.area.document.get_line(row)
        return open_mention(line[:column]) if len(line) <= LONGEST_LINE else None

    def _find(self, query: str) -> None:
        """Looks files up in a thread; while one look goes on, only the last query waits."""
        self._wanted = query
        if not self._finding:
            self._finding = True
            self.run_worker(self._look_up(), name="files", exit_on_error=False)

    async def _look_up(self) -> None:
        try:
            while self._wanted is not None and self.files is not None:
                query, self._wanted = self._wanted, None
                found = await asyncio.to_thread(self.files, query, MOST_CHOICES)
                mention = self._open()
                if self._wanted is None and mention is not None and mention.query == query and not self.area.searching:
                    self._show("file", [Choice(path, path) for path in found if path != query])
        finally:
            self._finding = False

    def on_prompt_area_navigate(self, event: PromptArea.Navigate) -> None:
        event.stop()
        kind, choice, area = self._list.kind, self._list.chosen, self.area
        if event.key in ("up", "down"):
            self._list.move(1 if event.key == "down" else -1)
        elif kind == "prompt":
            self._end_search(choice.text if choice and event.key != "escape" else self._before_search)
        elif event.key == "escape":
            self._dismissed = self._line()
            self._show("", ())
        elif kind == "file" and choice is not None and (mention := self._open()) is not None:
            self._put_file(choice.text, mention)
        elif kind == "command" and choice is not None:
            whole = area.text == choice.text.rstrip()
            area.put(choice.text)
            if event.key == "enter" and (whole or not choice.text.endswith(" ")):
                self._show("", ())
                self._send_soon()
        elif event.key == "enter":  # typed faster than the list could go: there is nothing left to choose
            self._send_soon()

    def _send_soon(self) -> None:
        # From here the message would stop at this widget: it must come from the editor itself.
        self.area.call_later(self.area.send)

    def _put_file(self, path: str, mention: OpenMention) -> None:
        row, column = self.area.cursor_location
        text = written(path)
        if path.endswith("/"):
            text = text.removesuffix('"')  # the list goes on inside the folder
        else:
            text += " "
        self.area.replace(text, (row, mention.start), (row, column), maintain_selection_offset=False)

    # ── earlier prompts, and what the editor wishes ──────────────────────────────

    def on_prompt_area_wished(self, event: PromptArea.Wished) -> None:
        event.stop()
        app: MltuiApp = cast("Any", self).app
        match event.wish:
            case "search":
                self._search()
            case "queue":
                app.send_next()  # if the agent is free by now, what went back into the queue is next
            case "editor" | "picture":
                from mltui.ui.tui.wishes import fulfil

                self.run_worker(fulfil(app, event.wish), name="wish", exit_on_error=False)

    def _search(self) -> None:
        area = self.area
        if area.searching:
            self._list.move(1)
            return
        self._before_search, area.searching = area.text, True
        area.put("")
        self._offer()
        self.remark()

    def _end_search(self, text: str) -> None:
        self.area.searching = False
        self.area.put(text)
        self._dismissed = text.partition("\n")[0]
        self._show("", ())
        self.remark()
