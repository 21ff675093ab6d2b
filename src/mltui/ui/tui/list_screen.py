"""What every list that is narrowed by typing has in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from mltui.ui.tui.keys.line import live, spelled
from mltui.ui.tui.still_input import StillInput
from mltui.ui.tui.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.app import ComposeResult
    from textual.widget import Widget

R = TypeVar("R")
Row = tuple[str, Content]
"""A row's id, and how it is drawn."""


class ListScreen(ModalScreen[R]):
    """A line to type into, and the rows that fit what is typed. Subclasses give the rows and say what picking one does.

    Textual calls a handler (`on_…`) of each class of a screen, so those of subclasses come before these and do not call them.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", show=False, priority=True, id="list.leave"),
        Binding("down", "move(1)", "Row below", show=False, priority=True, id="list.down"),
        Binding("up", "move(-1)", "Row above", show=False, priority=True, id="list.up"),
        Binding("pagedown", "move(10)", "Ten rows down", show=False, priority=True, id="list.page-down"),
        Binding("pageup", "move(-10)", "Ten rows up", show=False, priority=True, id="list.page-up"),
    ]
    DEFAULT_CSS = """
    ListScreen { align: center middle; background: $background 60%;
        & > Vertical { width: 90; max-width: 100%; height: auto; max-height: 80%; background: $surface;
            border: round $primary; padding: 0 1; }
        & Static { height: auto; color: $text-muted; }
        & Input { border: none; height: 1; padding: 0; background: $surface; &:focus { border: none; } }
        & OptionList { border: none; height: auto; max-height: 100%; padding: 0; background: $surface; scrollbar-size-vertical: 1;
            text-wrap: nowrap; text-overflow: ellipsis; &:focus { border: none; } }
        &.-previews > Vertical { width: 120; max-height: 90%; & OptionList { max-height: 12; }
            & #preview { height: 16; border-top: solid $primary 40%; color: $text; } }
        &.-whole { background: $background; & > Vertical { width: 100%; height: 100%; max-height: 100%; }
            & OptionList { height: 1fr; } }
    }
    """
    heading = ""
    keys: ClassVar[tuple[tuple[str, str], ...]] = (("=enter", "picks"), ("list.leave", "leaves"))
    """(id of a binding or `=KEY`, what it does) of the bottom line."""
    placeholder = "type to narrow the list"

    def __init__(self) -> None:
        super().__init__()
        self._options = OptionList(id="list")
        self._none = Static("", id="none", markup=False)

    @abstractmethod
    def rows(self, narrow: str) -> Iterable[Row]:
        """The rows that fit what is typed, in their order."""

    @abstractmethod
    def picked(self, id_: str) -> None:
        """A row was picked by Enter or a click."""

    def looked_at(self, id_: str) -> None:
        """A row is under the cursor."""

    def more(self) -> Iterable[Widget]:
        """What stands below the list."""
        return ()

    def nothing(self) -> str:
        """What is said when there is no row."""
        return "Nothing fits"

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = one_line(self.heading)
            yield StillInput(placeholder=self.placeholder, id="narrow", compact=True)
            yield self._options
            yield self._none
            yield from self.more()

    def on_mount(self) -> None:
        self.fill()
        self.query_one("#narrow", StillInput).take_focus(replace=False)
        self.call_after_refresh(self.draw_keys)

    def draw_keys(self) -> None:
        """Writes the bottom line, with the keys as they are mapped."""
        keys = live(self)
        said = [f"{key} {what}" for id_, what in self.keys if (key := spelled(id_, keys))]
        self.query_one(Vertical).border_subtitle = ", ".join(said)

    @property
    def chosen(self) -> str | None:
        """The id of the row under the cursor."""
        at = self._options.highlighted
        return self._options.get_option_at_index(at).id if at is not None and at < self._options.option_count else None

    def fill(self, keep: bool = False) -> None:
        """Draws the rows anew. `keep`: the cursor stays on its row, if that is still there."""
        chosen = self.chosen if keep else None
        found = list(self.rows(self.query_one("#narrow", Input).value))
        self._options.clear_options()
        self._options.add_options([Option(drawn, id=id_) for id_, drawn in found])
        ids = [id_ for id_, _ in found]
        self._options.highlighted = ids.index(chosen) if chosen in ids else 0 if ids else None
        self._options.display = bool(ids)
        self._none.update("" if ids else self.nothing())
        self._none.display = not ids

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if event.input.id == "narrow":
            self.fill()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.input.id == "narrow" and self.chosen is not None:
            self.picked(self.chosen)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.picked(str(event.option.id))

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self.looked_at(str(event.option.id))

    def action_move(self, rows: int) -> None:
        count = self._options.option_count
        if count:
            self._options.highlighted = max(0, min(count - 1, (self._options.highlighted or 0) + rows))

    def action_leave(self) -> None:
        self.dismiss(None)
