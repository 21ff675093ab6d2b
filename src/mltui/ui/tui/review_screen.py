"""Every proposal that waits for a decision, on one screen: look, mark, decide."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, cast

from rich.console import Group
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import Screen
from textual.widgets._option_list import OptionList  # the public name is a lazy import of the same
from textual.widgets.option_list import Option

from mltui.core.approval import Decision, ExperimentRequest
from mltui.core.errors import MltuiError
from mltui.core.messages import ToolCall
from mltui.ui.file_watch import FileWatch
from mltui.ui.tui.decision_pane import ReasonInput
from mltui.ui.tui.diff import counts
from mltui.ui.tui.diff_lines import DiffLines
from mltui.ui.tui.diff_view import DiffView
from mltui.ui.tui.evidence_view import minutes_text
from mltui.ui.tui.experiment_list import ExperimentList
from mltui.ui.tui.experiment_pane import HELD_KINDS, ExperimentPane
from mltui.ui.tui.keys.line import bar, live, spelled
from mltui.ui.tui.proposal_view import proposal_sections, state_line, title_line
from mltui.ui.tui.review_rows import heading, minutes_of, pending, review_row
from mltui.ui.tui.strip_view import RichView
from mltui.ui.tui.text import one_line

if TYPE_CHECKING:
    from textual import events
    from textual.app import App, ComposeResult
    from textual.widgets._input import Input

    from mltui.core.experiment import Experiment
    from mltui.ui.deciding import Decider, Done

UNSURE = 1.0
"""Seconds in which no key decides, after the list moved under the mark by itself."""
_KEYS = (
    ("review.mark", "mark"),
    ("review.approve", "approve"),
    ("review.reject", "reject"),
    ("review.hold", "hold"),
    ("=enter", "open, edit, ask"),
    ("review.close", "close"),
)


class ReviewScreen(Screen[None]):
    """Open proposals, the riskiest first; the chosen one below. Evaluation and data are approved in a pane of their own.

    Args:
        decider: its calls are made in threads.
        follow: shows a running experiment in the conversation too.
        ask: puts a question about an experiment to the agent.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,f2", "close", "Close", show=False, priority=True, id="review.close"),
        Binding("pageup", "report(-1)", "Scroll the details up", show=False, priority=True, id="review.details-up"),
        Binding("pagedown", "report(1)", "Scroll the details down", show=False, priority=True, id="review.details-down"),
        Binding("y", "answer('approve')", "Approve and run", show=False, id="review.approve"),
        Binding("n", "answer('reject')", "Reject, and say why", show=False, id="review.reject"),
        Binding("h", "answer('hold')", "Decide later", show=False, id="review.hold"),
        Binding("space", "mark", "Mark it, to decide on several", show=False, id="review.mark"),
        Binding("d", "report_diff", "Go to the diff", show=False, id="review.diff"),
    ]
    DEFAULT_CSS = """
    ReviewScreen { background: $background;
        & > .headline { height: auto; padding: 0 1; background: $panel; }
        & > #table { height: auto; max-height: 40%; padding: 0 0 0 0; }
        & ExperimentList { height: auto; max-height: 100%; padding: 0; }
        & > #report { height: 1fr; padding: 1 2 0 2; border-top: solid $panel; scrollbar-size-vertical: 1; }
        & > #keys { height: auto; padding: 0 1; background: $panel; }
    }
    """
    clock = staticmethod(time.monotonic)

    def __init__(self, decider: Decider, follow: Callable[[str], None], ask: Callable[[str, str], None]) -> None:
        super().__init__()
        self._decider = decider
        self._follow = follow
        self._ask = ask
        self._open: dict[str, Experiment] = {}
        self._drawn: tuple[object, ...] = ()
        self._marked: set[str] = set()
        self._mine: set[str] = set()
        self._panes: list[str] = []
        self._once: frozenset[str] = frozenset()
        self._moved = float("-inf")
        self._loading = self._stale = self._loaded = False
        self._headline = RichView(classes="headline")
        self._list = ExperimentList(markup=False, compact=True)
        self._report = RichView()
        self._diff_head = RichView()
        self._diff = DiffView(DiffLines(""))
        self._reported: Experiment | None = None
        self._reason = ReasonInput(compact=True, placeholder="Why? Enter rejects, Esc goes back")
        self._keys = RichView(id="keys")
        self._mapped: dict[str, str] = {}
        self._note: Text | None = None
        self._watch: FileWatch | None = None

    def compose(self) -> ComposeResult:
        yield self._headline
        with Vertical(id="table"):
            yield self._list
        with VerticalScroll(id="report", can_focus=False):
            yield self._report
            yield self._diff_head
            yield self._diff
        yield self._reason
        yield self._keys

    def on_mount(self) -> None:
        self._mapped = live(self)
        self._list.focus()
        self._watch = FileWatch(self._decider.experiments.looking.journal, self.refresh_all)
        self.refresh_all()

    def on_unmount(self) -> None:
        if self._watch is not None:
            self._watch.stop()

    def on_experiment_list_resized(self) -> None:
        self._fill()

    # ── what is shown ────────────────────────────────────────────────────────────

    def refresh_all(self) -> None:
        """Reads the log again; while that goes on, once more when it is done."""
        self._stale = self._loading
        if not self._loading:
            self.run_worker(self._load, group="load", exit_on_error=False)

    async def _load(self) -> None:
        self._loading = True
        try:
            found, gone = await asyncio.to_thread(self._read, [*self._open])
        except MltuiError as error:
            self._say(str(error), "error")
            return
        finally:
            self._loading = False
            if self._stale:
                self.call_later(self.refresh_all)
        self._loaded = True
        before, self._open = self._open, {experiment.id: experiment for experiment in pending(found)}
        if gone := [experiment for experiment in gone if experiment.id not in self._mine]:
            self._say(" · ".join(f"{experiment.id} was decided elsewhere: {state_line(experiment).plain}" for experiment in gone), "accent")
        self._marked &= self._open.keys()
        drawn = tuple((experiment.id, experiment.state, experiment.exchanges) for experiment in self._open.values())
        if drawn != self._drawn or not before:
            self._drawn = drawn
            self._fill()

    def _read(self, known: list[str]) -> tuple[list[Experiment], list[Experiment]]:
        """What is open now, and what became of those that were. Blocks."""
        log = self._decider.experiments
        found = log.newest(states=("proposed", "held"))
        now = {experiment.id for experiment in found}
        return found, [log.peek(id_) for id_ in known if id_ not in now]

    def _fill(self) -> None:
        chosen, at = self._chosen_id, self._list.highlighted or 0
        width = max(20, (self._list.scrollable_content_region.width or self.size.width) - 3)
        rows = [Option(review_row(each, width, marked=id_ in self._marked), id=id_) for id_, each in self._open.items()]
        self._list.clear_options()
        self._list.add_options(rows)
        ids = [*self._open]
        if chosen is not None and chosen not in ids and chosen not in self._mine:
            self._moved = self.clock()
        if rows:
            self._list.highlighted = ids.index(chosen) if chosen in ids else min(at, len(rows) - 1)
        self._draw_headline(width)
        self._draw_report()
        self._draw_keys()

    def _draw_headline(self, width: int) -> None:
        minutes = sum(minutes_of(experiment.proposal) for experiment in self._open.values())
        line = Text.assemble(("To decide", "primary.bold"), f"  {len(self._open)} open", no_wrap=True, overflow="ellipsis")
        if self._open:
            line.append(f" · {minutes_text(minutes)} in all", style="muted")
        if self._marked:
            line.append(f" · {len(self._marked)} marked", style="accent")
        self._headline.update(line, *([heading(width)] if self._open else []))

    @property
    def _chosen_id(self) -> str | None:
        at = self._list.highlighted
        return self._list.get_option_at_index(at).id if at is not None and at < self._list.option_count else None

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self._draw_report()

    def _draw_report(self) -> None:
        experiment = self._open.get(self._chosen_id or "")
        if experiment is None:
            text = "Nothing waits for a decision" if self._loaded else "Reading the log …"
            self._report.update(Text(text, style="strong"))
        elif experiment is not self._reported:
            head = [title_line(experiment.proposal), state_line(experiment), Text()]
            self._report.update(*head, Group(*proposal_sections(experiment.proposal, experiment.exchanges)))
        if experiment is not self._reported:
            self._reported = experiment
            lines = DiffLines(experiment.proposal.patch if experiment is not None else "")
            self._diff_head.update(*([Text.assemble(("Changed code  ", "primary.bold"), counts(lines))] if lines else []))
            self._diff.put(lines)
            self.query_one("#report", VerticalScroll).scroll_home(animate=False)

    def _draw_keys(self) -> None:
        self._keys.update(*([self._note] if self._note else []), bar(_KEYS if self._open else _KEYS[-1:], self._mapped))

    def _say(self, text: str, style: str = "success") -> None:
        self._note = Text(f" {one_line(text)}", style=style, overflow="fold") if text else None
        self._draw_keys()

    # ── decisions ────────────────────────────────────────────────────────────────

    def action_mark(self) -> None:
        if (id_ := self._chosen_id) is not None:
            self._marked ^= {id_}
            self._list.action_cursor_down()
            at = self._list.highlighted
            self._fill()
            self._list.highlighted = at

    def _targets(self) -> list[str]:
        """What a key is about: the marked ones, else the chosen one, unless that changed by itself a moment ago."""
        if self._marked:
            return [id_ for id_ in self._open if id_ in self._marked]
        if self.clock() - self._moved < UNSURE:
            self._say("The list moved. Look again, then press the key once more", "warning")
            return []
        id_ = self._chosen_id or ""
        return [id_] if id_ in self._open else []

    def action_answer(self, answer: str) -> None:
        targets = self._targets()
        if not targets:
            return
        match answer:
            case "approve":
                self._approve(targets)
            case "reject":
                self._reason.display = True
                self._reason.take_focus()
                self._say(f"Reject {', '.join(targets)}: say why, the agent is told", "warning")
            case _:
                self._decide(targets, Decision(answer="hold", by=self._decider.by))

    def _approve(self, targets: list[str]) -> None:
        plain = [id_ for id_ in targets if self._open[id_].proposal.kind not in HELD_KINDS]
        careful = [id_ for id_ in targets if id_ not in plain]
        if len(plain) > 1 and self._once != frozenset(plain):
            self._once = frozenset(plain)
            minutes = sum(minutes_of(self._open[id_].proposal) for id_ in plain)
            apart = f" {', '.join(careful)} will open apart." if careful else ""
            again = spelled("review.approve", self._mapped)
            self._say(
                f"Approve and run {', '.join(plain)}, {minutes_text(minutes, 'about ')}?{apart} Press {again} again to go on", "warning"
            )
            return
        self._once = frozenset()
        self._panes = careful
        if plain:
            self._decide(plain, Decision(answer="approve", by=self._decider.by))
        else:
            self._open_next()

    def _open_next(self) -> None:
        """Puts the next proposal that is decided apart to the person."""
        while self._panes:
            if (id_ := self._panes.pop(0)) in self._open:
                self._show_pane(id_)
                return

    def _show_pane(self, id_: str) -> None:
        experiment = self._open[id_]
        request = ExperimentRequest(id=id_, call=ToolCall(id="", name=""), proposal=experiment.proposal, exchanges=experiment.exchanges)

        def take(decision: Decision | None) -> None:
            if decision is None or decision.answer == "stop":
                self._panes.clear()
            elif decision.answer == "hold" and experiment.state == "held":
                self._open_next()
            else:
                self._decide([id_], decision)

        pane = ExperimentPane(request, self._decider.by)
        cast("App[Any]", self.app).push_screen(pane, take)  # pyright: ignore[reportUnknownMemberType]  (Textual leaves its parameter open)

    def _decide(self, targets: list[str], decision: Decision) -> None:
        async def work() -> None:
            done: list[Done] = []
            failed: list[str] = []
            for id_ in targets:
                self._mine.add(id_)
                try:
                    done.append(await asyncio.to_thread(self._decider.decide, id_, decision))
                except MltuiError as error:
                    failed.append(f"{id_}: {error}")
                self._marked.discard(id_)
                await self._load()
                self._mine -= self._open.keys()
            failed += [f"{each.text}, but: {each.error}" for each in done if each.error]
            self._say(" · ".join([*failed, *(each.text for each in done if not each.error)]), "error" if failed else "success")
            for each in done:
                if each.runs:
                    self._follow(each.runs)
                if each.question:
                    self._ask(each.id, each.question)
            self._open_next()

        self.run_worker(work, name="decide", exit_on_error=False)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option_id in self._open:
            self._show_pane(str(event.option_id))

    # ── keys ─────────────────────────────────────────────────────────────────────

    def on_key(self, event: events.Key) -> None:
        active = self.active_bindings.get(event.key)  # not `_mapped`, which has only the first of several keys
        if event.key not in ("shift", "ctrl") and (active is None or active.binding.id != "review.approve"):
            self._once = frozenset()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        reason = event.value.strip()
        if not reason:
            self._say("Say why, the agent is told. Esc goes back", "warning")
            return
        targets = self._targets()
        self._close_reason()
        if targets:
            self._decide(targets, Decision(answer="reject", by=self._decider.by, reason=reason))

    def _close_reason(self) -> None:
        self._reason.value = ""
        self._reason.display = False
        self._list.focus()
        self._say("")

    def action_close(self) -> None:
        if self._reason.display:
            self._close_reason()
        else:
            self.dismiss(None)

    def action_report(self, direction: int) -> None:
        report = self.query_one("#report", VerticalScroll)
        report.scroll_relative(y=direction * max(1, report.size.height - 2), animate=False)

    def action_report_diff(self) -> None:
        self.query_one("#report", VerticalScroll).scroll_to_widget(self._diff_head, top=True, animate=False)
