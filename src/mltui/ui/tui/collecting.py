"""When Python looks for cycles among all that there is: while nobody types, for it holds keys up for tens of milliseconds."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from mltui.ui.tui.once import once

if TYPE_CHECKING:
    from mltui.ui.tui.app import MltuiApp

OLDEST = 1_000
"""Looks at what is not quite new until the next one at everything. By default these are ten, two seconds of an answer."""
REST = 2.0
"""Seconds without a key that are a rest."""


def rarely() -> None:
    """From now on Python by itself hardly ever looks through everything; what is new is looked through as ever."""
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, OLDEST)


def at_rest(app: MltuiApp) -> None:
    """Looks through everything as soon as nobody types; not while an answer is awaited, after which this is called again."""
    once(app, REST, lambda: _unless_busy(app))


def _unless_busy(app: MltuiApp) -> None:
    if app.working:
        return
    if app.attention.since_key < REST:
        at_rest(app)
    else:
        gc.collect()
