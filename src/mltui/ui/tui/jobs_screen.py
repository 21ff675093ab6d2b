"""What runs: jobs of experiments, commands in the background, the machine and its GPUs. It looks each second, while it is open."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from mltui.core.errors import MltuiError
from mltui.ui.commands.jobs import NOTHING, NOTHING_HINT, stop
from mltui.ui.jobs import Machine, Running, Watch, facts, gpu_lines, machine_line
from mltui.ui.tui.keys.line import key_of, live, spelled
from mltui.ui.tui.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult

    from mltui.ui.commands.base import Console
    from mltui.ui.session import AgentSession

EVERY = 1.0
"""Seconds between two looks."""
SURE = 3.0
"""Seconds in which the second key stops."""
_STYLES = {"running": "$accent", "failed": "$error", "killed": "$error", "lost": "$error", "stopped": "$warning", "waiting": "$warning"}
_KEYS = (("jobs.stop", "stop"), ("jobs.open", "its experiment"), ("jobs.up", "choose"), ("jobs.close", "close"))


class JobsScreen(ModalScreen[None]):
    """Args: open_experiment: shows an experiment in the log, by its id."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,f6", "close", "Close", show=False, priority=True, id="jobs.close"),
        Binding("up,k", "move(-1)", "Row above", show=False, priority=True, id="jobs.up"),
        Binding("down,j", "move(1)", "Row below", show=False, priority=True, id="jobs.down"),
        Binding("s", "stop", "Stop it; twice", show=False, id="jobs.stop"),
        Binding("o", "open", "Its experiment in the log", show=False, id="jobs.open"),
    ]
    DEFAULT_CSS = """
    JobsScreen { background: $background;
        & #head { height: auto; padding: 0 2; background: $panel; }
        & #machine { height: auto; max-height: 8; padding: 0 2; color: $text-muted; }
        & OptionList { height: auto; max-height: 10; border: none; padding: 0 1; background: $background; scrollbar-size-vertical: 1;
            text-wrap: nowrap; text-overflow: ellipsis; &:focus { border: none;
                & > .option-list--option-highlighted { background: $primary 30%; color: $foreground; } }
            & > .option-list--option-highlighted { background: $primary 30%; color: $foreground; text-style: bold; } }
        & #output { height: 1fr; padding: 0 2; border-top: solid $panel; }
        & #keys { height: auto; padding: 0 2; background: $panel; }
    }
    """
    clock = staticmethod(time.monotonic)

    def __init__(self, session: AgentSession, console: Console, open_experiment: Callable[[str], None]) -> None:
        super().__init__()
        self._looker: Watch | None = None
        self._session = session
        self._over = console
        self._open = open_experiment
        self._jobs: list[Running] = []
        self._list = OptionList(id="jobs")
        self._looking = False
        self._armed: tuple[str, float] = ("", 0.0)
        self._note = ""

    def compose(self) -> ComposeResult:
        yield Static("Jobs and GPUs", id="head", markup=False)
        yield Static("Looking …", id="machine", markup=False)
        with Vertical():
            yield self._list
            yield Static("", id="output", markup=False)
        yield Static("", id="keys", markup=False)

    def on_mount(self) -> None:
        self._list.focus()
        self.call_after_refresh(self._draw_keys)
        self._tick()
        self.set_interval(EVERY, self._tick)

    def _tick(self) -> None:
        if not self._looking and self.is_current:
            self._looking = True
            self.run_worker(self._look, group="look", exit_on_error=False)

    async def _look(self) -> None:
        """One look at everything; a slow one is not overtaken by the next."""
        try:
            if self._looker is None:
                self._looker = await asyncio.to_thread(Watch, self._session)
            jobs = await asyncio.to_thread(self._looker.jobs)
            machine = await asyncio.to_thread(self._looker.machine)
            self._show(jobs, machine)
            await self._show_output()
        except MltuiError as error:
            self._say(str(error))
        finally:
            self._looking = False

    def _show(self, jobs: list[Running], machine: Machine) -> None:
        runs = sum(job.alive for job in jobs)
        count = f"{runs} running" if runs else "nothing runs"
        self.query_one("#head", Static).update(Content.assemble(("Jobs and GPUs", "bold $primary"), (f"  {count}", "$foreground 62%")))
        self.query_one("#machine", Static).update("\n".join(map(one_line, [machine_line(machine), *gpu_lines(machine.gpus)])))
        self._jobs = jobs
        chosen = self._chosen
        at = next((place for place, job in enumerate(jobs) if chosen is not None and job.id == chosen.id), 0)
        drawn = [_row(job) for job in jobs]
        if [option.id for option in self._list.options] == [job.id for job in jobs]:
            for place, row in enumerate(drawn):
                self._list.replace_option_prompt_at_index(place, row)
        else:
            self._list.clear_options()
            self._list.add_options([Option(row, id=job.id) for row, job in zip(drawn, jobs, strict=True)])
            self._list.highlighted = at if jobs else None
        self._list.display = bool(jobs)

    @property
    def _chosen(self) -> Running | None:
        at = self._list.highlighted
        id_ = self._list.get_option_at_index(at).id if at is not None and at < self._list.option_count else None
        return next((job for job in self._jobs if job.id == id_), None)

    async def _show_output(self) -> None:
        output = self.query_one("#output", Static)
        job = self._chosen
        if job is None or self._looker is None:
            output.update(f"{NOTHING}\n{NOTHING_HINT}" if not self._jobs else "")
            return
        lines = await asyncio.to_thread(self._looker.output, job, max(1, output.size.height))
        output.update("\n".join(map(one_line, lines)) or "It has printed nothing yet")

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self.run_worker(self._show_output, group="output", exclusive=True, exit_on_error=False)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.action_open()

    def _draw_keys(self) -> None:
        keys = live(self)
        parts = [f"{key} {what}" for id_, what in _KEYS if (key := spelled(id_, keys))]
        note = [Content.styled(one_line(self._note), "$warning")] if self._note else []
        self.query_one("#keys", Static).update(Content("\n").join([*note, Content.styled("   ".join(parts), "$foreground 62%")]))

    def _say(self, text: str) -> None:
        self._note = text
        self._draw_keys()

    # ── keys ─────────────────────────────────────────────────────────────────────

    def action_close(self) -> None:
        self.dismiss(None)

    def action_move(self, rows: int) -> None:
        if count := self._list.option_count:
            self._list.highlighted = max(0, min(count - 1, (self._list.highlighted or 0) + rows))

    def action_open(self) -> None:
        job = self._chosen
        if job is not None and job.proposal_id:
            self._open(job.proposal_id)

    def action_stop(self) -> None:
        job, now = self._chosen, self.clock()
        if job is None or not job.alive:
            self._say("It does not run" if job is not None else "")
        elif self._armed[0] == job.id and now - self._armed[1] < SURE:
            self._armed = ("", 0.0)
            self.run_worker(partial(self._stop, job), exit_on_error=False)
        else:
            self._armed = (job.id, now)
            self._say(f"{key_of(self, 'jobs.stop')} again stops {job.id}")

    async def _stop(self, job: Running) -> None:
        try:
            self._say(await stop(self._over, job))
        except MltuiError as error:
            self._say(str(error))
        self._tick()


def _row(job: Running) -> Content:
    state = Content.styled(f"{one_line(job.state):<11}", _STYLES.get(job.state.partition(" ")[0], "$foreground 62%"))
    about = facts(job)
    return Content.assemble(state, one_line(job.what), (f"  {about}" if about else "", "$foreground 62%"))
