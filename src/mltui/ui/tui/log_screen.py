"""The experiment log: every experiment of the project, and what can be decided about the chosen one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from rich.console import Group
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import Screen
from textual.widgets._option_list import OptionList  # the public name is a lazy import of the same
from textual.widgets.option_list import Option

from mltui.core.approval import Decision, ExperimentRequest, KeepRequest
from mltui.core.errors import MltuiError
from mltui.core.messages import ToolCall
from mltui.ui.tui.deciding import Decider, Done
from mltui.ui.tui.diff import counts
from mltui.ui.tui.diff_lines import DiffLines
from mltui.ui.tui.diff_view import DiffView
from mltui.ui.tui.experiment_list import ExperimentList
from mltui.ui.tui.experiment_pane import ExperimentPane, KeepPane
from mltui.ui.tui.log_rows import actions_for, row_of
from mltui.ui.tui.proposal_view import proposal_sections, result_sections, state_line, title_line
from mltui.ui.tui.review_rows import is_open
from mltui.ui.tui.strip_view import RichView
from mltui.ui.tui.text import one_line

if TYPE_CHECKING:
    from textual.app import App, ComposeResult

    from mltui.core.events import ExperimentFinished, ExperimentProgressed
    from mltui.core.experiment import Experiment


_ACTS = (
    ("y", "decide"),
    ("enter", "decide"),
    ("r", "run"),
    ("s", "stop"),
    ("k", "keep"),
    ("a", "adopt"),
    ("x", "discard"),
)


class LogScreen(Screen[None]):
    """A list on the left (above, where it is narrow), the report of the chosen experiment beside it.

    Args:
        decider: its calls are made in threads.
        follow: shows a running experiment in the conversation too.
        ask: puts a question about an experiment to the agent.
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

    def __init__(self, decider: Decider, follow: Callable[[str], None], ask: Callable[[str, str], None]) -> None:
        super().__init__()
        self._decider = decider
        self._experiments = decider.experiments
        self._by = decider.by
        self._follow = follow
        self._ask = ask
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
        self.refresh_all()

    # ── what is shown ────────────────────────────────────────────────────────────

    def refresh_all(self) -> None:
        """Reads the log again."""
        self.run_worker(self._load, group="load", exclusive=True, exit_on_error=False)

    async def _load(self) -> None:
        try:
            self._put(await asyncio.to_thread(self._experiments.rows), [])
            if orphans := await asyncio.to_thread(self._experiments.orphans().list):
                self._put([each for each in self._all.values() if isinstance(each, Row)], orphans)
        except MltuiError as error:
            self._say(str(error), "error")

    def _put(self, found: Sequence[Row], orphans: Sequence[Orphan]) -> None:
        ...

    def _draw_keys(self) -> None:
        line = Text()
        keys = actions_for(self.chosen.state) if self.chosen else []
        pending = [("p", "all pending")] if any(map(is_open, self._all.values())) else []
        for key, label in [*keys, *pending, ("d", "diff"), ("Esc", "close")]:
            line.append(f" {key}", style="strong")
            line.append(f" {label} ", style="muted")
        self._keys.update(*([self._note] if self._note else []), line)

    def _say(self, text: str, style: str = "success") -> None:
        self._note = Text(f" {one_line(text)}", style=style, overflow="fold")
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
            self._fill()

    # ── decisions ────────────────────────────────────────────────────────────────

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.action_act("decide")

    def action_act(self, name: str) -> None:
        experiment = self.chosen
        if experiment is None:
            return
        state, id_ = experiment.state, experiment.id
        call = ToolCall(id="", name="")
        if name == "decide" and state in ("proposed", "held"):
            request = ExperimentRequest(id=id_, call=call, proposal=experiment.proposal, exchanges=experiment.exchanges)
            self._push(ExperimentPane(request, self._by), self._decided(id_))
        elif name in ("decide", "keep") and state in ("compared", "interpreted", "maintenance"):
            self._push(KeepPane(KeepRequest(id=id_, call=call, experiment=experiment), self._by), self._settled(id_))
        elif name in ("decide", "run") and state == "approved":
            self._do(id_, self._started(id_))
        elif name == "stop" and state == "running":
            self._do(id_, self._stopped(id_))
        else:
            self._say(f"{id_} is {state}: nothing to {name}", "warning")

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
