"""Runs the app on the terminal of this process, and leaves the terminal as it was however the app ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import termios
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mltui.ui.terminal.profile import Switch, profile_of
from mltui.ui.terminal.restore import restore
from mltui.ui.terminal.streams import Streams, diverted
from mltui.ui.tui.collecting import wait_for_rest

if TYPE_CHECKING:
    from mltui.ui.tui.app import MltuiApp

_ENDS = {signal.SIGHUP: 129, signal.SIGINT: 130, signal.SIGTERM: 143}
"""Signals that end the app, and the exit codes that say so."""


def run(app: MltuiApp, low_bandwidth: Switch | None = None, *, mouse: bool = True) -> int:
    """Runs the app until the person quits or a signal ends it. Returns: the exit code."""
    attributes = termios.tcgetattr(0) if os.isatty(0) else None
    with diverted(os.environ) as streams:
        app.look.flag = low_bandwidth
        app.use_mouse = mouse
        app.use_terminal(streams, profile_of(os.environ, low_bandwidth))
        try:
            code = asyncio.run(_main(app, streams, attributes))
        except BaseException:
            restore(streams.terminal, attributes)
            raise
        if not app.clean_end:
            restore(streams.terminal, attributes)
    if app.last_words:
        sys.stderr.write(app.last_words + "\n")
    return code


async def _main(app: MltuiApp, streams: Streams, attributes: list[Any] | None) -> int:
    wait_for_rest()
    with _signals(app, streams, attributes):
        try:
            await app.run_async(mouse=app.use_mouse)
        finally:
            await app.close_session()
    return app.return_code or app.exit_code


@contextmanager
def _signals(app: MltuiApp, streams: Streams, attributes: list[Any] | None) -> Generator[None]:
    """The first signal ends the app in order; the second one at once, should the order be stuck."""
    loop = asyncio.get_running_loop()
    came: list[int] = []

    def end(number: int, _: object) -> None:
        came.append(number)
        # A lost connection is told by signal and by the terminal: that makes no second one.
        if len(came) > 1 and number != signal.SIGHUP:
            restore(streams.terminal, attributes)
            os._exit(_ENDS[signal.Signals(number)])
        loop.call_soon_threadsafe(app.end, _ENDS[signal.Signals(number)])

    kept = {number: signal.getsignal(number) for number in _ENDS}
    # `nohup` means it: what is ignored stays so.
    for number in (number for number, handler in kept.items() if handler is not signal.SIG_IGN):
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
