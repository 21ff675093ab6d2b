"""The experiment log: every experiment of the project, and what can be decided about the chosen one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import Screen

from mltui.core.errors import MltuiError, UsageError
from mltui.experiments.index import Row
from mltui.experiments.log_query import SORTS
from mltui.ui.tui.gallery import gallery_of
from mltui.ui.tui.keys.line import live, spelled
from mltui.ui.tui.log_deeds import Deeds
from mltui.ui.tui.log_details import LogDetails
from mltui.ui.tui.log_list import LogList
from mltui.ui.tui.log_model import LogModel
from mltui.ui.tui.log_orphans import orphan_report
from mltui.ui.tui.log_rows import column_at, heading, row_of
from mltui.ui.tui.log_tabs import DIFF, TABS, Look
from mltui.ui.tui.log_words import headline, keys_line
from mltui.ui.tui.once import once
from mltui.ui.tui.still_input import StillInput
from mltui.ui.tui.strip_view import RichView
from mltui.ui.tui.text import one_line

if TYPE_CHECKING:
    from textual import events
    from textual.app import App, ComposeResult
    from textual.widgets._input import Input

    from mltui.core.approval import Decision
    from mltui.core.events import ExperimentFinished, ExperimentProgressed
    from mltui.experiments.orphans import Orphan
    from mltui.ui.deciding import Decider
    from mltui.ui.plots.canvas import Line

SETTLE = 0.05
"""Seconds that a row is chosen before it is read: who scrolls by is not to be held up."""
_ACTS = (
    ("y", "decide", "Decide on it"),
    ("r", "run", "Run it"),
    ("s", "stop", "Stop it"),
    ("k", "keep", "Keep the change, or discard it"),
    ("i", "interpret", "Write down what the result means"),
    ("P", "promote", "Promote it"),
    ("a", "adopt", "Adopt training outside a proposal"),
    ("x", "discard", "Discard"),
)
_EMPTY = (
    Text("No experiments yet", style="strong"),
    Text(
        "They appear here when the agent proposes a change to training code, hyperparameters, prompts, data or evaluation.",
        style="muted",
    ),
)
_FILTER = "words, state:failed, kind:hparam, verdict:better, who:anna, -state:rejected"


class Heading(RichView):
    """The names of the columns; a click sorts."""

    def on_click(self, event: events.Click) -> None:
        event.stop()
        screen: Any = self.screen
        screen.sort_by(column_at(event.x, self.content_size.width))


class FilterInput(StillInput):
    DEFAULT_CSS = """
    FilterInput { display: none; height: 1; border: none; padding: 0 2; background: $surface; &:focus { border: none; } }
    """


class LogScreen(Screen[None]):
    """A table above, the chosen experiment in tabs below.

    Args:
        decider: its calls are made in threads.
        follow: shows a running experiment in the conversation too.
        ask: puts a question about an experiment to the agent.
        chosen: the id of what is looked at first; the newest where there is none such.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f2", "close", "Close; first the filter, if there is one", priority=True, id="log.close"),
        Binding("q", "close", "Close", show=False, id="log.leave"),
        Binding("pageup", "report(-1)", "Scroll the details up", show=False, priority=True, id="log.details-up"),
        Binding("pagedown", "report(1)", "Scroll the details down", show=False, priority=True, id="log.details-down"),
        Binding("slash", "filter", "Filter by words and fields", show=False, id="log.search"),
        Binding("o", "sort", "Sort by the next column", show=False, id="log.sort"),
        Binding("O", "reverse", "Sort the other way round", show=False, id="log.sort-reverse"),
        Binding("space", "mark", "Mark it, to compare several", show=False, id="log.mark"),
        Binding("c", "compare", "Compare the marked ones", show=False, id="log.compare"),
        Binding("z", "zoom", "Details over the whole screen, and back", show=False, id="log.zoom"),
        Binding("d", f"tab({DIFF})", "Go to the diff", show=False, id="log.diff"),
        *[Binding(str(at + 1), f"tab({at})", f"Details: {name}", show=False, id=f"log.tab-{at + 1}") for at, name in enumerate(TABS)],
        *[Binding(keys, f"act('{name}')", what, show=False, id=f"log.{name}") for keys, name, what in _ACTS],
        Binding("enter", "open", "Decide on it, or show its details alone", show=False, id="log.open"),
        Binding("p", "pending", "Review what waits for a decision", show=False, id="log.pending"),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (32, "-tall")]  # noqa: RUF012  (the base declares its type)
    DEFAULT_CSS = """
    LogScreen { background: $background;
        & > .headline { height: 1; padding: 0 2; background: $panel; }
        & > Heading { height: 1; background: $surface; }
        & > #left { height: auto; max-height: 42%; min-height: 3; width: 1fr; }
        & > LogDetails { height: 1fr; }
        & > #keys { height: auto; padding: 0 1; background: $panel; }
        &.-short > #left { max-height: 33%; }
        &.-short #report { padding: 0 1 0 2; }
        &.-zoom > #left, &.-zoom > Heading { display: none; }
    }
    """

    def __init__(self, decider: Decider, follow: Callable[[str], None], ask: Callable[[str, str], None], chosen: str = "") -> None:
        super().__init__()
        self._sought = chosen
        self._decider = decider
        self._experiments = decider.experiments
        self._deeds = Deeds(self, decider, follow, ask)
        self._follow = follow
        self._ask = ask
        self._model = LogModel()
        self._headline = RichView(classes="headline")
        self._heading = Heading()
        self._input = FilterInput(compact=True, placeholder=_FILTER)
        self._list = LogList(self._row)
        self._details = LogDetails()
        self._reported: Row | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._keys = RichView(id="keys")
        self._drawn: object = None
        self._note: Text | None = None
        self._noted: str | None = None

    def compose(self) -> ComposeResult:
        self._mapped = live(self)
        yield self._headline
        yield self._input
        yield self._heading
        with Vertical(id="left"):
            yield self._list
        yield self._details
        yield self._keys

    def on_mount(self) -> None:
        self._list.focus()
        self._fill()
        self.refresh_all()

    def on_resize(self) -> None:
        self._draw_heading()
        self._draw_keys()

    # ── what is shown ────────────────────────────────────────────────────────────

    def refresh_all(self) -> None:
        """Reads the log again."""
        self.run_worker(self.reload, group="load", exclusive=True, exit_on_error=False)

    async def reload(self) -> None:
        """Experiments first: what trained outside of them is found by reading the journal."""
        log = self._experiments
        try:
            rows = await asyncio.to_thread(lambda: log.rows()[::-1])
            self._take(rows, self._model.orphans)
            orphans = {orphan.training.id: orphan for orphan in await asyncio.to_thread(lambda: log.orphans().glance())}
        except MltuiError as error:
            self.say(str(error), "error")
            return
        if orphans != self._model.orphans:
            self._take(rows, orphans)
        self._seek()
        for row in rows:
            if row.state == "running" and row.id not in self._model.table.progress:
                self.run_worker(partial(self._watch, row.id), group=f"watch-{row.id}", exclusive=True, exit_on_error=False)

    def _take(self, rows: list[Row], orphans: dict[str, Orphan]) -> None:
        self._model.take(rows, orphans)
        self._fill()

    def _seek(self) -> None:
        """Goes to what the person named, once."""
        wanted, self._sought = self._sought.upper(), ""
        if wanted.isdigit():
            wanted = f"P-{int(wanted):04d}"
        if wanted in self._model.shown:
            self._list.highlighted = self._model.ids.index(wanted)
        elif wanted:
            self.say(f"There is no {wanted} in the log", "warning")

    def _fill(self) -> None:
        model = self._model
        self._draw_headline()
        self._draw_heading()
        self._list.put(model.ids)
        if not model.ids:
            nothing = (Text("No experiment is like that", style="strong"), Text("Esc clears the filter.", style="muted"))
            reading = (Text("Reading the log …", style="strong"),)
            self._reported = None
            self._details.put(*(nothing if model.query else _EMPTY if model.loaded else reading))

    def _draw_headline(self) -> None:
        self._headline.update(headline(self._model, self._input.value if self._model.query else ""))

    def _draw_heading(self) -> None:
        width = self._list.scrollable_content_region.width or self.size.width - 1
        self._heading.update(*([heading(width, self._model.table)] if self._model.every else []))

    def _row(self, at: int, width: int) -> Line:
        return row_of(self._model.shown[self._model.ids[at]], width, self._model.table)

    @property
    def _chosen(self) -> Row | None:
        return self._model.shown.get(self._list.chosen or "")

    def on_log_list_chosen(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = once(self, SETTLE, self._draw_report)
        if self._list.chosen != self._noted:
            self._note, self._noted = None, self._list.chosen
        self._draw_keys()

    def on_log_list_opened(self) -> None:
        self.action_open()

    def _draw_report(self) -> None:
        self._timer = None
        row = self._chosen
        if row is None or row == self._reported:
            return
        self._reported = row
        if row.id in self._model.orphans:
            self._details.put(*orphan_report(self._model.orphans[row.id]))
        else:
            self.run_worker(partial(self._load_report, row), group="report", exclusive=True, exit_on_error=False)

    async def _load_report(self, row: Row) -> None:
        try:
            look = await asyncio.to_thread(self.look, row)
        except MltuiError as error:
            self._reported = None
            self.say(str(error), "error")
            return
        if self._reported is row:
            self._details.look(look)

    def look(self, row: Row) -> Look:
        """What is shown of an experiment. Blocks."""
        return Look(self._experiments.peek(row.id), self._experiments.looking, gallery_of(self), *self._model.corrected(row))

    def _draw_keys(self) -> None:
        drawn = (self._chosen and self._chosen.state, self._note, len(self._model.table.marked), self._model.every, self.size.width)
        if drawn != self._drawn:
            self._drawn = drawn
            line = keys_line(self._model, self._chosen, self.size.width - 2, self._mapped)
            self._keys.update(*([self._note] if self._note else []), line)

    def say(self, text: str, style: str = "success") -> None:
        """Shows a note until another row is chosen; an empty one takes it away."""
        self._note, self._noted = Text(f" {one_line(text)}", style=style, overflow="fold") if text else None, self._list.chosen
        self._draw_keys()

    def work(self, deed: Callable[[], Awaitable[None]], name: str) -> None:
        """Goes on with a deed beside the screen."""
        self.run_worker(deed(), name=name, group=name, exclusive=name == "pane", exit_on_error=False)

    def ask(self, pane: Screen[Decision], take: Callable[[Decision | None], None]) -> None:
        """Puts a pane over the log."""
        self._push(pane, take)

    def _push(self, screen: Screen[Any], take: Callable[[Any], None] | None = None) -> None:
        cast("App[Any]", self.app).push_screen(screen, take)  # pyright: ignore[reportUnknownMemberType]  (Textual leaves its parameter open)

    # ── runs ─────────────────────────────────────────────────────────────────────

    async def _watch(self, id_: str) -> None:
        """Keeps a running experiment's row up to date until it ends."""
        try:
            async for event in self._experiments.follow(id_):
                self._took(id_, event)
        except MltuiError as error:
            self.say(str(error), "error")
        finally:
            self._model.table.progress.pop(id_, None)
        self.refresh_all()

    def _took(self, id_: str, event: ExperimentProgressed | ExperimentFinished) -> None:
        if event.type == "experiment.progressed":
            self._model.table.progress[id_] = (event.done, event.total)
            self._list.redraw(id_)
            if self._reported is not None and self._reported.id == id_:
                self._reported = None
                self.on_log_list_chosen()
        else:
            self.say(f"{id_} is over: {event.state}")

    # ── keys ─────────────────────────────────────────────────────────────────────

    def action_act(self, name: str) -> None:
        if (row := self._chosen) is not None:
            self._deeds.act(name, row.id, row.state)

    def action_open(self) -> None:
        """Decides where there is something to decide, and else shows the details alone."""
        row = self._chosen
        if row is not None and (row.state == "unplanned" or self._deeds.can("decide", row.state)):
            self._deeds.act("decide", row.id, row.state)
        elif row is not None:
            self.action_zoom()

    def action_tab(self, tab: int) -> None:
        self._details.choose(tab)

    def action_zoom(self) -> None:
        self.toggle_class("-zoom")

    def action_mark(self) -> None:
        row = self._chosen
        if row is None:
            return
        if row.id in self._model.orphans:
            self.say(f"{row.id} is training outside a proposal: it cannot be compared", "warning")
            return
        self._model.table.marked ^= {row.id}
        self._list.redraw(row.id)
        self._list.action_step(1)
        self._draw_headline()
        self._draw_keys()

    def action_compare(self) -> None:
        from mltui.ui.tui.compare_screen import CompareScreen

        marked = self._model.marked
        if len(marked) < 2:
            mark, compare = (spelled(f"log.{name}", self._mapped) for name in ("mark", "compare"))
            self.say(f"Mark two or more with {mark}, then {compare} compares them", "warning")
            return
        self._push(CompareScreen(self._experiments, marked))

    def sort_by(self, name: str) -> None:
        """Sorts by a column; once more the other way round."""
        if name in SORTS:
            self._model.sort_by(name)
            self._fill()

    def action_sort(self) -> None:
        self._model.sort_next()
        self.say(f"Sorted by {self._model.table.sort}", "muted")
        self._fill()

    def action_reverse(self) -> None:
        self.sort_by(self._model.table.sort)

    def action_filter(self) -> None:
        self._input.display = True
        self._input.take_focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        try:
            self._model.filter(event.value)
        except UsageError as error:
            self.say(str(error), "warning")
            return
        self.say("")
        self._fill()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._input.display = False
        self._list.focus()

    def action_close(self) -> None:
        """Takes back one thing after the other: the filter, the zoom, the screen."""
        if self._input.display or self._model.query:
            self._input.value = ""
            self._input.display = False
            self._list.focus()
        elif self.has_class("-zoom"):
            self.remove_class("-zoom")
        else:
            self.dismiss(None)

    def action_pending(self) -> None:
        from mltui.ui.tui.review_screen import ReviewScreen

        self._push(ReviewScreen(self._decider, self._follow, self._ask), lambda _: self.refresh_all())

    def action_report(self, direction: int) -> None:
        report = self._details.scroll
        report.scroll_relative(y=direction * max(1, report.size.height - 2), animate=False)
