"""The app's way to a real terminal: input without a clock, output that nobody else shares, and an orderly end of both."""

from __future__ import annotations

import asyncio
import codecs
import os
import select
import signal
import string
import termios
from functools import partial
from time import monotonic
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast

from textual import events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

from mltui.ui.terminal.output import TerminalFile
from mltui.ui.terminal.replies import ASK_BACKGROUND, ASK_KIND, Replies
from mltui.ui.terminal.restore import RESET

if TYPE_CHECKING:
    from textual.app import App
    from textual.message import Message

    from mltui.ui.tui.terminal_app import TerminalApp

_TICK: Final = 0.05
"""Seconds between two looks whether a key that begins like another one has come to its end."""
_TICKS: Final = 12
"""Looks after the last input; then the input thread sleeps until there is more."""
_REPLY_TICKS: Final = 60
"""The same while answers of the terminal are awaited."""

# Textual takes Alt and a letter for the letter typed, and for `^` and the letter where the next such key comes at once.
_keys = cast("dict[str, object]", ANSI_SEQUENCES_KEYS)
for _letter in string.ascii_lowercase:
    _keys.setdefault(f"\x1b{_letter}", (SimpleNamespace(value=f"alt+{_letter}"),))


class TerminalDriver(LinuxDriver):
    """Textual's driver on the app's own descriptor of the terminal."""

    def __init__(self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None) -> None:
        cast("Any", super()).__init__(app, debug=debug, mouse=mouse, size=size)
        self._owner = cast("TerminalApp", app)
        assert self._owner.streams is not None
        self._output = TerminalFile(self._owner.streams.terminal, self._emptied, self._gone)
        self._file = cast("Any", self._output)
        self._replies = Replies()
        self._active = False
        self._wake, self._waker = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    @property
    def active(self) -> bool:
        """Whether the terminal is the app's now."""
        return self._active

    # ── modes ────────────────────────────────────────────────────────────────────

    def start_application_mode(self) -> None:
        streams = self._owner.streams
        assert streams is not None
        streams.divert()
        super().start_application_mode()
        # Where the process was put to the foreground without the terminal, it sleeps again.
        self._active = self._writer_thread is not None
        if not self._active:
            streams.restore()
            return
        if self._owner.profile.low_bandwidth:
            self.write("\x1b[?1003l")  # clicks and the wheel, not each move
        self._owner.took_terminal()

    def use_mouse(self, on: bool) -> None:
        """Takes the mouse, or leaves it to the terminal, also after a suspension."""
        if on != self._mouse:
            if not on and self._active:
                self._disable_mouse_support()
            self._mouse = on
            if on and self._active:
                self._enable_mouse_support()

    def _enable_mouse_support(self) -> None:
        super()._enable_mouse_support()
        if self._mouse and self._owner.profile.low_bandwidth:
            self.write("\x1b[?1003l")

    def stop_application_mode(self) -> None:
        if not self._active:
            return
        self._active = False
        self._owner.leaves_terminal()
        self.write(RESET.replace("\x1b[<u", ""))  # Textual takes the keys' mode back itself, which is a stack
        super().stop_application_mode()

    def disable_input(self) -> None:
        os.write(self._waker, b"!")
        super().disable_input()

    def close(self) -> None:
        super().close()
        self._writer_thread = None
        if self._owner.streams is not None and not self._active:
            self._owner.streams.restore()

    def write(self, data: str) -> None:
        """Writes, or drops what comes after the end: a late bell is no error."""
        if self._writer_thread is not None:
            super().write(data)

    def _get_terminal_size(self) -> tuple[int, int]:
        """The size of the terminal itself: stdout is elsewhere, and COLUMNS does not follow the window."""
        try:
            width, height = os.get_terminal_size(self._output.fileno())
        except OSError:
            width = height = 0
        return width or 80, height or 24

    # ── suspension ───────────────────────────────────────────────────────────────

    def _sigtstp_application(self, *_: object) -> None:
        if self._auto_restart and self._active:
            self.suspend_application_mode()
            self._must_signal_resume = True
        os.kill(os.getpid(), signal.SIGSTOP)

    def _sigcont_application(self, *_: object) -> None:
        if not self._auto_restart:
            return
        if self._active:  # stopped by a signal that nobody hears of: the shell had the terminal since
            self.suspend_application_mode()
        self.resume_application_mode()

    # ── questions to the terminal ────────────────────────────────────────────────

    def ask(self) -> None:
        """Asks the terminal for its background, and how long it takes to answer."""
        self._replies.awaited += 1
        self._owner.latency.asked(monotonic())
        self.write(ASK_BACKGROUND + self._owner.sight.questions() + ASK_KIND)
        os.write(self._waker, b"?")

    # ── input ────────────────────────────────────────────────────────────────────

    def _run_input_thread(self) -> None:
        try:
            self.run_input_thread()
        except Exception as error:
            # Without keys nobody can end the app.
            self._soon(partial(self._owner.input_failed, error))

    def run_input_thread(self) -> None:
        """Reads until it is told to stop. While nothing is typed, it sleeps without a clock."""
        parser = XTermParser(self._debug)
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        quiet = 0
        while not self.exit_event.is_set():
            most = _REPLY_TICKS if self._replies.awaited else _TICKS
            readable, _, _ = select.select([self.fileno, self._wake], [], [], _TICK if quiet < most else None)
            if self._wake in readable:
                os.read(self._wake, 64)
                quiet = 0
            text = ""
            if self.fileno in readable:
                quiet = 0
                data = self._read()
                if data is None:
                    self._gone()
                    return
                text = self._take_replies(decode(data))
            else:
                quiet += 1
                if quiet == _REPLY_TICKS // 2:
                    text = self._replies.give_up()
            messages = list(parser.feed(text)) if text else []
            for message in (*messages, *parser.tick()):
                self.process_message(message)

    def _read(self) -> bytes | None:
        """Returns: what was typed; None: the terminal is gone."""
        try:
            return os.read(self.fileno, 4096) or None
        except BlockingIOError:
            return b""
        except (OSError, termios.error):
            return None

    def _take_replies(self, text: str) -> str:
        text, replies = self._replies.feed(text)
        now = monotonic()
        for reply in replies:
            self._loop.call_soon_threadsafe(self._owner.terminal_said, reply, now)
        return text

    def process_message(self, message: Message) -> None:
        if isinstance(message, events.InputEvent):
            self._owner.hurry()
        super().process_message(message)

    # ── what the threads say ─────────────────────────────────────────────────────

    def _emptied(self) -> None:
        self._soon(self._owner.frame_written)

    def _gone(self) -> None:
        self._soon(self._owner.lost_terminal)

    def _soon(self, callback: Any) -> None:
        loop: asyncio.AbstractEventLoop = self._loop
        if not loop.is_closed():
            loop.call_soon_threadsafe(callback)
