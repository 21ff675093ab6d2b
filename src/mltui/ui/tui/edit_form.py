"""Approve, but otherwise: a small form for seeds, minutes and the values of parameters."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, cast

from rich.text import Text
from textual.containers import Horizontal, VerticalScroll

from mltui.core.experiment import ProposalEdits
from mltui.ui.tui.still_input import StillInput
from mltui.ui.tui.strip_view import RichView
from mltui.ui.tui.text import one_line

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult

    from mltui.core.data import JsonValue
    from mltui.core.experiment import ParameterChange, Proposal

T = TypeVar("T")
_RANGE = re.compile(r"(\d+)\s*(?:-|–|\.\.)\s*(\d+)")
MOST_SEEDS = 1000


@dataclass(frozen=True)
class Field:
    """Attributes: key: `seeds`, `minutes`, or a parameter's name; value: what is proposed, as it is typed."""

    key: str
    label: str
    value: str
    hint: str = ""


def fields_of(proposal: Proposal) -> tuple[Field, ...]:
    """Returns: what a person may change of the proposal."""
    fixed = (
        Field("seeds", "seeds", seeds_text(proposal.seeds), "such as 0-5 or 1, 2, 7"),
        Field("minutes", "minutes", f"{proposal.budget.minutes:g}", "for all runs together"),
    )
    changes = [change for change in proposal.parameters if change.name not in ("seeds", "minutes")]
    return (
        *fixed,
        *(Field(change.name, one_line(change.name), _typed(change.after), f"was {_typed(change.before)}") for change in changes),
    )


def seeds_text(seeds: tuple[int, ...]) -> str:
    """Returns: `0-5` for seeds in a row, else a list."""
    if len(seeds) > 2 and seeds == tuple(range(seeds[0], seeds[0] + len(seeds))):
        return f"{seeds[0]}-{seeds[-1]}"
    return ", ".join(map(str, seeds))


def read_seeds(text: str) -> tuple[int, ...]:
    """Raises: ValueError: in words."""
    seeds: list[int] = []
    for part in filter(None, re.split(r"[,;\s]+", re.sub(r"\s*(-|–|\.\.)\s*", "-", text.strip()))):
        if match := _RANGE.fullmatch(part):
            low, high = int(match[1]), int(match[2])
            if high < low or high - low >= MOST_SEEDS:
                raise ValueError(f"seeds {part}: the range runs from the smaller number to the larger, {MOST_SEEDS} at most")
            seeds += range(low, high + 1)
        elif part.isascii() and part.isdecimal():
            seeds.append(int(part))
        else:
            raise ValueError(f"seeds: {part!r} is no whole number and no range such as 0-5")
    if not seeds:
        raise ValueError("seeds: name at least one")
    if len(set(seeds)) < len(seeds):
        raise ValueError("seeds: each seed counts once, one stands there twice")
    if len(seeds) > MOST_SEEDS:
        raise ValueError(f"seeds: at most {MOST_SEEDS}")
    return tuple(seeds)


def read_minutes(text: str) -> float:
    """Raises: ValueError: in words."""
    try:
        minutes = float(text.strip())
    except ValueError:
        raise ValueError(f"minutes: {text.strip()!r} is no number") from None
    if not (math.isfinite(minutes) and minutes > 0):
        raise ValueError("minutes: more than 0")
    return minutes


def read_value(change: ParameterChange, text: str) -> JsonValue:
    """The text as a value of the kind that the parameter has. Raises: ValueError: in words."""
    text = text.strip()
    if isinstance(change.after, str):
        return text
    try:
        value = cast("JsonValue", json.loads(text))
    except ValueError:
        value = None if text == "null" else text
    if isinstance(change.after, bool):
        if not isinstance(value, bool):
            raise ValueError(f"{one_line(change.name)}: true or false")  # noqa: TRY004  (a typed text is wrong, not a type)
    elif isinstance(change.after, (int, float)):
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            try:
                value = float(text)
            except ValueError:
                raise ValueError(f"{one_line(change.name)}: {text!r} is no number") from None
        if not math.isfinite(value):
            raise ValueError(f"{one_line(change.name)}: a number that has an end")
    return value


def read_edits(proposal: Proposal, values: dict[str, str]) -> ProposalEdits:
    """Returns: what differs from the proposal; empty if nothing does. Raises: FieldError."""
    edits = ProposalEdits()
    if (seeds := _read("seeds", lambda: read_seeds(values["seeds"]))) != proposal.seeds:
        edits = edits.model_copy(update={"seeds": seeds})
    if values["minutes"].strip() != f"{proposal.budget.minutes:g}":
        minutes = _read("minutes", lambda: read_minutes(values["minutes"]))
        edits = edits.model_copy(update={"minutes": minutes} if minutes != proposal.budget.minutes else {})
    changes: dict[str, JsonValue] = {}
    for change in proposal.parameters:
        text = values.get(change.name)
        if text is not None and text.strip() != _typed(change.after).strip():
            value = _read(change.name, lambda change=change, text=text: read_value(change, text))
            if value != change.after:
                changes[change.name] = value
    return edits.model_copy(update={"changes": changes})


def typed_of(edits: ProposalEdits) -> dict[str, str]:
    """Returns: the edits as they are typed, by the keys of their fields."""
    found = {name: _typed(value) for name, value in edits.changes.items()}
    if edits.seeds is not None:
        found["seeds"] = seeds_text(edits.seeds)
    if edits.minutes is not None:
        found["minutes"] = f"{edits.minutes:g}"
    return found


class FieldError(ValueError):
    """What is wrong, and in which field."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def _read(key: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except ValueError as error:
        raise FieldError(key, str(error)) from None


def _typed(value: JsonValue) -> str:
    return one_line(value) if isinstance(value, str) else json.dumps(value)


class FieldInput(StillInput):
    DEFAULT_CSS = """
    FieldInput { height: 1; width: 1fr; max-width: 40; border: none; padding: 0 1; background: $surface;
        &:focus { border: none; background: $primary 25%; } }
    """

    def __init__(self, field: Field, typed: str) -> None:
        super().__init__(typed, compact=True)
        self.field = field

    async def takes(self, event: events.Key) -> bool:
        return self.query_ancestor(EditForm).move(event) or await super().takes(event)


class EditForm(VerticalScroll):
    """Hidden until it is opened. Tab and the arrows move, Enter and Esc are the pane's."""

    DEFAULT_CSS = """
    EditForm { display: none; height: auto; max-height: 50%; padding: 0 1; background: $panel; border-top: solid $success;
        scrollbar-size-vertical: 1;
        & Horizontal { height: 1; }
        & .label { width: 18; }
        & .hint { width: 1fr; padding: 0 0 0 2; }
    }
    """

    def __init__(self, proposal: Proposal, edits: ProposalEdits | None = None) -> None:
        """Args: edits: what stands in the fields already."""
        super().__init__(can_focus=False)
        self._proposal = proposal
        typed = typed_of(edits) if edits is not None else {}
        self._inputs = [FieldInput(field, typed.get(field.key, field.value)) for field in fields_of(proposal)]

    def compose(self) -> ComposeResult:
        yield RichView(Text.assemble(("Approve with edits", "success.bold"), ("  Enter approves · Tab next · Esc back", "muted")))
        for box in self._inputs:
            with Horizontal():
                yield RichView(Text(box.field.label, no_wrap=True, overflow="ellipsis"), classes="label")
                yield box
                yield RichView(Text(box.field.hint, style="faint", no_wrap=True, overflow="ellipsis"), classes="hint")

    def open(self) -> None:
        self.display = True
        self._inputs[0].take_focus()

    def close(self) -> None:
        self.display = False

    def move(self, event: events.Key) -> bool:
        """Takes a key that goes to another field. Returns: whether it was one."""
        step = {"tab": 1, "down": 1, "shift+tab": -1, "up": -1}.get(event.key)
        if step is None:
            return False
        focused = self.screen.focused  # `has_focus` says it a moment later
        at = next((index for index, box in enumerate(self._inputs) if box is focused), 0)
        self._inputs[(at + step) % len(self._inputs)].take_focus()
        return True

    def edits(self) -> ProposalEdits:
        """Raises: FieldError: a field is wrong; it has the focus then."""
        try:
            return read_edits(self._proposal, {box.field.key: box.value for box in self._inputs})
        except FieldError as error:
            next(box for box in self._inputs if box.field.key == error.key).take_focus()
            raise
