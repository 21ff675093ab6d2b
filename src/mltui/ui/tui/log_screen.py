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
from textual.message import Message
from textual.screen import Screen
from textual.widgets._option_list import OptionList  # the public name is a lazy import of the same
from textual.widgets.option_list import Option

from mltui.core.approval import Decision, ExperimentRequest, KeepRequest
from mltui.core.errors import MltuiError
from mltui.core.messages import ToolCall
from mltui.ui.tui.diff import DiffText
from mltui.ui.tui.experiment_pane import ExperimentPane, KeepPane
from mltui.ui.tui.log_rows import actions_for, row_of
from mltui.ui.tui.proposal_view import proposal_sections, result_sections, state_line, title_line
from mltui.ui.tui.strip_view import RichView
from mltui.ui.tui.text import one_line

if TYPE_CHECKING:
    from textual.app import App, ComposeResult

    from mltui.core.events import ExperimentFinished, ExperimentProgressed
    from mltui.core.experiment import Experiment
    from mltui.ui.session import ExperimentLog


class ExperimentList(OptionList):
    """The list; its rows are made for its width."""

    class Resized(Message):
        pass

    def on_resize(self) -> None:
        self.post_message(self.Resized())


class LogScreen(Screen[None]):
    """A list on the left (above, where it is narrow), the report of the chosen experiment beside it.

    Args:
        experiments: its calls are made in threads.
        by: who decides here.
        follow: shows a running experiment in the conversation too.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,f2", "close", "Close", priority=True),
        Binding("pageup", "report(-1)", show=False, priority=True),
        Binding("pagedown,space", "report(1)", show=False, priority=True),
        Binding("d", "report_diff", show=False),
        *[
            Binding(key, f"act('{name}')", show=False)
            for key, name in (("y", "decide"), ("enter", "decide"), ("r", "run"), ("s", "stop"), ("k", "keep"))
        ],
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012  (the base declares its type)
    DEFAULT_CSS = """
    LogScreen { background: $background;
        & > .headline { height: 1; padding: 0 2; background: $panel; }
        & > Horizontal { height: 1fr; layout: vertical; }
        & #left { height: 40%; width: 1fr; }
        & OptionList {
            height: 1fr; border: none; padding: 0; scrollbar-size-vertical: 1; background: $background; background-tint: $background 0%;
            &:focus { border: none; background-tint: $background 0%; }
            & > .option-list--option { padding: 0 1; }
            & > .option-list--option-highlighted, &:focus > .option-list--option-highlighted {
                background: $panel; color: $foreground; text-style: none;
            }
        }
        & #report { height: 1fr; width: 1fr; padding: 1 1 0 1; border-top: solid $panel; scrollbar-size-vertical: 1; }
        &.-wide > Horizontal { layout: horizontal; }
        &.-wide #left { width: 5fr; height: 1fr; }
        &.-wide #report { width: 6fr; border-top: none; border-left: solid $panel; padding: 0 1 0 2; }
        & > #keys { height: auto; padding: 0 1; background: $panel; }
    }
    """

    def __init__(self, experiments: ExperimentLog, by: str, follow: Callable[[str], None]) -> None:
        super().__init__()
        self._experiments = experiments
        self._by = by
        self._follow = follow
        self._all: dict[str, Experiment] = {}
        self._progress: dict[str, tuple[int, int]] = {}
        self._headline = RichView(classes="headline")
        self._list = ExperimentList(markup=False, compact=True)
        self._report = RichView()
        self._diff_view = RichView()
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
                yield self._diff_view
        yield self._keys

    def on_mount(self) -> None:
        self._list.focus()
        self.refresh_all()

    def on_experiment_list_resized(self) -> None:
        self._fill()

    # ── what is shown ────────────────────────────────────────────────────────────

    def refresh_all(self) -> None:
        """Reads the log again."""
        self.run_worker(self._load, group="load", exclusive=True, exit_on_error=False)

    async def _load(self) -> None:
        try:
            found = await asyncio.to_thread(self._experiments.list)
        except MltuiError as error:
            self._say(str(error), "error")
            return
        self._all = {experiment.id: experiment for experiment in reversed(found)}
        self._fill()
        for experiment in found:
            if experiment.state == "running" and experiment.id not in self._progress:
                self.run_worker(partial(self._watch, experiment.id), group=f"watch-{experiment.id}", exclusive=True, exit_on_error=False)

    def _fill(self) -> None:
        waiting = sum(experiment.state in ("proposed", "held") for experiment in self._all.values())
        headline = Text.assemble(
            ("Experiments", "primary.bold"), (f"  {len(self._all)} in all", "muted"), no_wrap=True, overflow="ellipsis"
        )
        if waiting:
            headline.append(f" · {waiting} waiting for a decision", style="accent")
        self._headline.update(headline)
        width = max(20, (self._list.scrollable_content_region.width or self.size.width) - 3)
        chosen = self._list.highlighted
        rows = [Option(row_of(experiment, width, self._progress.get(id_)), id=id_) for id_, experiment in self._all.items()]
        self._list.clear_options()
        self._list.add_options(rows)
        if rows:
            self._list.highlighted = min(chosen or 0, len(rows) - 1)
        else:
            self._report.update(
                Text("No experiments yet", style="strong"),
                Text(
                    "They appear here when the agent proposes a change to training code, hyperparameters, prompts, data or evaluation.",
                    style="muted",
                ),
            )
        self._draw_keys()

    @property
    def chosen(self) -> Experiment | None:
        at = self._list.highlighted
        option = self._list.get_option_at_index(at) if at is not None and at < self._list.option_count else None
        return self._all.get(option.id) if option is not None and option.id else None

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self._draw_report()
        if event.option_id != self._noted:
            self._note, self._noted = None, event.option_id
        self._draw_keys()

    def _draw_report(self) -> None:
        experiment = self.chosen
        if experiment is None:
            return
        sections = [*result_sections(experiment), *proposal_sections(experiment.proposal)]
        self._report.update(title_line(experiment.proposal), state_line(experiment), Text(), Group(*sections))
        diff = DiffText(experiment.proposal.patch, limit=2000)
        self._diff_view.update(Text.assemble(("Changed code  ", "primary.bold"), diff.counts) if diff else Text(), diff)

    def _draw_keys(self) -> None:
        line = Text()
        for key, label in [*(actions_for(self.chosen.state) if self.chosen else []), ("d", "diff"), ("Esc", "close")]:
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
            self._push(ExperimentPane(ExperimentRequest(id=id_, call=call, proposal=experiment.proposal), self._by), self._decided(id_))
        elif name in ("decide", "keep") and state in ("compared", "interpreted"):
            self._push(KeepPane(KeepRequest(id=id_, call=call, experiment=experiment), self._by), self._settled(id_))
        elif name in ("decide", "run") and state == "approved":
            self._do(id_, f"{id_} runs", lambda: self._experiments.start(id_), then_follow=True)
        elif name == "stop" and state == "running":
            self._do(id_, f"{id_} is stopped", lambda: self._experiments.stop(id_))
        else:
            self._say(f"{id_} is {state}: nothing to {name}", "warning")

    def _push(self, pane: Screen[Decision], take: Callable[[Decision | None], None]) -> None:
        cast("App[Any]", self.app).push_screen(pane, take)  # pyright: ignore[reportUnknownMemberType]  (Textual leaves its parameter open)

    def _decided(self, id_: str) -> Callable[[Decision | None], None]:
        def take(decision: Decision | None) -> None:
            if decision is None or decision.answer == "stop":
                return
            answer = decision.answer

            def act() -> None:
                self._experiments.decide(id_, answer=answer, by=decision.by, reason=decision.reason)
                if answer == "approve":
                    self._experiments.start(id_)

            word = {"approve": "approved, and runs", "reject": "rejected", "hold": "held"}[answer]
            self._do(id_, f"{id_} is {word}", act, then_follow=answer == "approve")

        return take

    def _settled(self, id_: str) -> Callable[[Decision | None], None]:
        def take(decision: Decision | None) -> None:
            if decision is None or decision.answer not in ("approve", "reject"):
                return
            settle = self._experiments.accept if decision.approved else self._experiments.discard
            word = "kept: the change is in the working tree" if decision.approved else "discarded"
            self._do(id_, f"{id_} is {word}", lambda: settle(id_, by=decision.by))

        return take

    def _do(self, id_: str, done: str, act: Callable[[], object], *, then_follow: bool = False) -> None:
        async def work() -> None:
            try:
                await asyncio.to_thread(act)
            except MltuiError as error:
                self._say(str(error), "error")
            else:
                self._say(done)
                if then_follow:
                    self._follow(id_)
            await self._load()

        self.run_worker(work, name=f"act-{id_}", exit_on_error=False)

    # ── keys ─────────────────────────────────────────────────────────────────────

    def action_close(self) -> None:
        self.dismiss(None)

    def action_report(self, direction: int) -> None:
        report = self.query_one("#report", VerticalScroll)
        report.scroll_relative(y=direction * max(1, report.size.height - 2), animate=False)

    def action_report_diff(self) -> None:
        self.query_one("#report", VerticalScroll).scroll_to_widget(self._diff_view, top=True, animate=False)
