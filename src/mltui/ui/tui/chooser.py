"""Picks one of a list; typing narrows it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from mltui.ui.tui.still_input import StillInput
from mltui.ui.tui.text import one_line

if TYPE_CHECKING:
    from textual.app import ComposeResult


class Chooser(ModalScreen[int | None]):
    """Returns the index of the option that was picked, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Close", show=False, priority=True),
        Binding("down", "move(1)", show=False, priority=True),
        Binding("up", "move(-1)", show=False, priority=True),
        Binding("pagedown", "move(10)", show=False, priority=True),
        Binding("pageup", "move(-10)", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    Chooser { align: center middle; background: $background 60%;
        & > Vertical { width: 90; max-width: 100%; height: auto; max-height: 80%; background: $surface;
            border: round $primary; padding: 0 1; }
        & Static { height: auto; color: $text-muted; }
        & Input { border: none; height: 1; padding: 0; background: $surface; }
        & OptionList { border: none; height: auto; max-height: 100%; padding: 0; background: $surface; }
        &.-previews > Vertical { width: 120; max-height: 90%; & OptionList { max-height: 12; }
            & #preview { height: 16; border-top: solid $primary 40%; color: $text; } }
    }
    """

    def __init__(self, title: str, options: Sequence[tuple[str, str]], preview: Callable[[int], str] | None = None) -> None:
        """With `preview`, what it returns of the option under the cursor is shown below the list; it is called in a thread."""
        super().__init__()
        self._title = title
        self._preview = preview
        self._options = [(one_line(label), one_line(description)) for label, description in options]

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = one_line(self._title)
            box.border_subtitle = "Enter picks, Esc leaves"
            yield StillInput(placeholder="type to narrow the list", id="narrow", compact=True)
            yield OptionList(id="list")
            yield Static("", id="none")
            if self._preview is not None:
                self.add_class("-previews")
                yield Static("", id="preview", markup=False)

    def on_mount(self) -> None:
        self._fill("")
        self.query_one(Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._fill(event.value)

    def on_input_submitted(self) -> None:
        options = self.query_one(OptionList)
        if options.highlighted is not None:
            self._pick(options.get_option_at_index(options.highlighted))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self._pick(event.option)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        if self._preview is not None:
            place = int(event.option.id or "0")
            self.run_worker(partial(self._look, self._preview, place), group="preview", exclusive=True, exit_on_error=False)

    async def _look(self, preview: Callable[[int], str], place: int) -> None:
        text = await asyncio.to_thread(preview, place)
        self.query_one("#preview", Static).update(Text("\n".join(map(one_line, text.splitlines()))))

    def _pick(self, option: Option) -> None:
        self.dismiss(int(option.id or "0"))

    def _fill(self, narrow: str) -> None:
        words = narrow.casefold().split()
        options = self.query_one(OptionList)
        options.clear_options()
        for index, (label, description) in enumerate(self._options):
            if all(word in f"{label} {description}".casefold() for word in words):
                options.add_option(Option(Text.assemble(label, "  ", (description, "dim")), id=str(index)))
        options.highlighted = 0 if options.option_count else None
        self.query_one("#none", Static).update("" if options.option_count else "Nothing fits")

    def action_move(self, rows: int) -> None:
        options = self.query_one(OptionList)
        if options.option_count:
            at = options.highlighted or 0
            options.highlighted = max(0, min(options.option_count - 1, at + rows))

    def action_leave(self) -> None:
        self.dismiss(None)
