"""What a person types to change a proposal before approving it."""

from __future__ import annotations

import json
from collections.abc import Iterable

from mltui.core.data import JsonValue
from mltui.core.errors import UsageError
from mltui.core.experiment import ProposalEdits


def parse_edits(words: Iterable[str]) -> ProposalEdits:
    """`seeds=0,1,2`, `minutes=10`, and `NAME=VALUE` for each parameter; a value is JSON, else text.

    Raises: UsageError: a word has no `=`, or seeds or minutes are no numbers.
    """
    edits = ProposalEdits()
    changes: dict[str, JsonValue] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name or not value:
            raise UsageError(f"{word!r} changes nothing", hint="Write NAME=VALUE, such as lr=0.05, seeds=0,1,2 or minutes=10.")
        if name == "seeds":
            edits = edits.model_copy(update={"seeds": parse_seeds(value)})
        elif name == "minutes":
            edits = edits.model_copy(update={"minutes": _minutes(value)})
        else:
            changes[name] = _value(value)
    return edits.model_copy(update={"changes": changes})


def parse_seeds(text: str) -> tuple[int, ...]:
    """Whole numbers separated by commas. Raises: UsageError: they are not."""
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise UsageError(f"seeds {text}: not whole numbers separated by commas", hint="Write them as 0,1,2,3,4,5.") from None


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes < 1e7:
        raise UsageError(f"minutes {text}: not a number above 0", hint="Write minutes=10.")
    return minutes


def _value(text: str) -> JsonValue:
    try:
        value: JsonValue = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value
