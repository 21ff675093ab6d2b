"""What the app owes its terminal: paced frames, questions to it, and an end that leaves it as it was."""

from __future__ import annotations

import os
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App
from textual.binding import Binding, BindingType
from textual.color import Color

from mltui.ui.terminal.cells import Palette
from mltui.ui.terminal.colors import SYSTEMS, erases_in_color, is_dark
from mltui.ui.terminal.profile import Latency, Profile
from mltui.ui.tui.attention import Attention
from mltui.ui.tui.look import Look
from mltui.ui.tui.sight import Sight
from mltui.ui.tui.still_input import hand_on

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual import events
    from textual.screen import Screen

    from mltui.ui.terminal.replies import Reply
    from mltui.ui.terminal.streams import Streams
    from mltui.ui.tui.boundary import Boundary
    from mltui.ui.tui.pacing import Pacer


class TerminalApp(App[int]):
    """An app on a terminal of its own. Without `streams` it draws as Textual does: for tests and screenshots."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+l", "redraw", "Draw the screen again", priority=True, id="app.redraw"),
        Binding("ctrl+z", "suspend_process", "Go to the shell; fg comes back", priority=True, id="app.suspend"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.streams: Streams | None = None
        self.profile = Profile()
        self.latency = Latency()
        self.attention = Attention(self._write)
        self.look = Look(self)
        self.sight = Sight(self, self._write)
        self.boundary: Boundary | None = None
        """Where errors end, so that the app does not; None: they end the app, as tests want it."""
        self._pacer: Pacer | None = None
        self._ended = False
        self.clean_end = False
        """Whether the terminal was given back in order."""
        self.last_words = ""
        """What is said where the app was, after its end."""

    def use_terminal(self, streams: Streams, profile: Profile) -> None:
        """Draws to the terminal of `streams` from the start on."""
        from mltui.ui.terminal.frames import FrameWriter
        from mltui.ui.tui.boundary import Boundary
        from mltui.ui.tui.driver import TerminalDriver
        from mltui.ui.tui.pacing import Pacer

        self.streams = streams
        self.boundary = Boundary(self)
        self.driver_class = TerminalDriver
        writer = FrameWriter(self._palette(), erases=erases_in_color(os.environ))
        self._pacer = Pacer(writer, self._write, self.sight.wrote)
        self.sight.writer = writer
        self.use_profile(profile)
        self.look.begin()

    def use_profile(self, profile: Profile) -> None:
        """Draws for another kind of terminal from now on."""
        if profile.low_bandwidth and not self.profile.low_bandwidth:
            self._write("\x1b[?1003l")
        self.profile = profile
        self.animation_level = "none" if profile.still else "basic"
        if self._pacer is not None:
            self._pacer.use_frames(profile.frames, slow=profile.low_bandwidth)
            self._pacer.writer.use_palette(self._palette())

    def _palette(self) -> Palette:
        return Palette(SYSTEMS[self.profile.depth], Color.parse(self.current_theme.background or "#000000").rgb)

    # ── frames ───────────────────────────────────────────────────────────────────

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        if self._pacer is None or not isinstance(renderable, LayoutUpdate | ChopsUpdate):
            cast("Any", super())._display(screen, renderable)
            return
        try:
            if self._running and not self._closed and not self._batch_count:
                self._pacer.sync = self._sync_available
                self._pacer.take(renderable, self.size, self.screen.outer_size.clamp_offset(self.cursor_position))
        except Exception as error:
            self._handle_exception(error)
        finally:
            self.post_display_hook()

    def _write(self, frame: str) -> None:
        if self._pacer is not None and self._driver is not None:
            self._driver.write(frame)

    def hurry(self) -> None:
        """A key was pressed. Called in the driver's thread."""
        self.attention.key()
        if self._pacer is not None:
            self._pacer.hurry()

    def answers_key(self, screen: Screen[Any]) -> bool:
        """Whether what changes on a screen now may be what a key did. What changes by itself waits for its frame."""
        return self._pacer is not None and self._pacer.after_key and screen is self.screen and not self._batch_count

    def echo(self) -> None:
        """What was drawn last is what a key did."""
        if self._pacer is not None:
            self._pacer.echo()

    def frame_written(self) -> None:
        if self._pacer is not None:
            self._pacer.written()

    def _watch_theme(self, theme_name: str) -> None:
        super()._watch_theme(theme_name)
        if self._pacer is not None:
            self._pacer.writer.use_palette(self._palette())

    async def _on_key(self, event: events.Key) -> None:
        """A key that nothing on its way took: what it is bound to, unless a line of input has the focus by now and it is a text's."""
        event.prevent_default()  # of the base class, which is called here
        if not await hand_on(self.screen, event):
            await super()._on_key(event)

    def action_redraw(self) -> None:
        """Writes the whole screen again, whatever another program left on it."""
        if self._pacer is not None:
            self._pacer.forget()
        self.sight.forget()
        self.screen.refresh()

    # ── errors ───────────────────────────────────────────────────────────────────

    def _handle_exception(self, error: Exception) -> None:
        if self.boundary is None:
            super()._handle_exception(error)
        elif self.is_running and self._dom_ready:
            self.boundary.caught(error, "a worker or a timer")
        else:
            self.boundary.fatal(error, "the start")
            self._close_messages_no_wait()

    def input_failed(self, error: Exception) -> None:
        """No key can be read any more."""
        if self.boundary is not None:
            self.boundary.fatal(error, "the keys")

    def _print(self, text: str, stderr: bool = False) -> None:
        super()._print(text, stderr)
        if self.streams is not None:
            self.streams.write(text)

    # ── the terminal comes and goes ──────────────────────────────────────────────

    def took_terminal(self) -> None:
        """The terminal is the app's: at the start, and after a suspension."""
        self.clean_end = False
        if self._pacer is not None:
            self._pacer.forget()
        self.sight.forget()
        self.attention.came()
        self.ask_terminal()
        if self.is_running and self._screen_stack:
            self.call_later(self.action_redraw)

    def leaves_terminal(self) -> None:
        """The terminal is given back: for a suspension, or at the end."""
        self.clean_end = True
        self.attention.leaves()
        self.sight.leave()

    def lost_terminal(self) -> None:
        """The terminal is gone: the connection was lost, or its window was closed."""
        self.end(129)

    def end(self, code: int) -> None:
        """Ends the app in order; what runs is interrupted and saved. Experiments go on."""
        if not self._ended:
            self._ended = True
            self.exit(code, return_code=code)

    # ── what the terminal says ───────────────────────────────────────────────────

    def ask_terminal(self) -> None:
        """Asks for the background and how long an answer takes; what it says comes to `terminal_said`."""
        from mltui.ui.tui.driver import TerminalDriver

        if isinstance(self._driver, TerminalDriver) and self._driver.active:
            self._driver.ask()

    def terminal_said(self, reply: Reply, at: float | None = None) -> None:
        self.sight.said(reply)
        if reply.kind == "kind":
            self.latency.answered(at or monotonic())
            self.look.measured(self.latency)
        elif reply.rgb is not None:
            self.look.use_background(is_dark(reply.rgb))

    def on_app_focus(self) -> None:
        self.attention.focus(front=True)

    def on_app_blur(self) -> None:
        self.attention.focus(front=False)
