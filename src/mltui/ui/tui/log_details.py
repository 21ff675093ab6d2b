"""The chosen experiment of the log, in tabs; a tab is read in a thread when it is looked at, and again when it changed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual.containers import Vertical, VerticalScroll
from textual.strip import Strip

from mltui.core.errors import MltuiError
from mltui.ui.tui.diff import counts
from mltui.ui.tui.diff_lines import DiffLines
from mltui.ui.tui.diff_view import DiffView
from mltui.ui.tui.log_tabs import DIFF, TABS, Look
from mltui.ui.tui.once import once
from mltui.ui.tui.strip_view import RichView, StripView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType
    from textual import events
    from textual.app import ComposeResult

_CHARTS, _RUNS = 1, 5
"""The tab whose charts are as tall as there is room, and the one with the runs' output: both go on while runs do."""
LIVE = 3.0
"""Seconds between two looks at what a run writes, while it is looked at."""


class TabBar(StripView):
    """The names of the tabs, closer where it is narrow, and in the end only their numbers; a click chooses one."""

    def __init__(self) -> None:
        super().__init__()
        self._tab: int | None = None
        self._ends: list[int] = []

    def put(self, tab: int | None) -> None:
        """Marks a tab; None shows none."""
        self._tab = tab
        self.changed()

    def build(self, width: int) -> list[Strip]:
        if self._tab is None:
            return [Strip.blank(width)]
        parts = [(f" {at + 1} {name} ", "  ") for at, name in enumerate(TABS)]
        if sum(len(part) + 2 for part, _ in parts) > width:
            parts = [(f"{at + 1} {name}", " ") for at, name in enumerate(TABS)]
        if sum(len(part) + 1 for part, _ in parts) > width:
            parts = [(f" {at + 1} {name} " if at == self._tab else f"{at + 1}", " ") for at, name in enumerate(TABS)]
        line, self._ends = Text(no_wrap=True, overflow="crop"), []
        for at, (part, gap) in enumerate(parts):
            line.append(part, style="chosen" if at == self._tab else "muted")
            line.append(gap)
            self._ends.append(line.cell_len)
        return self.paint.strips(line, width)

    def on_click(self, event: events.Click) -> None:
        event.stop()
        details: Any = self.parent
        for index, end in enumerate(self._ends):
            if event.x - 1 < end:
                details.choose(index)
                return


class LogDetails(Vertical):
    """Tabs over a scrolled report."""

    DEFAULT_CSS: ClassVar[str] = """
    LogDetails {
        & > TabBar { height: 1; padding: 0 1; background: $panel; }
        & > #report { height: 1fr; width: 1fr; padding: 1 1 0 2; scrollbar-size-vertical: 1; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self.tab = 0
        self._bar = TabBar()
        self._report = RichView()
        self._diff_head = RichView()
        self._diff_view = DiffView(DiffLines(""))
        self._look: Look | None = None
        self._shown: tuple[str, int] | None = None
        self._again: asyncio.TimerHandle | None = None

    def compose(self) -> ComposeResult:
        yield self._bar
        with VerticalScroll(id="report", can_focus=False):
            yield self._report
            yield self._diff_head
            yield self._diff_view

    def on_mount(self) -> None:
        self._draw_bar()

    @property
    def scroll(self) -> VerticalScroll:
        return self.query_one("#report", VerticalScroll)

    def choose(self, tab: int) -> None:
        """Shows another tab of the same experiment."""
        if tab != self.tab:
            self.tab = tab
            self._draw_bar()
            self._load()

    def look(self, look: Look) -> None:
        """Shows an experiment, or the same as it is now."""
        self._look = look
        self._draw_bar()
        self._load()

    def put(self, *parts: RenderableType) -> None:
        """Shows something that has no tabs."""
        self.workers.cancel_group(self, "tab")  # pyright: ignore[reportUnknownMemberType]  (a worker of anything)
        self._look = self._shown = None
        self._draw_bar()
        self._draw("", parts, "")

    def _load(self) -> None:
        if self._again is not None:
            self._again.cancel()
            self._again = None
        if self._look is not None:
            self.run_worker(self._fill(self._look, self.tab), group="tab", exclusive=True, exit_on_error=False)

    async def _fill(self, look: Look, tab: int) -> None:
        height = max(8, self.scroll.scrollable_content_region.height)
        try:
            parts = await asyncio.to_thread(look.parts, tab, height)
        except (MltuiError, OSError) as error:
            parts: list[RenderableType] = [Text(str(error), style="error", overflow="fold")]
        if self._look is look and self.tab == tab:
            if look.experiment.state == "running" and tab in (_CHARTS, _RUNS):
                self._again = once(self, LIVE, self._load)
            self._draw(look.experiment.id, parts, look.experiment.proposal.patch if tab == DIFF else "")

    def _draw(self, id_: str, parts: Sequence[RenderableType], patch: str) -> None:
        place = (id_, self.tab)
        if place != self._shown:
            self.scroll.scroll_home(animate=False)
            self._shown = place
        self._report.update(*parts)
        lines = DiffLines(patch)
        self._diff_head.update(*([Text.assemble(("Changed code  ", "primary.bold"), counts(lines))] if lines else []))
        self._diff_view.put(lines)

    def on_resize(self) -> None:
        if self.tab == _CHARTS:
            self._load()

    def _draw_bar(self) -> None:
        self._bar.put(self.tab if self._look is not None else None)
