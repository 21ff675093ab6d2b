"""Marked experiments side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen

from mltui.core.errors import MltuiError
from mltui.ui.tui.keys.line import bar, live
from mltui.ui.tui.plot_view import Plot
from mltui.ui.tui.proposal_view import Section
from mltui.ui.tui.strip_view import RichView

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual.app import ComposeResult

    from mltui.core.experiment import Experiment
    from mltui.experiments.compare_many import Together
    from mltui.experiments.run_records import RunRecord
    from mltui.ui.session import ExperimentLog

_KEYS = (
    ("compare.reference", "another reference"),
    ("compare.up compare.down compare.page-up compare.page-down", "scroll"),
    ("compare.close", "close"),
)


class CompareScreen(Screen[None]):
    """Means, differences with corrected p, parameters, and curves over each other.

    Args:
        ids: of the experiments, the oldest first; the others are compared with the first until another reference is chosen.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f2", "close", "Close", show=False, priority=True, id="compare.close"),
        Binding("q,c", "close", "Close", show=False, id="compare.leave"),
        Binding("b", "reference", "Compare with the next one, at last each with its own baseline", show=False, id="compare.reference"),
        Binding("up", "scroll_lines(-1)", "Scroll up", show=False, id="compare.up"),
        Binding("down", "scroll_lines(1)", "Scroll down", show=False, id="compare.down"),
        Binding("pageup", "scroll_pages(-1)", "Page up", show=False, priority=True, id="compare.page-up"),
        Binding("pagedown", "scroll_pages(1)", "Page down", show=False, priority=True, id="compare.page-down"),
        Binding("space", "scroll_pages(1)", "Page down", show=False, id="compare.page"),
    ]
    DEFAULT_CSS = """
    CompareScreen { background: $background;
        & > .headline { height: 1; padding: 0 2; background: $panel; }
        & > VerticalScroll { height: 1fr; padding: 1 2 0 2; scrollbar-size-vertical: 1; }
        & > #keys { height: 1; padding: 0 1; background: $panel; }
    }
    """

    def __init__(self, log: ExperimentLog, ids: Sequence[str]) -> None:
        super().__init__()
        self._log = log
        self._ids = list(ids)
        self._found: list[Experiment] = []
        self._records: list[list[RunRecord]] = []
        self._reference = 0
        self._headline = RichView(classes="headline")
        self._report = RichView(Text("Reading …", style="strong"))
        self._scroll = VerticalScroll(self._report, can_focus=False)

    def compose(self) -> ComposeResult:
        yield self._headline
        yield self._scroll
        yield RichView(bar(_KEYS, live(self)), id="keys")

    def on_mount(self) -> None:
        self._headline.update(Text.assemble(("Compare  ", "primary.bold"), ", ".join(self._ids), no_wrap=True, overflow="ellipsis"))
        self._load()

    def _load(self) -> None:
        self.run_worker(self._fill(self._reference), group="compare", exclusive=True, exit_on_error=False)

    async def _fill(self, reference: int) -> None:
        try:
            shown = await asyncio.to_thread(self._read, reference)
        except MltuiError as error:
            self._report.update(Text(str(error), style="error", overflow="fold"))
            return
        self._report.update(*self._parts(shown))

    def _read(self, reference: int) -> Together:
        """Blocks; what was read of the runs is kept."""
        from mltui.experiments.compare_many import together

        if not self._found:
            self._found = [self._log.peek(id_) for id_ in self._ids]
            self._records = [self._log.looking.records(experiment) for experiment in self._found]
        return together(self._found, reference)

    def _parts(self, shown: Together) -> list[RenderableType]:
        from mltui.ui.plots.comparing import key_lines, overlay_lines, table_lines

        return [
            Section("Result", (Plot(partial(table_lines, shown)),)),
            Section("Parameters", (Plot(partial(key_lines, shown)),)),
            Section("Curves", (Plot(lambda width: overlay_lines(shown, self._records, width)),)),
        ]

    def action_reference(self) -> None:
        self._reference = self._reference + 1 if self._reference + 1 < len(self._ids) else -1
        self._load()

    def action_scroll_lines(self, lines: int) -> None:
        self._scroll.scroll_relative(y=lines, animate=False)

    def action_scroll_pages(self, pages: int) -> None:
        self._scroll.scroll_relative(y=pages * max(1, self._scroll.size.height - 2), animate=False)

    def action_close(self) -> None:
        self.dismiss(None)
