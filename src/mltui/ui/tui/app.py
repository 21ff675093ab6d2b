"""The app: it paints first, then opens the session; it shows events and holds no logic of the agent's."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import Binding, BindingType

from mltui.ui.commands.extensions import more
from mltui.ui.commands.table import MODES, find, parse
from mltui.ui.shell_line import typed
from mltui.ui.tui import screens
from mltui.ui.tui.approver import PaneApprover
from mltui.ui.tui.collecting import between_answers
from mltui.ui.tui.composer import Composer, PromptArea
from mltui.ui.tui.conversation_app import ConversationApp
from mltui.ui.tui.echo_screen import EchoScreen
from mltui.ui.tui.keys.line import SHORTEST_SCREEN, KeyLine, key_anywhere
from mltui.ui.tui.once import once
from mltui.ui.tui.status import StatusLine
from mltui.ui.tui.themes import register
from mltui.ui.tui.transcript import TranscriptView

if TYPE_CHECKING:
    from pathlib import Path

    from textual import events
    from textual.app import ComposeResult
    from textual.timer import Timer
    from textual.worker import Worker

    from mltui.core.events import Event
    from mltui.ui.commands.base import Command
    from mltui.ui.session import AgentSession, OpenSession
    from mltui.ui.terminal.profile import Switch
    from mltui.ui.tui.presenter import Presenter

FIRST_KEY = 0.1
"""Seconds after the first paint that belong to the first keys alone; then the session opens."""
QUIT_WINDOW = 2.0
"""Seconds in which a second Ctrl+C quits, and a second Esc goes back."""
_MAIN_ONLY = frozenset({"next_mode", "page", "earlier", "toggle_all", "log", "model", "escape", "palette", "jobs", "find", "turn"})


class MltuiApp(ConversationApp):
    """A conversation in a terminal.

    Args:
        open_session: makes the session; awaited after the first paint, with the approver that it is to ask.
        initial_prompt: sent as soon as the session is open.
        pick_from: the folder of sessions of which the person picks one first; None: they do not.
    """

    TITLE = "mltui"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "interrupt_or_quit", "Interrupt, clear; twice: quit", priority=True, system=True, id="app.interrupt"),
        Binding("f1", "help", "Keys and commands", priority=True, id="app.help"),
        Binding("question_mark", "help", "Keys and commands, where nothing is typed", id="app.help-sign"),
        Binding("ctrl+p,f5", "palette", "Find a command, a session, a model, an experiment", priority=True, id="app.palette"),
        Binding("f2", "log", "Experiment log", priority=True, id="app.log"),
        Binding("f3", "earlier", "Show earlier parts of the conversation", priority=True, id="app.earlier"),
        Binding("f4", "model", "Choose another model", priority=True, id="app.model"),
        Binding("f6", "jobs", "Jobs and GPUs", priority=True, id="app.jobs"),
        Binding("ctrl+o", "toggle_all", "Open or close all tool calls", priority=True, id="app.toggle-all"),
        Binding("shift+tab", "next_mode", "Next mode: plan, default, accept-edits, auto", priority=True, id="app.mode"),
        Binding("pageup", "page(-1)", "Scroll up", priority=True, id="app.page-up"),
        Binding("pagedown", "page(1)", "Scroll down", priority=True, id="app.page-down"),
        Binding("escape", "escape", "Back to the composer; there: interrupt; twice: an earlier prompt", id="app.escape"),
    ]

    def __init__(self, open_session: OpenSession, initial_prompt: str = "", pick_from: Path | None = None) -> None:
        super().__init__()
        register(self)
        self.open_session = open_session
        self.pick_from = pick_from
        self._waiting: list[str] = [initial_prompt] if initial_prompt.strip() else []
        self.view = TranscriptView()
        self.composer = Composer(lambda: more(self.session), self._waiting)
        self.status_line = StatusLine()
        self.key_line = KeyLine()
        self.approver = PaneApprover(self)
        self.session: AgentSession | None = None
        self.presenter: Presenter | None = None
        self.exit_code = 0
        self._turn: Worker[None] | None = None
        self._turn_since = 0.0
        self._clock: Timer | None = None
        self._quit_armed_at = self._back_armed_at = float("-inf")
        self._followed: dict[str, Worker[None]] = {}

    def get_default_screen(self) -> EchoScreen:
        return EchoScreen(id="_default")

    def compose(self) -> ComposeResult:
        yield self.view
        yield self.composer
        yield self.status_line
        yield self.key_line

    def on_mount(self) -> None:
        self.composer.area.focus()
        self.status_line.put(activity="starting")
        self.call_after_refresh(lambda: once(self, FIRST_KEY, self._start))

    def on_resize(self, event: events.Resize) -> None:
        self.key_line.display = event.size.height >= SHORTEST_SCREEN

    def _start(self) -> None:
        from mltui.ui.tui.opening import begin

        self.run_worker(partial(begin, self), name="start", exit_on_error=True)

    # ── the session ──────────────────────────────────────────────────────────────

    async def close_session(self) -> None:
        """Ends the turn and the session; experiments that run go on."""
        session, self.session = self.session, None
        if session is not None:
            await session.close()

    async def show(self, event: Event) -> None:
        """Shows one event of the session; it is on screen with the next frame."""
        if self.presenter is not None:
            self.presenter.show(event)
        self.attention.saw(event)
        match event.type:
            case "message.completed" | "mode.changed" | "model.changed" | "context.compacted" | "turn.completed":
                self.refresh_status()
                between_answers(self.attention.since_key)
            case "tool.completed" | "experiment.concluded":
                self.run_worker(self._count_drafts, group="drafts", exclusive=True, exit_on_error=False)
            case "experiment.progressed":
                self.status_line.put(experiment=f"{event.proposal_id} {event.done}/{event.total}")
            case "experiment.finished":
                self.status_line.put(experiment="")
            case "turn.steered":
                self.send_next()
            case "session.rewound" if getattr(event, "conversation", False):
                from mltui.ui.tui.opening import redraw

                redraw(self)
                self.refresh_status()
            case _:
                pass

    def tell(self, level: str, text: str, hint: str = "") -> None:
        """Shows a line of mltui's own in the conversation."""
        if self.presenter is not None:
            self.presenter.tell(level, text, hint)

    def refresh_status(self) -> None:
        session = self.session
        if session is None:
            return
        info = session.model_info
        self.status_line.put(
            model=f"{info.id} {info.effort}".strip(),
            context_tokens=session.transcript.context_tokens,
            context_window=info.context_window,
            cost_usd=session.transcript.usage.cost_usd,
            mode=session.mode,
            persona=session.persona_name,
            sandboxed=session.sandbox != "none",
        )

    async def _count_drafts(self) -> None:
        session = self.session
        if session is not None:
            paths = await asyncio.to_thread(lambda: session.draft_paths)
            self.status_line.put(drafts=len(paths))

    # ── turns ────────────────────────────────────────────────────────────────────

    def on_prompt_area_sent(self, event: PromptArea.Sent) -> None:
        self._quit_armed_at = float("-inf")
        self.status_line.put(hint="")
        try:
            command = parse(event.text, "tui", more(self.session))
        except ValueError as error:
            self.tell("error", str(error))
            return
        if command is not None:
            self.run_worker(partial(self._command, *command), name="command", exit_on_error=True)
            return
        text = typed(event.text)
        if not (event.now and text is event.text and self.session is not None and self.session.steering.say(text)):
            self.send(text, event.behind)
        else:
            self.send_next()

    def send(self, text: str, behind: int = 0) -> None:
        """Puts a prompt to the agent: all that wait already go first, but the last `behind` of them."""
        self._waiting.insert(max(0, len(self._waiting) - behind), text)
        self.send_next()

    def on_composer_listing(self, event: Composer.Listing) -> None:
        self.key_line.put(completing=event.shown)

    def on_prompt_area_leave(self) -> None:
        self.view.enter()

    @property
    def working(self) -> bool:
        """Whether a turn runs."""
        return self._turn is not None

    def send_next(self) -> None:
        """Begins the next turn if a prompt waits and the agent is free; shows what waits."""
        if self._waiting and self.session is not None and self._turn is None:
            text = self._waiting.pop(0)
            self._turn_since = time.monotonic()
            self.status_line.put(activity="working", elapsed=0.0)
            self._clock = self.set_interval(1.0, self._tick)
            self.composer.add_class("-busy")
            self.key_line.put(busy=True)
            self._turn = self.run_worker(partial(self._run_turn, self.session, text), name="turn", exit_on_error=False)
        self.composer.show_queue(self._waiting, self.session.steering.said if self.session is not None else ())

    def _tick(self) -> None:
        self.status_line.put(elapsed=time.monotonic() - self._turn_since)

    async def _run_turn(self, session: AgentSession, text: str) -> None:
        from mltui.core.errors import MltuiError
        from mltui.ui.tui.catching_up import catch_up
        from mltui.ui.tui.wishes import perform

        try:
            await perform(self, session, text)
            session.name_itself(self.show)
        except MltuiError as error:
            self.tell("error", str(error.args[0]), error.hint)
        except Exception as error:
            self.tell("error", f"{type(error).__name__}: {error}", "The session is kept; try again, or start mltui anew with --continue")
        finally:
            self._turn = None
            if self._clock is not None:
                self._clock.stop()
                self._clock = None
            self.composer.remove_class("-busy")
            self.key_line.put(busy=False)
            self.status_line.put(activity="")
            self.refresh_status()
            self._waiting[:0] = session.steering.unsaid()
            if self.is_running:
                catch_up(self)
                self.send_next()

    async def _command(self, command: Command, argument: str) -> None:
        from mltui.core.errors import MltuiError
        from mltui.ui.tui.slash import run_command

        try:
            await run_command(self, command, argument)
        except MltuiError as error:
            self.tell("error", str(error.args[0]), error.hint)

    # ── keys ─────────────────────────────────────────────────────────────────────

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return len(self.screen_stack) == 1 if action in _MAIN_ONLY else True

    def action_escape(self) -> None:
        """Esc: back to the composer, else interrupt; twice where there is nothing to interrupt: go back in the conversation."""
        area = self.composer.area
        if self.focused is not area:
            if self.stop_finding():
                return
            area.focus()
            self.view.anchor()
        elif self._turn is not None:
            self._interrupt()
        elif self.session is not None and not area.text:
            self.session.interrupt()  # a summary may be in the making
            now = time.monotonic()
            armed, self._back_armed_at = now - self._back_armed_at < QUIT_WINDOW, now
            self.status_line.put(hint="" if armed else f"{key_anywhere(self, 'app.escape')} again goes back to an earlier prompt")
            if armed:
                self._back_armed_at = float("-inf")
                self.run_named("rewind")
            else:
                once(self, QUIT_WINDOW, lambda: self.status_line.put(hint=""))

    def _interrupt(self) -> None:
        if self._waiting:
            self.composer.area.put("\n".join([*self._waiting, self.composer.area.text]).rstrip("\n"))
            self._waiting.clear()
            self.composer.area.forget_place()
            self.composer.show_queue([])
        if self.session is not None:
            self.status_line.put(activity="interrupting")
            self.session.interrupt()

    async def action_interrupt_or_quit(self) -> None:
        from mltui.ui.tui.decision_pane import DecisionPane

        selected = self.screen.get_selected_text()
        if selected:
            self.copy_to_clipboard(selected)
            self.screen.clear_selection()
            return
        now = time.monotonic()
        if now - self._quit_armed_at < QUIT_WINDOW:
            await self.action_quit()
            return
        self._quit_armed_at = now
        pane: Any = self.screen
        asking = self.approver.asking
        if isinstance(pane, DecisionPane):
            pane.stop()
            if pane is asking and not pane.stop_ends_turn and self._turn is not None:
                self._interrupt()
        elif self._turn is not None:
            self._interrupt()
        elif self.composer.area.text:
            self.composer.area.put("")
        self.status_line.put(hint=f"{key_anywhere(self, 'app.interrupt')} again quits")
        once(self, QUIT_WINDOW, lambda: self.status_line.put(hint=""))

    async def action_quit(self) -> None:
        if self.session is not None:
            self.session.interrupt()
        self.exit(self.exit_code)

    def action_next_mode(self) -> None:
        if self.session is not None:
            mode = MODES[(MODES.index(self.session.mode) + 1) % len(MODES)]
            self.run_worker(partial(self.session.set_mode, mode, self.show), name="mode", exit_on_error=True)

    def action_model(self) -> None:
        self.run_named("model")

    def run_named(self, name: str, argument: str = "") -> None:
        """Carries out a slash command of mltui's own or of the session's."""
        command = find(name, "tui") or next((known for known in more(self.session) if known.name == name), None)
        if command is not None:
            self.run_worker(partial(self._command, command, argument), name="command", exit_on_error=True)

    def action_page(self, direction: int) -> None:
        self.view.page(direction)

    def action_earlier(self) -> None:
        self.view.show_earlier()

    def action_toggle_all(self) -> None:
        self.view.toggle_all()

    def action_help(self) -> None:
        screens.help_page(self)

    def action_palette(self) -> None:
        screens.palette(self)

    def action_jobs(self) -> None:
        screens.jobs(self)

    def action_log(self, chosen: str = "") -> None:
        screens.log(self, chosen)

    def ask_agent(self, proposal_id: str, question: str) -> None:
        """Puts a person's question about a proposal to the agent as soon as it is free."""
        from mltui.ui.deciding import question_about

        self._waiting.append(question_about(proposal_id, question))
        self.send_next()

    # ── experiments that run beside the conversation ─────────────────────────────

    def follow(self, proposal_id: str) -> None:
        """Shows the runs of an experiment until it ends, whoever started it."""
        session = self.session
        running = self._followed.get(proposal_id)
        if session is not None and (running is None or running.is_finished):
            self._followed[proposal_id] = self.run_worker(partial(self._follow, session, proposal_id), name="follow", exit_on_error=False)

    async def _follow(self, session: AgentSession, proposal_id: str) -> None:
        from mltui.core.errors import MltuiError

        try:
            async for event in session.experiments.follow(proposal_id):
                await self.show(event)
        except MltuiError as error:
            self.tell("error", str(error.args[0]), error.hint)


def run_tui(
    open_session: OpenSession,
    initial_prompt: str = "",
    pick_from: Path | None = None,
    low_bandwidth: Switch | None = None,
    *,
    mouse: bool = True,
) -> int:
    """Runs the app until the person quits. Returns: the exit code, that of the error if the session could not be opened."""
    from mltui.ui.tui.running import run

    return run(MltuiApp(open_session, initial_prompt, pick_from), low_bandwidth, mouse=mouse)
