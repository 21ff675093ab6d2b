"""The experiment log: every experiment of the project, and what can be decided about the chosen one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from heapq import merge
from typing import TYPE_CHECKING, Any, ClassVar, cast

from rich.console import Group
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import Screen

from mltui.core.approval import Decision, ExperimentRequest, KeepRequest
from mltui.core.errors import MltuiError
from mltui.core.messages import ToolCall
from mltui.experiments.index import Row
from mltui.ui.tui.deciding import Decider, Done
from mltui.ui.tui.diff import counts
from mltui.ui.tui.diff_lines import DiffLines
from mltui.ui.tui.diff_view import DiffView
from mltui.ui.tui.experiment_pane import ExperimentPane, KeepPane
from mltui.ui.tui.log_list import LogList
from mltui.ui.tui.log_orphans import orphan_report, orphan_row
from mltui.ui.tui.log_rows import actions_for, is_open, row_of
from mltui.ui.tui.proposal_view import proposal_sections, result_sections, state_line, title_line
from mltui.ui.tui.strip_view import RichView
from mltui.ui.tui.text import one_line

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual.app import App, ComposeResult
    from textual.content import Content

    from mltui.core.events import ExperimentFinished, ExperimentProgressed
    from mltui.experiments.orphans import Orphan, Settled


_ACTS = (
    ("y", "decide"),
    ("enter", "decide"),
    ("r", "run"),
    ("s", "stop"),
    ("k", "keep"),
    ("a", "adopt"),
    ("x", "discard"),
)

_OUTCOMES: dict[str, Settled] = {"adopt": "adopt", "discard": "discard"}
_SETTLING = ("compared", "interpreted", "maintenance")
_EMPTY = (
    Text("No experiments yet", style="strong"),
    Text(
        "They appear here when the agent proposes a change to training code, hyperparameters, prompts, data or evaluation.",
        style="muted",
    ),
)


class LogScreen(Screen[None]):
    """A list on the left (above, where it is narrow), the report of the chosen experiment beside it.

    Args:
        decider: its calls are made in threads.
        follow: shows a running experiment in the conversation too.
        ask: puts a question about an experiment to the agent.
        chosen: the id of what is looked at first; the newest where there is none such.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,f2", "close", "Close", priority=True),
        Binding("pageup", "report(-1)", show=False, priority=True),
        Binding("pagedown,space", "report(1)", show=False, priority=True),
        Binding("d", "report_diff", show=False),
        *[Binding(key, f"act('{name}')", show=False) for key, name in _ACTS],
        Binding("p", "pending", show=False),
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012  (the base declares its type)
    DEFAULT_CSS = """
    LogScreen { background: $background;
        & > .headline { height: 1; padding: 0 2; background: $panel; }
        & > Horizontal { height: 1fr; layout: vertical; }
        & #left { height: 40%; width: 1fr; }
        & #report { height: 1fr; width: 1fr; padding: 1 1 0 1; border-top: solid $panel; scrollbar-size-vertical: 1; }
        &.-wide > Horizontal { layout: horizontal; }
        &.-wide #left { width: 5fr; height: 1fr; }
        &.-wide #report { width: 6fr; border-top: none; border-left: solid $panel; padding: 0 1 0 2; }
        & > #keys { height: auto; padding: 0 1; background: $panel; }
    }
    """

    def __init__(self, decider: Decider, follow: Callable[[str], None], ask: Callable[[str, str], None], chosen: str = "") -> None:
        super().__init__()
        self._sought = chosen
        self._decider = decider
        self._experiments = decider.experiments
        self._by = decider.by
        self._follow = follow
        self._ask = ask
        self._rows: list[Row] = []
        self._orphans: list[Orphan] = []
        self._all: dict[str, Row | Orphan] = {}
        self._ids: list[str] = []
        self._loaded = False
        self._progress: dict[str, tuple[int, int]] = {}
        self._headline = RichView(classes="headline")
        self._list = LogList(self._row)
        self._report = RichView()
        self._diff_head = RichView()
        self._diff_view = DiffView(DiffLines(""))
        self._reported: Row | Orphan | None = None
        self._waiting = False
        self._keys = RichView(id="keys")
        self._note: Text | None = None
        self._noted: str | None = None

    def compose(self) -> ComposeResult:
        yield self._headline
        with Horizontal():
            with Vertical(id="left"):
                yield self._list
            with VerticalScroll(id="report", can_focus=False):
                yield self._report
                yield self._diff_head
                yield self._diff_view
        yield self._keys

    def on_mount(self) -> None:
        self._list.focus()
        self._fill()
        self.refresh_all()

    # ── what is shown ────────────────────────────────────────────────────────────

    def refresh_all(self) -> None:
        """Reads the log again."""
        self.run_worker(self._load, group="load", exclusive=True, exit_on_error=False)

    async def _load(self) -> None:
        """Experiments first: what trained outside of them is found by reading the journal."""
        log = self._experiments
        try:
            self._rows = await asyncio.to_thread(log.rows)
            self._loaded = True
            self._fill()
            orphans = await asyncio.to_thread(lambda: log.orphans().list())
        except MltuiError as error:
            self._say(str(error), "error")
            return
        if orphans != self._orphans:
            self._orphans = orphans
            self._fill()
        self._seek()
        for row in self._rows:
            if row.state == "running" and row.id not in self._progress:
                self.run_worker(partial(self._watch, row.id), group=f"watch-{row.id}", exclusive=True, exit_on_error=False)

    def _seek(self) -> None:
        """Goes to what the person named, once."""
        wanted, self._sought = self._sought.upper(), ""
        if wanted.isdigit():
            wanted = f"P-{int(wanted):04d}"
        if wanted in self._all:
            self._list.highlighted = self._ids.index(wanted)
        elif wanted:
            self._say(f"There is no {wanted} in the log", "warning")

    def _fill(self) -> None:
        entries = merge(reversed(self._rows), reversed(self._orphans), key=_age)
        self._all = {_id(entry): entry for entry in entries}
        states = [*map(_state_of, self._all.values())]
        waiting, unplanned = sum(map(is_open, states)), states.count("unplanned")
        headline = Text.assemble(("Experiments", "primary.bold"), no_wrap=True, overflow="ellipsis")
        headline.append(f"  {len(self._rows)} in all" if self._loaded else "", style="muted")
        if waiting:
            headline.append(f" · {waiting} waiting for a decision", style="accent")
        if unplanned:
            headline.append(f" · {unplanned} training outside a proposal", style="warning")
        self._headline.update(headline)
        self._waiting = bool(waiting)
        self._ids = [*self._all]
        self._list.put(self._ids)
        if not self._ids:
            self._report.update(*(_EMPTY if self._loaded else [Text("Reading the log …", style="strong")]))

    def _row(self, at: int, width: int) -> Content:
        entry = self._all[self._ids[at]]
        return row_of(entry, width, self._progress.get(entry.id)) if isinstance(entry, Row) else orphan_row(entry, width)

    @property
    def _chosen(self) -> Row | Orphan | None:
        return self._all.get(self._list.chosen or "")

    def on_log_list_chosen(self) -> None:
        self._draw_report()
        if self._list.chosen != self._noted:
            self._note, self._noted = None, self._list.chosen
        self._draw_keys()

    def on_log_list_opened(self) -> None:
        self.action_act("decide")

    def _draw_report(self) -> None:
        entry = self._chosen
        if entry is None or entry == self._reported:
            return
        if self._reported is None or _id(self._reported) != _id(entry):
            self.query_one("#report", VerticalScroll).scroll_home(animate=False)
        self._reported = entry
        if isinstance(entry, Row):
            self.run_worker(partial(self._load_report, entry), group="report", exclusive=True, exit_on_error=False)
        else:
            self._put_report(orphan_report(entry), "")

    async def _load_report(self, row: Row) -> None:
        try:
            experiment = await asyncio.to_thread(self._experiments.peek, row.id)
        except MltuiError as error:
            self._reported = None
            self._say(str(error), "error")
            return
        if self._reported is row:
            sections = [*result_sections(experiment), *proposal_sections(experiment.proposal, experiment.exchanges)]
            self._put_report([title_line(experiment.proposal), state_line(experiment), Text(), Group(*sections)], experiment.proposal.patch)

    def _put_report(self, parts: Sequence[RenderableType], patch: str) -> None:
        self._report.update(*parts)
        lines = DiffLines(patch)
        self._diff_head.update(Text.assemble(("Changed code  ", "primary.bold"), counts(lines)) if lines else Text())
        self._diff_view.put(lines)

    def _draw_keys(self) -> None:
        line = Text()
        entry = self._chosen
        keys = actions_for(_state_of(entry)) if entry is not None else []
        pending = [("p", "all pending")] if self._waiting else []
        diff = [("d", "diff")] if entry is None or isinstance(entry, Row) else []
        for key, label in [*keys, *pending, *diff, ("Esc", "close")]:
            line.append(f" {key}", style="strong")
            line.append(f" {label} ", style="muted")
        self._keys.update(*([self._note] if self._note else []), line)

    def _say(self, text: str, style: str = "success") -> None:
        self._note, self._noted = Text(f" {one_line(text)}", style=style, overflow="fold"), self._list.chosen
        self._draw_keys()

    # ── runs ─────────────────────────────────────────────────────────────────────

    async def _watch(self, id_: str) -> None:
        """Keeps a running experiment's row up to date until it ends."""
        try:
            async for event in self._experiments.follow(id_):
                self._took(id_, event)
        except MltuiError as error:
            self._say(str(error), "error")
        finally:
            self._progress.pop(id_, None)
        self.refresh_all()

    def _took(self, id_: str, event: ExperimentProgressed | ExperimentFinished) -> None:
        if event.type == "experiment.progressed":
            self._progress[id_] = (event.done, event.total)
            self._list.redraw(id_)
        else:
            self._say(f"{id_} is over: {event.state}")

    # ── decisions ────────────────────────────────────────────────────────────────

    def action_act(self, name: str) -> None:
        entry, id_ = self._chosen, self._list.chosen
        if entry is None or id_ is None:
            return
        state = _state_of(entry)
        if name in _OUTCOMES and state == "unplanned":
            self._do(id_, partial(self._decider.settle_orphan, id_, _OUTCOMES[name]))
        elif (name in ("decide", "keep") and state in _SETTLING) or (name == "decide" and is_open(state)):
            self.run_worker(partial(self._put_to_person, id_), group="pane", exclusive=True, exit_on_error=False)
        elif name in ("decide", "run") and state == "approved":
            self._do(id_, self._started(id_))
        elif name == "stop" and state == "running":
            self._do(id_, self._stopped(id_))
        elif state == "unplanned":
            self._say(f"{id_} is training outside a proposal: a adopts it, x discards it", "warning")
        else:
            self._say(f"{id_} is {state}: nothing to {name}", "warning")

    async def _put_to_person(self, id_: str) -> None:
        """Opens the pane that decides, on what the journal itself says."""
        try:
            experiment = await asyncio.to_thread(self._experiments.get, id_)
        except MltuiError as error:
            self._say(str(error), "error")
            return
        call = ToolCall(id="", name="")
        if is_open(experiment.state):
            request = ExperimentRequest(id=id_, call=call, proposal=experiment.proposal, exchanges=experiment.exchanges)
            self._push(ExperimentPane(request, self._by), self._decided(id_))
        elif experiment.state in _SETTLING:
            self._push(KeepPane(KeepRequest(id=id_, call=call, experiment=experiment), self._by), self._settled(id_))
        else:
            self._say(f"{id_} was decided elsewhere: it is {experiment.state}", "warning")
            await self._load()

    def _push(self, pane: Screen[Decision], take: Callable[[Decision | None], None]) -> None:
        cast("App[Any]", self.app).push_screen(pane, take)  # pyright: ignore[reportUnknownMemberType]  (Textual leaves its parameter open)

    def _started(self, id_: str) -> Callable[[], Done]:
        def act() -> Done:
            self._experiments.start(id_)
            return Done(id_, f"{id_} runs", runs=id_)

        return act

    def _stopped(self, id_: str) -> Callable[[], Done]:
        def act() -> Done:
            self._experiments.stop(id_)
            return Done(id_, f"{id_} is stopped")

        return act

    def _decided(self, id_: str) -> Callable[[Decision | None], None]:
        def take(decision: Decision | None) -> None:
            if decision is not None and decision.answer != "stop":
                self._do(id_, lambda: self._decider.decide(id_, decision))

        return take

    def _settled(self, id_: str) -> Callable[[Decision | None], None]:
        def take(decision: Decision | None) -> None:
            if decision is not None and decision.answer in ("approve", "reject"):
                self._do(id_, lambda: self._decider.settle(id_, decision))

        return take

    def _do(self, id_: str, act: Callable[[], Done]) -> None:
        async def work() -> None:
            try:
                done = await asyncio.to_thread(act)
            except MltuiError as error:
                self._say(str(error), "error")
            else:
                self._say(*((done.error, "error") if done.error else (done.text, "success")))
                if done.runs:
                    self._follow(done.runs)
                if done.question:
                    self._ask(id_, done.question)
            await self._load()

        self.run_worker(work, name=f"act-{id_}", exit_on_error=False)

    # ── keys ─────────────────────────────────────────────────────────────────────

    def action_close(self) -> None:
        self.dismiss(None)

    def action_pending(self) -> None:
        from mltui.ui.tui.review_screen import ReviewScreen

        screen = ReviewScreen(self._decider, self._follow, self._ask)
        cast("App[Any]", self.app).push_screen(screen, lambda _: self.refresh_all())  # pyright: ignore[reportUnknownMemberType]

    def action_report(self, direction: int) -> None:
        report = self.query_one("#report", VerticalScroll)
        report.scroll_relative(y=direction * max(1, report.size.height - 2), animate=False)

    def action_report_diff(self) -> None:
        self.query_one("#report", VerticalScroll).scroll_to_widget(self._diff_head, top=True, animate=False)


def _id(entry: Row | Orphan) -> str:
    return entry.id if isinstance(entry, Row) else entry.training.id


def _age(entry: Row | Orphan) -> float:
    return -(entry.created if isinstance(entry, Row) else entry.when)


def _state_of(entry: Row | Orphan) -> str:
    """The experiment's; of training outside a proposal what was said of it, or `unplanned`."""
    return entry.state if isinstance(entry, Row) else {"adopt": "adopted", "discard": "discarded"}.get(entry.settled, "unplanned")
