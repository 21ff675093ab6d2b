"""When Python looks for cycles among all that there is: between two answers and while nobody types, for it holds keys up for 50 ms."""

from __future__ import annotations

import gc

DUE = 10
"""Looks at what is not quite new after which all is looked through, by default and here: two seconds of an answer."""
LATEST = 100
"""The same for who types all the time."""
REST = 2.0
"""Seconds without a key that are a rest."""


def wait_for_rest() -> None:
    """From now on Python by itself looks through everything a tenth as often; what is new is looked through as ever."""
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, LATEST)


def between_answers(since_key: float) -> None:
    """Looks through everything if that is due and nobody types.

    Args: since_key: seconds since the last key.
    """
    if since_key >= REST and gc.get_count()[2] >= DUE:
        gc.collect()
