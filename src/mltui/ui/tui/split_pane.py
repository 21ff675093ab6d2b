"""A pane for a change of code: what speaks for a decision on the left, the diff on the right, or the diff alone."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding
from textual.containers import Horizontal, VerticalScroll

from mltui.core.approval import Decision
from mltui.ui.tui.decision_pane import DecisionPane
from mltui.ui.tui.diff import counts
from mltui.ui.tui.diff_lines import DiffLines
from mltui.ui.tui.diff_screen import DiffScreen
from mltui.ui.tui.diff_view import STEP, DiffView
from mltui.ui.tui.strip_view import RichView

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual import events
    from textual.app import ComposeResult

_DIFF_KEYS = ("layout", "wrap", "left", "right", "previous", "next")


class SplitPane(DecisionPane[Decision]):
    """A full-height pane: a headline, the case on the left, the diff on the right (below where it is narrow).

    `pane.diff` gives the diff the whole width, and back. There old and new stand side by side if there is room, and the keys of a
    diff (`diff.…`) hold, as they are mapped.
    """

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012  (the base declares its type)
    DEFAULT_CSS = """
    SplitPane { background: $background;
        & > .headline { height: auto; padding: 0 2; background: $panel; }
        & > Horizontal { height: 1fr; }
        & #main, #side { width: 1fr; height: 1fr; padding: 1 2 0 2; scrollbar-size-vertical: 1; }
        & #side { border-left: solid $panel; width: 1.1fr; padding: 1 1 0 1; display: none; }
        & #main > RichView { padding: 0 1 0 0; }
        & .diff-head { padding: 0 0 1 0; }
        & #below { padding: 0; margin: 0 0 1 0; }
        &.-wide #side { display: block; }
        &.-wide .below { display: none; }
        &.-narrow #main { padding: 1 1 0 1; }
        &.-narrow > .headline { padding: 0 1; }
        &.-diff #main { display: none; }
        &.-diff #side { display: block; border-left: none; padding: 1 1 0 1; }
    }
    """

    PANE_KEYS: ClassVar[tuple[Binding, ...]] = (Binding("d", "diff_alone", "The diff alone, and back", id="pane.diff"),)

    def __init__(self, headline: Text, question: str, marked: int | None) -> None:
        super().__init__(marked)
        self._headline = headline
        self._question = question
        self._main = VerticalScroll(id="main", can_focus=False)
        self._side = VerticalScroll(id="side", can_focus=False)
        self._case = RichView()
        self._diff_head = RichView(classes="diff-head")
        self._lines: DiffLines | None = None
        self._view: DiffView | None = None
        self._below_head = RichView(classes="diff-head below")
        self._below: DiffView | None = None

    @abstractmethod
    def case(self) -> list[RenderableType]:
        """What speaks for a decision, from the top."""

    @abstractmethod
    def patch(self) -> str:
        """The diff that is decided on."""

    def compose(self) -> ComposeResult:
        self._lines = lines = DiffLines(self.patch())
        self._view = DiffView(lines)
        yield RichView(Text(self._question, style="accent.bold"), self._headline, classes="headline")
        with Horizontal():
            with self._main:
                yield self._case
                self.show_case()
                self._below_head.update(self._head(keys=False))
                yield self._below_head
                self._below = DiffView(lines, classes="below")
                yield self._below
            with self._side:
                self._diff_head.update(self._head(keys=False))
                yield self._diff_head
                yield self._view
        yield self.reason
        yield from self.inputs()
        yield self.bar

    def show_case(self) -> None:
        """Draws what speaks for a decision anew."""
        self._case.update(*self.case())

    def show_patch(self, patch: str) -> None:
        """Shows another diff than that of before."""
        self._lines = DiffLines(patch)
        for view in (self._view, self._below):
            if view is not None:
                view.put(self._lines)
        self._below_head.update(self._head(keys=False))
        self._show_head()

    def inputs(self) -> ComposeResult:
        """What a subclass types into, above the bar."""
        yield from ()

    def body(self) -> VerticalScroll | None:
        return self._side if self.has_class("-diff") else self._main

    def handle(self, event: events.Key) -> bool:
        if self.is_key(event, "pane.diff"):
            self.action_diff_alone()
            return True
        if self._view is None or not self.has_class("-diff"):
            return False
        return self._handle_diff(event, self._view)

    def action_diff_alone(self) -> None:
        self.toggle_class("-diff")
        self.bar.show(tail=f"{self.key_for('pane.diff')} back" if self.has_class("-diff") else self.tail_line())
        self._show_head()

    def tail_line(self) -> str:
        return f"{self.key_for('pane.diff')} diff · {self.tail}"

    def _handle_diff(self, event: events.Key, view: DiffView) -> bool:
        found = next((name for name in _DIFF_KEYS if self.is_key(event, f"diff.{name}", DiffScreen.BINDINGS)), "")
        match found:
            case "layout":
                view.show(layout="below" if view.beside else "beside")
            case "wrap":
                view.show(wrapped=not view.wrapped)
            case "left" | "right":
                view.scroll_sideways(STEP if found == "right" else -STEP)
            case "previous" | "next":
                self._jump(view, forward=found == "next")
            case _:
                return False
        return True

    def on_diff_view_arranged(self, event: DiffView.Arranged) -> None:
        event.stop()
        self._show_head()

    def _jump(self, view: DiffView, *, forward: bool) -> None:
        """Scrolls to the next file or block of changes, or to the one before."""
        top = view.virtual_region.y
        here = self._side.scroll_offset.y
        places = [max(0, top + line - 1) for line in view.blocks()]
        ahead = [place for place in places if (place > here if forward else place < here)]
        if ahead:
            self._side.scroll_to(y=min(ahead) if forward else max(ahead), animate=False)

    def _show_head(self) -> None:
        self._diff_head.update(self._head(keys=self.has_class("-diff")))

    def _head(self, *, keys: bool) -> Text:
        if not self._lines:
            return Text("No code is changed", style="muted")
        head = Text.assemble(("Changed code  ", "primary.bold"), counts(self._lines), overflow="fold")
        if keys and self._view is not None:
            layout = "below" if self._view.beside else "beside"
            pairs = [("layout", f"new {layout} old"), ("wrap", "cut" if self._view.wrapped else "wrap"), ("previous next", "changes")]
            pairs += [] if self._view.wrapped else [("left right", "sideways")]
            for ids, label in pairs:
                key = " ".join(self.key_for(f"diff.{name}", DiffScreen.BINDINGS) for name in ids.split())
                head.append("   ")
                head.append(key, style="strong")
                head.append(f" {label}", style="muted")
        return head
